import errno
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from trainers.learn.checkpoint import Checkpoints, assign, read
from zoo.store.files import aside, lock, write_json

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def said():
    return []


@pytest.fixture
def checkpoints(tmp_path, said):
    return Checkpoints(tmp_path / "checkpoints", said.append)


def state(value):
    return {"model/0000": np.full([3, 5], value, np.float32), "best": np.float64(value)}


def names(checkpoints):
    return sorted(path.name for path in checkpoints.folder.iterdir())


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_state_comes_back_with_its_step_and_its_dtypes(checkpoints):
    assert checkpoints.newest() is None
    assert checkpoints.save(1000, state(0.1))
    found = checkpoints.newest()
    assert int(found["step"]) == 1000 and found["best"] == 0.1
    assert found["model/0000"].dtype == np.float32 and (found["model/0000"] == np.float32(0.1)).all()


def test_the_two_newest_stay_by_number_whatever_the_clock_says(checkpoints):
    import os

    for i, step in enumerate((5, 10, 1000)):
        checkpoints.save(step, state(step))
        os.utime(checkpoints.paths()[0], (1e9 - 1e6 * i,) * 2)  # each older than the one before
    assert names(checkpoints) == ["step-00000010.npz", "step-00001000.npz"]
    assert checkpoints.newest()["step"] == 1000


def test_only_checkpoints_are_counted_and_dropped(checkpoints):
    others = ["step-00000001.npz.old", "step-00000099-mine.npz", "best.npz"]
    for step in (1, 2, 3):
        checkpoints.save(step, state(step))
        for other in others:
            (checkpoints.folder / other).write_text("mine")
    assert names(checkpoints) == sorted([*others, "step-00000002.npz", "step-00000003.npz"])


@pytest.mark.parametrize("left", [0, 1, 100, 400, -1], ids=lambda left: f"{left}_bytes")
def test_a_truncated_checkpoint_gives_the_one_before_and_one_line(checkpoints, said, left):
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    newest = checkpoints.folder / "step-00000002.npz"
    newest.write_bytes(newest.read_bytes()[:left])
    assert checkpoints.newest()["step"] == 1
    (line,) = said
    assert "step-00000002.npz cannot be read" in line and line.endswith("taking step-00000001.npz")


def test_no_flipped_bit_goes_unseen(tmp_path, said):
    """Whatever a damaged file makes zipfile or numpy raise, the one before is taken; never a wrong number."""
    checkpoints = Checkpoints(tmp_path, said.append)
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    path = tmp_path / "step-00000002.npz"
    good, expected = path.read_bytes(), read(path)
    for place in range(0, len(good), 3):
        damaged = bytearray(good)
        damaged[place] ^= 128
        path.write_bytes(damaged)
        found = checkpoints.newest()
        assert int(found["step"]) in (1, 2)  # some bytes of a zip file mean nothing
        if found["step"] == 2:
            assert found.keys() == expected.keys()
            assert all(found[name].tobytes() == expected[name].tobytes() for name in found)
    assert len(said) > len(good) / 6


def test_where_all_are_damaged_it_says_that_it_starts_anew(checkpoints, said):
    checkpoints.save(1, state(1))
    checkpoints.paths()[0].write_bytes(b"")
    assert checkpoints.newest() is None
    assert said[0].endswith("starting at step 0")


def test_a_full_disk_keeps_the_last_good_one_and_leaves_no_part(checkpoints, said, monkeypatch):
    checkpoints.save(1, state(1))

    def half(file, **arrays):
        file.write(b"half of a")
        full_disk()

    monkeypatch.setattr(np, "savez", half)
    assert not checkpoints.save(2, state(2))
    assert names(checkpoints) == ["step-00000001.npz"]
    assert len(said) == 1 and "step 2 not saved" in said[0] and "No space left" in said[0]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_what_is_not_flushed_and_renamed_is_not_there(checkpoints, said, monkeypatch, broken):
    checkpoints.save(1, state(1))
    monkeypatch.setattr(f"os.{broken}", full_disk)
    assert not checkpoints.save(2, state(2))
    assert names(checkpoints) == ["step-00000001.npz"]


def test_the_data_reaches_the_disk_before_the_name_and_then_the_folder(tmp_path, monkeypatch):
    import os

    order, replace, fsync = [], os.replace, os.fsync
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), replace(a, b)))
    monkeypatch.setattr(
        os, "fsync", lambda f: (order.append(pathlib.Path(os.readlink(f"/proc/self/fd/{f}")).name), fsync(f))
    )
    write_json(tmp_path / "a.json", {"b": 1})
    assert order == [".partial-a.json", "rename", tmp_path.name]


def test_an_error_inside_leaves_the_old_file(tmp_path):
    path = tmp_path / "config.json"
    write_json(path, 1)
    with pytest.raises(KeyError), aside(path) as temporary:
        temporary.write_text("2")
        raise KeyError
    assert path.read_text() == "1\n" and list(tmp_path.iterdir()) == [path]


def test_killed_at_any_moment_the_newest_checkpoint_is_whole(checkpoints, said):
    """A process that does nothing but save, killed again and again; each successor goes on from what it finds."""
    code = f"""
import numpy as np
from trainers.learn.checkpoint import Checkpoints
checkpoints = Checkpoints({str(checkpoints.folder)!r})
found = checkpoints.newest()
step = int(found["step"]) if found else 0
print("ready", flush=True)
while True:
    step += 1
    checkpoints.save(step, {{"a": np.full(100_000, step), "b": np.full(100_000, step)}})
"""
    random.seed(0)
    reached = 0
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        while not checkpoints.paths() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = checkpoints.newest()
        assert (found["a"] == found["step"]).all() and (found["b"] == found["step"]).all()
        assert found["step"] >= reached
        reached = found["step"]
    assert reached > 1 and not said


class Variable:
    def __init__(self, *shape):
        self.shape, self.path = shape, "dense/kernel"

    def assign(self, value):
        self.value = value


def test_a_state_of_another_model_is_refused_whole():
    fits, grown = Variable(3, 5), Variable(3, 6)
    with pytest.raises(ValueError, match=r"model/0001 has shape \(3, 5\), expected \(3, 6\) \(dense/kernel\)"):
        assign({"model/0000": fits, "model/0001": grown}, {f"model/000{i}": np.zeros([3, 5]) for i in range(2)})
    assert not hasattr(fits, "value")
    with pytest.raises(ValueError, match="holds no optimizer0/0000; it belongs to another model or optimiser"):
        assign({"optimizer0/0000": fits}, {"model/0000": np.zeros([3, 5])})


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    enter = f"lock(pathlib.Path({str(tmp_path)!r})).__enter__()"
    code = f"import pathlib; from zoo.store.files import lock; {enter}"
    command = [sys.executable, "-c", code]
    with lock(tmp_path), pytest.raises(BlockingIOError, match=r"in use by another process.*--workdir"), lock(tmp_path):
        pass
    with lock(tmp_path):
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 1 and "BlockingIOError: workdir" in second.stderr
    assert subprocess.run(command, cwd=ROOT).returncode == 0


def test_a_directory_that_was_held_for_nothing_is_taken_away(tmp_path):
    with lock(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()
    with lock(tmp_path / "new"):
        (tmp_path / "new" / "config.json").touch()
    with pytest.raises(ValueError, match="refused"), lock(tmp_path / "new"):
        raise ValueError("refused")
    assert (tmp_path / "new" / "config.json").exists()


def test_who_holds_the_directory_clears_what_a_killed_process_left(tmp_path):
    left = [tmp_path / ".partial-config.json", tmp_path / "checkpoints" / ".partial-step-00000007.npz"]
    kept = [tmp_path / "config.json", tmp_path / "checkpoints" / "step-00000005.npz"]
    left[1].parent.mkdir()
    for path in left + kept:
        path.write_bytes(b"PK half")
    with lock(tmp_path):
        assert not any(path.exists() for path in left) and all(path.exists() for path in kept)


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "run"
    with (
        pytest.raises(OSError, match=r"^workdir: cannot write in .*file/run \(Not a directory\); choose"),
        lock(folder),
    ):
        pass
