"""What else reads portable exports, and how far its answers are from Keras':

python tests/baselines/clients.py draw/digits sentence_vae/docstrings

Needs pip install -e '.[clients]'. Prints a row of a table for each of these weights, or runs: how many of the phone's
signatures each runtime answers as Keras does, and the largest error as a share of an output's range.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import zoo
from export.declare import reference
from export.declare.signature import phone_inputs
from export.make import package, portable
from zoo.store import runs

LIMIT = 1e-3  # as of LiteRT's files


def openvino(folder, inputs):
    """Outputs by name, of the SavedModel as it lies there."""
    import openvino

    answer = openvino.Core().compile_model(str(folder), "CPU")(inputs)
    return {name: value for output, value in answer.items() for name in output.names}


def onnx_runtime(folder, inputs):
    """The same of what tf2onnx makes of it."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as made:
        path = pathlib.Path(made, "model.onnx")
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", "18", "--saved-model", str(folder)]
        done = subprocess.run([*command, "--output", str(path)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    taken = {one.name for one in session.get_inputs()}
    return dict(zip(names, session.run(names, {k: v for k, v in inputs.items() if k in taken}), strict=True))


def asked(keras, name):
    """Two plausible examples for a signature, and what Keras answers, by the names that the file has."""
    inputs = reference.examples(phone_inputs(keras.signatures[name], keras.model), 2, seed=2)
    called = portable.called(keras, name)
    return inputs, {called(key): value for key, value in keras.answers(name, inputs).items()}


def error(got, want):
    """The largest error as a share of an output's range; infinite where an output is missing or of another shape."""
    pairs = [(got.get(name, np.array([])), value) for name, value in want.items()]
    if any(found.shape != value.shape for found, value in pairs):
        return np.inf
    return max(reference.error(found, value)[1] for found, value in pairs)


def cell(runtime, keras, folder):
    """How many signatures are right, the largest error among them, and why others are not."""
    errors, wrong = {}, []
    for name in keras.signatures:
        inputs, want = asked(keras, name)
        try:
            share = error(runtime(folder / name, inputs), want)
        except Exception as problem:  # whatever a foreign library raises
            share = np.inf
            print(f"{name}: {problem}", file=sys.stderr)
        errors[name] = share
        wrong += [name] * (not share <= LIMIT)
    right = [share for share in errors.values() if share <= LIMIT]
    said = f"{len(right)} of {len(errors)}" + (f", {max(right):.0e}" if right else "")
    return said + (f"; not {', '.join(wrong)}" if wrong else "")


def main():
    for weights in sys.argv[1:]:
        model, signatures = zoo.load(weights), package.signatures_of(runs.open_run(weights).model)
        _, keras = package.references(model, package.offer(signatures, model, package.usual(signatures)))
        with tempfile.TemporaryDirectory() as folder:
            portable.write(pathlib.Path(folder, "portable"), keras)
            cells = [cell(runtime, keras, pathlib.Path(folder, "portable")) for runtime in (openvino, onnx_runtime)]
        print(f"| `{weights}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
