"""Ways to break a run: full disk, numbers that are not finite, a second process, another config, a bad directory."""

import errno
import json
import os
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from trainers import vae
from trainers.learn import loop
from trainers.learn.learner import Learner
from zoo.store.files import lock

(TASK,) = vae.TASKS.values()
SMOKE = ("--preset", "smoke", "--steps", "6", "--every", "2")


def warnings(err):
    return [line for line in err.splitlines() if line.startswith("warning")]


class Poisoned(Learner):
    """From step 5 on, the gradient is not a number."""

    def losses_and_gradients(self, batch, noise, step):
        sums, gradients = super().losses_and_gradients(batch, noise, step)
        bad = tf.where(self.optimizer.iterations >= 4, np.nan, 1.0)
        return sums, [g * bad for g in gradients]


def test_a_number_that_is_not_finite_stops_the_run_and_names_the_step(train, tmp_path, state):
    import dataclasses

    task = dataclasses.replace(TASK, learner=Poisoned)
    code, _, err = train(*SMOKE, "--steps", "20", task=task)
    assert code == loop.DIVERGED == 3
    (line,) = warnings(err)
    assert "not finite at step 5 (distortion 5" in line and "norm/gradient nan" in line
    assert "last good checkpoint: step-00000004.npz" in line and "--learning-rate 0.0003 in another --workdir" in line
    found = state(tmp_path / "run")
    assert found["step"] == 4 and all(np.isfinite(array).all() for array in found.values())
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_weights_that_are_not_finite_stop_a_step_of_ones_own(train, tmp_path, state):
    """Such a step reports what it likes; the loop looks at the weights itself."""
    import dataclasses

    class Silent(Learner):
        def step(self, batch, noise, step):
            self.model.trainable_variables[0].assign_add(tf.ones_like(self.model.trainable_variables[0]) * np.inf)
            return {"bound": tf.constant(1.0)}

    code, _, err = train(*SMOKE, "--no-xla", task=dataclasses.replace(TASK, learner=Silent))
    assert code == 3 and "not finite at step 1" in err and "no checkpoint yet" in err


def test_a_full_disk_at_a_checkpoint(train, quick, tmp_path, state, monkeypatch):
    savez = np.savez

    def full(file, **arrays):
        if arrays["step"] == 4:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    code, _, err = train(*SMOKE)
    assert code == 0
    assert warnings(err) == [
        "warning: checkpoint of step 4 not saved ([Errno 28] No space left on device); the last good one stays"
    ]
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["step-00000002.npz", "step-00000006.npz"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk with room for a start: config.json, a few events, no checkpoint."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("this account may mount no disk of its own")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_full_throughout(train, quick, small_disk):
    """Weights, checkpoints and TensorBoard's files: each is said, none ends the run or leaves a part."""
    (small_disk / "filling").write_bytes(b"x" * 60_000)
    code, out, err = train(*SMOKE, workdir=small_disk / "run")
    assert code == 0 and "step 6/6" in out
    said = warnings(err)
    assert len([line for line in said if "checkpoint of step" in line]) == 3
    assert len([line for line in said if "best weights" in line]) == 1
    assert not list(small_disk.rglob("*.npz")) and not list(small_disk.rglob(".partial-*"))
    assert not (small_disk / "run" / "model.weights.h5").exists()


def test_weights_that_were_not_written_are_not_the_best(train, quick, tmp_path, state, monkeypatch):
    save_weights = loop.keras.Model.save_weights

    def full(self, path, *arguments, **options):
        if not (tmp_path / "run" / "checkpoints").exists():
            raise OSError(errno.ENOSPC, "file write failed\n, errno = 28")
        save_weights(self, path, *arguments, **options)

    monkeypatch.setattr(loop.keras.Model, "save_weights", full)
    code, _, err = train(*SMOKE)
    assert code == 0 and (tmp_path / "run" / "model.weights.h5").exists()
    assert warnings(err) == [
        "warning: the best weights of step 2 not written (No space left on device); training goes on"
    ]


def test_a_second_process_is_refused(train, tmp_path):
    with lock(tmp_path / "run"):
        code, _, err = train(*SMOKE)
    assert code == 2 and err.count("\n") == 1 and "is in use by another process" in err


@pytest.fixture
def a_run(tmp_path):
    """What a run leaves first: its config."""

    def write(**changes):
        from trainers.learn import command

        options = command.parse("vae", [*SMOKE, "--workdir", str(tmp_path / "run")])
        (tmp_path / "run").mkdir()
        config = loop.describe(TASK, options) | changes
        (tmp_path / "run" / "config.json").write_text(json.dumps(config))

    return write


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ("--learning-rate 0.5", "learning_rate was 0.001, now 0.5"),
        ("--seed 3 --model.z-size 9", "model.z_size was 3, now 9; seed was 0, now 3"),
        ("--model.hidden 16 16", "model.hidden was [16], now [16, 16]"),
        ("--dtype bfloat16", "dtype was float32, now bfloat16"),
    ],
)
def test_other_settings_are_refused_by_name(train, tmp_path, a_run, arguments, fields):
    a_run()
    before = (tmp_path / "run" / "config.json").read_bytes()
    code, _, err = train(*SMOKE, *arguments.split())
    assert code == 2 and err == (
        f"error: workdir: {tmp_path / 'run'} holds a run of other settings ({fields}); "
        "give the same ones to continue it, or another --workdir\n"
    )
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_another_models_directory_is_refused(train, a_run):
    a_run(model="draw")
    code, _, err = train(*SMOKE)
    assert code == 2 and "(name was draw, now vae)" in err


def test_only_steps_may_change(a_run, tmp_path):
    from trainers.learn import command

    a_run()
    options = command.parse("vae", [*SMOKE, "--steps", "99", "--data-dir", "elsewhere"])
    loop.check_same_run(tmp_path / "run", loop.describe(TASK, options))


def test_a_checkpoint_of_another_model_is_refused(train, tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    np.savez(tmp_path / "run" / "checkpoints" / "step-00000002.npz", **{"model/0000": np.zeros(3)}, step=2)
    code, _, err = train(*SMOKE)
    assert code == 2 and err.startswith("error: checkpoint: holds no") and err.count("\n") == 1


def test_a_directory_that_cannot_be_written_is_one_line(train, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = train(*SMOKE, workdir=tmp_path / "file" / "run")
    assert code == 2 and err.count("\n") == 1
    assert err.startswith(f"error: workdir: cannot write in {tmp_path / 'file' / 'run'} (Not a directory)")
