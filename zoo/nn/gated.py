"""Causal stacks of gated dilated convolutions (WaveNet's): all steps at once, and one step after the other.

A convolution has two taps, at t - d and t, with zeros before the start of every layer. B batch, T steps, R residual
channels, D gate channels, S skip channels, L layers, d dilation, M the largest d, G and C channels of conditions.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from zoo.nn.dilated import taps

TAPS = 2


def field(dilations):
    """How many inputs an output sees: 1 + sum d."""
    return 1 + (TAPS - 1) * sum(dilations)


class Past(NamedTuple):
    """What a stack remembers of the steps before: the inputs of every layer, one row a step, the oldest overwritten."""

    step: tf.Tensor  # int32 [], how many there were
    rows: tf.Tensor  # [M, L, B, R]; step t is in row t % M


class GatedStack(keras.layers.Layer):
    """z = tanh(filter) sigmoid(gate) in every layer, a residual to the next one, and the sum of all skips.

    g: of the whole series, [B, G], is added in every layer before tanh and sigmoid by a map of the layer's own; so is
    y, of every step, [B, T, C], not shifted. Either is None where there is none. One bias stands for those of all
    skips, which are only ever added.
    """

    def __init__(self, residual, gate, skip, dilations, for_all=0, for_each=0, **kwargs):
        super().__init__(**kwargs)
        self.residual, self.gate, self.skip, self.dilations = residual, gate, skip, dilations
        self.for_all, self.for_each = for_all, for_each

    def build(self, input_shape=None):
        count, inner = len(self.dilations), TAPS * self.residual

        def weight(name, *shape):
            # A row of layers is no convolution: Keras would count it among the inputs.
            limit = (6 / (shape[-2] + shape[-1])) ** 0.5
            uniform = keras.initializers.RandomUniform(-limit, limit)
            return self.add_weight(name=name, shape=shape, initializer=uniform)

        def bias(name, *shape):
            return self.add_weight(name=name, shape=shape, initializer="zeros")

        self.filters = weight("filters", count, inner + self.for_each, 2 * self.gate)  # old, new, y: filter, gate
        self.filter_biases = bias("filter_biases", count, 2 * self.gate)
        self.residuals = weight("residuals", count, self.gate, self.residual)
        self.residual_biases = bias("residual_biases", count, self.residual)
        self.skips = weight("skips", count * self.gate, self.skip)
        self.skip_bias = bias("skip_bias", self.skip)
        if self.for_all:
            self.conditions = weight("conditions", self.for_all, count * 2 * self.gate)
        self.built = True

    def added(self, g):
        """What every layer adds before tanh and sigmoid whatever the step: [L, B, 2 D], or B = 1 without g."""
        biases = tf.convert_to_tensor(self.filter_biases)[:, None]
        if g is None:
            return biases
        of_g = product(g, self.conditions, self.compute_dtype)  # [B, L 2 D]
        return biases + tf.transpose(tf.reshape(of_g, [-1, len(self.dilations), 2 * self.gate]), [1, 0, 2])

    def along(self, h, g=None, y=None):
        """All steps at once. h: [B, T, R]. Returns the sum of skips, [B, T, S]."""
        dtype, added, found = self.compute_dtype, self.added(g), []
        residuals, biases = tf.convert_to_tensor(self.residuals), tf.convert_to_tensor(self.residual_biases)
        filters, skips = tf.convert_to_tensor(self.filters), tf.convert_to_tensor(self.skips)
        for i, dilation in enumerate(self.dilations):
            x = taps(h, dilation, TAPS)
            x = x if y is None else tf.concat([x, y], -1)
            z = gated(product(x, filters[i], dtype) + added[i][:, None])  # OpenVINO (2026.4) reads [i, :, None] wrongly
            found.append(z)
            h += product(z, residuals[i], dtype) + biases[i]
        return product(tf.concat(found, -1), skips, dtype) + self.skip_bias

    def begin(self, size):
        """The Past of no step. size: B."""
        return Past(tf.zeros([], tf.int32), tf.zeros([max(self.dilations), len(self.dilations), size, self.residual]))

    def step(self, h, past, added, y=None):
        """One step more. h: [B, R]; added: as `added` gives it; y: [B, C]. Returns (sum of skips [B, S], Past)."""
        most = max(self.dilations)
        row = (past.step - tf.constant(self.dilations)) % most
        old = tf.gather_nd(past.rows, tf.stack([row, tf.range(len(self.dilations))], 1))
        skips, inputs = self.advance(h, old, added, y)
        return skips, Past(past.step + 1, tf.tensor_scatter_nd_update(past.rows, [[past.step % most]], inputs[None]))

    def advance(self, h, old, added, y=None):
        """The sum of skips [B, S] of one step, and the inputs of all layers, [L, B, R]. old: those d steps before.

        All that depends on steps before is one product for all layers, and so are the skips. What is between is
        written out: a loop over the layers would take half as long again.
        """
        filters, residuals = tf.convert_to_tensor(self.filters), tf.convert_to_tensor(self.residuals)
        biases = tf.convert_to_tensor(self.residual_biases)
        known = added + old @ filters[:, : self.residual]
        if y is not None:
            known += y @ filters[:, TAPS * self.residual :]
        inputs, outputs = [], []
        for i in range(len(self.dilations)):
            z = gated(known[i] + h @ filters[i, self.residual : TAPS * self.residual])
            inputs.append(h)
            outputs.append(z)
            h += z @ residuals[i] + biases[i]
        return tf.concat(outputs, -1) @ tf.convert_to_tensor(self.skips) + self.skip_bias, tf.stack(inputs)


def product(x, kernel, dtype):
    """x @ kernel in float32, computed in dtype. x: [..., I]; kernel: [I, O]."""
    return tf.cast(tf.tensordot(tf.cast(x, dtype), tf.cast(tf.convert_to_tensor(kernel), dtype), 1), tf.float32)


def gated(x):
    """tanh of the first half of the channels times sigmoid of the second. x: [..., 2 D]. Returns [..., D]."""
    filtered, gate = tf.split(x, 2, -1)
    return tf.tanh(filtered) * tf.sigmoid(gate)


class Upsampled(keras.layers.Layer):
    """A transposed convolution as wide as its stride: `hop` steps of every entry of a slower series, each by its own
    map."""

    def __init__(self, hop, channels, **kwargs):
        super().__init__(**kwargs)
        self.hop, self.channels = hop, channels
        self.map = keras.layers.Dense(hop * channels, use_bias=False, name="map")

    def build(self, input_shape):
        self.map.build(input_shape)
        self.built = True

    def call(self, series):
        """series: [B, N, C]. Returns [B, N hop, channels], y[n hop + j] = series[n] K[j]."""
        y = tf.cast(self.map(series), tf.float32)
        return tf.reshape(y, [tf.shape(y)[0], tf.shape(y)[1] * self.hop, self.channels])
