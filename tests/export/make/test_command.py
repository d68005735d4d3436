import subprocess
import sys

import pytest

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


def test_an_unknown_option_is_refused():
    command = [sys.executable, "-m", "export.draw", "runs/draw/digits", "--quantise", "int8"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "--quantize" in done.stdout + done.stderr
