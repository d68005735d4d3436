"""README.md and the guides as a stranger uses them.

Every block is run in order in an empty folder, at sizes that take seconds.
"""

import importlib.util
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from trainers import sample
from zoo import catalogue

ROOT = pathlib.Path(__file__).parents[1]
GUIDES = (
    "install",
    "data",
    "captions",
    "texts",
    "series",
    "machines",
    "serving",
    "phone",
    "benchmark",
    "clients",
)  # read after the README, in this order
RUN = ("README.md", *(f"docs/{name}.md" for name in GUIDES))
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in (*RUN, "RESULTS.md")}
README = TEXTS["README.md"]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", "".join(TEXTS[name] for name in RUN), re.MULTILINE | re.DOTALL)

# Blocks that are not run here, by what they contain.
NOT_RUN = {
    "pip wheel": "tests/test_package.py builds one and uses it",
    "pip install -e '.[test]'": "installs and starts this very suite; .ci/run does it",
    "pip install -e '.[gpu]'": "there is no GPU",
    "docker run": "there is no docker; compared with what export.serving prints",
    "curl -d": "there is no server; compared with what export.serving prints, whose tests send it",
    "import grpc": "there is no server; compared with what export.serving prints, whose tests run it",
    "export TF_CONFIG": "two machines; test_two_machines runs it as two processes",
    "python -m trainers.align_draw\n": "two trainings on 20,000 pictures; tests/conformance makes them on fewer",
    "--preset ptb": "no such data; tests/trainers/learn/test_command.py begins at layers of another run",
    "python -m trainers.sequence_autoencoder": "no such data; tests/trainers/test_sequence_autoencoder.py trains both",
    "python -m trainers.docnade": "no such data; tests/trainers/test_docnade.py trains, samples and judges",
    "runs/vrnn/jsb": "no such data; tests/trainers/test_vrnn.py judges other music",
    "--preset spoken-digits": "no such data; tests/trainers/judges/test_sounds.py judges tones",
    "python -m trainers.compare": "three trainings; tests/trainers/test_compare.py runs it",
    "--preset multi30k": "no such data; tests/zoo/data/parallel reads a few like them",
    "--preset flickr8k": "there are no photographs; tests/zoo/data/captioned/test_photos.py reads a few like them",
    "python -m trainers.judge align_draw/scenes": "minutes of a classifier's training; tests/trainers runs a small one",
    "draw_torch.py": "PyTorch is no dependency",
    "import openvino": "an extra; tests/export/make/test_portable.py asks it, where it is installed",
    "tf2onnx": "an extra; tests/export/make/test_portable.py asks it, where it is installed",
    "docs/demo/build.sh": "never ends; tests/demo builds and uses it, where there is a browser",
    "tensorboard --logdir": "never ends; test_tensorboard_starts runs it",
}
# What is changed in the others, one after the other.
SUBSTITUTES = {
    "python3 -m venv .venv && . .venv/bin/activate && pip install -e . && ": "",  # .ci/run does it
    "python -m trainers.draw\n": "python -m trainers.draw --preset smoke --workdir runs/draw/digits\n",
    "python -m trainers.sentence_vae\n": "python -m trainers.sentence_vae --preset smoke --no-xla"
    " --workdir runs/sentence_vae/docstrings\n",
    "python -m trainers.wavenet\n": "python -m trainers.wavenet --preset smoke --no-xla --workdir runs/wavenet/tones\n",
    "python -m trainers.vrnn\n": "python -m trainers.vrnn --preset smoke --no-xla --workdir runs/vrnn/tones\n",
    "python -m trainers.rnnsearch\n": "python -m trainers.rnnsearch --preset smoke --no-xla"
    " --workdir runs/rnnsearch/grammar\n",
    "--preset mnist --data-dir": "--preset smoke --data binarized_mnist --workdir runs/draw/mnist --data-dir",
    "--preset mnist": "--preset smoke",  # the benchmark
    "gpu:0,gpu:1": "cpu:0,cpu:1",
    "--steps 3000": "--steps 30 --preset smoke --workdir runs/draw/digits",
    "--data my.npz": "--data my.npz --preset smoke --no-xla",  # the first run is compiled, as everybody's is
    "--data pictures": "--data pictures --preset smoke --no-xla",
    "--seed 1 ": "--seed 1 --preset smoke --no-xla ",
    "--data digits": "--data digits --count 100",
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
    (folder / "pictures").mkdir()
    for k in range(40):
        colours = np.random.default_rng(k).integers(0, 256, (24, 32, 3), np.uint8)
        PIL.Image.fromarray(colours).save(folder / "pictures" / f"{k}.png")
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
    """What every block that is run printed, by its text in the README or a guide."""
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


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "samples").glob("*.txt")), ids=lambda path: path.stem)
def test_samples_of_texts_are_what_their_command_prints(path, tmp_path, monkeypatch, capsys):
    command, _, text = path.read_text(encoding="utf-8").partition("\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="0"):
        sample.main(shlex.split(command.removeprefix("$ python -m trainers.sample ")))
    printed, _, _ = capsys.readouterr().out.rpartition("written: ")
    assert printed == text


def test_the_gallery_shows_every_picture_text_and_sound_of_the_table():
    spec = importlib.util.spec_from_file_location("conf", ROOT / "docs" / "site" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    made, linked = (
        conf.gallery(),
        re.findall(r"\]\((docs/[^)]*)\)", "".join(re.findall(r"^\|.*$", README, re.MULTILINE))),
    )
    assert {pathlib.Path(path).suffix for path in linked} >= {".png", ".gif", ".txt", ".wav"}
    for path in map(ROOT.joinpath, linked):
        shown = path.read_text(encoding="utf-8") if path.suffix == ".txt" else path.name
        assert shown in made, path
    assert made.count("<audio ") == sum(path.endswith(".wav") for path in linked)


def test_every_guide_is_run():
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} == set(GUIDES)
    assert all(f"(docs/{name}.md)" in README for name in GUIDES)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 200


def titles(text):
    """What links call the headings of a text."""
    heads = (line for line in text.splitlines() if line[:1] == "#")
    return {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in heads}


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_and_picture_exists(name):
    targets = re.findall(r"\]\(([^)]+)\)|<img[^>]+src=\"([^\"]+)\"", TEXTS[name])
    for target in filter(None, (path for pair in targets for path in pair)):
        path, _, title = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert target.startswith("https://") or linked.exists(), target
        if title and not target.startswith("https://"):
            assert title in titles(linked.read_text(encoding="utf-8")), target


def rows(text):
    """(model, preset, row) of every row of the text's tables that has a command for training."""
    found = re.findall(r"^(\|.*`python -m trainers\.(\w+)(?: --preset ([\w-]+))?[^`]*` \|.*)$", text, re.MULTILINE)
    return [(model, preset or next(iter(catalogue.presets(model))), row) for row, model, preset in found]


def test_the_table_names_every_model_and_presets_that_exist():
    assert {model for model, _, _ in rows(README)} == set(catalogue.MODELS)
    for model, preset, _ in rows(README):
        assert preset in catalogue.presets(model)


def test_every_preset_that_is_named_exists():
    known = {model: set(catalogue.presets(model)) for model in catalogue.MODELS}
    for text in TEXTS.values():
        for model, preset in re.findall(r"python -m trainers\.(\w+) --preset ([\w-]+)", text):
            assert preset in known[model], (model, preset)
        for model, presets in re.findall(
            r"python -m trainers\.compare (\w+)((?: [\w-]+)+?)(?: --|`|$)", text, re.MULTILINE
        ):
            assert set(presets.split()) <= known[model], presets
        assert set(re.findall(r"--preset ([\w-]+)", text)) <= set.union(*known.values())


def test_every_row_of_the_table_has_a_verdict_and_figures_that_the_results_tell():
    told = re.findall(r"\d+\.\d+", TEXTS["RESULTS.md"])
    for _, _, row in rows(README):
        _, _, _, ours, papers, verdict, *_ = (cell.strip() for cell in row[1:-1].split(" | "))
        assert verdict in ("**yes**", "**in part**", "**no**"), row
        assert set(re.findall(r"\d+\.\d+", f"{ours} {papers}")) <= set(told), row


def test_the_readme_repeats_the_figures_of_the_weights_that_ship(headline_of):
    for path in (ROOT / "zoo" / "weights").glob("*/*/metrics.json"):
        figures = {figure["name"]: figure for figure in json.loads(path.read_text())}
        headline = headline_of(figures)
        name, unit, value, error = (headline[key] for key in ("name", "unit", "value", "standard_error"))
        said = {
            "bleu4": f"BLEU-4 {100 * value:.1f}",
            "exact": f"{100 * value:.1f} % exact",
            "error": f"{100 * value:.2f} ± {100 * error:.2g} % error",
            "bits_per_sample": f"{value:.2f} ± {error:.2g} bits",
            "perplexity_documents": f"perplexity {value:.0f} ± {error:.2g}",
        }.get(name, f"{value:.1f} ± {float(f'{error:.2g}'):g} {unit}")
        in_readme, in_results = (
            [row for model, preset, row in rows(TEXTS[name]) if path.parts[-3:-1] == (model, preset)]
            for name in ("README.md", "RESULTS.md")
        )
        assert in_readme, f"the README has no row for {path}"
        about = in_readme + in_results
        assert all(said in text for text in about), f"{path} says {said}, the README and RESULTS.md say: {about}"


def test_the_notebook_is_made_of_the_tour():
    jupytext = pytest.importorskip("jupytext")
    tour, notebook = (
        [(cell.cell_type, cell.source) for cell in jupytext.read(ROOT / "docs" / name).cells]
        for name in ("tour.py", "tour.ipynb")
    )
    assert notebook == tour
