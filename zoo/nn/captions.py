"""Networks that read a caption: a bidirectional LSTM and a mean of word vectors.

B batch, L places of a caption, V vocabulary, K units in each direction.
"""

import keras
import tensorflow as tf

from zoo.nn.attention import blend
from zoo.nn.recurrence import lstm, lstm_gates, scan, swap


class Language(keras.layers.Layer):
    """The bidirectional LSTM over one-hot words: a word selects a row of the input's kernel."""

    def __init__(self, vocabulary, units, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.units = vocabulary, units
        self.maps = {name: lstm_gates(units, name) for name in ("forward", "backward")}  # of h

    def build(self, input_shape=None):
        shape = (self.vocabulary, 4 * self.units)
        self.tables = {name: self.add_weight(name=f"{name}_words", shape=shape) for name in self.maps}
        for layer in self.maps.values():
            layer.build((None, self.units))
        self.h_0 = self.add_weight(name="h_0", shape=(self.units,), initializer="zeros")  # of both directions
        self.built = True

    def read(self, ids, is_word):
        """ids, is_word: [B, L]. Returns (h_lang [B, L, 2 K], the last states of both directions [B, 2 K])."""
        lengths = tf.cast(tf.reduce_sum(is_word, 1), tf.int32)
        backward = tf.reverse_sequence(ids, lengths, seq_axis=1)
        gates = {"forward": rows(self.tables["forward"], ids), "backward": rows(self.tables["backward"], backward)}

        def step(state, inputs, maps):
            gates, is_word = inputs
            following = {}
            for name, (h, cell) in state.items():
                h_next, cell_next = lstm(gates[name] + maps[name](h), cell)
                following[name] = tf.where(is_word > 0, h_next, h), tf.where(is_word > 0, cell_next, cell)
            return following, [following["forward"][0], following["backward"][0]]

        shape = [tf.shape(ids)[0], self.units]
        # A tensor each: when run eagerly, scan counts the gradient of a tensor that is two states twice for both.
        start = {name: (tf.broadcast_to(self.h_0, shape), tf.zeros(shape)) for name in self.maps}
        inputs = (tf.nest.map_structure(swap, gates), swap(is_word)[..., None])
        last, (h_forward, h_backward) = scan(step, start, inputs, self.maps, [[None, self.units]] * 2)
        h_backward = tf.reverse_sequence(swap(h_backward), lengths, seq_axis=1)
        h_lang = tf.concat([swap(h_forward), h_backward], -1)
        return h_lang, tf.concat([last["forward"][0], last["backward"][0]], -1)


class SentenceVector(keras.layers.Layer):
    """A fixed vector of a caption: the mean of learned vectors of its words, 0 without words."""

    def __init__(self, vocabulary, size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.size = vocabulary, size

    def build(self, input_shape=None):
        self.table = self.add_weight(name="word_vectors", shape=(self.vocabulary, self.size))
        self.built = True

    def read(self, ids, is_word):
        """ids, is_word: [B, L]. Returns [B, size]."""
        total = blend(is_word, rows(self.table, ids))
        return total / tf.maximum(tf.reduce_sum(is_word, 1, keepdims=True), 1)


def rows(table, ids):
    """Rows of a table [V, D] at ids [B, L]: [B, L, D]. The gradient is as dense as the table."""

    @tf.custom_gradient
    def selected(table):
        # What XLA compiles cannot return the slices that tf.gather has for a gradient.
        return tf.gather(table, ids), lambda d: tf.math.unsorted_segment_sum(d, ids, table.shape[0])

    return selected(tf.convert_to_tensor(table))
