import numpy as np
import pytest
import tensorflow as tf

from trainers.judges import filling
from zoo import catalogue
from zoo.nn.words import UNKNOWN


def test_gaps_are_at_the_end_and_what_was_known_stays():
    model = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    others = [f"word{i}" for i in range(92)]  # no number is left without a word: fresh weights would say it, too
    model.words.learn(["the", "a", "cat", "dog", "sat", "ran", *others])
    text = model.words.ids(tf.constant(["the cat sat the dog ran a cat sat the", "a dog"]), 12)
    blank = filling.gaps(text).numpy()
    assert (blank[0] == UNKNOWN).tolist() == [False] * 8 + [True] * 2 + [False] * 2  # a fifth of ten words
    assert (blank[1] == UNKNOWN).tolist() == [False, True] + [False] * 10
    made = filling.filled(lambda ids: model.impute(ids)["text"], text)
    assert (made[blank != UNKNOWN] == text.numpy()[blank != UNKNOWN]).all() and (made != UNKNOWN).all()


def texts(count=400):
    numbers = np.random.default_rng(0)
    ids = numbers.integers(2, 20, (count, 10)).astype(np.int32)
    ids[:, -1] = 0
    return ids


def test_adversaries_tell_a_word_that_real_texts_lack_and_no_copy_of_them():
    real, made = texts(), texts()
    made[:, 8] = 21
    errors = filling.adversarial_errors(real, made, 22)
    assert errors["unigram"] == pytest.approx(0.5, abs=0.01) and errors["lstm"] > 0.45
    for error in filling.adversarial_errors(real, texts(), 22).values():
        assert error == pytest.approx(0.0, abs=0.05)


def test_an_lstm_tells_an_order_that_no_bag_of_words_knows():
    real, made = texts(2000), texts(2000)
    real[:, :9] = np.sort(real[:, :9], 1)
    errors = filling.adversarial_errors(real, made, 22)
    assert abs(errors["unigram"]) < 0.05 and errors["lstm"] > 0.4
