import math

import numpy as np
import pytest
import tensorflow as tf

from zoo.metrics.bounds import bits_per_dimension, gray_entropy, importance_weighted, mean_and_error

GOLDEN = tf.constant([-90.0, -88.5, -91.2, -89.1, -95.0], tf.float64)


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_golden_estimate(run):
    calls = iter(range(5))
    if run is tf.function:  # the loop is traced once: take the k-th draw by what the seed carries
        table = {tuple(tf.random.fold_in([0, 1], k).numpy()): k for k in range(5)}
        keys = tf.constant(list(table))

        def log_weights(seed):
            k = tf.argmax(tf.reduce_all(keys == seed, 1))
            return tf.stack([GOLDEN[k], GOLDEN[k] - 1000])
    else:

        def log_weights(seed):
            k = next(calls)
            return tf.stack([GOLDEN[k], GOLDEN[k] - 1000])

    got = run(lambda: importance_weighted(log_weights, 5, [0, 1]))()
    assert got.dtype == tf.float64
    np.testing.assert_allclose(got, [-89.4993187359, -1089.4993187359], rtol=1e-9)
    np.testing.assert_allclose(bits_per_dimension(-90.76, 784), 0.1670140330, rtol=1e-9)


@pytest.mark.parametrize("samples", [1, 2, 1000])
def test_streaming_equals_keeping_all(samples):
    """Weights that climb and fall by hundreds of nats, against NumPy over all of them at once."""

    def log_weights(seed):
        return 300 * tf.random.stateless_normal([3], seed) - 1000

    kept = np.float64([log_weights(tf.random.fold_in([7, 8], k)) for k in range(samples)])
    want = np.logaddexp.reduce(kept, 0) - math.log(samples)
    got = tf.function(lambda: importance_weighted(log_weights, samples, [7, 8]))()
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_every_draw_has_its_own_seed():
    seen = []

    def log_weights(seed):
        seen.append(tuple(np.asarray(seed)))
        return tf.zeros([1])

    importance_weighted(log_weights, 9, tf.constant([1, 2]))
    assert len(set(seen)) == len(seen) == 9


def test_mean_and_error_are_of_the_examples():
    mean, error = mean_and_error(np.float32([1, 2, 3, 6]))
    assert mean == 3 and error == pytest.approx(math.sqrt(14 / 3) / 2)


def test_examples_that_share_what_they_are_of_count_as_one():
    means = np.array([1.0, 2, 3, 6])
    mean, error = mean_and_error(np.repeat(means, 5), np.repeat([7, 3, 5, 4], 5))  # nothing new in the other four
    assert (mean, error) == (3, pytest.approx(mean_and_error(means)[1]))
    values, groups = np.random.default_rng(0).normal(size=12), [0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
    parts = [values[np.equal(groups, g)] - values.mean() for g in range(3)]
    variance = sum(np.outer(part, part).sum() for part in parts) * 3 / 2 / 12**2
    assert mean_and_error(values, groups)[1] == pytest.approx(math.sqrt(variance))


def test_no_cross_entropy_of_gray_is_below_its_entropy():
    x = np.float32([0, 1e-3, 0.3, 0.5, 1])
    entropy = gray_entropy(x).numpy()
    assert entropy[0] == entropy[-1] == 0 and entropy[3] == pytest.approx(math.log(2))
    for logits in np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32):
        assert (tf.nn.sigmoid_cross_entropy_with_logits(x, logits).numpy() >= entropy - 1e-6).all()
    at = tf.nn.sigmoid_cross_entropy_with_logits(x[1:4], np.log(x[1:4] / (1 - x[1:4])))
    np.testing.assert_allclose(at, entropy[1:4], rtol=1e-4)
