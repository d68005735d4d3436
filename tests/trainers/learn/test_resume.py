"""A run that was stopped and continued equals, bit for bit, the run that nobody stopped; in fresh processes."""

import json
import random
import shutil
import signal
import time

import pytest

from zoo.store import runs as run

KILL = """
import os
replace = os.replace
def killing(partial, path):
    if os.path.basename(path) == {name!r}:
        os.kill(os.getpid(), 9)
    replace(partial, path)
os.replace = killing
"""


def figures(folder):
    return {figure["name"]: figure["value"] for figure in json.loads((folder / "metrics.json").read_text())}


@pytest.fixture
def equals_whole(whole, state, same):
    """Asserts that a finished run holds what the undisturbed one holds: both checkpoints, weights, figures."""

    def check(folder):
        for step in (55, 60):
            same(state(folder, step), state(whole, step))
        ours, theirs = run.load(folder), run.load(whole)
        for a, b in zip(ours.variables, theirs.variables, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes()
        assert figures(folder) == figures(whole)
        assert {p.name for p in (folder / "pictures").iterdir()} == {p.name for p in (whole / "pictures").iterdir()}

    return check


def test_a_checkpoint_holds_all_that_decides_the_future(whole, state):
    found = state(whole)
    assert found["step"] == 60 and found["optimizer0/0000"] == 60
    groups = {name.split("/")[0] for name in found}
    assert groups == {"model", "optimizer0", "step", "best", "best_step"}
    model = sum(name.startswith("model/") for name in found)
    # Adam's two moments, the averages and the count of steps; a schedule keeps no variable.
    assert sum(name.startswith("optimizer0/") for name in found) == 3 * model + 1


def test_stopped_by_sigterm_by_ctrl_c_and_by_kill(tmp_path, arguments, start, finish, wait_for, state, equals_whole):
    folder = tmp_path / "run"
    process = start(folder, *arguments)
    wait_for(process, "examples of digits")  # it is compiling now
    process.send_signal(signal.SIGTERM)
    out, err = finish(process, 0)
    step = int(state(folder)["step"])
    assert step < 60 and f"stopped by SIGTERM at step {step}; the same command continues" in out
    assert "Traceback" not in err and not (folder / "metrics.json").exists()

    process = start(folder, *arguments)
    wait_for(process, f"continuing {folder} at step {step}")
    wait_for(process, "nats")
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    step = int(state(folder)["step"])
    assert f"stopped by SIGINT at step {step}" in out and "Traceback" not in err

    process = start(folder, *arguments)
    wait_for(process, f"continuing {folder} at step {step}")
    seconds = random.uniform(0, 3)
    print(f"killed after {seconds} seconds")
    time.sleep(seconds)
    process.kill()
    process.communicate()

    finish(start(folder, *arguments))
    equals_whole(folder)


def test_neither_a_reader_that_leaves_nor_a_hangup_costs_a_step(tmp_path, start, wait_for, state):
    """As with `| head -1`, then the terminal's end: trained on in silence, saved at the end."""
    arguments = ("--preset", "smoke", "--steps", "1000000", "--every", "1000", "--ema", "0.9")
    heard = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"  # even if this suite runs under nohup
    process = start(tmp_path, *arguments, before=heard)
    wait_for(process, "step")
    process.stdout.close()
    while not (tmp_path / "model.weights.h5").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(300) == 0
    assert state(tmp_path)["step"] % 1000  # saved where it was
    assert "Traceback" not in process.stderr.read()


def test_a_hangup_that_nohup_ignores_stays_ignored(train, quick, monkeypatch):
    import os

    from trainers.learn import loop

    report = loop.Training.report

    def hung_up(self, *arguments):
        report(self, *arguments)
        os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(loop.Training, "report", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        code, out, _ = train("--preset", "smoke", "--steps", "3")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert code == 0 and "step 3/3" in out and "stopped" not in out


def test_killed_between_writing_and_renaming(tmp_path, arguments, start, finish, state, equals_whole):
    """At the first file, at the best weights, in the first checkpoint, and in the figures at the end."""
    folder = tmp_path / "run"
    reached = []
    for name in ("config.json", "model.weights.h5", "step-00000005.npz", "metrics.json"):
        finish(start(folder, *arguments, before=KILL.format(name=name)), -9)
        assert list(folder.rglob(f".partial-{name}")), "killed before it was written"
        assert not list(folder.rglob(name))
        reached.append([path.name for path in folder.glob("checkpoints/step-*.npz")])
    assert reached[:3] == [[], [], []] and len(reached[3]) == 2
    out, err = finish(start(folder, *arguments))
    assert "warning" not in err and not list(folder.rglob(".partial-*"))
    assert f"continuing {folder} at step 60" in out
    equals_whole(folder)


def test_a_truncated_newest_checkpoint_costs_one_line(tmp_path, whole, train, arguments, equals_whole):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    newest = folder / "checkpoints" / "step-00000060.npz"
    newest.write_bytes(newest.read_bytes()[:5000])
    code, out, err = train(*arguments)
    assert code == 0 and f"continuing {folder} at step 55" in out
    (line,) = [line for line in err.splitlines() if "warning" in line]
    assert "step-00000060.npz cannot be read" in line and line.endswith("taking step-00000055.npz")
    equals_whole(folder)


def test_more_steps_continue_a_finished_run(train, quick, tmp_path, state, same):
    common = ("--preset", "smoke", "--regime", "dynamic", "--every", "3")
    assert train(*common, "--steps", "4")[0] == 0
    code, out, _ = train(*common, "--steps", "10")
    assert code == 0 and "at step 4" in out
    assert train(*common, "--steps", "10", workdir=tmp_path / "at once")[0] == 0
    same(state(tmp_path / "run"), state(tmp_path / "at once") | {"best": state(tmp_path / "run")["best"]})
    code, _, err = train(*common, "--steps", "5")
    assert code == 2 and f"got 5, expected at least the 10 that {tmp_path / 'run'} has made; give --steps 10" in err


def test_a_signal_in_the_last_step_does_not_lose_its_validation(train, quick, tmp_path, state, same, monkeypatch):
    import os

    from trainers.learn import loop

    common = ("--preset", "smoke", "--steps", "3", "--every", "2")
    before = signal.getsignal(signal.SIGTERM)
    assert train(*common, workdir=tmp_path / "undisturbed")[0] == 0
    report = loop.Training.report

    def signalled(self, *arguments):
        report(self, *arguments)
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Training, "report", signalled)
    code, out, _ = train(*common)
    assert code == 0 and "stopped by SIGTERM at step 3" in out
    same(state(tmp_path / "run"), state(tmp_path / "undisturbed"))
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_during_the_scores_ends_at_once(train, monkeypatch):
    import os

    from trainers.learn import loop

    monkeypatch.setattr(loop.figures, "measure", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    code, out, _ = train("--preset", "smoke", "--steps", "2")
    assert code == 130 and "stopped by SIGINT at step 2; the same command continues" in out


def test_the_best_value_is_remembered(train, quick, tmp_path, state, monkeypatch):
    """After a resume, worse weights do not replace the best ones."""
    from trainers.learn import loop

    bounds = iter([5.0, 7.0, 6.0, 4.0])  # at steps 2, 4, 6, 8
    monkeypatch.setattr(loop.Training, "validate", lambda self: next(bounds))
    common = ("--preset", "smoke", "--every", "2")
    weights = {}
    for steps, best in ((2, 5), (6, 5), (8, 4)):
        assert train(*common, "--steps", str(steps))[0] == 0
        assert state(tmp_path / "run")["best"] == best
        weights[steps] = (tmp_path / "run" / "model.weights.h5").read_bytes()
    assert weights[2] == weights[6] != weights[8]
