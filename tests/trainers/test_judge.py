import json
import types

import numpy as np
import pytest

import zoo
from trainers import judge
from trainers.judges import digits
from zoo import data
from zoo.declare import Field


@pytest.fixture(scope="module")
def judged():
    """The embedded digits with a classifier that has seen them for ten epochs."""
    fields = {"image": Field((28, 28, 1)), "label": Field(dtype="int32")}
    sets = data.load("digits", fields=fields, regime="gray")
    return sets, *digits.classifier(sets, seed=0)


def painter(images):
    """A model whose samples are the given images."""
    return types.SimpleNamespace(sample=lambda n, seed: images[seed[1] : seed[1] + n])


def test_real_digits_are_recognised(judged):
    sets, network, accuracy = judged
    assert accuracy > 0.9
    images = sets.test.arrays["image"] / (255 if sets.test.arrays["image"].dtype == np.uint8 else 1)
    found = digits.recognised(painter(images.astype(np.float32)), network, 200, 0.9, 0)
    assert found["recognised"] > 0.75 and found["smallest_class_share"] > 0.05
    assert sum(found["class_shares"]) == pytest.approx(1, abs=1e-3)


def test_noise_and_a_single_class_are_not_taken_for_digits(judged):
    sets, network, _ = judged
    noise = np.random.default_rng(0).random([200, 28, 28, 1], np.float32)
    one = np.repeat(sets.test.arrays["image"][:1] / np.float32(255), 200, 0)
    assert digits.recognised(painter(noise), network, 200, 0.999, 0)["recognised"] < 0.75
    assert digits.recognised(painter(one), network, 200, 0.9, 0)["smallest_class_share"] == 0


def test_the_command_prints_one_json_object(monkeypatch, capsys):
    images = np.random.default_rng(1).random([20, 28, 28, 1], np.float32)
    fields = {"image": Field((28, 28, 1))}
    model = types.SimpleNamespace(fields=fields, sample=lambda n, seed: images[:n])
    monkeypatch.setattr(zoo, "load", lambda name: model)
    judge.main(["draw/digits", "--count", "20", "--data", "digits"])
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 20 and 0 <= found["recognised"] <= 1 and len(found["class_shares"]) == 10
