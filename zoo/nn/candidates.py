"""Sampled softmax: in training, a word is compared with a few others in the place of all.

A text draws S words from the log-uniform distribution P(w) = log((w + 2) / (w + 1)) / log(V + 1), since words are
numbered by falling frequency. The logarithm of the chance that a word is among them is taken off its logit
(Jean, Cho, Memisevic and Bengio, 2015, arXiv:1412.2007, section 3): logits that fit best among candidates then fit best
among all words, and with many candidates the gradient is that of the full softmax.

B batch, T words of a text, S candidates of a text, V vocabulary, H size of what words are told from.
"""

import math

import tensorflow as tf

from zoo.nn.words import mask


def drawn(uniform, vocabulary):
    """Words of the log-uniform distribution. uniform: numbers in [0, 1) of any shape. Returns int32 of that shape."""
    words = tf.cast(tf.exp(uniform * math.log(vocabulary + 1)), tf.int32) - 1
    return tf.clip_by_value(words, 0, vocabulary - 1)  # where the exponential was rounded


def log_chance(words, vocabulary, draws):
    """log of the chance that a word is among so many that are drawn. words: int32 [...]. Returns [...]."""
    p = tf.math.log1p(1 / (tf.cast(words, tf.float32) + 1)) / math.log(vocabulary + 1)
    return tf.math.log(-tf.math.expm1(draws * tf.math.log1p(-p)))


def nats_among(candidates, h, ids, out):
    """-log p of every word among its text's candidates and itself, 0 behind the END.

    candidates: int32 [B, S], drawn; h: [B, T, H]; ids: int32 [B, T]; out: the built Dense layer H -> V whose logits
    these would be. Returns [B, T].
    """
    vocabulary, draws = out.units, candidates.shape[1]
    kernel = tf.transpose(tf.convert_to_tensor(out.kernel))  # [V, H]: rows of words lie together
    bias, dtype = tf.convert_to_tensor(out.bias), out.compute_dtype

    def corrected(words):
        return tf.gather(bias, words) - log_chance(words, vocabulary, draws)

    right = tf.reduce_sum(h * tf.gather(kernel, ids), -1) + corrected(ids)  # [B, T]
    among = tf.cast(tf.gather(kernel, candidates), dtype)  # [B, S, H]
    logits = tf.cast(tf.matmul(tf.cast(h, dtype), among, transpose_b=True), tf.float32)
    logits += corrected(candidates)[:, None]  # [B, T, S]
    before = tf.linalg.band_part(tf.ones([draws, draws], tf.bool), -1, 0) & ~tf.eye(draws, dtype=tf.bool)
    again = tf.reduce_any((candidates[:, :, None] == candidates[:, None]) & before, 2)  # candidates are a set
    left_out = again[:, None] | (candidates[:, None] == ids[..., None])
    logits = tf.where(left_out, -float("inf"), logits)
    nats = tf.reduce_logsumexp(tf.concat([right[..., None], logits], -1), -1) - right
    return nats * mask(ids)
