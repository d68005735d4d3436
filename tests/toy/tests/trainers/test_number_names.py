"""The smallest preset through every verb: killed and resumed, scored, sampled, compared, timed, exported, checked."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import zoo
from export.make import command as export_command
from export.make import package
from export.number_names import signatures
from export.prove import proof
from trainers import benchmark, compare, evaluate, sample
from trainers.learn import command, loop
from trainers.number_names import TASKS
from trainers.score import figures
from trainers.speed import products
from zoo.nn.words import END
from zoo.store import runs

STEPS = 60
# So few names that it soon has learned too much of them; conformance compiles.
COMMAND = f"--preset smoke --steps {STEPS} --every 20 --learning-rate 0.08 --largest 100 --no-xla".split()
KILLED = """
import os
replace = os.replace
def killing(partial, path):
    if os.path.basename(path) == "step-00000040.npz":
        os.kill(os.getpid(), 9)
    replace(partial, path)
os.replace = killing
import runpy
runpy.run_module("trainers.number_names", run_name="__main__", alter_sys=True)
"""


def train(folder, *arguments):
    (task,) = TASKS.values()
    options = command.parse("number_names", [*COMMAND, *arguments, "--workdir", str(folder)])
    assert loop.train(task, options) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("at once") / "run"
    train(folder)
    return folder


@pytest.fixture(scope="module")
def scored(run):
    """(its model, its data)."""
    model = zoo.load(run)
    return model, figures.sets_of(runs.open_run(run), model)


def events(folder):
    return EventAccumulator(str(folder), {"tensors": 0}).Reload()


def curve(folder, tag):
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events(folder).Tensors(tag)}


def perplexity(model, split):
    """exp(nats / words) of a split by NumPy alone, in float64."""
    weights = {v.path.partition("/")[2]: v.numpy().astype("f8") for v in model.trainable_variables}
    nats = words = 0
    for ids in split.arrays["name"]:
        h, x = np.zeros(model.config.hidden), np.zeros(model.config.embedding)
        for word in ids[: (ids != END).sum() + 1]:
            x_u, x_r, x_n = np.split(x @ weights["cell/input/kernel"] + weights["cell/input/bias"], 3)
            h_u, h_r, h_n = np.split(h @ weights["cell/recurrent/kernel"] + weights["cell/recurrent/bias"], 3)
            u, r = 1 / (1 + np.exp(-x_u - h_u)), 1 / (1 + np.exp(-x_r - h_r))
            h = (1 - u) * np.tanh(x_n + r * h_n) + u * h
            logits = h @ weights["next_word/kernel"] + weights["next_word/bias"]
            nats += np.log(np.exp(logits).sum()) - logits[word]
            words += 1
            x = weights["E"][word]
    return math.exp(nats / words)


def test_a_run_that_was_killed_goes_on_bit_for_bit(run, quick, tmp_path, state, same):
    command = [sys.executable, "-c", KILLED, *COMMAND, "--workdir", str(tmp_path / "run")]
    assert subprocess.run(command).returncode == -9
    assert int(state(tmp_path / "run")["step"]) == 20
    train(tmp_path / "run")
    found = state(run)
    same(state(tmp_path / "run"), found)
    assert found["optimizer0/0000"] == found["optimizer1/0000"] == STEPS
    adam, adagrad = ([name for name in found if name.startswith(f"optimizer{i}/")] for i in range(2))
    shapes = [found[name].shape for name in adagrad if found[name].shape]
    assert shapes == [zoo.load(run).embedding.shape] and len(adam) > len(adagrad)
    ours, theirs = zoo.load(tmp_path / "run"), zoo.load(run)
    assert [v.numpy().tobytes() for v in ours.variables] == [v.numpy().tobytes() for v in theirs.variables]


def test_the_embedding_has_the_rate_of_its_own_optimiser(run):
    for tag, rate in (("optimizer/learning_rate", 0.08), ("optimizer1/learning_rate", 0.1)):
        assert list(curve(run / "train", tag).values()) == pytest.approx([rate] * len(curve(run / "train", tag)))


def test_the_board_has_the_same_measures_of_training_and_validation(run, scored):
    train, validation = ({tag for tag in events(run / split).Tags()["tensors"]} for split in ("train", "validation"))
    measures = {f"loss/{name}" for name in ("perplexity", "distortion", "digit")}
    assert measures <= train & validation and "loss/digit_errors" in validation
    assert not {"loss/words", "loss/step"} & (train | validation)
    at = curve(run / "train", "loss/perplexity")
    assert max(at) == STEPS
    words = (scored[1].train.arrays["name"] != END).sum(1) + 1
    for step, nats in curve(run / "train", "loss/distortion").items():
        mean = nats / math.log(at[step])  # of batches of like length
        assert words.min() - 1e-4 <= mean <= words.max() + 1e-4
    (told,) = events(run / "hparams").Tensors("test/perplexity")
    assert told.step == STEPS


def test_the_best_weights_are_those_of_the_lowest_perplexity(run, scored, state):
    model, sets = scored
    told = curve(run / "validation", "loss/perplexity")
    assert sorted(told) == [20, 40, 60]
    best = min(told, key=told.get)
    assert best < STEPS  # or the last would do as well
    assert state(run)["best_step"] == best and state(run)["best"] == pytest.approx(told[best], rel=1e-6)
    assert perplexity(model, sets.validation) == pytest.approx(told[best], rel=1e-5)


def test_the_score_is_the_exponential_of_nats_over_words(run, scored, capsys):
    (run / "metrics.json").unlink()
    evaluate.main([str(run)])
    (first, *_) = json.loads((run / "metrics.json").read_text())
    want = perplexity(scored[0], scored[1].test)
    assert first["name"] == "perplexity" and first["value"] == pytest.approx(want, rel=1e-5)
    assert (first["better"], first["unit"], first["numbers"]) == ("lower", "", "1 to 100") and 0 < first[
        "standard_error"
    ] < want
    assert "floor" not in {figure["name"] for figure in json.loads((run / "metrics.json").read_text())}
    assert f"test perplexity: {want:.4g} +- " in capsys.readouterr().out


def test_a_beginning_is_completed(run, scored, capsys):
    said = {}
    for count in (1, 3):
        with pytest.raises(SystemExit, match="0"):
            sample.main([str(run), "One hundred", "nine", "--count", str(count), "--out", str(run / "said")])
        said[count] = capsys.readouterr().out.splitlines()[:-1]
        assert (run / "said" / "samples.txt").read_text().splitlines() == said[count]
    assert [line.startswith("one hundred") for line in said[3]] == [True] * 3 + [False] * 3
    model = scored[0]
    told = model.complete(model.words.ids(tf.constant(["one hundred", "nine"]), model.config.name_length))
    names = [name.decode() for name in model.words.texts(told["ids"]).numpy()]
    digits = told["digit"].numpy().argmax(-1)
    assert said[1] == [f"{name} ({digit})" for name, digit in zip(names, digits, strict=True)]
    for inputs, message in (([], "inputs: got none"), (["one gross"], "inputs: got gross")):
        with pytest.raises(SystemExit, match="2"):
            sample.main([str(run), *inputs])
        assert message in capsys.readouterr().err


def test_what_is_to_be_read_lies_on_the_board_and_beside_the_figures(run, scored):
    model, sets = scored
    (event,) = events(run / "validation").Tensors("samples")
    assert event.step == 50 and events(run / "validation").PluginTagToContent("text").keys() == {"samples"}
    (on_the_board,) = event.tensor_proto.string_val
    beside = (run / "pictures" / "samples.txt").read_text()
    for told, split in ((on_the_board.decode(), sets.validation), (beside, sets.test)):
        names = model.words.texts(tf.constant(split.arrays["name"])).numpy()
        for line, name in zip(told.splitlines(), names, strict=True):
            assert line.split()[0] == name.decode().split()[0] and line[-1] == ")"
    assert (run / "pictures" / "curve.png").exists()  # of the perplexity, which training tells, too


def test_two_presets_are_compared(tmp_path, monkeypatch):
    def here(options, preset, steps, folder):
        train(folder, "--preset", preset, "--steps", str(steps))

    monkeypatch.setattr(compare, "train", here)  # a process of its own would cost more than all the rest
    compare.main(["number_names", "smoke", "small", "--steps", "2", "--workdir", str(tmp_path)])
    table = (tmp_path / "comparison.md").read_text()
    assert "| preset | parameters | perplexity | distortion (nats) |" in table and "| small |" in table
    assert Image.open(tmp_path / "comparison.png").size == (1000, 900)


def test_it_is_timed(monkeypatch):
    monkeypatch.setattr(products, "COVERED", 0.3)  # of the products; each way to make one is compiled
    found = benchmark.measure(
        benchmark.Options("number_names", "smoke", steps=2, xla=False), len(os.sched_getaffinity(0))
    )
    assert found["data"] == "number-names (1 to 999)" and found["examples_per_second"] > 0 and found["matmul_gflop"] > 0


def test_it_leaves_and_answers_strings(run, scored, tmp_path, capsys):
    package.export("number_names", signatures, export_command.Options(str(run), tmp_path))
    version = tmp_path / "number_names" / "1"
    assert proof.prove(version) == []
    told = capsys.readouterr().out
    assert "LiteRT number_names.tflite complete/ids" in told and "bad requests got an error" in told
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    model, texts = scored[0], tf.constant(["one hundred", "Nine", "gross"])
    answer = served(begun=texts)
    want = model.complete(model.words.ids(texts, model.config.name_length))
    np.testing.assert_array_equal(answer["ids"], want["ids"])
    np.testing.assert_allclose(answer["score"], want["score"], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(answer["names"], model.words.texts(want["ids"]))
    assert answer["unknown_words"].numpy().tolist() == [b"", b"", b"gross"]
    assert (tmp_path / "number_names-words.txt").read_text().splitlines() == model.words.lines
