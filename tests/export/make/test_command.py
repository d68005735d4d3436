import importlib
import inspect
import subprocess
import sys

import pytest

from export.make import command
from zoo.catalogue import MODELS


@pytest.mark.parametrize("module", [*MODELS, "check", "serving"])
def test_help_imports_nothing_heavy(module):
    code = f"""
import runpy, sys
sys.argv = ["export.{module}", "--help"]
try:
    runpy.run_module("export.{module}", run_name="__main__")
finally:
    heavy = sorted({{"tensorflow", "keras", "numpy"}} & set(sys.modules))
    assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


@pytest.mark.parametrize("name", MODELS)
def test_a_command_line_has_what_the_declaration_takes_and_no_more(name):
    signatures = importlib.import_module(f"export.{name}").signatures
    options = command.options_of(signatures)("RUN")
    inspect.signature(signatures).bind("model", **options.fixed)  # raises for too many and for too few


def test_an_unknown_option_is_refused():
    asked = [sys.executable, "-m", "export.draw", "runs/draw/digits", "--quantise", "int8"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 2 and "--quantize" in done.stdout + done.stderr


def test_what_cannot_be_written_in_is_said_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    asked = [sys.executable, "-m", "export.vae", "vae/mnist", "--out", str(tmp_path / "file")]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 2 and f"error: out: cannot write in {tmp_path / 'file'} (File exists)" in done.stderr
    assert done.stdout == ""


def test_a_wrong_run_is_told_before_tensorflow_is_there():
    asked = [sys.executable, "-X", "importtime", "-m", "export.vae", "vae/minst"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert (
        done.returncode == 2
        and "error: run: found no config.json in vae/minst (did you mean 'vae/mnist'?)" in done.stderr
    )
    assert "tensorflow" not in done.stderr
