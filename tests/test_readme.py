"""README.md as a stranger uses it: every block is run in order in an empty folder, at sizes that take seconds."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from zoo import catalogue

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

# Blocks that are not run here, by what they contain.
NOT_RUN = {
    "pip install -e '.[test]'": "installs and starts this very suite; .ci/run does it",
    "pip install -e '.[gpu]'": "there is no GPU",
    "docker run": "there is no docker; compared with what export.serving prints",
    "curl -d": "there is no server; compared with what export.serving prints, whose tests send it",
    "import grpc": "there is no server; compared with what export.serving prints, whose tests run it",
    "export TF_CONFIG": "two machines; test_two_machines runs it as two processes",
    "python -m trainers.compare": "three trainings; tests/trainers/test_compare.py runs it",
    "--preset flickr8k": "there are no photographs; tests/zoo/data/test_photos.py reads a few like them",
    "draw_torch.py": "PyTorch is no dependency",
    "tensorboard --logdir": "never ends; test_tensorboard_starts runs it",
}
# What is changed in the others, one after the other.
SUBSTITUTES = {
    "python3 -m venv .venv && . .venv/bin/activate && pip install -e . && ": "",  # .ci/run does it
    "python -m trainers.draw\n": "python -m trainers.draw --preset smoke --workdir runs/draw/digits\n",
    "trainers.show_attend_tell\n": "trainers.show_attend_tell --preset smoke --workdir runs/show_attend_tell/scenes\n",
    "trainers.align_draw\n": "trainers.align_draw --preset smoke --workdir runs/align_draw/scenes\n",
    "--preset mnist --data-dir": "--preset smoke --data binarized_mnist --workdir runs/draw/mnist --data-dir",
    "--preset mnist": "--preset smoke",  # the benchmark
    "gpu:0,gpu:1": "cpu:0,cpu:1",
    "--steps 3000": "--steps 30 --preset smoke --workdir runs/draw/digits",
    "--data my.npz": "--data my.npz --preset smoke",
    "--seed 1 ": "--seed 1 --preset smoke ",
    "--model.z-size 50": "--preset smoke --model.z-size 50",
    "--samples 100": "--samples 3",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder, but for data such as its owner would bring."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").mkdir()
    bits = np.random.default_rng(0).integers(0, 256, (40, 98), np.uint8)
    np.savez(folder / "data" / "binarized_mnist_packed.npz", train=bits, valid=bits[:20], test=bits[20:])
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "hypotheses.txt").write_text("a cat on the mat\nA dog runs.\n")
    (folder / "references.txt").write_text("a cat sat on the mat\tthere is a cat\nthe dog runs .\n")
    return folder


def environment(**more):
    here = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": here, "PYTHONPATH": str(ROOT), **more}


def command(language, text):
    return ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]


def small(text):
    for old, new in SUBSTITUTES.items():
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def ran(folder):
    """What every block that is run printed, by its text in the README."""
    said = {}
    for language, text in BLOCKS:
        if not any(name in text for name in NOT_RUN):
            done = subprocess.run(
                command(language, small(text)), cwd=folder, env=environment(), capture_output=True, text=True
            )
            assert done.returncode == 0, f"{small(text)}\n{done.stdout}\n{done.stderr}"
            said[text] = done.stdout
    return said


@pytest.mark.timeout(1800)
def test_every_block_runs(ran, folder):
    everything = "".join(ran.values())
    assert "test bound" in everything and "negative_log_likelihood" in everything and "(1, 28, 28, 1)" in everything
    assert {"draw", "draw.tflite", "draw-dynamic.tflite", "draw.md", "README.md"} <= set(os.listdir(folder / "models"))
    for name in ("digits", "mnist", "mine", "second", "smoke"):
        assert (folder / "runs" / "draw" / name / "metrics.json").exists(), name
    assert json.loads((folder / "runs/draw/digits/config.json").read_text())["settings"]["steps"] == 30  # resumed


def test_the_server_section_is_what_export_serving_prints(ran, folder):
    printed = (folder / "models" / "README.md").read_text()
    unindented = re.sub("^    ", "", printed, flags=re.MULTILINE)
    for name in ("docker run", "curl -d", "import grpc"):
        (text,) = (text for _, text in BLOCKS if name in text)
        assert text in printed or text in unindented, text


@pytest.mark.timeout(600)
def test_two_machines(folder):
    (text,) = (text for _, text in BLOCKS if "export TF_CONFIG" in text)
    text = small(text).replace("runs/draw/mnist", "runs/draw/two")
    for address in ("10.0.0.1:2222", "10.0.0.2:2222"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            text = text.replace(address, f"127.0.0.1:{free.getsockname()[1]}")
    workers = [
        subprocess.Popen(
            command("sh", text.replace('"index": 0', f'"index": {index}')),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in (0, 1)
    ]
    said = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(said)
    assert (folder / "runs" / "draw" / "two" / "metrics.json").exists()


def test_tensorboard_starts(folder):
    (text,) = (text for _, text in BLOCKS if "tensorboard" in text)
    command = ["bash", "-c", f"exec {text.strip()} --port 0"]
    server = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        assert any("http://localhost:" in line for line in server.stderr)
    finally:
        server.terminate()
        server.communicate()


def test_every_reason_and_substitute_is_needed():
    text = "".join(text for _, text in BLOCKS)
    unused = [name for name in (*NOT_RUN, *SUBSTITUTES) if name not in text]
    assert not unused


def test_ci_runs_the_two_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    lines = re.findall(r"^(\w+)=\$\((grep .*)\)$", script, re.MULTILINE)
    done = {
        name: subprocess.run(["bash", "-c", grep], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name, grep in lines
    }
    assert done == {
        "train": "python3 -m venv .venv && . .venv/bin/activate && pip install -e . && python -m trainers.draw\n",
        "check": "pip install -e '.[test]' && pytest\n",
    }


def test_every_link_and_picture_exists():
    targets = re.findall(r"\]\(([^)#]+)\)|<img[^>]+src=\"([^\"]+)\"", README)
    for target in filter(None, (path for pair in targets for path in pair)):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    titles = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in README.splitlines()
        if line[:1] == "#"
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= titles


def rows():
    """(model, preset, text) of every row of a table that has a command for training."""
    found = re.findall(r"^(\|.*`python -m trainers\.(\w+)(?: --preset ([\w-]+))?[^`]*` \|.*)$", README, re.MULTILINE)
    return [(model, preset or next(iter(catalogue.presets(model))), text) for text, model, preset in found]


def test_the_table_names_every_model_and_presets_that_exist():
    assert {model for model, _, _ in rows()} == set(catalogue.MODELS)
    for model, preset, _ in rows():
        assert preset in catalogue.presets(model)


def test_the_readme_repeats_the_figures_of_the_weights_that_ship():
    for path in (ROOT / "zoo" / "weights").glob("*/*/metrics.json"):
        figures = {figure["name"]: figure for figure in json.loads(path.read_text())}
        if "bleu4" in figures:
            said = f"BLEU-4 {100 * figures['bleu4']['value']:.1f}"
        else:
            name, scale, unit = ("error", 100, "% error") if "error" in figures else ("bound", 1, "nats")
            value, error = (scale * figures[name][what] for what in ("value", "standard_error"))
            said = f"{value:.{2 if scale > 1 else 1}f} ± {error:.2g} {unit}"
        about = [text for model, preset, text in rows() if path.parts[-3:-1] == (model, preset)]
        assert about, f"the README has no row for {path}"
        assert all(said in text for text in about), f"{path} says {said}, the README says: {about}"
