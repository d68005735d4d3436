"""Recurrent cells by name, each a step over affine maps as `scan` wants them.

A cell has `maps`, its built Dense layers; `states`, the number of [B, units] tensors in its state; and
step(x, state, maps) -> state, which calls maps[name](input) where the equations say W input + b.
"""

import keras
import tensorflow as tf

from zoo.nn.recurrence import lstm, lstm_gates


class RNN(keras.layers.Layer):
    """h' = tanh(x W_in + h W + b), one kernel [W_in; W] serving input and state. Its state is (h,)."""

    states = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.maps = {"gates": keras.layers.Dense(units, name="gates")}

    def build(self, input_shape):
        self.maps["gates"].build((None, input_shape[-1] + self.units))
        self.built = True

    def step(self, x, state, maps):
        (h,) = state
        return (tf.tanh(maps["gates"](tf.concat([x, h], -1))),)


class LSTM(RNN):
    """With forget gates and without peepholes. Its state is (h, c)."""

    states = 2

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.maps = {"gates": lstm_gates(units, name="gates")}

    def step(self, x, state, maps):
        h, c = state
        return lstm(maps["gates"](tf.concat([x, h], -1)), c)


class GRU(keras.layers.Layer):
    """n = tanh(x W + b + r (h U + b')), h' = (1 - u) n + u h: the reset gate r acts after the product.

    Gates in the order u, r, n. Its state is (h,).
    """

    states = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.maps = {name: keras.layers.Dense(3 * units, name=name) for name in ("input", "recurrent")}

    def build(self, input_shape):
        self.maps["input"].build(input_shape)
        self.maps["recurrent"].build((None, self.units))
        self.built = True

    def step(self, x, state, maps):
        (h,) = state
        x_u, x_r, x_n = tf.split(maps["input"](x), 3, -1)
        h_u, h_r, h_n = tf.split(maps["recurrent"](h), 3, -1)
        u = tf.sigmoid(x_u + h_u)
        n = tf.tanh(x_n + tf.sigmoid(x_r + h_r) * h_n)
        return ((1 - u) * n + u * h,)


CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
