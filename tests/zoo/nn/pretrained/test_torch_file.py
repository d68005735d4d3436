import collections
import io
import pickle
import sys
import types

import numpy as np
import pytest

from zoo.nn.pretrained import torch_file


class Storage:
    def __init__(self, key, values, kind):
        self.key, self.values, self.kind = key, values, kind


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (*self.arguments, False, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, Storage):
            kind = getattr(sys.modules["torch"], obj.kind)
            return ("storage", kind, obj.key, "cpu", len(obj.values), None)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes what torch.save wrote before 1.6, byte for byte as its format says, and returns the path."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "QInt8Storage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def rebuild():
        pass

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def write(state, storages, magic=torch_file.MAGIC, little=True):
        file = io.BytesIO()
        for part in (magic, 1001, {"protocol_version": 1001, "little_endian": little, "type_sizes": {}}):
            pickle.dump(part, file, 2)
        Pickler(file, 2).dump(state)
        pickle.dump([storage.key for storage in storages], file, 2)
        for storage in storages:
            file.write(np.int64(len(storage.values)).tobytes() + storage.values.tobytes())
        path = tmp_path / "weights.pth"
        path.write_bytes(file.getvalue())
        return path

    return write


@pytest.fixture
def floats():
    return Storage("93", np.arange(14, dtype="<f4") / 3, "FloatStorage")


def test_tensors_come_back_with_their_shapes_and_strides(write, floats):
    longs = Storage("17", np.array([2**40], "<i8"), "LongStorage")
    state = collections.OrderedDict(
        whole=Tensor(floats, 0, (2, 7), (7, 1)),
        part=Tensor(floats, 3, (2, 5), (5, 1)),
        transposed=Tensor(floats, 0, (7, 2), (1, 7)),
        count=Tensor(longs, 0, (), ()),
    )
    read = torch_file.read(write(state, [longs, floats]))
    assert list(read) == list(state)
    rows = np.arange(14, dtype=np.float32) / 3
    np.testing.assert_array_equal(read["whole"], rows.reshape(2, 7))
    np.testing.assert_array_equal(read["part"], rows[3:13].reshape(2, 5))
    np.testing.assert_array_equal(read["transposed"], rows.reshape(2, 7).T)
    assert read["count"] == 2**40 and read["whole"].dtype == np.float32


def test_nothing_in_the_file_is_run(write, floats, capsys):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    path = write({"a": Evil()}, [])
    with pytest.raises(ValueError, match=r"weights\.pth is no state dictionary .*asks for __builtin__\.print"):
        torch_file.read(path)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("where", [(10, (5,), (1,)), (-1, (2,), (1,)), (0, (3,), (-1,))])
def test_a_tensor_beyond_its_storage_is_refused(write, floats, where):
    with pytest.raises(ValueError, match="not within its storage"):
        torch_file.read(write({"a": Tensor(floats, *where)}, [floats]))


def test_another_kind_of_numbers_another_format_and_a_short_file_are_refused(write, floats):
    state = {"a": Tensor(floats, 0, (14,), (1,))}
    whole = write(state, [floats])
    for size in (5, -20, -60):
        short = whole.with_name("short.pth")
        short.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ValueError, match=r"short\.pth is no state dictionary"):
            torch_file.read(short)
    for changed in ({"magic": 5}, {"little": False}):
        with pytest.raises(ValueError, match="is no state dictionary"):
            torch_file.read(write(state, [floats], **changed))
    odd = Storage("1", np.zeros(4, np.int8), "QInt8Storage")
    with pytest.raises(ValueError, match=r"torch\.QInt8Storage"):
        torch_file.read(write({"a": Tensor(odd, 0, (4,), (1,))}, [odd]))
