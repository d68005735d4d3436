"""Signals as models read them: in frames, normalised, or as classes of mu-law. Each has its inverse.

B batch, L samples, T frames, N examples. Samples are mono, from -1 to 1.
"""

import keras
import numpy as np
import tensorflow as tf


def frames(audio, size):
    """Consecutive samples as one vector, none shared: [B, L] -> [B, T, size], T = ceil(L / size), zeros at the end.

    Of a sound of n samples the first n // size frames hold no padding.
    """
    batch, length = tf.unstack(tf.shape(audio))
    padded = tf.pad(audio, [[0, 0], [0, -length % size]])
    count = None if audio.shape[1] is None else -(-audio.shape[1] // size)
    return tf.ensure_shape(tf.reshape(padded, [batch, -1, size]), [audio.shape[0], count, size])


def unframed(framed):
    """The samples of frames: [B, T, size] -> [B, T size]; the first L of them are what `frames` was given."""
    _, steps, size = framed.shape
    batch = tf.shape(framed)[0]
    audio = tf.reshape(framed, [batch, tf.shape(framed)[1] * size])
    return tf.ensure_shape(audio, [framed.shape[0], None if steps is None else steps * size])


class Normalised(keras.layers.Layer):
    """(x - mean) / deviation, two numbers of the whole training split that are saved with the weights.

    centred: without it the mean stays 0, and the deviation is the root of the mean square: a pen that does not move
      stays where it is.
    A density of y = (x - mean) / deviation is one of x after subtracting log(deviation) for every dimension.
    """

    def __init__(self, centred=True, **kwargs):
        super().__init__(**kwargs)
        self.centred = centred

    def build(self, input_shape=None):
        self.mean = self.add_weight(name="mean", shape=(), initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=(), initializer="ones", trainable=False)
        self.built = True

    def learn(self, values, lengths=None, scaled=1.0):
        """Takes the two numbers of arrays [N, L, ...], over all that is no padding.

        lengths: how many of the first entries of each row are none, [N]; without them all. scaled: what the arrays are
        to be divided by, as `zoo.data.Split.scaled` has it. Raises ValueError if all values are the same.
        """
        lengths = [len(row) for row in values] if lengths is None else lengths
        rows = [row[:n] for row, n in zip(values, lengths, strict=True)]
        count = sum(row.size for row in rows)
        mean = sum(row.sum(dtype=np.float64) for row in rows) / count if self.centred else 0.0
        variance = sum(np.square(row - mean, dtype=np.float64).sum() for row in rows) / count
        if not variance > 0:
            raise ValueError(f"signal: got {count:,} values that are all {mean / scaled:g}, expected ones that differ")
        self.mean.assign(mean / scaled)
        self.deviation.assign(np.sqrt(variance) / scaled)

    def call(self, x):
        return (x - self.mean) / self.deviation

    def inverse(self, y):
        """x of what `call` returned."""
        return y * self.deviation + self.mean


def mu_law(audio, classes=256):
    """sign(x) log(1 + mu |x|) / log(1 + mu), mu being classes - 1: [-1, 1] to itself, what is quiet spread out."""
    audio, mu = tf.clip_by_value(audio, -1.0, 1.0), classes - 1
    return tf.sign(audio) * tf.math.log1p(mu * tf.abs(audio)) / np.log1p(mu).astype(np.float32)


def mu_law_encode(audio, classes=256):
    """Samples as integers from 0 to classes - 1, int32; 0 gives classes / 2. What lies beyond [-1, 1] is clipped."""
    return tf.cast(tf.floor((mu_law(audio, classes) + 1) / 2 * (classes - 1) + 0.5), tf.int32)


def mu_law_decode(index, classes=256):
    """The samples, float32, that integers stand for; `mu_law_encode` gives every one of them its integer again."""
    mu = classes - 1
    y = (2 * tf.cast(index, tf.float32) - mu) / mu  # a whole number first: near 0 its digits count
    return tf.sign(y) * tf.math.expm1(tf.abs(y) * np.log1p(mu).astype(np.float32)) / mu
