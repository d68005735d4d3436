"""What is built from the tree: the three packages and the weights, and it works far from the tree."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib import metadata

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("zoo", "trainers", "export")
BUILT_FROM = (*PACKAGES, "tests", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PLANTED = "zoo/weights/draw/planted"
ALONE = ("--no-deps", "--no-index")
MEGABYTE = 2**20


def python(*arguments, cwd, path=None):
    """What a Python command prints; `path` comes before what is installed."""
    environment = os.environ | {"PYTHONPATH": str(path or "")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what the wheel is built from, with weights planted in it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in BUILT_FROM:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, tree / name)
    (tree / PLANTED).mkdir(parents=True)
    for name in ("model.weights.h5", "config.json", "metrics.json", "README.md"):
        (tree / PLANTED / name).write_text("planted")
    return tree


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    python("-m", "pip", "wheel", *ALONE, "--no-build-isolation", "--wheel-dir", out, tree, cwd=out)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the wheel's packages and nothing else."""
    site = tmp_path_factory.mktemp("site")
    python("-m", "pip", "install", *ALONE, "--target", site, wheel, cwd=site)
    return site


def test_the_wheel_holds_the_packages_and_the_weights_and_no_tests(tree, wheel):
    files = {path.relative_to(tree) for package in PACKAGES for path in (tree / package).rglob("*") if path.is_file()}
    expected = {str(path) for path in files if path.suffix == ".py" or path.is_relative_to("zoo/weights")}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    assert f"{PLANTED}/model.weights.h5" in held


def test_the_wheel_says_licence_python_and_extras(wheel):
    with zipfile.ZipFile(wheel) as file:
        (about,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        (licence,) = (name for name in file.namelist() if name.endswith("/LICENSE"))
        about = message_from_bytes(file.read(about))
        assert file.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert about["License"] == "Apache-2.0"
    assert about["Requires-Python"] == "<3.13,>=3.10"
    assert set(about.get_all("Provides-Extra")) == {"test", "gpu", "photos", "docs", "clients", "tour"}


def test_the_version_is_the_same_everywhere():
    version = metadata.version("sequence-zoo")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"version = {{{version}}}" in (ROOT / "README.md").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 120 * MEGABYTE
    for path in (ROOT / "zoo").glob("weights/*/*"):
        size = sum(file.stat().st_size for file in path.rglob("*"))
        assert size < 10 * MEGABYTE, f"{path} has {size / MEGABYTE:.1f} MB"


def test_it_works_from_an_empty_folder(installed, tmp_path):
    where = python("-c", "import zoo, trainers, export; print(zoo, trainers, export)", cwd=tmp_path, path=installed)
    assert where.count(f"from '{installed}/") == 3, where
    assert "python -m trainers.draw" in python("-m", "trainers", cwd=tmp_path, path=installed)
    train = ["-m", "trainers.vae", "--preset", "smoke", "--no-xla"]
    assert "test bound" in python(*train, cwd=tmp_path, path=installed)
    code = 'import zoo; print(zoo.load("runs/vae/smoke").sample(2).shape)'
    assert "(2, 28, 28, 1)" in python("-c", code, cwd=tmp_path, path=installed)
    assert "test bound" in python("-m", "trainers.evaluate", "runs/vae/smoke", cwd=tmp_path, path=installed)
    python("-m", "trainers.sample", "draw/digits", "--count", "2", "--out", "drawn", cwd=tmp_path, path=installed)
    python("-m", "export.vae", "runs/vae/smoke", "--out", "models", cwd=tmp_path, path=installed)
    assert sorted(os.listdir(tmp_path)) == ["drawn", "models", "runs"]
    assert (tmp_path / "models" / "vae.tflite").exists() and (tmp_path / "drawn" / "samples.npz").exists()


def test_the_source_distribution_makes_the_same_wheel(tree, wheel, tmp_path):
    python("-c", f"import setuptools.build_meta as build; build.build_sdist({str(tmp_path)!r})", cwd=tree)
    (source,) = tmp_path.glob("*.tar.gz")
    command = ("-m", "pip", "wheel", *ALONE, "--no-build-isolation", "--wheel-dir", tmp_path, source)
    python(*command, cwd=tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())
