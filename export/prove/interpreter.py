"""Run a LiteRT file in its own runtime: python -m export.prove.interpreter FOLDER

FOLDER/plan.json: {"model": file, "interface": "Interpreter" or "CompiledModel",
                   "requests": [{"signature": name, "inputs": [key]}]}
inputs.npz, outputs.npz and answers.json are as in export.prove.capi, and neither does this process import tensorflow or
the zoo.
"""

import json
import pathlib
import sys
import time

import numpy as np

from export.make.child import peak_megabytes


def interpreter(path):
    """(signature, inputs) -> outputs, by the interface that every version of LiteRT has."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(model_path=path, num_threads=1)
    return lambda signature, inputs: model.get_signature_runner(signature)(**inputs)


def compiled_model(path):
    """The same by the newer interface, which lays all buffers out before it runs."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)

    def call(signature, inputs):
        given = {name: model.create_input_buffer_by_name(signature, name) for name in inputs}
        for name, value in inputs.items():
            given[name].write(np.ascontiguousarray(value))
        details = model.get_output_tensor_details(signature)
        asked = {name: model.create_output_buffer_by_name(signature, name) for name in details}
        model.run_by_name(signature, given, asked)
        outputs = {}
        for name, about in details.items():
            dtype = np.dtype(about["dtype"])
            outputs[name] = asked[name].read(int(np.prod(about["shape"])), dtype).reshape(about["shape"])
        return outputs

    return call


def main(folder):
    folder = pathlib.Path(folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    before = peak_megabytes()
    call = {"Interpreter": interpreter, "CompiledModel": compiled_model}[plan["interface"]](plan["model"])
    answers, results = [], {}
    with np.load(folder / "inputs.npz", allow_pickle=True) as given:
        for k, request in enumerate(plan["requests"]):
            began, error = time.perf_counter(), None
            try:
                outputs = call(request["signature"], {key: given[f"{k}/{key}"] for key in request["inputs"]})
                results |= {f"{k}/{key}": np.array(value) for key, value in outputs.items()}
            except (RuntimeError, ValueError) as e:
                error = str(e)
            seconds, megabytes = time.perf_counter() - began, peak_megabytes() - before
            answers.append({"error": error, "seconds": seconds, "megabytes": megabytes})
    np.savez(folder / "outputs.npz", **results)
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
