"""Recurrent cells by name, each a step over affine maps as `scan` wants them.

A cell has `maps`, its built Dense layers; `states`, the number of [B, units] tensors in its state; and
step(x, state, maps) -> state, which calls maps[name](input) where the equations say W input + b.
Where all inputs are known, as in a text that is read, `unroll` multiplies them with their part of W at once.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from zoo.nn.recurrence import affine, lstm, lstm_gates, scan, swap


class Affine(NamedTuple):
    """What `scan` asks of a map: here a part of another one's kernel."""

    kernel: tf.Tensor
    compute_dtype: str
    bias: tf.Tensor | None = None

    @property
    def units(self):
        return self.kernel.shape[1]


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
        return self.update(maps["gates"](tf.concat([x, state[0]], -1)), state)

    def update(self, gates, state):
        return (tf.tanh(gates),)

    def ahead(self, x):
        gates, size = self.maps["gates"], x.shape[-1]
        kernel = tf.convert_to_tensor(gates.kernel)
        maps = {"recurrent": Affine(kernel[size:], gates.compute_dtype)}
        return affine(x, kernel[:size], gates.bias, gates.compute_dtype), maps

    def step_from(self, ahead, state, maps):
        return self.update(ahead + maps["recurrent"](state[0]), state)


class LSTM(RNN):
    """With forget gates and without peepholes. Its state is (h, c)."""

    states = 2

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.maps = {"gates": lstm_gates(units, name="gates")}

    def update(self, gates, state):
        return lstm(gates, state[1])


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
        return self.step_from(maps["input"](x), state, maps)

    def ahead(self, x):
        return tf.cast(self.maps["input"](x), tf.float32), {"recurrent": self.maps["recurrent"]}

    def step_from(self, ahead, state, maps):
        (h,) = state
        x_u, x_r, x_n = tf.split(ahead, 3, -1)
        h_u, h_r, h_n = tf.split(maps["recurrent"](h), 3, -1)
        u = tf.sigmoid(x_u + h_u)
        n = tf.tanh(x_n + tf.sigmoid(x_r + h_r) * h_n)
        return ((1 - u) * n + u * h,)


CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def unroll(cell, x, state, mask=None):
    """A cell over known inputs. x: [B, T, D]; state: [B, units] tensors; mask: [B, T], 0 where the state stays.

    Returns (last state, h [B, T, units]).
    """
    # One product of two matrices: TensorFlow has the gradient of another one made of a product for every example.
    ahead, maps = cell.ahead(tf.reshape(x, [-1, x.shape[-1]]))
    ahead = tf.reshape(ahead, [*tf.unstack(tf.shape(x))[:2], ahead.shape[-1]])
    inputs = (swap(ahead), *([] if mask is None else [swap(mask)[..., None]]))

    def step(state, inputs, maps):
        ahead, *kept = inputs
        after = cell.step_from(ahead, state, maps)
        if kept:
            after = tuple(tf.where(kept[0] > 0, new, old) for new, old in zip(after, state, strict=True))
        return after, [after[0]]

    last, (h,) = scan(step, state, inputs, maps, [[None, cell.units]])
    return last, swap(h)
