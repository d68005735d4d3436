"""Tiny runs: in this process through `train`, in fresh processes through `start`."""

import contextlib
import dataclasses
import importlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from zoo import catalogue

ROOT = pathlib.Path(__file__).parents[2]
LIMIT = 300  # seconds a process may take, however busy the machine

# Everything that could get out of step on a resume: drawn data, noise, averages, a schedule.
WHOLE = "--preset smoke --regime dynamic --ema 0.9 --schedule cosine --steps 60 --every 5"


def _start(workdir, *arguments, model="vae", before="", environment=None):
    """A process that trains in workdir, its output in .stdout; `before` is Python that runs first."""
    code = f"import sys; from trainers import {model}; from trainers.learn.command import main; main({model}.TASKS)"
    command = [sys.executable, "-u", "-c", f"{before}\n{code}", "--workdir", workdir, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}, **pipes)


@pytest.fixture
def start():
    """_start; what still runs at the end of the test is killed."""
    processes = []

    def started(*arguments, **options):
        processes.append(_start(*arguments, **options))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def finish():
    """(process, code) -> (stdout, stderr) of a process, which must end with this exit code."""

    def finished(process, code=0):
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode == code, f"exit code {process.returncode}\n{out[-2000:]}\n{err[-4000:]}"
        return out, err

    return finished


@pytest.fixture
def wait_for():
    """(process, text): reads the process's lines up to one that holds the text."""

    def waited(process, text):
        lines = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return
        pytest.fail(f"the process ended without saying {text!r}:\n{''.join(lines)}\n{process.stderr.read()[-4000:]}")

    return waited


@pytest.fixture
def train(tmp_path, capfd):
    """(*arguments, model=, workdir=) -> (exit code, stdout, stderr) of a command line run in this process."""
    from trainers.learn import command

    def trained(*arguments, model="vae", workdir=tmp_path / "run", task=None):
        tasks = importlib.import_module(f"trainers.{model}").TASKS
        tasks = dict.fromkeys(tasks, task) if task else tasks
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            command.main(tasks, ["--workdir", str(workdir), *arguments])
        return stopped.value.code, *capfd.readouterr()

    return trained


@pytest.fixture
def quick(monkeypatch):
    """No pictures and no scores at the end of a run: for tests of what comes before."""
    from trainers.learn import loop

    monkeypatch.setattr(loop.Training, "finish", lambda self: 0)
    monkeypatch.setattr(loop.Training, "show", lambda self: None)


@pytest.fixture
def state():
    """(workdir, step=None) -> {name: array} of a checkpoint, the newest by default, without the time it took."""

    def read(workdir, step=None):
        pattern = "*" if step is None else f"{step:08d}"
        path = max((pathlib.Path(workdir) / "checkpoints").glob(f"step-{pattern}.npz"))
        with np.load(path) as arrays:
            return {name: array for name, array in arrays.items() if name != "seconds"}

    return read


@pytest.fixture
def same():
    """Asserts that two states, or structures of arrays, are equal bit for bit."""

    def check(got, expected):
        assert got.keys() == expected.keys()
        different = [name for name in got if got[name].tobytes() != expected[name].tobytes()]
        assert not different

    return check


@pytest.fixture(scope="session")
def whole(once):
    """A run with the settings WHOLE that nobody disturbed, in a process of its own."""

    def make(folder):
        process = _start(folder, *WHOLE.split())
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, out + err
        (folder / "stdout").write_text(out)

    return once("whole", make)


@pytest.fixture
def arguments():
    """The command line of `whole`."""
    return WHOLE.split()


@pytest.fixture
def settings():
    """(**changes) -> Settings of the VAE's smoke preset with changes."""
    return lambda **changes: dataclasses.replace(catalogue.preset("vae", "smoke"), **changes)


@pytest.fixture(autouse=True)
def float32_afterwards():
    """No test leaves its compute dtype to the next."""
    yield
    with contextlib.suppress(KeyError):
        sys.modules["keras"].config.set_dtype_policy("float32")
