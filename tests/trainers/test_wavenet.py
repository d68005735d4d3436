import re

import numpy as np
import pytest
import tensorflow as tf

from trainers import wavenet as trainer
from trainers.declare.task import Shown
from trainers.show.exhibits import Sound
from zoo import wavenet
from zoo.configs.wavenet import WaveNetConfig

SIZES = {"length": 40, "rate": 40, "levels": 8, "residual": 4, "gate": 3, "skip": 5, "dilations": (1, 2)}


@pytest.fixture(scope="module")
def model():
    config = WaveNetConfig(
        **SIZES, by_label=True, labels=3, by_speaker=True, speakers=2, by_notes=True, notes=4, hop=10
    )
    model, numbers = wavenet.build(config), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape).astype(np.float32))
    model.classes["label"].learn(["flute", "bell", "reed"])
    model.classes["speaker"].learn(["low", "high"])
    model.piece, model.__dict__["looped"] = 10, tf.function(model.play)
    return model


def made(model, *inputs, **options):
    return trainer.sample(model, inputs, trainer.Saying(**{"seconds": 0.5, "count": 4} | options))


def test_classes_are_asked_for_by_name_or_number_and_in_turn_by_default(model):
    assert made(model).arrays["label"].tolist() == [0, 1, 2, 0]
    found = made(model, label="bell", speaker="1")
    assert found.arrays["label"].tolist() == [1] * 4 and found.arrays["speaker"].tolist() == [1] * 4
    np.testing.assert_array_equal(found.arrays["audio"], made(model, label="1", speaker="high").arrays["audio"])
    assert found.arrays["audio"].shape == (4, 20) and found.exhibits["sound-2"].rate == 40
    assert (found.arrays["audio"] != made(model, label="bell", speaker="1", seed=1).arrays["audio"]).any()


def test_notes_are_played_and_go_up_by_default(model):
    upward, played = made(model, seconds=0.75), made(model, seconds=0.75, notes=(3, 1))
    assert upward.arrays["notes"][0].tolist() == [1, 2, 3, 0] and played.arrays["notes"][0].tolist() == [3, 1, 0, 0]
    assert (upward.arrays["audio"] != played.arrays["audio"]).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "belle"}, "label: got 'belle', expected one of flute, bell, reed (did you mean 'bell'"),
        ({"label": "3"}, "label: got 3, expected a number from -1, not known, to 2"),
        ({"notes": (4,)}, "notes: got (4,), expected numbers from 0 to 3"),
        ({"temperature": 0.0}, "temperature: got 0.0, expected a positive number"),
        ({"seconds": 0.0}, "seconds: got 0.0, expected a positive number"),
    ],
)
def test_what_cannot_be_asked_for_is_said(model, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        made(model, **options)


def test_a_clip_goes_on(model, tmp_path):
    pytest.importorskip("zoo.data.audio.files")
    given = np.array([0.1, -0.4, 0.3, 0.2], np.float32)
    Sound(given, 40).save(tmp_path, "clip")
    found = made(model, str(tmp_path / "clip.wav"), count=2)
    told = model.samples.decode(model.samples.encode(given))
    np.testing.assert_allclose(found.arrays["audio"][:, :4], [told, told], atol=1e-6)
    assert [line for line in found.lines if "clip" in line] == []
    Sound(np.repeat(given, 2), 80).save(tmp_path, "fast")
    assert made(model, str(tmp_path / "fast.wav")).lines[-1] == f"{tmp_path / 'fast.wav'}: resampled from 80 Hz"
    with pytest.raises(ValueError, match=r"nowhere.wav is no file that can be read"):
        made(model, "nowhere.wav")
    with pytest.raises(ValueError, match=r"seconds: got 0.1, expected more than the 0.10 of"):
        made(model, str(tmp_path / "clip.wav"), seconds=0.1)


def test_exhibits_are_sounds_beside_their_originals(model):
    numbers = np.random.default_rng(1)
    batch = {name: tf.constant(field.random(4, numbers)) for name, field in model.fields.items()}
    batch["length"] = tf.constant([20, 5, 12, 3])
    found = trainer.exhibits(model, Shown(batch, {}, None, None))
    kinds = ("original", "sample", "continued")
    assert set(found) == {f"{kind}-{i}" for kind in kinds for i in range(trainer.SHOWN)}
    assert [len(found[f"sample-{i}"].samples) for i in range(3)] == [20, 5, 12]
    half = model.samples.decode(model.samples.encode(batch["audio"][0, :10]))
    np.testing.assert_allclose(found["continued-0"].samples[:10], half, atol=1e-6)
    np.testing.assert_array_equal(found["original-1"].samples, batch["audio"][1, :5])
