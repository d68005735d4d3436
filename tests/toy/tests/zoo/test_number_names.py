"""Number names against NumPy loops, and their data against a dictionary written by hand."""

import numpy as np
import pytest
import tensorflow as tf

from zoo import data, number_names
from zoo.configs.number_names import NumberNamesConfig
from zoo.data.numerals.named import name
from zoo.nn.decoding import gumbel
from zoo.nn.words import END, UNKNOWN

CONFIG = NumberNamesConfig(vocabulary=9, name_length=5, embedding=3, hidden=4)
NAMES = np.int32([[2, 3, 4, END, END], [5, END, END, END, END], [8, 7, 6, 5, 4], [2, 2, 2, 2, END]])
DIGITS = np.int32([3, 0, 9, 3])


@pytest.fixture(scope="module")
def model():
    """With weights that are all different and away from 0."""
    model, numbers = number_names.build(CONFIG), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape))
    return model


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(model, words):
    """(log p of every word [T + 1, V], log p of every digit [T + 1, 10]) before each of T words and after the last."""
    maps = {name: (map.kernel.numpy(), map.bias.numpy()) for name, map in model.cell.maps.items()}
    h, x, found = np.zeros(CONFIG.hidden), np.zeros(CONFIG.embedding), []
    for word in [*words, None]:
        (w, b), (u, c) = maps["input"], maps["recurrent"]
        x_u, x_r, x_n = np.split(x @ w + b, 3)
        h_u, h_r, h_n = np.split(h @ u + c, 3)
        h = (1 - sigmoid(x_u + h_u)) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + sigmoid(x_u + h_u) * h
        logits = [h @ head.kernel.numpy() + head.bias.numpy() for head in (model.next_word, model.last_digit)]
        found.append([x - np.log(np.exp(x).sum()) for x in logits])
        x = None if word is None else model.embedding.numpy()[word]
    return [np.array(each) for each in zip(*found, strict=True)]


@pytest.mark.parametrize("run", [lambda f: f, tf.function(jit_compile=True)], ids=["eager", "xla"])
def test_terms_and_counts_are_those_of_a_loop_over_words(model, run):
    batch = {"name": NAMES, "digit": DIGITS}
    terms, counts = run(model.loss_terms)(batch, {}), model.counts(batch)
    for i, (words, digit) in enumerate(zip(NAMES, DIGITS, strict=True)):
        count = min(len(words), (words != END).sum() + 1)
        log_words, log_digits = by_hand(model, words[:count])
        nats = -sum(log_words[t, words[t]] for t in range(count))
        assert float(terms["distortion"][i]) == pytest.approx(nats, rel=1e-5)
        assert float(terms["digit"][i]) == pytest.approx(-log_digits[count - 1, digit], rel=1e-5)
        assert terms["digit_errors"][i] == (log_digits[count - 1].argmax() != digit)
        assert counts["words"][i] == count


def test_padding_changes_no_number(model):
    long = model.loss_terms({"name": NAMES[:2], "digit": DIGITS[:2]}, {})
    short = model.loss_terms({"name": NAMES[:2, :4], "digit": DIGITS[:2]}, {})
    for key in long:
        assert long[key].numpy().tobytes() == short[key].numpy().tobytes()


def test_a_name_goes_on_with_the_likeliest_words_after_what_is_told(model):
    begun = np.int32([[3, 4, 0, 0, 0], [0, 0, 0, 0, 0], [UNKNOWN, 2, 0, 0, 0], [5, 6, 7, 8, 0]])
    said = model.complete(begun)
    for i, words in enumerate(begun):
        told = [word for word in words if word != END]
        want, score = list(told), 0.0
        while len(want) < CONFIG.name_length and (len(want) <= len(told) or want[-1] != END):
            log_words = by_hand(model, want)[0][-1]
            log_words[UNKNOWN] = -np.inf
            want.append(int(log_words.argmax()))
            score += log_words.max()
        assert said["ids"][i].numpy().tolist() == want + [END] * (CONFIG.name_length - len(want))
        assert float(said["score"][i]) == pytest.approx(score, rel=1e-5)
        np.testing.assert_allclose(said["digit"][i], by_hand(model, want)[1][len(want) - 1], rtol=1e-4)


def test_drawn_words_come_as_often_as_they_are_likely(model):
    n = 4000
    begun = np.tile(np.int32([3, 4, 0, 0, 0]), (n, 1))
    drawn = model.complete(begun, gumbel([n, 5, 9], (1, 2)))["ids"].numpy()
    assert (drawn[:, :2] == [3, 4]).all()
    p = np.exp(by_hand(model, [3, 4])[0][-1])
    p[UNKNOWN] = 0  # whose share the others get
    p /= p.sum()
    share = np.bincount(drawn[:, 2], minlength=9) / n
    assert (abs(share - p) <= 4 * np.sqrt(p * (1 - p) / n)).all()


def test_names_of_numbers():
    for n, want in {
        7: "seven",
        40: "forty",
        99: "ninety nine",
        100: "one hundred",
        318: "three hundred and eighteen",
        1005: "one thousand and five",
        9999: "nine thousand nine hundred and ninety nine",
        250_000: "two hundred and fifty thousand",
    }.items():
        assert name(n) == want


def test_every_number_is_in_one_split_with_its_last_digit():
    model = number_names.build(NumberNamesConfig())
    sets = data.load("number-names", fields=model.fields, largest=500)
    model.words.learn(sets.vocabularies["name"])
    told = {}
    for split in (sets.train, sets.validation, sets.test):
        texts = model.words.texts(tf.constant(split.arrays["name"])).numpy()
        told |= dict(zip((text.decode() for text in texts), split.arrays["digit"].tolist(), strict=True))
    assert told == {name(n): n % 10 for n in range(1, 501)}
    assert [split.size for split in (sets.train, sets.validation, sets.test)] == [400, 50, 50]
    again = data.load("number-names", fields=model.fields, known={"name": tuple(model.words.known)}, largest=500)
    np.testing.assert_array_equal(again.test.arrays["name"], sets.test.arrays["name"])


def test_another_model_is_refused():
    fields = {"name": number_names.build(CONFIG).fields["name"]}
    with pytest.raises(ValueError, match="data: number-names holds a name and a digit, the model takes name int32"):
        data.load("number-names", fields=fields, largest=100)
