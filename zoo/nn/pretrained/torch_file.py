"""Arrays from a state dictionary that PyTorch before 1.6 saved, without PyTorch and without running what it holds.

The file is five pickles (a magic number, a version, the writer's types, the dictionary, the names of the storages) and
then the storages themselves: a count of elements, int64, and the elements.
"""

import collections
import pickle

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, no part of a state dictionary")

    def persistent_load(self, pid):
        kind, dtype, key, _, count, part = pid
        if kind != "storage" or part is not None:
            raise pickle.UnpicklingError(f"it holds {kind} {part}, expected whole storages")
        return self.storages.setdefault(key, np.zeros(count, dtype))  # filled when the dictionary has been read


def _view(storage, offset, shape, strides, *_):
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or last >= len(storage):
        raise pickle.UnpicklingError("it holds a tensor that is not within its storage")
    strides = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False)


def read(path):
    """{name: array} of the file. Raises ValueError if it is none of these."""
    with open(path, "rb") as file:
        try:
            if [_Unpickler(file).load() for _ in range(2)] != [MAGIC, VERSION]:
                raise pickle.UnpicklingError("it does not begin as one")
            if not _Unpickler(file).load()["little_endian"]:
                raise pickle.UnpicklingError("its bytes are in big-endian order")
            unpickler = _Unpickler(file)
            state, keys = unpickler.load(), _Unpickler(file).load()
            for key in keys:
                storage = unpickler.storages[key]
                if np.fromfile(file, "<i8", 1).tolist() != [len(storage)]:
                    raise pickle.UnpicklingError("it ends early")
                storage[:] = np.fromfile(file, storage.dtype, len(storage))
        except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"weights: {path} is no state dictionary of PyTorch before 1.6 ({error})") from None
    return dict(state)
