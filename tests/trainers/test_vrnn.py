import dataclasses
import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

import zoo
from trainers import vrnn as trainer
from trainers.declare.task import Shown, task_of
from trainers.judges import particles
from trainers.learn import command, loop
from trainers.score import figures
from trainers.show import exhibits, midi
from zoo import catalogue, vrnn
from zoo.configs.vrnn import RNNConfig, VRNNConfig
from zoo.data import Data, Split
from zoo.data.music.tunes import lowest_note

NETS = {"hidden": 5, "x_hidden": (4,), "decoder_hidden": (4,), "components": 2}
LATENT = {"z_size": 2, "z_hidden": (3,), "prior_hidden": (3,), "encoder_hidden": (3,)}
FEATURES = {"gaussian": 3, "mixture": 3, "strokes": 3, "bernoulli": 30}


def model_of(output="gaussian", latent=True, **changes):
    sizes = {"steps": 6, "features": FEATURES[output], **NETS}
    config = VRNNConfig(output, **sizes | LATENT | changes) if latent else RNNConfig(output, **sizes)
    return vrnn.build(config)


def batch_of(model, size=5):
    numbers = np.random.default_rng(3)
    return {name: tf.constant(field.random(size, numbers)) for name, field in model.fields.items()}


def shown_of(model):
    return Shown(batch_of(model), model.noise(5, (1, 2)), None, None)


@pytest.mark.parametrize("preset", ["smoke", "tones-rnn"])
def test_a_run_that_learns_from_windows(tmp_path, preset):
    """Of 10 frames, of tones that are up to 61 long; a batch of other windows learns something else."""
    norms = []
    for window in (10, 0):
        settings = catalogue.preset("vrnn", preset)
        model = dataclasses.replace(settings.model, hidden=8, window=window)
        settings = dataclasses.replace(settings, model=model, steps=3, batch_size=4)
        folder = tmp_path / str(window)
        assert loop.train(task_of("vrnn", model), command.Options(settings, preset, workdir=folder, xla=False)) == 0
        figure, *_ = json.loads((folder / "metrics.json").read_text())
        assert np.isfinite(figure["value"]) and figure["examples"] == 72  # whole sequences
        norms.append(sum(float(tf.norm(v)) for v in zoo.load(folder).variables))
    assert norms[0] != norms[1]


def test_windows_of_pieces_are_refused_before_a_run_begins(tmp_path):
    settings = catalogue.preset("vrnn", "smoke")
    model = dataclasses.replace(settings.model, window=10)
    options = command.Options(dataclasses.replace(settings, model=model, piece=2000), "smoke", workdir=tmp_path)
    with pytest.raises(ValueError, match="window: got audio of one length"):
        loop.train(task_of("vrnn", model), options)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("latent", [True, False], ids=["vrnn", "rnn"])
@pytest.mark.parametrize("output", FEATURES)
def test_every_kind_of_sequence_is_shown(tmp_path, output, latent):
    model = model_of(output, latent)
    found = trainer.exhibits(model, shown_of(model))
    exhibits.save_all(tmp_path, found)
    kinds = {"audio": ".wav", "strokes": ".png", "sequence": ".mid"}
    endings = {path.suffix for path in tmp_path.iterdir()}
    assert kinds[model.observed] in endings and ("rate" in found) == latent
    for name in ("samples", "continuations"):
        assert any(key.startswith(name) for key in found)


def test_what_follows_a_beginning_begins_with_it():
    """Half of its steps, of a wave of at most 6 steps of 3 samples; 3 steps more are drawn."""
    model = model_of()
    begun, (batch, *_) = trainer.beginnings(model, shown_of(model))[0], shown_of(model)
    lengths = batch["length"].numpy()[: trainer.SHOWN]
    assert [len(row) for row in begun] == [min(n, 3 * max(1, -(-n // 3) // 2)) for n in lengths]
    for i, row in enumerate(begun):
        np.testing.assert_array_equal(row, batch["audio"][i, : len(row)])
    whole = trainer.exhibits(model, shown_of(model))["continuations-03"].samples
    np.testing.assert_array_equal(whole[: len(begun[3])], begun[3])
    assert len(whole) == len(begun[3]) + 3 * 3


def test_samples_are_as_many_and_as_long_as_they_are_asked_for():
    model, options = model_of("strokes"), trainer.Drawing(count=7, steps=4)
    made = trainer.sample(model, (), options)
    assert made.arrays["samples"].shape == (7, 4, 3)
    again = trainer.sample(model, (), dataclasses.replace(options, seed=1)).arrays["samples"]
    np.testing.assert_array_equal(trainer.sample(model, (), options).arrays["samples"], made.arrays["samples"])
    assert (again != made.arrays["samples"]).any()
    assert trainer.sample(model, (), trainer.Drawing(count=1)).arrays["samples"].shape == (1, 6, 3)
    with pytest.raises(ValueError, match="inputs: got files, expected none"):
        trainer.sample(model, ("clip.wav",), options)
    with pytest.raises(ValueError, match="steps: got -1, expected"):
        trainer.sample(model, (), trainer.Drawing(steps=-1))


def test_sounds_and_tunes_go_on(tmp_path):
    """What is written is the file and what follows it, and that depends on the file."""
    for output, write in (("gaussian", save_wave), ("bernoulli", save_tune)):
        model = model_of(output)
        for v in model.trainable_variables:
            v.assign(np.random.default_rng(0).normal(0, 1, v.shape).astype(np.float32))
        names = [str(tmp_path / f"{output}-{i}") for i in range(2)]
        begun = [write(name, i) for i, name in enumerate(names)]
        made = trainer.sample(model, names, trainer.Drawing(count=2, steps=3))
        assert len(made.arrays["samples"]) == 4 and (made.arrays["samples"][0] != made.arrays["samples"][2]).any()
        first = made.exhibits["samples-02"]
        whole = first.samples if output == "gaussian" else first.roll
        np.testing.assert_allclose(whole[: len(begun[1])], begun[1], atol=1e-4)
        assert len(whole) == len(begun[1]) + (9 if output == "gaussian" else 3)


def test_notes_without_a_place_are_counted(tmp_path):
    roll = np.zeros((4, 88), np.float32)
    roll[:, [0, 40]] = 1
    midi.save_midi(tmp_path / "wide.mid", roll, lowest_note(88), seconds=0.125)
    name = str(tmp_path / "wide.mid")
    made = trainer.sample(model_of("bernoulli"), (name,), trainer.Drawing(count=1, steps=3))
    assert made.lines == [f"{name}: notes left out that a roll of 30 has no place for: 1"]


def save_wave(name, i):
    wave = np.sin(np.arange(10 + 3 * i) / (i + 2.0)).astype(np.float32) / 2
    exhibits.Sound(wave, 8000).save(pathlib.Path(name).parent, pathlib.Path(name).name)
    pathlib.Path(f"{name}.wav").rename(name)
    return wave


def save_tune(name, i):
    roll = np.zeros((4, 30), np.float32)
    roll[:, [3, 10 + i]] = 1
    midi.save_midi(name, roll, lowest_note(30), seconds=0.125)
    return roll


def test_the_judge_counts_every_sequence_once(monkeypatch):
    """Nats a step are a ratio of sums; with one particle all three are one path's, on average."""
    model = model_of("bernoulli")
    split = Split({name: x.numpy() for name, x in batch_of(model, 23).items()})
    sets = Data("made", split, split, split, "made here")
    monkeypatch.setattr(figures, "sets_of", lambda *arguments: sets)
    options = types.SimpleNamespace(seed=0, particles=4, data_dir=None)
    found = particles.judge(None, model, options)
    assert found["examples"] == 23 and found["steps"] == split.arrays["length"].sum()
    assert found["fivo"] < found["bound"] and found["importance"] < found["bound"]
    exact = [v for v in model.trainable_variables if "encoder_head" in v.path]
    for v in exact:  # q = p: every path weighs what it says, whatever is drawn, once z is not heard
        v.assign(tf.zeros_like(v))
    for v in model.trainable_variables:
        if v.path.split("/")[-2] in ("prior_head", "z_0"):
            v.assign(tf.zeros_like(v))
    found = particles.judge(None, model, options)
    assert found["fivo"] == pytest.approx(found["bound"], rel=1e-5)
    assert found["importance"] == pytest.approx(found["bound"], rel=1e-5)


def test_the_two_numbers_of_normalisation_are_learned_from_the_training_split():
    waves = np.float32([[0.5, -0.5, 0.9, 0], [0.1, 0.3, 0, 0]])
    split = Split({"audio": waves, "length": np.int32([3, 2])}, lengths={"audio": np.int32([3, 2])})
    model = model_of()
    model.learn(split)
    real = np.float32([0.5, -0.5, 0.9, 0.1, 0.3])
    assert float(model.normalised.mean) == pytest.approx(real.mean(), rel=1e-5)
    assert float(model.normalised.deviation) == pytest.approx(real.std(), rel=1e-5)
    strokes = np.float32([[[1, 2, -4], [0, 4, 2]]])
    model = model_of("strokes")
    model.learn(Split({"strokes": strokes, "length": np.int32([2])}, lengths={"strokes": np.int32([2])}))
    assert float(model.normalised.mean) == 0  # a pen that does not move stays where it is
    assert float(model.normalised.deviation) == pytest.approx(np.sqrt(10), rel=1e-5)
    model_of("bernoulli").learn(None)
