"""Ways to break a run: full disk, numbers that are not finite, a second process, another config, a bad directory."""

import errno
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from trainers import evaluate, vae
from trainers.learn import loop, start
from trainers.learn.learner import Learner
from zoo.store import runs
from zoo.store.files import lock

(TASK,) = vae.TASKS.values()
SMOKE = ("--preset", "smoke", "--steps", "6", "--every", "2")


def warnings(err):
    return [line for line in err.splitlines() if line.startswith("warning")]


class Poisoned(Learner):
    """From step 5 on, the gradient is not a number."""

    def losses_and_gradients(self, batch, noise, step):
        sums, gradients, carried = super().losses_and_gradients(batch, noise, step)
        bad = tf.where(self.optimizers[0].iterations >= 4, np.nan, 1.0)
        return sums, [g * bad for g in gradients], carried


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


@pytest.fixture(params=["size=100k"])
def small_disk(tmp_path, request):
    """A disk with room for a start: config.json, a few events, no checkpoint."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", folder], capture_output=True)
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


@pytest.mark.parametrize("small_disk", ["nr_inodes=6"], indirect=True)
def test_a_disk_that_takes_no_more_files(train, quick, small_disk):
    """Of its six inodes the run, its lock, config.json and the folder train leave none for an event file."""
    code, out, err = train(*SMOKE, workdir=small_disk / "run")
    assert code == 0 and "step 6/6" in out
    assert len([line for line in warnings(err) if "TensorBoard's files not written" in line]) == 1


def test_what_goes_missing_between_and_during_runs(train, tmp_path, state, same, monkeypatch):
    """The event files while it trains, then the best weights, then a part of them: the same command brings all back."""
    run, report = tmp_path / "run", loop.Training.report

    def deleting(self, *arguments):
        report(self, *arguments)
        if self.step == 6:
            shutil.rmtree(run / "train")

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "report", deleting)
        code, _, err = train(*SMOKE)
    assert code == 0 and not (run / "pictures" / "curve.png").exists() and (run / "metrics.json").exists()
    assert "Traceback" not in err

    weights, saved = run / "model.weights.h5", state(run)
    for damage in (weights.unlink, lambda: weights.write_bytes(weights.read_bytes()[:5000])):
        damage()
        (run / "metrics.json").unlink()
        code, _, err = train(*SMOKE)
        assert code == 0 and (run / "metrics.json").exists()
        (line,) = warnings(err)
        assert line == f"warning: {weights} is gone or damaged; the weights of step 6 take its place"
        for i, v in enumerate(runs.load(run).variables):
            assert v.numpy().tobytes() == saved[f"model/{i:04d}"].tobytes()
        same(state(run), saved | {"best": np.float64(np.inf), "best_step": np.int64(6)})


@pytest.fixture
def own(tmp_path):
    """(first pixel) writes data of one's own, and returns how a command line names them."""

    def write(pixel):
        image = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1)).astype(np.uint8)
        image[0, 0, 0] = pixel
        np.savez(tmp_path / "my.npz", x_train=image[:40], x_validation=image[40:50], x_test=image[50:])
        return "--data", "my.npz", "--regime", "gray"

    return write


def test_data_that_changed_are_refused(train, quick, tmp_path, own, monkeypatch, capfd):
    """A rewritten file, on resume and on evaluation; where they lay is found from another folder."""
    run = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    data = own(7)
    assert train(*SMOKE, *data)[0] == 0
    kept = json.loads((run / "config.json").read_text())["data"]
    assert kept["path"] == str(tmp_path / "my.npz")
    assert kept["fingerprint"].keys() == {"train", "validation", "test"} and len({*kept["fingerprint"].values()}) == 3

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    evaluate.main([str(run)])
    found = json.loads((run / "metrics.json").read_text())
    assert found[0]["fingerprint"] == kept["fingerprint"]["test"] and found[0]["data"] == "my.npz"

    monkeypatch.chdir(tmp_path)
    own(8)
    said = f"data: {run} learned from other data (train differ): then from {kept['path']}, now from {kept['path']}; "
    code, _, err = train(*SMOKE, *data, "--steps", "9")
    assert code == 2 and err == f"error: {said}give the same --data-dir and files\n"
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([str(run)])
    assert stopped.value.code == 2 and said in capfd.readouterr().err
    evaluate.main([str(run), "--data-dir", str(tmp_path)])
    assert f"warning: {said}" in capfd.readouterr().err

    own(7)
    code, out, _ = train(*SMOKE, *data, "--steps", "9", "--data-dir", "elsewhere")
    assert code == 0 and "at step 6" in out
    config = json.loads((run / "config.json").read_text())
    assert config["data"] == kept and config["data_dir"] == "elsewhere"


def test_a_folder_of_data_that_a_variable_named_is_found_without_it(train, quick, tmp_path, monkeypatch, capfd):
    """A run that learned from MNIST is not scored on the embedded digits that are there without the variable."""
    digits = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    for folder in ("sets", "none"):
        (tmp_path / folder).mkdir()
    labels = np.arange(20) % 10
    splits = {
        f"{kind}_{split}": part
        for split in ("train", "validation", "test")
        for kind, part in (("x", digits), ("y", labels))
    }
    np.savez(tmp_path / "sets" / "mnist.npz", **splits)
    two = ("--preset", "two-digits", "--steps", "2", "--every", "2", "--batch-size", "4", "--model.steps", "2")
    two += ("--model.hidden", "4", "--model.z-size", "2", "--no-xla")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    assert train(*two, model="draw")[0] == 0
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    code, _, err = train(*two, model="draw")
    assert code == 2 and "learned from other data (train, validation, test differ)" in err
    evaluate.main([str(tmp_path / "run")])
    assert "(20 examples of two-digits" in capfd.readouterr().out


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
        config = start.describe(TASK, options) | changes
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


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"model": "vae"}', '{"settings": {}}'])
def test_a_config_that_is_none_is_one_line(train, tmp_path, a_run, text):
    a_run()
    (tmp_path / "run" / "config.json").write_text(text)
    code, _, err = train(*SMOKE)
    assert code == 2 and err.count("\n") == 1 and err.startswith(f"error: {tmp_path / 'run' / 'config.json'}: got ")


def test_another_models_directory_is_refused(train, a_run):
    a_run(model="draw")
    code, _, err = train(*SMOKE)
    assert code == 2 and "(name was draw, now vae)" in err


def test_only_steps_may_change(a_run, tmp_path):
    from trainers.learn import command

    a_run()
    options = command.parse("vae", [*SMOKE, "--steps", "99", "--data-dir", "elsewhere"])
    start.check_same_run(tmp_path / "run", start.describe(TASK, options))


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
