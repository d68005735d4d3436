import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.nn import candidates
from zoo.nn.texts import nats_of

V, H = 20, 4
RNG = np.random.default_rng(0)
TEXT = np.int32([[3, 9, 3, 0, 0], [1, 19, 2, 5, 0], [7, 7, 7, 7, 7]])
STATES = RNG.normal(size=(3, 5, H)).astype("f4")


@pytest.fixture(scope="module")
def out():
    layer = keras.layers.Dense(V)
    layer.build((None, H))
    layer.set_weights([RNG.normal(size=(H, V)), RNG.normal(size=V)])
    return layer


def chances():
    """Of every word to be drawn."""
    w = np.arange(V)
    return np.log((w + 2) / (w + 1)) / np.log(V + 1)


def test_words_are_drawn_log_uniformly():
    uniform = np.float32((np.arange(100_000) + 0.5) / 100_000)  # every quantile once
    drawn = candidates.drawn(tf.constant(uniform.reshape(4, -1)), V).numpy()
    assert drawn.shape == (4, 25_000) and drawn.dtype == np.int32
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=V) / 100_000, chances(), atol=2e-5)
    ends = np.float32([0, 1 - 2**-24])
    assert candidates.drawn(ends, 20_000).numpy().tolist() == [0, 19_999]


def test_the_chance_to_be_among_some_that_are_drawn():
    drawn = candidates.drawn(tf.random.stateless_uniform([100_000, 6], (0, 1)), V).numpy()
    share = (drawn[:, :, None] == np.arange(V)).any(1).mean(0)
    got = np.exp(candidates.log_chance(np.arange(V, dtype=np.int32), V, 6))
    np.testing.assert_allclose(got, 1 - (1 - chances()) ** 6, rtol=1e-5)
    np.testing.assert_allclose(got, share, atol=4 * np.sqrt(0.25 / 100_000))  # four standard errors


@pytest.mark.parametrize("jit", [False, True])
def test_against_a_double_loop_in_numpy(out, jit):
    drawn = np.int32([[0, 5, 3, 5], [2, 2, 2, 2], [1, 8, 0, 19]])  # words twice, right words among them
    kernel, bias = out.get_weights()
    log_chance = np.log(1 - (1 - chances()) ** 4)
    want = np.zeros((3, 5))
    for b in range(3):
        for t in range(5):
            word = TEXT[b, t]
            if t and TEXT[b, t - 1] == 0:
                break
            logits = {w: STATES[b, t] @ kernel[:, w] + bias[w] - log_chance[w] for w in {*drawn[b], word}}
            want[b, t] = np.log(np.sum(np.exp([*logits.values()]))) - logits[word]
    run = tf.function(candidates.nats_among, autograph=False, jit_compile=jit)
    np.testing.assert_allclose(run(drawn, STATES, TEXT, out), want, rtol=1e-5, atol=1e-6)


@tf.function(autograph=False)
def gradient(out, drawn=None):
    """Of states, kernel and bias; drawn: candidates, without which it is that of the full softmax."""
    with tf.GradientTape() as tape:
        states = tf.constant(STATES)
        tape.watch(states)
        if drawn is None:
            nats = nats_of(tf.einsum("bth,hv->btv", states, out.kernel) + out.bias, TEXT)
        else:
            nats = candidates.nats_among(drawn, states, TEXT, out)
    return [tf.convert_to_tensor(one) for one in tape.gradient(nats, [states, out.kernel.value, out.bias.value])]


def test_with_all_words_it_is_the_full_softmax(out):
    """Of so many draws that each word is among them for sure."""
    all_words = np.int32([np.concatenate([RNG.permutation(V), RNG.integers(0, V, 4000)]) for _ in TEXT])
    for got, want in zip(gradient(out, tf.constant(all_words)), gradient(out), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_the_more_candidates_the_nearer_is_the_mean_gradient_to_the_full_one(out):
    full, errors = gradient(out), []
    for draws in (4, 64, 400):
        drawn = candidates.drawn(tf.random.stateless_uniform([200, 3, draws], (3, draws)), V)
        means = [np.mean(parts, 0) for parts in zip(*(gradient(out, each) for each in drawn), strict=True)]
        errors.append(max(np.abs(m - f).max() / np.abs(f).max() for m, f in zip(means, full, strict=True)))
    assert errors[0] > 2 * errors[1] > 8 * errors[2] and errors[2] < 0.01


def test_where_the_logits_are_right_there_is_nothing_to_learn_from_few_candidates():
    """log p of the words as bias: over words of p and candidates, the mean gradient is 0; it is not, uncorrected."""
    p = RNG.dirichlet(np.ones(V)).astype("f4")
    out = keras.layers.Dense(V)
    out.build((None, 1))
    out.set_weights([np.zeros((1, V)), np.log(p)])
    n, draws = 200_000, 5
    words = tf.constant(np.random.default_rng(1).choice(V, (n, 1), p=p / p.sum()).astype(np.int32))
    drawn = candidates.drawn(tf.random.stateless_uniform([n, draws], (5, 6)), V)

    @tf.function(autograph=False)
    def mean_gradient():
        with tf.GradientTape() as tape:
            nats = candidates.nats_among(drawn, tf.zeros([n, 1, 1]), words + 0, out)
        return tape.gradient(nats, out.bias.value)

    found = tf.convert_to_tensor(mean_gradient()).numpy() / n
    assert np.abs(found).max() < 0.01  # that words are drawn together, not each by itself, is left
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "log_chance", lambda words, *_: tf.zeros_like(words, tf.float32))
        assert np.abs(tf.convert_to_tensor(tf.function(mean_gradient.python_function)()).numpy() / n).max() > 0.05
