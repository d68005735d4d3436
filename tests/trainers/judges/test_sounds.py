import numpy as np
import pytest

from trainers.judges import sounds
from trainers.judges.options import Sounding
from zoo import catalogue, data
from zoo.configs.wavenet import PRESETS

MODEL = catalogue.build("wavenet", PRESETS["smoke"].model)


@pytest.fixture(scope="module")
def tones():
    sets = data.load("tones", fields=MODEL.fields)
    return [sounds.heard(split, 6400) for split in (sets.train, sets.test)]


def test_it_recognises_real_sounds_and_no_noise(tones):
    train, test = tones
    tells = sounds.classifier(train, 8000)
    assert tells(test) > 0.9
    noise = np.random.default_rng(0).uniform(-1, 1, test["audio"].shape).astype(np.float32)
    assert tells(test | {"audio": noise}) < 0.4


def test_what_follows_a_sound_is_not_heard(tones):
    test = {name: x[:5] for name, x in tones[1].items()}
    behind = np.arange(test["audio"].shape[1]) >= test["length"][:, None]
    louder = test | {"audio": np.where(behind, np.float32(1), test["audio"])}
    np.testing.assert_array_equal(sounds.features(louder, 8000), sounds.features(test, 8000))


def test_sounds_are_drawn_under_the_conditions_and_to_the_lengths_of_real_ones():
    asked = []

    class Told:
        fields = ("audio", "length", "label")

        def uniforms(self, size, count, seed):
            return np.zeros((size, count, 1))

        def generate(self, uniforms, told, temperature):
            asked.append(uniforms.shape[1])
            return np.repeat(told["label"][:, None], uniforms.shape[1], 1).astype(np.float32)

    lengths = np.arange(60, 0, -1)
    real = {"audio": np.ones((60, 60), np.float32), "length": lengths, "label": np.arange(60) % 7}
    made = sounds.drawn(Told(), real, Sounding())
    assert asked == [50, 60]  # the short ones first
    for row, length, label in zip(made, lengths, real["label"], strict=True):
        assert (row[:length] == label).all()


def test_a_model_that_is_not_told_classes_has_nothing_to_be_judged_by():
    model = catalogue.build("wavenet", catalogue.preset("wavenet", "smoke").model.__class__(length=40, dilations=(1,)))
    with pytest.raises(ValueError, match="run: this model is not told classes"):
        sounds.judge(None, model, Sounding())
