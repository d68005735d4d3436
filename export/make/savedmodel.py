"""SavedModels as TensorFlow Serving wants them: MODEL/1, MODEL/2, ... complete once they are visible."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from export.declare.signature import server_function

EXTRA = pathlib.PurePath("assets.extra")
WARM_UP = EXTRA / "tf_serving_warmup_requests"
ABOUT = EXTRA / "zoo.json"  # what this export is: read by export.serving and export.check
EXAMPLES = EXTRA / "examples.npz"  # "SIGNATURE/inputs/NAME", "SIGNATURE/outputs/NAME", as Keras answered
# Gradients are of no use to a caller, and those of log_prob in a loop cannot even be saved (2.21).
WITHOUT_GRADIENTS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def write(base, keras, default, examples, about, card):
    """Saves a model as the next version below base, and returns that folder.

    keras: a server's reference.Keras. default: the signature that is also served as serving_default.
    examples: name -> (inputs, outputs), dicts of arrays; the first of each becomes its warm-up request.
    about: a JSON-able dict. card: the text of README.md.
    Until the last rename the files lie in a hidden folder beside base: in base itself are versions and nothing else,
    since some servers take whatever is there for one.
    """
    base = pathlib.Path(base)
    base.mkdir(parents=True, exist_ok=True)
    with _alone(base):
        folder = unfinished(base)
        shutil.rmtree(folder, ignore_errors=True)  # a killed export's: nobody else writes while we hold the lock
        functions = {name: server_function(signature, keras.model) for name, signature in keras.signatures.items()}
        functions["serving_default"] = functions[default]
        plain(folder, keras, functions, [words.lookups for words in keras.model.vocabularies.values()])
        problems = forbidden(folder)
        if problems:
            raise ValueError(f"this model cannot be served: {'; '.join(problems)}")
        (folder / EXTRA).mkdir()
        _write_warm_up(folder, base.name, {name: inputs for name, (inputs, _) in examples.items()})
        _write_examples(folder, examples)
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(card, encoding="utf-8")
        for path in [*folder.rglob("*"), folder]:
            sync(path)
        version = base / str(max(versions(base), default=0) + 1)
        folder.rename(version)
        sync(base)
    return version


def plain(folder, keras, functions, tables=()):
    """A SavedModel of functions, one or name -> one, with the weights and tables that they use, and nothing else."""
    module = tf.Module()
    # Not the model itself: each Keras 3 variable would be saved twice, as its own and as the tf.Variable in it.
    module.weights, module.tables = [v.value for v in keras.variables], list(tables)  # without them no signature (2.21)
    tf.saved_model.save(module, str(folder), functions, WITHOUT_GRADIENTS)


def versions(base):
    """The version numbers below a model's folder, ascending."""
    return sorted(int(p.name) for p in pathlib.Path(base).glob("*") if p.name.isdecimal() and p.is_dir())


def unfinished(base):
    """Where the next version of a model is written before it is whole."""
    return base.with_name(f".{base.name}.writing")


@contextlib.contextmanager
def _alone(base):
    """Held by one export into this folder at a time; the kernel lets go of it when the process dies."""
    with open(base.with_name(f".{base.name}.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync(path):
    """Forces a file or folder onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_examples(folder, examples):
    arrays = {
        f"{name}/{side}/{key}": value
        for name, pair in examples.items()
        for side, tensors in zip(("inputs", "outputs"), pair, strict=True)
        for key, value in tensors.items()
    }
    # Not as objects: reading those would run whatever code somebody has put into the file.
    plain = {name: value.astype("S") if value.dtype == object else value for name, value in arrays.items()}
    np.savez_compressed(folder / EXAMPLES, **plain)


def read_examples(folder):
    """{signature name: {"inputs": {key: array}, "outputs": {key: array}}} of a SavedModel."""
    found = {}
    with np.load(pathlib.Path(folder) / EXAMPLES) as arrays:
        for name, value in arrays.items():
            signature, side, key = name.split("/")
            sides = found.setdefault(signature, {"inputs": {}, "outputs": {}})
            sides[side][key] = value.astype(object) if value.dtype.kind == "S" else value
    return found


def _write_warm_up(folder, name, inputs):
    """A request for every signature, so that a server has built everything before its first caller waits."""
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
        for signature, tensors in inputs.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for key, value in tensors.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value[:1]))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def read_warm_up(folder):
    """[(signature name, {input: array})] of a SavedModel's warm-up file."""
    requests = []
    for record in tf.data.TFRecordDataset(str(pathlib.Path(folder) / WARM_UP)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        requests.append((request.model_spec.signature_name, inputs))
    return requests


def meta_graph(folder):
    """The one MetaGraphDef of a SavedModel."""
    data = (pathlib.Path(folder) / "saved_model.pb").read_bytes()
    return saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]


def forbidden(folder):
    """What a server or a phone could not run or should not see, as sentences; empty if all is well."""
    graph = meta_graph(folder)
    found = set()
    places = [("the graph", graph.graph_def.node)]
    for function in graph.graph_def.library.function:
        places.append((f"function {function.signature.name}", function.node_def))
        if function.attr["_XlaMustCompile"].b:
            found.add(f"function {function.signature.name} must be compiled by XLA; export the plain function")
    for place, nodes in places:
        for node in nodes:
            if node.attr["_XlaMustCompile"].b:
                found.add(f"{node.name} in {place} must be compiled by XLA; export the plain function")
            if node.op in ("PyFunc", "PyFuncStateless", "EagerPyFunc"):
                found.add(f"{node.name} in {place} calls Python ({node.op})")
    for name, signature in graph.signature_def.items():
        for key, tensor in [*signature.inputs.items(), *signature.outputs.items()]:
            if tensor.dtype == tf.bfloat16.as_datatype_enum:
                found.add(f"{key} of signature {name} is bfloat16; cast it to float32")
    return sorted(found)
