import dataclasses
import errno
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import zoo
from trainers import evaluate
from trainers.declare.task import Task
from trainers.score import figures as scored
from trainers.score import scoring
from zoo.data import About, Data, Split
from zoo.declare.measure import bound, perplexities
from zoo.metrics import bounds
from zoo.store import runs

TASK = Task("vae")


class Counting:
    """A model whose terms are the example itself, and whose noise is known."""

    measures, modelled, subject = bound("image", 2), "image", "image"

    def noise(self, batch_size, seed):
        return tf.random.stateless_normal([batch_size], seed)

    def loss_terms(self, batch, noise):
        x = batch["image"][:, 0, 0, 0]
        return {"distortion": x, "rate": 2 * x, "reweighting": 100 * x}

    def counts(self, batch):
        return {}

    def log_weights(self, batch, noise):
        return noise - batch["image"][:, 0, 1, 0]


@pytest.fixture
def split():
    """(size) -> a Split of that many different examples, labels first."""

    def make(size):
        image = np.random.default_rng(size).random([size, 1, 2, 1], np.float32)
        return Split({"label": np.arange(size, dtype=np.int32), "image": image})

    return make


@pytest.mark.parametrize("size", [2, 249, 250, 251, 501])
def test_every_example_is_scored_once_and_in_place(split, size):
    examples = split(size)
    score = scoring.scorer(Counting(), lambda batch: -batch["image"][:, 0, 0, 0])
    scores = score(examples, (0, 0))
    x = examples.arrays["image"][:, 0, 0, 0]
    assert scores.keys() == {"distortion", "rate", "reweighting", "floor"}
    np.testing.assert_array_equal(scores["distortion"], x)
    np.testing.assert_array_equal(scores["floor"], -x)


@pytest.mark.parametrize("size", [3, 250, 333])
def test_what_does_not_fit_is_scored_in_parts_with_the_same_noise(split, size, monkeypatch):
    """As if the graph's largest tensor left room for seven examples."""

    class Noisy(Counting):
        def loss_terms(self, batch, noise):
            return {"distortion": batch["image"][:, 0, 0, 0] + noise}

    examples, whole = split(size), scoring.scorer(Noisy())
    monkeypatch.setattr(scoring, "fitting", lambda *_: min(7, size))
    parts = scoring.scorer(Noisy())(examples, (0, 0))
    monkeypatch.undo()
    np.testing.assert_array_equal(parts["distortion"], whole(examples, (0, 0))["distortion"])


def test_examples_go_together_as_long_as_the_largest_tensor_has_room(monkeypatch):
    graph = tf.function(lambda batch, noise: {"wide": tf.zeros([batch["x"].shape[0], 1000]) + noise})
    batch, noise = {"x": tf.zeros([250, 2])}, tf.zeros([250, 1])
    assert scoring.fitting(graph, batch, noise) == 250
    monkeypatch.setattr(scoring, "LARGEST", 30_000)
    assert scoring.fitting(graph, batch, noise) == 30
    monkeypatch.setattr(scoring, "LARGEST", 1)
    assert scoring.fitting(graph, batch, noise) == 1


def test_the_importance_weighted_estimate_is_that_of_its_definition(split):
    examples, samples = split(260), 5
    found = scoring.log_likelihood(Counting(), examples, (7, 1), samples)
    x, expected = examples.arrays["image"][:, 0, 1, 0].astype("f8"), []
    for i, part in enumerate((x[:250], np.resize(x[250:], 250))):
        seed = tf.random.fold_in(tf.constant([7, 1]), i)
        draws = [tf.random.stateless_normal([250], tf.random.fold_in(seed, k)).numpy() for k in range(samples)]
        expected.append(np.log(np.mean([np.exp(draw - part) for draw in draws], 0)))
    np.testing.assert_allclose(found, np.concatenate(expected)[:260], rtol=1e-5)
    assert len(np.unique(found + x)) == 260  # no two examples share their noise


def test_figures_are_numpy_means_with_all_that_makes_them_repeatable(split):
    examples = split(77)
    sets = Data("numbers", *[examples] * 3, origin="made up", about={"image": About({"regime": "static"})})
    run = runs.Run(None, "vae", "smoke", None, {"command": "python -m trainers.vae"})
    figures = scored.measure(TASK, run, Counting(), sets, samples=3, seed=4, minutes=1.5)
    by_name = {figure["name"]: figure for figure in figures}
    x = examples.arrays["image"][:, 0, 0, 0].astype("f8")
    assert by_name["bound"]["value"] == pytest.approx(3 * x.mean(), rel=1e-6)
    assert by_name["bound"]["standard_error"] == pytest.approx(3 * x.std(ddof=1) / np.sqrt(77), rel=1e-6)
    # bits per dimension are those of the best estimate, and an example has two dimensions, not one label
    nats = by_name["negative_log_likelihood"]
    assert by_name["bits_per_dimension"]["value"] == pytest.approx(nats["value"] / 2 / np.log(2))
    assert by_name["bits_per_dimension"]["standard_error"] == pytest.approx(nats["standard_error"] / 2 / np.log(2))
    assert "K = 3 samples" in nats["definition"]
    about = {"split": "test", "examples": 77, "data": "numbers", "regime": "static", "seed": 4, "minutes": 1.5}
    for figure in figures:
        assert about.items() <= figure.items() and figure["trained_by"] == "python -m trainers.vae"
        assert {"name", "value", "unit", "standard_error", "definition"} <= figure.keys()
    assert by_name["bound"]["signature"].startswith("bound|K:1|split:test|regime:static|n:77|seed:4|v:")
    assert by_name["negative_log_likelihood"]["signature"].startswith("negative_log_likelihood|K:3|split:test|")
    assert "77 examples of numbers (static)" in scored.line(figures[0], sets.told("image"))
    assert not any(
        figure["name"].startswith("bits")
        for figure in scored.measure(
            TASK, run, Counting(), Data("numbers", *[examples] * 3, "", {"image": About(remark="no likelihood")})
        )
    )


def test_a_perplexity_is_told_of_the_importance_weighted_nats_too(split):
    class Wordy(Counting):
        measures = Counting.measures | perplexities("distortion", "rate")

        def counts(self, batch):
            words = 1 + tf.round(9 * batch["image"][:, 0, 0, 0])
            return {"words": words, "words_and_end": words + 1}

    examples = split(77)
    sets = Data("numbers", *[examples] * 3, origin="made up")
    run = runs.Run(None, "vae", "smoke", None, {"command": "python -m trainers.vae"})
    found = {each["name"]: each["value"] for each in scored.measure(TASK, run, Wordy(), sets, samples=3)}
    x = examples.arrays["image"][:, 0, 0, 0].astype("f8")
    ends = (2 + np.round(9 * x)).sum()
    assert found["perplexity"] == pytest.approx(np.exp(3 * x.sum() / ends), rel=1e-5)
    nats = 77 * found["negative_log_likelihood"]
    assert found["perplexity_importance_weighted"] == pytest.approx(np.exp(nats / ends), rel=1e-5)
    assert found["perplexity_words_importance_weighted"] == pytest.approx(np.exp(nats / (ends - 77)), rel=1e-5)


def test_more_samples_need_latent_variables(split):
    model = type("Classifier", (Counting,), {"log_weights": None})()
    sets = Data("numbers", *[split(3)] * 3, origin="")
    run = runs.Run(None, "draw", "cluttered", None, {"command": ""})
    with pytest.raises(ValueError, match="samples: got 5, expected 1; draw has no latent variables"):
        scored.measure(TASK, run, model, sets, samples=5)


def test_what_is_no_number_is_no_figure(split):
    class Endless(Counting):
        def loss_terms(self, batch, noise):
            terms = super().loss_terms(batch, noise)
            return {name: tf.where(x > tf.reduce_min(x), x, np.nan) for name, x in terms.items()}

    sets = Data("numbers", *[split(3)] * 3, origin="")
    run = runs.Run(None, "draw", "cluttered", None, {"command": ""})
    with pytest.raises(ValueError, match=r"got nan .* of the test examples of numbers, expected finite numbers"):
        scored.measure(TASK, run, Endless(), sets)
    with pytest.raises(ValueError, match="samples: got 0, expected at least 1"):
        scored.measure(TASK, run, Counting(), sets, samples=0)


def test_the_command_repeats_a_runs_own_figures(whole, tmp_path, capsys):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = json.loads((run / "metrics.json").read_text())
    evaluate.main([str(run)])
    out = capsys.readouterr().out
    assert json.loads((run / "metrics.json").read_text()) == before
    assert f"test bound: {before[0]['value']:.4g} +- " in out
    assert out.strip() in (whole / "stdout").read_text()  # the very lines that the run ended with

    evaluate.main([str(run), "--samples", "4", "--split", "validation"])
    out = capsys.readouterr().out
    assert json.loads((run / "metrics.json").read_text()) == before  # they are those of the test split
    assert "validation negative_log_likelihood" in out and "K = 4" in out and "200 examples of digits (dynamic)" in out


def test_the_bound_of_a_run_is_the_mean_of_its_models_terms(whole):
    """By hand: the weights, the test split, the noise."""
    model, run = zoo.load(whole), runs.open_run(whole)
    examples = scored.sets_of(run, model).test
    image = examples.arrays["image"].astype("f4") / 255
    noise = model.noise(len(image), tf.random.fold_in(tf.constant([0, 0]), 0))
    terms = model.loss_terms({"image": image}, noise)
    expected, _ = bounds.mean_and_error(terms["distortion"] + terms["rate"])
    figure = run.figures[0]
    assert figure["name"] == "bound" and figure["value"] == pytest.approx(expected, rel=1e-5)
    assert figure["examples"] == len(image) == 200 and figure["minutes"] > 0


def test_data_of_ones_own_that_are_gone_are_said_to_be_gone(whole):
    model, run = zoo.load(whole), runs.open_run(whole)
    gone = {"path": "/nowhere/pictures", "fingerprint": {}}
    run = run._replace(settings=dataclasses.replace(run.settings, data="pictures"), config=run.config | {"data": gone})
    with pytest.raises(FileNotFoundError, match=r"^data: /nowhere/pictures, from which .* learned, is gone"):
        scored.sets_of(run, model)


def test_figures_that_nobody_reads_to_the_end_are_no_error(whole):
    command = f"{sys.executable} -m trainers.evaluate {whole} | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert done.stdout.startswith("test bound: ") and "Error" not in done.stderr and done.returncode == 0


@pytest.mark.parametrize("name", ["nowhere", "draw/nothing"])
def test_a_run_that_is_not_there_is_one_line(capsys, name):
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([name])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and err.startswith("error: run: found no config.json in") and err.count("\n") == 1


def test_weights_that_ship_are_scored_by_name_and_stay_as_they_are(whole, tmp_path, monkeypatch, capsys):
    import shutil

    monkeypatch.setattr(runs, "SHIPPED", tmp_path)
    folder = tmp_path / "vae" / "smoke"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.weights.h5"):
        shutil.copy(whole / name, folder)
    evaluate.main(["vae/smoke"])
    assert capsys.readouterr().out.strip() in (whole / "stdout").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.weights.h5"]


def test_a_run_without_weights_says_so(whole, tmp_path, capsys):
    (tmp_path / "config.json").write_text((whole / "config.json").read_text())
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([str(tmp_path)])
    assert stopped.value.code == 2 and "holds no weights yet" in capsys.readouterr().err


def test_a_run_that_nobody_may_write_in_is_scored_and_sampled_all_the_same(whole, tmp_path, monkeypatch, capsys):
    """Its figures are printed though not kept; samples go elsewhere."""
    from trainers import sample

    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(scored, "write_json", denied)
    evaluate.main([str(whole)])
    said = capsys.readouterr()
    assert "test bound: " in said.out and said.err.count("\n") == 1
    assert said.err == f"warning: {whole / 'metrics.json'} not written (Permission denied)\n"

    monkeypatch.setattr(np, "savez_compressed", denied)
    with pytest.raises(SystemExit) as stopped:
        sample.main([str(whole), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said == f"error: out: cannot write in {tmp_path / 'out'} (Permission denied); choose another --out\n"
