"""Stacks of causal dilated convolutions: an output sees the inputs up to its own, as far back as the field reaches.

B batch, T steps, C channels, d dilation. A filter has three taps, at t - 2 d, t - d and t, with zeros before the start.
"""

import keras
import tensorflow as tf

from zoo.nn.texts import Table, dropped
from zoo.nn.words import UNKNOWN

TAPS = 3


def field(dilations):
    """How many inputs an output sees: 1 + 2 sum d."""
    return 1 + (TAPS - 1) * sum(dilations)


def taps(x, dilation, count):
    """What a causal filter sees at every step, the oldest first, zeros before the start.

    x: [B, T, C]. Returns [B, T, count C].
    """
    steps, past = tf.shape(x)[1], (count - 1) * dilation
    padded = tf.pad(x, [[0, 0], [past, 0], [0, 0]])
    return tf.concat([padded[:, k * dilation : k * dilation + steps] for k in range(count)], -1)


class Block(keras.layers.Layer):
    """A residual block: to fewer channels, along time, back to all; ReLU(x + that) (Yang et al. 2017, figure 2)."""

    def __init__(self, outer, inner, dilation, **kwargs):
        super().__init__(**kwargs)
        self.outer, self.inner, self.dilation = outer, inner, dilation
        self.squeeze = keras.layers.Dense(inner, "relu", name="squeeze")
        self.convolve = keras.layers.Dense(inner, "relu", name="convolve")  # of the taps, the oldest first
        self.expand = keras.layers.Dense(outer, name="expand")

    def build(self, input_shape=None):
        self.squeeze.build((None, self.outer))
        self.convolve.build((None, TAPS * self.inner))
        self.expand.build((None, self.inner))
        self.built = True

    @property
    def past(self):
        """The steps before an input that its output sees."""
        return (TAPS - 1) * self.dilation

    def along(self, x, uniform=None, rate=0.0):
        """All steps at once. x: [B, T, C]. uniform: of dropout at this rate, [B, L, C], L >= T. Returns as x."""
        found = taps(self.squeeze(x), self.dilation, TAPS)
        added = tf.cast(self.expand(self.convolve(found)), tf.float32)
        return tf.nn.relu(x + dropped(added, uniform, rate))

    def step(self, x, cache):
        """One step more. x: [B, C]; cache: [B, past, inner], what was squeezed before. Returns (as x, cache)."""
        a = tf.cast(self.squeeze(x), tf.float32)
        taps = tf.concat([cache[:, 0], cache[:, self.dilation], a], -1)
        added = tf.cast(self.expand(self.convolve(taps)), tf.float32)
        return tf.nn.relu(x + added), tf.concat([cache[:, 1:], a[:, None]], 1)


class DilatedWriter(keras.layers.Layer):
    """A stack of blocks that says each word after those before it, perhaps from a vector z beside every one of them."""

    def __init__(self, vocabulary, embedding, outer, inner, dilations, takes_z=False, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.takes_z = vocabulary, takes_z
        self.table = Table(vocabulary, embedding, name="table")
        self.enter = keras.layers.Dense(outer, name="enter")
        self.blocks = [Block(outer, inner, d, name=f"block_{i}") for i, d in enumerate(dilations)]
        self.out = keras.layers.Dense(vocabulary, name="out")

    def build(self, z_shape=(None, 0)):
        self.table.build()
        self.enter.build((None, self.table.size + z_shape[-1]))
        for block in self.blocks:
            block.build()
        self.out.build((None, self.enter.units))
        self.built = True

    def uniforms(self, length):
        """Of dropout's noise for texts of so many words: {name: shape}."""
        return {f"block_{i}": [length, self.enter.units] for i in range(len(self.blocks))}

    def begin(self, size, z=None):
        """What every block remembers before the first word. size: B."""
        return [tf.zeros([size, block.past, block.inner]) for block in self.blocks]

    def inputs(self, words, z):
        x = self.table.vectors(words)
        if self.takes_z:
            x = tf.concat([x, tf.repeat(z[:, None], tf.shape(x)[1], 1)], -1)
        return tf.cast(self.enter(x), tf.float32)

    def read(self, words, z=None, noise=None, rate=0.0):
        """What is known after each of the words, [B, T, C], behind None. words: int32 [B, T]; noise: of `uniforms`."""
        noise, h = noise or {}, self.inputs(words, z)
        for i, block in enumerate(self.blocks):
            h = block.along(h, noise.get(f"block_{i}"), rate)
        return None, h

    def logits(self, h):
        """Of the next word. h: [..., C]. Returns float32 [..., V]."""
        return tf.cast(self.out(h), tf.float32)

    def step(self, words, caches, z=None):
        """One word more. words: int32 [B]. Returns (log p [B, V], UNKNOWN's being -inf; the caches after it)."""
        h, after = self.inputs(words[:, None], z)[:, 0], []
        for block, cache in zip(self.blocks, caches, strict=True):
            h, cache = block.step(h, cache)
            after.append(cache)
        never = tf.one_hot(UNKNOWN, self.vocabulary, -float("inf"), 0.0)
        return tf.nn.log_softmax(self.logits(h)) + never, after
