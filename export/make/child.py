"""Answers from a process of their own: what it imports, leaks or crashes is its own affair."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import NamedTuple

import numpy as np


class Crash(RuntimeError):
    """The process died without an answer."""


class Answer(NamedTuple):
    """What a process said to one request."""

    outputs: dict  # name -> array; empty where there is an error
    error: str | None
    seconds: float
    megabytes: float  # of memory that the process had needed by then, beyond what it had at its start


def run(module, *arguments, timeout=1800):
    """python -m module arguments. Raises Crash with the signal, or the last line of what it said."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
    if done.returncode < 0:
        raise Crash(f"{module} was stopped by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise Crash(f"{module} ended with status {done.returncode} and said: {said[-1]}")


def ask(module, plan, inputs):
    """Runs plan["requests"] in python -m module. inputs: for each request a dict of arrays.

    Returns an Answer for each request.
    """
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        folder = pathlib.Path(folder)
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        np.savez(
            folder / "inputs.npz",
            **{f"{k}/{key}": v for k, one in enumerate(inputs) for key, v in one.items()},
        )
        run(module, folder)
        answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        outputs = [{} for _ in answers]
        with np.load(folder / "outputs.npz", allow_pickle=True) as results:
            for name in results.files:
                k, key = name.split("/", 1)
                outputs[int(k)][key] = results[name]
    return [Answer(out, **answer) for out, answer in zip(outputs, answers, strict=True)]


def peak_megabytes():
    """The most memory that this process has held so far; getrusage would count its parent's, too."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
