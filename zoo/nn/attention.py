"""Additive attention (Bahdanau, Cho and Bengio, 2015, arXiv:1409.0473)."""

import tensorflow as tf


def align(keys, query, v, mask=None):
    """alpha_l = softmax over l of v . tanh(keys_l + query).

    keys: [B, L, d], each place already mapped; query: [B, d], mapped too, with the bias; v: [d]. mask: [B, L], 0 at
    places that must get no weight. Returns [B, L], whose rows sum to 1.
    """
    scores = tf.reduce_sum(v * tf.tanh(keys + query[:, None]), -1)
    if mask is not None:
        scores = tf.where(mask > 0, scores, -1e9)
    return tf.nn.softmax(scores)


def blend(alpha, values):
    """The mean of values [B, L, D] under the weights alpha [B, L]: [B, D]."""
    return tf.reduce_sum(alpha[..., None] * values, 1)
