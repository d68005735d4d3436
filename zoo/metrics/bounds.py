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


def mean_and_error(values, groups=None, counts=None):
    """Mean over examples and its standard error, as floats; the error of a single example or group is None.

    values: [N]. groups: [N] integers, equal for examples that belong together, such as the captions of one picture.
    counts: [N], how many units, such as words, each value is the sum over; the mean is then that of a unit, the ratio
    of two sums, and its error that of the ratio made linear (the delta method). Raises ValueError for no unit at all.
    """
    values = np.asarray(values, np.float64)
    counts = np.ones(len(values)) if counts is None else np.asarray(counts, np.float64)
    units = counts.sum()
    if units <= 0:
        raise ValueError(f"counts: got {units:g} in all of {len(values)} examples, expected at least 1 to divide by")
    mean = values.sum() / units
    apart = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)[1]
    sums = np.bincount(apart, values - mean * counts)  # of deviations, which those of one group may share
    if len(sums) == 1:
        return float(mean), None
    return float(mean), math.sqrt(np.sum(sums**2) * len(sums) / (len(sums) - 1)) / float(units)


def gray_entropy(x):
    """The entropy of each x, [...] in [0, 1], as the chance of a 1: no cross-entropy of it is lower. Nats."""
    return -tf.math.xlogy(x, x) - tf.math.xlog1py(1 - x, -x)


def bits_per_dimension(log_likelihood, dimensions):
    """-log2 p(x) per dimension. log_likelihood: nats, of discrete data; grey values as targets have none."""
    return -log_likelihood / (dimensions * math.log(2))
