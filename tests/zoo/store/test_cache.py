import os
import subprocess
import sys

import numpy as np
import pytest

from zoo.store import cache


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(facts=("a", 1), shape=(3, 2), value=7):
    """The array, and how often it was filled."""
    calls = []

    def fill(array):
        calls.append(array.shape)
        array[:] = value

    return cache.array("things", list(facts), shape, np.int16, fill), len(calls)


def test_an_array_is_made_once():
    first, again = made(), made(value=8)
    assert (first[1], again[1]) == (1, 0) and (again[0] == 7).all() and again[0].shape == (3, 2)
    assert isinstance(again[0], np.memmap) and not again[0].flags.writeable


@pytest.mark.parametrize("other", [{"facts": ("a", 2)}, {"shape": (2, 3)}], ids=["facts", "shape"])
def test_other_facts_or_another_shape_make_another_array(other):
    made()
    array, calls = made(value=8, **other)
    assert calls == 1 and (array == 8).all()
    assert (made()[0] == 7).all()


@pytest.mark.parametrize("content", [b"", b"no array", "half"], ids=["empty", "garbage", "half"])
def test_a_broken_file_is_made_anew(home, content):
    made()
    (path,) = home.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:-5] if content == "half" else content)
    assert made(value=9)[1] == 1
    assert (made()[0] == 9).all()


def test_what_was_stopped_half_way_is_not_kept(home):
    def stop(array):
        array[0] = 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.array("things", ["a", 1], (3, 2), np.int16, stop)
    assert not [path for path in home.rglob("*") if path.is_file()]
    assert made()[1] == 1


@pytest.mark.parametrize("why", ["right", "room"])
def test_without_right_or_room_it_is_made_in_memory(home, monkeypatch, capsys, why):
    if why == "right":
        home.write_text("a file, not a folder")
    else:
        monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 5}))
    array, calls = made()
    assert calls == 1 and (array == 7).all() and not isinstance(array, np.memmap)
    assert "warning: things are made in memory" in capsys.readouterr().err


def test_values_are_made_once_and_anew_from_a_broken_file(home):
    assert cache.values("words", ["x"], lambda: [["ä", 1]]) == [["ä", 1]]
    assert cache.values("words", ["x"], lambda: pytest.fail("made again")) == [["ä", 1]]
    assert cache.values("words", ["y"], lambda: 2) == 2
    for path in home.rglob("*.json"):
        path.write_text("[")
    assert cache.values("words", ["x"], lambda: 3) == 3


def test_progress_hands_on_every_step(capsys):
    assert list(cache.progress(iter("abc"), 3, "Reading 3 letters")) == ["a", "b", "c"]
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Reading 3 letters ...\n")


def test_without_a_home_folder_it_is_kept_as_long_as_the_process(tmp_path):
    """A user whom the system does not know, as in a container."""
    program = """
import pwd

def unknown(uid):
    raise KeyError(uid)

pwd.getpwuid = unknown
from zoo.metrics import wordnet
from zoo.store import cache

made = [cache.values("words", ["x"], lambda: 1), cache.values("words", ["x"], lambda: 2)]
assert made == [1, 1], made
assert wordnet.cache_folder().parent == cache.folder()
print(cache.folder())
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path}/sequence-zoo-") and not list(tmp_path.iterdir())
