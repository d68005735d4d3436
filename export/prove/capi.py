"""Run a SavedModel the way TensorFlow Serving does, through the C API that lies in TensorFlow's wheel.

    python -m export.prove.capi FOLDER

FOLDER/plan.json: {"model": directory, "config": serialised ConfigProto in hex,
                   "requests": [{"inputs": {key: [operation, index]}, "outputs": {key: [operation, index]}}]}
FOLDER/inputs.npz: "REQUEST/KEY" -> array (object arrays of bytes are strings)
Writes FOLDER/outputs.npz likewise, and FOLDER/answers.json:
                   [{"error": text or null, "seconds": s, "megabytes": m}], see export.make.child.Answer.

This process imports neither tensorflow nor the zoo: what runs is the file, not the Python that made it.
"""

import ctypes
import importlib.util
import json
import pathlib
import sys
import time

import numpy as np

from export.make.child import peak_megabytes

STRING = 7  # TF_DataType numbers
NUMBERS = {1: "f4", 2: "f8", 3: "i4", 4: "u1", 5: "i2", 6: "i1", 9: "i8", 10: "?"}
STRING_BYTES = 24  # sizeof(TF_TString)


class Output(ctypes.Structure):  # TF_Output
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def load_library():
    """libtensorflow_cc with the types of the functions used here."""
    folder = pathlib.Path(importlib.util.find_spec("tensorflow").origin).parent  # found, not imported
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
    tf = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"))
    p, i, size, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
    for name, result, arguments in [
        ("TF_NewStatus", p, []),
        ("TF_GetCode", i, [p]),
        ("TF_Message", text, [p]),
        ("TF_NewGraph", p, []),
        ("TF_NewSessionOptions", p, []),
        ("TF_SetConfig", None, [p, text, size, p]),
        ("TF_LoadSessionFromSavedModel", p, [p, p, text, ctypes.POINTER(text), i, p, p, p]),
        ("TF_GraphOperationByName", p, [p, text]),
        ("TF_SessionRun", None, [p, p, p, p, i, p, p, i, p, i, p, p]),
        ("TF_AllocateTensor", p, [i, ctypes.POINTER(ctypes.c_int64), i, size]),
        ("TF_DeleteTensor", None, [p]),
        ("TF_TensorType", i, [p]),
        ("TF_NumDims", i, [p]),
        ("TF_Dim", ctypes.c_int64, [p, i]),
        ("TF_TensorData", p, [p]),
        ("TF_TensorByteSize", size, [p]),
        ("TF_StringInit", None, [p]),
        ("TF_StringCopy", None, [p, text, size]),
        ("TF_StringGetDataPointer", p, [p]),
        ("TF_StringGetSize", size, [p]),
        ("TF_StringDealloc", None, [p]),
    ]:
        function = getattr(tf, name)
        function.restype, function.argtypes = result, arguments
    return tf


def to_tensor(tf, array):
    """A TF_Tensor with the array's values."""
    strings = array.dtype == object
    array = np.ascontiguousarray(array).reshape(array.shape)  # the first alone makes a scalar one-dimensional
    code = STRING if strings else next(k for k, v in NUMBERS.items() if np.dtype(v) == array.dtype)
    size = STRING_BYTES * array.size if strings else array.nbytes
    tensor = tf.TF_AllocateTensor(code, (ctypes.c_int64 * array.ndim)(*array.shape), array.ndim, size)
    data = tf.TF_TensorData(tensor)
    if strings:
        for k, value in enumerate(array.ravel()):
            tf.TF_StringInit(data + STRING_BYTES * k)
            tf.TF_StringCopy(data + STRING_BYTES * k, value, len(value))
    elif size:
        ctypes.memmove(data, array.ctypes.data, size)
    return tensor


def to_array(tf, tensor):
    """The values of a TF_Tensor; strings as an object array of bytes."""
    shape = [tf.TF_Dim(tensor, k) for k in range(tf.TF_NumDims(tensor))]
    data, code = tf.TF_TensorData(tensor), tf.TF_TensorType(tensor)
    if code == STRING:
        places = [data + STRING_BYTES * k for k in range(int(np.prod(shape)))]
        values = [ctypes.string_at(tf.TF_StringGetDataPointer(p), tf.TF_StringGetSize(p)) for p in places]
        array = np.empty(len(values), object)
        array[:] = values
        return array.reshape(shape)
    size = tf.TF_TensorByteSize(tensor)
    return np.frombuffer(ctypes.string_at(data, size) if size else b"", NUMBERS[code]).reshape(shape)


def delete(tf, tensor):
    if tf.TF_TensorType(tensor) == STRING:
        for k in range(tf.TF_TensorByteSize(tensor) // STRING_BYTES):
            tf.TF_StringDealloc(tf.TF_TensorData(tensor) + STRING_BYTES * k)
    tf.TF_DeleteTensor(tensor)


class Session:
    """A SavedModel loaded with its `serve` tag."""

    def __init__(self, model, config):
        self.tf = load_library()
        self.status, self.graph = self.tf.TF_NewStatus(), self.tf.TF_NewGraph()
        options = self.tf.TF_NewSessionOptions()
        self.tf.TF_SetConfig(options, config, len(config), self.status)
        self.raise_error()
        self.session = self.tf.TF_LoadSessionFromSavedModel(
            options,
            None,
            str(model).encode(),
            (ctypes.c_char_p * 1)(b"serve"),
            1,
            self.graph,
            None,
            self.status,
        )
        self.raise_error()

    def raise_error(self):
        if self.tf.TF_GetCode(self.status):
            raise RuntimeError(self.tf.TF_Message(self.status).decode())

    def places(self, names):
        """TF_Output array for [(operation, index)]."""
        found = [(self.tf.TF_GraphOperationByName(self.graph, op.encode()), index) for op, index in names]
        return (Output * len(names))(*found)

    def run(self, inputs, outputs):
        """inputs: [((operation, index), array)]; outputs: [(operation, index)]. Returns a list of arrays."""
        fed = [to_tensor(self.tf, array) for _, array in inputs]
        fetched = (ctypes.c_void_p * len(outputs))()
        self.tf.TF_SessionRun(
            self.session,
            None,
            self.places([place for place, _ in inputs]),
            (ctypes.c_void_p * len(fed))(*fed),
            len(fed),
            self.places(outputs),
            fetched,
            len(outputs),
            None,
            0,
            None,
            self.status,
        )
        for tensor in fed:
            delete(self.tf, tensor)
        self.raise_error()
        arrays = [to_array(self.tf, tensor) for tensor in fetched]
        for tensor in fetched:
            self.tf.TF_DeleteTensor(tensor)  # TensorFlow owns the strings in it
        return arrays


def main(folder):
    folder = pathlib.Path(folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    before = peak_megabytes()
    session = Session(plan["model"], bytes.fromhex(plan["config"]))
    answers, results = [], {}
    with np.load(folder / "inputs.npz", allow_pickle=True) as given:  # written by our own parent process
        for k, request in enumerate(plan["requests"]):
            began, error = time.perf_counter(), None
            try:
                values = session.run(
                    [(place, given[f"{k}/{key}"]) for key, place in request["inputs"].items()],
                    list(request["outputs"].values()),
                )
                results |= {f"{k}/{key}": value for key, value in zip(request["outputs"], values, strict=True)}
            except RuntimeError as e:
                error = str(e)
            seconds, megabytes = time.perf_counter() - began, peak_megabytes() - before
            answers.append({"error": error, "seconds": seconds, "megabytes": megabytes})
    foreign = sorted({m.partition(".")[0] for m in sys.modules} & {"tensorflow", "keras", "zoo"})
    if foreign:
        raise RuntimeError(f"this process was to run the file alone, but imported {', '.join(foreign)}")
    np.savez(folder / "outputs.npz", **results)
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
