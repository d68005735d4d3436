import numpy as np
import pytest
import tensorflow as tf

from trainers import sentence_vae
from zoo import catalogue
from zoo.nn.words import UNKNOWN


@pytest.fixture(scope="module")
def model():
    model = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    others = [f"word{i}" for i in range(92)]  # no number is left without a word: fresh weights would say it, too
    model.words.learn(["the", "a", "cat", "dog", "sat", "ran", *others])
    return model


def test_gaps_are_at_the_end_and_what_was_known_stays(model):
    text = model.words.ids(tf.constant(["the cat sat the dog ran a cat sat the", "a dog"]), 12)
    blank, filled = (ids.numpy() for ids in sentence_vae.gaps(model, text[:, :11]))
    assert (blank[0] == UNKNOWN).tolist() == [False] * 8 + [True] * 2 + [False] * 2  # a fifth of ten words
    assert (blank[1] == UNKNOWN).tolist() == [False, True] + [False] * 10
    assert (filled[blank != UNKNOWN] == text.numpy()[blank != UNKNOWN]).all() and (filled != UNKNOWN).all()


def test_inputs_come_back_are_filled_and_joined(model):
    made = sentence_vae.sample(model, ["the ___ sat", "a zebra"], sentence_vae.Writing(count=3))
    assert made.lines[0].startswith("the ___ sat\n> ")
    filled = made.lines[1].removeprefix("= ").split()
    assert len(filled) == 3 and filled[::2] == ["the", "sat"] and filled[1] != "<unk>"
    assert made.lines[-1] == "unknown words: zebra" and made.arrays["mean"].shape == (2, 4)
    first, last = model.write(2, np.float32(made.arrays["mean"]))["text"]
    assert made.lines[4] == model.words.texts(first[None]).numpy()[0].decode()
    assert made.lines[6] == model.words.texts(last[None]).numpy()[0].decode()
