"""LiteRT files: the signatures with noise as an input, builtin operations only, measured against Keras."""

import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np

from export.declare import reference
from export.declare.signature import phone_function, phone_inputs
from export.make import child
from export.make.convert import CALIBRATION
from export.make.savedmodel import plain, sync

# The largest difference from Keras that is still this model, as a share of an output's range.
# A file beyond it is refused: it would answer with something else, and silently.
LIMITS = {"float32": 1e-3, "float16": 0.05, "dynamic": 0.1, "int8": 0.2}
KINDS = tuple(LIMITS)
INTERFACES = ("Interpreter", "CompiledModel")  # LiteRT's, the second being the newer one and the stricter


def file_name(name, kind):
    """draw.tflite, draw-int8.tflite"""
    return f"{name}.tflite" if kind == "float32" else f"{name}-{kind}.tflite"


def convert(keras, kinds):
    """kind -> a record, a JSON-able dict but for "content", the file's bytes:

    {"content", "bytes", "sha256", "operations", "errors": {"SIGNATURE/OUTPUT": [absolute, share]},
     "milliseconds": {"SIGNATURE": of one call}, "megabytes": the memory of a process that has called them all},
    or {"refused": reason} where the converter cannot, or where what it made is not the model.
    Every signature takes one example: what reads a file with a free batch, or with a loop that collects outputs of
    one, is LiteRT's oldest runtime alone. keras: a phone's reference.Keras.
    """
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        folder = pathlib.Path(folder)
        functions = {name: phone_function(signature, keras.model, 1) for name, signature in keras.signatures.items()}
        plain(folder / "model", keras, functions)
        inputs = {name: phone_inputs(signature, keras.model) for name, signature in keras.signatures.items()}
        count = CALIBRATION if "int8" in kinds else 1
        calibration = {
            f"{name}/{key}": value
            for name, specs in inputs.items()
            for key, value in reference.examples(specs, count, seed=1).items()
        }
        np.savez(folder / "calibration.npz", **calibration)
        left, crashes = list(kinds), {}
        while left:  # one process makes all kinds; one that it dies of takes none of the others with it
            try:
                child.run("export.make.convert", folder, *left)
                left = []
            except child.Crash as crash:
                left = [kind for kind in left if not (folder / f"{kind}.json").exists()]
                crashes |= {kind: crash for kind in left[:1]}
                left = left[1:]
        return {kind: _measured(folder, kind, keras, crashes.get(kind)) for kind in kinds}


def _measured(folder, kind, keras, crash):
    if crash:
        return {"refused": f"the converter cannot: {crash}"}
    record = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    if "refused" in record:
        return {"refused": f"the converter cannot: {record['refused']}"}
    path = folder / f"{kind}.tflite"
    content = path.read_bytes()
    try:
        errors, measured = compare(path, keras, kind)
    except child.Crash as crash:
        return {"refused": f"it converts but does not run: {crash}"}
    key, (worst, share) = max(errors.items(), key=lambda item: np.nan_to_num(item[1][1], nan=np.inf))
    if not share <= LIMITS[kind]:
        return {
            "refused": f"it converts but is not the model any more: {key} differs by {worst:.3g}, "
            f"{share:.1%} of its range, where {LIMITS[kind]:.1%} is allowed"
        }
    return {
        "content": content,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "operations": record["operations"],
        "errors": errors,
        **measured,
    }


def compare(path, keras, kind="float32"):
    """How far a file is from Keras, in both of LiteRT's interfaces, on plausible and on implausible inputs.

    An int8 file has ranges of plausible numbers only, and cuts the others off: of those it is asked to be finite.
    Returns ({"SIGNATURE/OUTPUT": [largest absolute error, as a share of its range]}, what convert says is measured).
    """
    asked = []  # (signature, inputs of one example, what Keras answers, whether that is all that is asked)
    for name, signature in keras.signatures.items():
        specs = phone_inputs(signature, keras.model)
        plausible, strange = reference.examples(specs, 2, seed=2), reference.implausible(specs, seed=2)
        for inputs, exact in ((plausible, True), (strange, kind != "int8")):
            want = keras.answers(name, inputs) if inputs else {}
            for n in range(len(next(iter(want.values()), ()))):
                asked.append((name, *({k: v[n : n + 1] for k, v in part.items()} for part in (inputs, want)), exact))
    requests = [{"signature": name, "inputs": list(inputs)} for name, inputs, *_ in asked]
    given = [inputs for _, inputs, *_ in asked]
    errors, seconds, memory = {}, {}, []
    for interface in INTERFACES:
        plan = {"model": str(path), "interface": interface, "requests": requests}
        answers = child.ask("export.prove.interpreter", plan, given)
        for (name, _, want, exact), answer in zip(asked, answers, strict=True):
            if answer.error:
                raise child.Crash(f"{name} in LiteRT's {interface}: {answer.error.splitlines()[0]}")
            seconds.setdefault(name, []).append(answer.seconds)
            memory.append(answer.megabytes)
            for key, value in want.items():
                got = answer.outputs.get(key, np.array([]))
                if exact or got.shape != value.shape or not np.isfinite(got).all():
                    pair = reference.error(got, value)
                    errors[f"{name}/{key}"] = np.maximum(errors.get(f"{name}/{key}", (0.0, 0.0)), pair).tolist()
    milliseconds = {name: 1e3 * float(np.median(times)) for name, times in seconds.items()}
    return errors, {"milliseconds": milliseconds, "megabytes": max(memory)}


def write(path, content):
    """Puts a file in place whole: written aside, synced, renamed."""
    path = pathlib.Path(path)
    aside = path.with_name(f".{path.name}.writing")
    aside.write_bytes(content)
    sync(aside)
    os.replace(aside, path)
    sync(path.parent)
