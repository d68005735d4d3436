"""Run a LiteRT file in its own interpreter: python -m export.prove.interpreter FOLDER

FOLDER/plan.json: {"model": file, "requests": [{"signature": name, "inputs": [key]}]}. inputs.npz, outputs.npz and
answers.json are as in export.prove.capi, and neither does this process import tensorflow or the zoo.
"""

import json
import pathlib
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(folder):
    folder = pathlib.Path(folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    interpreter = Interpreter(model_path=plan["model"], num_threads=1)
    answers, results = [], {}
    with np.load(folder / "inputs.npz", allow_pickle=True) as given:
        for k, request in enumerate(plan["requests"]):
            began, error = time.perf_counter(), None
            try:
                run = interpreter.get_signature_runner(request["signature"])
                outputs = run(**{key: given[f"{k}/{key}"] for key in request["inputs"]})
                results |= {f"{k}/{key}": np.array(value) for key, value in outputs.items()}
            except (RuntimeError, ValueError) as e:
                error = str(e)
            answers.append({"error": error, "seconds": time.perf_counter() - began})
    np.savez(folder / "outputs.npz", **results)
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
