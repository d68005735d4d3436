"""Estimates of log p(x), in nats."""

import math

import numpy as np
import tensorflow as tf


def importance_weighted(log_weights, samples, seed):
    """log (1/K) sum_k w_k, K = samples: in expectation below log p(x), and nearer with K (arXiv:1509.00519).

    log_weights: seed int32[2] -> [B] nats, log p(x, z) - log q(z | x) of one draw. It is called K times, one
    draw after the other: memory does not grow with K. Returns [B] float64. Runs eagerly and in tf.function.
    """

    def draw(k):
        return tf.cast(log_weights(tf.random.fold_in(seed, k)), tf.float64)

    def add(k, peak, total):
        log_w = draw(k)
        new_peak = tf.maximum(peak, log_w)
        return k + 1, new_peak, total * tf.exp(peak - new_peak) + tf.exp(log_w - new_peak)

    peak = draw(0)
    start = (tf.constant(1), peak, tf.ones_like(peak))
    _, peak, total = tf.while_loop(lambda k, *_: k < samples, add, start, maximum_iterations=samples - 1)
    return peak + tf.math.log(total / samples)


def mean_and_error(values):
    """Mean over examples and its standard error, as floats. values: [N], N >= 2."""
    values = np.asarray(values, np.float64)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def bits_per_dimension(log_likelihood, dimensions):
    """-log2 p(x) per dimension. log_likelihood: nats, of discrete data; grey values as targets have none."""
    return -log_likelihood / (dimensions * math.log(2))
