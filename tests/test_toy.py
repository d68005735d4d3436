"""Room for one more paper: a toy's files are laid beside all others, two lines name them, and everything takes it.

tests/toy holds what a paper with a kind of data of its own consists of, each file where it would lie in the tree. They
are copied into a copy of the tree. There the house's own tests must hold for them, and so must the toy's.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TOY = ROOT / "tests" / "toy"
COPIED = ("zoo", "trainers", "export", "tests", "setup.cfg", "pyproject.toml")
LINES = {  # all that changes in files that were there: what stands in a line, what then stands there
    "zoo/catalogue.py": [("MODELS = (", 'MODELS = ("number_names", ')],
    "zoo/data/named.py": [
        ("pictures, captioned, text)", "pictures, captioned, text, numerals)"),
        ("from zoo.data.pictures", "from zoo.data.numerals import named as numerals\nfrom zoo.data.pictures"),
    ],
}
TESTS = [
    "tests/zoo/test_number_names.py tests/trainers/test_number_names.py",
    "tests/conformance -k number_names",
    "tests/test_layout.py --deselect tests/test_layout.py::test_importing_every_module_does_no_work",  # it takes long
]


@pytest.fixture
def house(once):
    """A copy of the tree with the toy in it."""

    def make(folder):
        folder.mkdir()
        leave = shutil.ignore_patterns("__pycache__", "weights", "toy", "test_toy.py")
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=leave)
            else:
                shutil.copy(ROOT / name, folder / name)
        for path in TOY.glob("*/**/*.py"):
            new = folder / path.relative_to(TOY)
            assert not new.exists()  # a paper changes no file
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, new)
        for name, changes in LINES.items():
            text = (folder / name).read_text(encoding="utf-8")
            for old, new in changes:
                assert text.count(old) == 1
                text = text.replace(old, new)
            (folder / name).write_text(text, encoding="utf-8")

    return once("house", make)


@pytest.mark.parametrize("tests", TESTS, ids=["its own tests", "what every model promises", "what may lie where"])
def test_a_toy_paper_is_at_home(house, tests):
    environment = os.environ | {"PYTHONPATH": str(house)}
    command = [sys.executable, "-m", "pytest", "-n0", "-q", *tests.split()]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
