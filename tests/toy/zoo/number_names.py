"""Names of numbers: a GRU reads a name word by word, says each word before it comes, and in the end the last digit.

No paper's model: the smallest that has words, a target and a perplexity. Its files show what a paper consists of.

B batch, T words of a name with its END, V vocabulary, n units, e the size of a word's embedding.
"""

import keras
import tensorflow as tf

from zoo.declare import Field, Measure
from zoo.nn import decoding
from zoo.nn.cells import GRU
from zoo.nn.model import Model
from zoo.nn.recurrence import scan, swap
from zoo.nn.words import UNKNOWN, Words, mask

DIGITS = 10


def build(config):
    """The model of a config with all its variables."""
    model = NumberNames(config)
    model.build()
    return model


class NumberNames(Model):
    """h_t = GRU(E y_{t-1}, h_{t-1}); p(y_t) and, where y_t is the END, p(digit) are softmaxes of affine maps of h_t."""

    def __init__(self, config):
        super().__init__(config, "number_names")
        self.words = Words(config.vocabulary, name="words")
        self.cell = GRU(config.hidden, name="cell")
        self.next_word = keras.layers.Dense(config.vocabulary, name="next_word")
        self.last_digit = keras.layers.Dense(DIGITS, name="last_digit")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.embedding = self.add_weight(name="E", shape=(config.vocabulary, config.embedding), initializer="uniform")
        self.cell.build((None, config.embedding))
        self.next_word.build((None, config.hidden))
        self.last_digit.build((None, config.hidden))
        self.built = True

    @property
    def fields(self):
        config = self.config
        return {
            "name": Field((config.name_length,), "int32", classes=config.vocabulary, ragged=True),
            "digit": Field((), "int32", classes=DIGITS),
        }

    @property
    def measures(self):
        return {
            "perplexity": Measure("", "of a word, ends included", terms=("distortion",), per="words", exp=True),
            "distortion": Measure("nats", "-log p of a name, its end included", likelihood="name"),
            "digit": Measure("nats", "-log p of the last digit, given the name"),
            "digit_errors": Measure("fraction", "names whose likeliest last digit is another one"),
        }

    @property
    def vocabularies(self):
        return {"name": self.words}

    def embed(self, words):
        """E y. words: int32 [...]. Returns [..., e]: zeros where there is no word yet (decoding.FIRST)."""
        known = tf.cast(words >= 0, tf.float32)[..., None]
        return known * tf.gather(tf.convert_to_tensor(self.embedding), tf.maximum(words, 0))

    def read(self, name):
        """h, what is known before every word of names, int32 [B, T]. Returns [B, T, n]."""

        def step(state, word, maps):
            state = self.cell.step(word, state, maps)
            return state, state

        before = tf.pad(name[:, :-1], [[0, 0], [1, 0]], constant_values=decoding.FIRST)
        start = (tf.zeros([tf.shape(name)[0], self.config.hidden]),)
        _, (h,) = scan(step, start, swap(self.embed(before)), self.cell.maps, [[None, self.config.hidden]])
        return swap(h)

    def log_words(self, h):
        """log p of every word. h: [..., n]. Returns [..., V]."""
        return tf.nn.log_softmax(tf.cast(self.next_word(h), tf.float32))

    def log_digits(self, h):
        """log p of every last digit. h: [..., n], before the END. Returns [..., 10]."""
        return tf.nn.log_softmax(tf.cast(self.last_digit(h), tf.float32))

    def loss_terms(self, batch, noise):
        """{"distortion", "digit", "digit_errors"}, [B] each, the first two in nats.

        batch: {"name": int32 [B, T], words and END up to T <= config.name_length; "digit": int32 [B]}.
        """
        h, kept = self.read(batch["name"]), mask(batch["name"])
        nats = -tf.gather(self.log_words(h), batch["name"], batch_dims=2)
        log_digits = self.log_digits(last(h, kept))
        return {
            "distortion": tf.reduce_sum(kept * nats, 1),
            "digit": -tf.gather(log_digits, batch["digit"], batch_dims=1),
            "digit_errors": tf.cast(tf.argmax(log_digits, -1, tf.int32) != batch["digit"], tf.float32),
        }

    def counts(self, batch):
        """{"words": [B]}, with the END."""
        return {"words": tf.reduce_sum(mask(batch["name"]), 1)}

    def training_terms(self, batch, noise, step):
        """The terms in nats."""
        return {name: term for name, term in self.loss_terms(batch, noise).items() if name in ("distortion", "digit")}

    def complete(self, begun, noise=None):
        """Names that begin so. begun: int32 [B, L], words and then END, L being config.name_length.

        noise: standard Gumbel [B, L, V] to draw words; without, each is the likeliest.
        Returns {"ids": int32 [B, L], "score": log p of the words that are new and the END, [B] nats,
        "digit": log p of every last digit, [B, 10]}.
        """

        def step(state, words, begun):
            h, t = state
            (h,) = self.cell.step(self.embed(words), (h,), self.cell.maps)
            told = tf.gather(begun, t, batch_dims=1)
            never = tf.one_hot(UNKNOWN, self.config.vocabulary, -float("inf"), 0.0)
            as_told = tf.one_hot(told, self.config.vocabulary, 0.0, -float("inf"))
            log_words = tf.where(told[:, None] > 0, as_told, self.log_words(h) + never)
            return log_words, (h, t + 1), self.log_digits(h)

        size = tf.shape(begun)[0]
        state = tf.zeros([size, self.config.hidden]), tf.zeros([size], tf.int32)
        arguments = step, state, self.config.name_length, DIGITS
        if noise is None:
            said = decoding.greedy(*arguments, context=(begun,))
        else:
            said = decoding.sample(*arguments, noise, context=(begun,))
        return {"ids": said.ids, "score": said.score, "digit": last(said.extras, mask(said.ids))}


def last(values, kept):
    """What belongs to the last word that is kept. values: [B, T, ...]; kept: [B, T]. Returns [B, ...]."""
    return tf.gather(values, tf.cast(tf.reduce_sum(kept, 1), tf.int32) - 1, batch_dims=1)
