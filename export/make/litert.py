"""LiteRT files: the signatures with noise as an input, builtin operations only, measured against Keras."""

import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from export.declare import reference
from export.declare.signature import phone_function, phone_inputs
from export.make import child
from export.make.convert import CALIBRATION
from export.make.savedmodel import WITHOUT_GRADIENTS, sync

# The largest difference from Keras that is still this model, as a share of an output's range.
# A file beyond it is refused: it would answer with something else, and silently.
LIMITS = {"float32": 1e-3, "float16": 0.05, "dynamic": 0.1, "int8": 0.2}
KINDS = tuple(LIMITS)


def file_name(name, kind):
    """draw.tflite, draw-int8.tflite"""
    return f"{name}.tflite" if kind == "float32" else f"{name}-{kind}.tflite"


def convert(keras, kinds):
    """kind -> a record, a JSON-able dict but for "content", the file's bytes:

    {"content", "bytes", "sha256", "batch": {"SIGNATURE": 1, or None for any}, "operations",
     "errors": {"SIGNATURE/OUTPUT": [absolute, share]}},
    or {"refused": reason} where the converter cannot, or where what it made is not the model.
    keras: a phone's reference.Keras.
    """
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        folder = pathlib.Path(folder)
        batch = _save(keras, folder / "model")
        inputs = {name: phone_inputs(signature, keras.model) for name, signature in keras.signatures.items()}
        count = CALIBRATION if "int8" in kinds else 1
        calibration = {
            f"{name}/{key}": value
            for name, specs in inputs.items()
            for key, value in reference.examples(specs, count, seed=1).items()
        }
        np.savez(folder / "calibration.npz", **calibration)
        return {kind: _convert(folder, kind, keras, batch) for kind in kinds}


def _convert(folder, kind, keras, batch):
    try:
        child.run("export.make.convert", folder, kind)
    except child.Crash as crash:
        return {"refused": f"the converter cannot: {crash}"}
    record = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    if "refused" in record:
        return {"refused": f"the converter cannot: {record['refused']}"}
    path = folder / f"{kind}.tflite"
    content = path.read_bytes()
    try:
        errors = compare(path, keras, batch)
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
        "batch": batch,
        "operations": record["operations"],
        "errors": errors,
    }


def _save(keras, folder):
    """A SavedModel of the phone's functions. Returns the batch size of each: None for any, or 1.

    Arrays of a loop's outputs need a static shape in LiteRT: a signature that has any leaves for one example.
    """
    model, signatures = keras.model, keras.signatures
    functions = {name: phone_function(signature, model, None) for name, signature in signatures.items()}
    batch = {name: 1 if _has_arrays(function) else None for name, function in functions.items()}
    for name in [name for name, size in batch.items() if size]:
        functions[name] = phone_function(signatures[name], model, batch[name])
    module = tf.Module()
    module.weights = [v.value for v in keras.variables]  # otherwise the file has no signature at all (2.21)
    tf.saved_model.save(module, str(folder), functions, WITHOUT_GRADIENTS)
    return batch


def _has_arrays(function):
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return any(node.op == "TensorListReserve" for node in nodes)


def compare(path, keras, batch):
    """{"SIGNATURE/OUTPUT": [largest absolute error, as a share of its range]} of a file against Keras."""
    specs = {name: phone_inputs(signature, keras.model) for name, signature in keras.signatures.items()}
    asked = [(name, size) for name in specs for size in ([batch[name]] if batch[name] else [1, 5])]
    inputs = [reference.examples(specs[name], size, seed=2) for name, size in asked]
    requests = [{"signature": name, "inputs": list(one)} for (name, _), one in zip(asked, inputs, strict=True)]
    results = child.ask("export.prove.interpreter", {"model": str(path), "requests": requests}, inputs)
    errors = {}
    for (name, _), one, (got, complaint, _) in zip(asked, inputs, results, strict=True):
        if complaint:
            raise child.Crash(f"{name}: {complaint.splitlines()[0]}")
        for key, want in keras.answers(name, one).items():
            pair = reference.error(got[key], want) if key in got else (float("nan"),) * 2
            errors[f"{name}/{key}"] = list(np.maximum(errors.get(f"{name}/{key}", (0.0, 0.0)), pair).tolist())
    return errors


def write(path, content):
    """Puts a file in place whole: written aside, synced, renamed."""
    path = pathlib.Path(path)
    aside = path.with_name(f".{path.name}.writing")
    aside.write_bytes(content)
    sync(aside)
    os.replace(aside, path)
    sync(path.parent)
