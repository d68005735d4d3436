import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.annealing import free, weight

STEPS = [0, 1, 500, 1000, 2500, 5000, 9000, 10000, 20000]


@pytest.mark.parametrize(
    ("kind", "steps", "start", "at", "expected"),
    [
        ("linear", 10_000, 0.01, STEPS, [0.01, 0.010099, 0.0595, 0.109, 0.2575, 0.505, 0.901, 1, 1]),
        (
            "logistic",
            5000,
            0.0,
            STEPS[:6],
            [0.001926734663, 0.00193154821, 0.006692850924, 0.02297736991, 0.5, 0.9980732653],
        ),
        (
            "cyclic",
            1000,
            0.0,
            [0, 1, 62, 63, 124, 125, 126, 200, 249, 250, 251, 375, 999, 1000, 5000],
            [0, 0.008, 0.496, 0.504, 0.992, 1, 1, 1, 1, 0, 0.008, 1, 1, 1, 1],
        ),
        ("constant", 1000, 0.4, [0, 10_000], [0.4, 0.4]),
    ],
)
def test_weights_of_the_rate(kind, steps, start, at, expected):
    found = [float(weight(kind, tf.constant(step), steps, start)) for step in at]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_free_bits_are_the_maximum_after_the_mean():
    rates = tf.constant([[0.05, 0.9, 0.3, 1.6], [0.15, 0.2, 0.8, 1.4], [0.1, 0.1, 0.7, 0.6]])
    with tf.GradientTape() as tape:
        tape.watch(rates)
        total = tf.reduce_mean(tf.reduce_sum(rates, 1) + free(rates, 0.5))
    assert float(total) == pytest.approx(2.8)  # 3.0 if the maximum were taken of every example
    np.testing.assert_allclose(tape.gradient(total, rates), [[0, 0, 1 / 3, 1 / 3]] * 3, atol=1e-7)
