"""Particles that follow a sequence: which go on, and with what weight. B batch, N particles."""

import tensorflow as tf


def effective(log_weights):
    """The effective sample size of normalised weights: 1 / sum of squares, [B]. log_weights: [B, N]."""
    return tf.exp(-tf.reduce_logsumexp(2 * log_weights, 1))


def ancestors(log_weights, uniform):
    """Systematic resampling: each particle's share of N places, rounded at random. Returns int32 [B, N].

    log_weights: [B, N], normalised; uniform: [B] in [0, 1), which moves all places together. On average a particle gets
    N times its weight of them, so that the estimate of a likelihood stays unbiased.
    """
    count = log_weights.shape[1]
    places = (uniform[:, None] + tf.range(count, dtype=tf.float32)) / count  # [B, N]
    ends = tf.cumsum(tf.exp(log_weights), 1)[:, :-1]  # the last is 1, whatever rounding says
    return tf.reduce_sum(tf.cast(ends[:, None, :] <= places[:, :, None], tf.int32), 2)


def resample(log_weights, uniform, always):
    """(whose place each takes, int32 [B, N], and the log weights after), no gradient going through the choice.

    Where not always, particles stay as they are until their effective sample size is below N / 2.
    """
    count = log_weights.shape[1]
    log_weights_now = tf.stop_gradient(log_weights)
    chosen = ancestors(log_weights_now, uniform)
    equal = tf.fill(tf.shape(log_weights), -tf.math.log(float(count)))
    if always:
        return chosen, equal
    needed = (effective(log_weights_now) < count / 2)[:, None]
    return tf.where(needed, chosen, tf.range(count)[None]), tf.where(needed, equal, log_weights)


def taken(state, chosen):
    """The particles' states [B N, ...] in the places of others. chosen: int32 [B, N]."""
    own = tf.range(tf.shape(chosen)[0])[:, None] * chosen.shape[1]
    return tf.gather(state, tf.reshape(own + chosen, [-1]))
