import numpy as np
import pytest

from zoo.data.reading import array, array_names, reading


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "my.npz", good=np.arange(3), other=rng.random(500), texts=np.array([[], {}], object))
    return tmp_path / "my.npz"


def test_an_array_is_read_alone(path):
    assert array_names(path) == ["good", "other", "texts"]
    np.testing.assert_array_equal(array(path, "good"), [0, 1, 2])


def test_an_array_of_objects_is_named(path):
    with pytest.raises(ValueError, match=r"^data: texts of .*my\.npz is no array of numbers \(.*Object arrays"):
        array(path, "texts")
    with pytest.raises(ValueError, match=r"my\.npz holds good, other, texts; expected x"):
        array(path, "x")


@pytest.mark.parametrize("damage", ["cut", "zeros", "text", "one array"])
def test_a_damaged_archive_is_one_line(path, damage):
    data = path.read_bytes()
    at = data.index(b"other.npy") + 900
    path.write_bytes(
        {"cut": data[:-100], "zeros": data[:at] + bytes(200) + data[at + 200 :], "text": b"hello\n"}.get(damage, b"")
    )
    if damage == "one array":
        with open(path, "wb") as file:
            np.save(file, np.arange(3))
    with pytest.raises(
        ValueError, match=r"^data: (other of )?\S*my\.npz is no (\.npz archive|array of numbers) \("
    ) as error:
        array(path, "other")
    assert "\n" not in str(error.value)
    if damage == "zeros":  # what is whole is read
        assert len(array(path, "good")) == 3


@pytest.mark.parametrize("raised", [EOFError(), KeyError("x"), TypeError("a\nb"), OSError("c")])
def test_whatever_a_reader_raises_becomes_one_line(raised):
    message = rf"^data: a file is no text \({type(raised).__name__}.*\); fetch it again$"
    with pytest.raises(ValueError, match=message), reading("a file", "text"):
        raise raised


def test_an_interruption_stays_one():
    with pytest.raises(KeyboardInterrupt), reading("a file", "text"):
        raise KeyboardInterrupt
