"""Networks that read texts and write them: what the papers on text share.

Words are numbers as in `zoo.nn.words`. B batch, T words of a text with its END, V vocabulary, E size of a word's
vector, H units, Z size of what a text is written from.
"""

import keras
import tensorflow as tf

from zoo.nn import decoding
from zoo.nn.cells import CELLS, unroll
from zoo.nn.classes import cross_entropy
from zoo.nn.words import END, UNKNOWN, mask


def dropped(x, uniform, rate):
    """x with a share of its numbers 0 and the others larger. uniform: as x, or with more steps [B, L, D] than x has;
    None keeps all."""
    if uniform is None or not rate:
        return x
    kept = tf.cast(uniform[:, : tf.shape(x)[1]] >= rate, tf.float32)
    return x * kept / (1 - rate)


def before(ids):
    """The word before each: FIRST, then all but the last. ids: int32 [B, T]."""
    return tf.pad(ids[:, :-1], [[0, 0], [1, 0]], constant_values=decoding.FIRST)


def nats_of(logits, ids):
    """-log p of every word, 0 behind the END. logits: [B, T, V]; ids: int32 [B, T]. Returns [B, T]."""
    return cross_entropy(logits, ids) * mask(ids)


class Table(keras.layers.Layer):
    """A vector for every word, END among them, and one for FIRST."""

    def __init__(self, vocabulary, size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.size = vocabulary, size

    def build(self, input_shape=None):
        self.rows = self.add_weight(name="rows", shape=(self.vocabulary + 1, self.size), initializer="uniform")
        self.built = True

    def vectors(self, ids):
        """ids: int32 [...], FIRST where there is no word. Returns [..., E]."""
        return tf.gather(tf.convert_to_tensor(self.rows), ids - decoding.FIRST)


class Reader(keras.layers.Layer):
    """A recurrent network over the words of a text, its END not read, in one direction or in both."""

    def __init__(self, vocabulary, embedding, hidden, cell="lstm", bidirectional=False, **kwargs):
        super().__init__(**kwargs)
        self.table = Table(vocabulary, embedding, name="table")
        names = ["cell_0", "backward"] if bidirectional else ["cell_0"]  # a writer's first cell may begin it
        self.cells = [CELLS[cell](hidden, name=name) for name in names]
        self.size = hidden * len(names)  # of what it returns

    def build(self, input_shape=None):
        self.table.build()
        for cell in self.cells:
            cell.build((None, self.table.size))
        self.built = True

    def read(self, ids):
        """The last h, of a text without words 0. ids: int32 [B, T]. Returns [B, H], or [B, 2 H] of both ways."""
        words = mask(ids) * tf.cast(ids != END, tf.float32)
        x, found = self.table.vectors(ids), []
        for i, cell in enumerate(self.cells):
            if i:
                x = tf.reverse_sequence(x, tf.cast(tf.reduce_sum(words, 1), tf.int32), seq_axis=1)
            last, _ = unroll(cell, x, zeros(cell, tf.shape(ids)[0]), words)
            found.append(last[0])
        return tf.concat(found, -1)


class Bag(keras.layers.Layer):
    """A text as the bag of its words, its END left out: one layer over how often each occurs, by the root of how many.

    ReLU(n_1 w_1 + n_2 w_2 + ... + b) with all n divided so that lengths matter less, hidden units.
    """

    def __init__(self, vocabulary, hidden, **kwargs):
        super().__init__(**kwargs)
        self.table, self.size = Table(vocabulary, hidden, name="table"), hidden

    def build(self, input_shape=None):
        self.table.build()
        self.bias = self.add_weight(name="bias", shape=(self.size,), initializer="zeros")
        self.built = True

    def read(self, ids):
        """ids: int32 [B, T]. Returns [B, H], in any order of the words the same."""
        words = tf.cast(ids != END, tf.float32)[..., None]
        summed = tf.reduce_sum(self.table.vectors(ids) * words, 1)
        return tf.nn.relu(summed / tf.sqrt(tf.maximum(tf.reduce_sum(words, 1), 1.0)) + self.bias)


class Writer(keras.layers.Layer):
    """A recurrent network that says each word after those before it, perhaps from a vector z.

    z_to: where z goes, if there is one: "init", the start state [h; c] = tanh(z W_0 + b_0), 0 elsewhere; "input", to
    every step beside the word; or "both". layers: cells one over the other; the first alone is given z.
    """

    def __init__(self, vocabulary, embedding, hidden, cell="lstm", layers=1, z_to="", **kwargs):
        super().__init__(**kwargs)
        self.vocabulary, self.z_to = vocabulary, z_to
        self.table = Table(vocabulary, embedding, name="table")
        self.cells = [CELLS[cell](hidden, name=f"cell_{i}") for i in range(layers)]
        self.start = keras.layers.Dense(self.cells[0].states * hidden, "tanh", name="start")
        self.out = keras.layers.Dense(vocabulary, name="out")

    def build(self, z_shape=(None, 0)):
        size = self.table.size + (z_shape[-1] if self.z_to in ("input", "both") else 0)
        self.table.build()
        for cell in self.cells:
            cell.build((None, size))
            size = cell.units
        if self.z_to in ("init", "both"):
            self.start.build(z_shape)
        self.out.build((None, size))
        self.built = True

    @property
    def takes_z(self):
        return bool(self.z_to)

    def uniforms(self, length):
        """Of dropout's noise for texts of so many words: {name: shape}."""
        between = {f"layer_{i}": [length, cell.units] for i, cell in enumerate(self.cells[1:], 1)}
        return {"input": [length, self.table.size], **between, "output": [length, self.cells[-1].units]}

    def begin(self, size, z=None):
        """The state of every cell before the first word. size: B; z: [B, Z], None for a writer without one."""
        states = [zeros(cell, size) for cell in self.cells]
        if self.z_to in ("init", "both"):
            states[0] = tuple(tf.split(tf.cast(self.start(z), tf.float32), self.cells[0].states, -1))
        return states

    def inputs(self, words, z, uniform=None, rate=0.0):
        """What the first cell is given. words: int32 [B, T], FIRST where there is none. Returns [B, T, E (+ Z)]."""
        x = dropped(self.table.vectors(words), uniform, rate)
        if self.z_to in ("input", "both"):
            x = tf.concat([x, tf.repeat(z[:, None], tf.shape(x)[1], 1)], -1)
        return x

    def read(self, words, z=None, states=None, noise=None, rate=0.0):
        """What is known after each of the words. words: int32 [B, T].

        states: of every cell, default `begin`. noise: as `uniforms` says, [B, L, ...], of dropout at this rate, L >= T.
        Returns (last states, h [B, T, H]).
        """
        noise, last = noise or {}, []
        h = self.inputs(words, z, noise.get("input"), rate)
        for i, (cell, state) in enumerate(zip(self.cells, states or self.begin(tf.shape(words)[0], z), strict=True)):
            state, h = unroll(cell, dropped(h, noise.get(f"layer_{i}"), rate), state)
            last.append(state)
        return last, dropped(h, noise.get("output"), rate)

    def logits(self, h):
        """Of the next word. h: [..., H]. Returns float32 [..., V]."""
        flat = tf.cast(self.out(tf.reshape(h, [-1, h.shape[-1]])), tf.float32)  # see `cells.unroll`
        return tf.reshape(flat, [*tf.unstack(tf.shape(h))[:-1], self.vocabulary])

    def step(self, words, states, z=None):
        """One word more. words: int32 [B]. Returns (log p [B, V], UNKNOWN's being -inf; the states after it)."""
        x, after = self.inputs(words[:, None], z)[:, 0], []
        for cell, state in zip(self.cells, states, strict=True):
            state = cell.step(x, state, cell.maps)
            after.append(state)
            x = state[0]
        never = tf.one_hot(UNKNOWN, self.vocabulary, -float("inf"), 0.0)
        return tf.nn.log_softmax(self.logits(x)) + never, after


def zeros(cell, size):
    """A cell's state before anything was read."""
    return tuple(tf.zeros([size, cell.units]) for _ in range(cell.states))
