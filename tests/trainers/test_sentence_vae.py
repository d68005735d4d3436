import numpy as np
import pytest
import tensorflow as tf

from trainers import sentence_vae
from trainers.declare.task import Sampling
from zoo import catalogue
from zoo.configs.sentence_vae import LanguageModelConfig
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
    made = sentence_vae.sample(model, ["the ___ sat", "a zebra"], Sampling(count=3))
    assert made.lines[0].startswith("the ___ sat\n> ")
    filled = made.lines[1].removeprefix("= ").split()
    assert len(filled) == 3 and filled[::2] == ["the", "sat"] and filled[1] != "<unk>"
    assert made.lines[-1] == "unknown words: zebra" and made.arrays["mean"].shape == (2, 4)
    first, last = model.write(2, np.float32(made.arrays["mean"]))["text"]
    assert made.lines[4] == model.words.texts(first[None]).numpy()[0].decode()
    assert made.lines[9] == model.words.texts(last[None]).numpy()[0].decode()


def test_a_language_model_draws_and_tells_how_likely_a_text_is():
    model = catalogue.build("sentence_vae", LanguageModelConfig(vocabulary=100, text_length=12, embedding=8, hidden=16))
    model.words.learn(["the", "cat", "sat", *(f"word{i}" for i in range(95))])
    made = sentence_vae.told(model, ["the cat sat", "a cat"], Sampling())
    ids = np.int32([[2, 3, 4, 0], [1, 3, 0, 0]])
    nats = model.loss_terms({"text": ids}, {})["negative_log_likelihood"].numpy()
    np.testing.assert_allclose(made.arrays["negative_log_likelihood"], nats, rtol=1e-6)
    assert made.lines[0] == f"the cat sat\n> {nats[0]:.2f} nats, perplexity {np.exp(nats[0] / 4):.4g}"
    assert made.lines[-1] == "unknown words: a"
    drawn, again = (sentence_vae.told(model, [], Sampling(count=3, seed=1)).lines for _ in range(2))
    assert len(drawn) == 3 and drawn == again != sentence_vae.told(model, [], Sampling(count=3, seed=2)).lines
