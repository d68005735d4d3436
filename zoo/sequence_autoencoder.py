"""Sequence autoencoder and language model as pre-training of a recurrent classifier: SA-LSTM and LM-LSTM.

Dai and Le, 2015, arXiv:1511.01432. One LSTM reads a text and, from its last state, writes it again with the same
weights; a classifier that begins there learns more steadily than one that begins at nothing (trainers' --init-from
RUN:reader).
Differs: a text is cut after L words where the paper carries the state on; training may compare the right word with a
sample of others (`candidates`), as the authors' code does.

B batch, T words of a text with its END, L the most of them, V vocabulary, E size of a word's vector, H units.
"""

import keras
import tensorflow as tf

from zoo.configs.sequence_autoencoder import ClassifierConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import perplexities
from zoo.nn.cells import LSTM, unroll
from zoo.nn.model import Model
from zoo.nn.texts import Table, dropped, nats_of, zeros
from zoo.nn.words import END, Names, Words, mask


def build(config):
    """The model of a config with all its variables."""
    model = Classifier(config) if isinstance(config, ClassifierConfig) else Pretraining(config)
    model.build()
    return model


class Reading(keras.layers.Layer):
    """Words' vectors and the LSTM over them: what pre-training hands on."""

    def __init__(self, vocabulary, embedding, hidden, **kwargs):
        super().__init__(**kwargs)
        self.table = Table(vocabulary, embedding, name="table")
        self.cell = LSTM(hidden, name="cell")

    def build(self, input_shape=None):
        self.table.build()
        self.cell.build((None, self.table.size))
        self.built = True

    def read(self, ids, state=None, uniform=None, rate=0.0, kept=None):
        """ids: int32 [B, T]; state: default zeros; kept: [B, T], 0 where none is read. Returns (state, h [B, T, H])."""
        x = dropped(self.table.vectors(ids), uniform, rate)
        return unroll(self.cell, x, state or zeros(self.cell, tf.shape(ids)[0]), kept)


class OfTexts(Model):
    """A model that reads the words of texts."""

    def __init__(self, config, name):
        super().__init__(config, name)
        self.words = Words(config.vocabulary, name="words")
        self.reader = Reading(config.vocabulary, config.embedding, config.hidden, name="reader")

    @property
    def fields(self):
        config = self.config
        return {"text": Field((config.text_length,), "int32", classes=config.vocabulary, ragged=True)}

    @property
    def vocabularies(self):
        return {"text": self.words}

    def training_noise(self, batch_size, seed):
        """Uniform numbers for dropout, of what is read and of what is written. seed: int32[2]."""
        if not self.config.dropout:
            return {}
        shape = [batch_size, self.config.text_length, self.config.embedding]
        seeds = tf.unstack(tf.random.split(seed))
        return {
            name: tf.random.stateless_uniform(shape, own) for name, own in zip(("read", "write"), seeds, strict=True)
        }

    def summary_of(self, text, noise=None):
        """The state after the last word and h after every one. text: int32 [B, T]."""
        words = tf.cast(text != END, tf.float32)
        return self.reader.read(text, None, (noise or {}).get("read"), self.config.dropout, words)

    def rewritten(self, text, writer, out, noise=None):
        """-log p of every word of a text after it was read, [B, T]."""
        state, _ = self.summary_of(text, noise)
        before = tf.pad(text[:, :-1], [[0, 0], [1, 0]], constant_values=END)
        _, h = writer.read(before, state, (noise or {}).get("write"), self.config.dropout)
        return nats_of(self.of_words(out, h), text)

    def of_words(self, out, h):
        """Logits [B, T, V] of h [B, T, H]."""
        flat = tf.cast(out(tf.reshape(h, [-1, h.shape[-1]])), tf.float32)  # see `cells.unroll`
        return tf.reshape(flat, [*tf.unstack(tf.shape(h))[:2], self.config.vocabulary])

    def summed(self, nats):
        """[B, T] -> [B], added up in one width whatever the padding: other sums differ in the last bit."""
        return tf.reduce_sum(tf.pad(nats, [[0, 0], [0, self.config.text_length - tf.shape(nats)[1]]]), 1)


class Pretraining(OfTexts):
    """An autoencoder, or a language model whose first word is given."""

    def __init__(self, config):
        super().__init__(config, "sequence_autoencoder" if config.task == "autoencoder" else "sequence_language_model")
        self.writer = self.reader
        if not config.tie and config.task == "autoencoder":
            self.writer = Reading(config.vocabulary, config.embedding, config.hidden, name="writer")
        self.out = keras.layers.Dense(config.vocabulary, name="out")

    def build(self, input_shape=None):
        self.words.build()
        self.reader.build()
        if self.writer is not self.reader:
            self.writer.build()
        self.out.build((None, self.config.hidden))
        self.built = True

    @property
    def measures(self):
        says = "-log p of a text and its end, " + (
            "after it was read" if self.config.task == "autoencoder" else "its first word given"
        )
        nats = {"negative_log_likelihood": Measure("nats", says)}
        return nats | perplexities("negative_log_likelihood")

    def counts(self, batch):
        """{"words": [B] without the END, "words_and_end": [B]}: of those that are predicted."""
        given = 0.0 if self.config.task == "autoencoder" else 1.0
        words, both = tf.cast(batch["text"] != END, tf.float32), mask(batch["text"])
        return {"words": tf.reduce_sum(words, 1) - given, "words_and_end": tf.reduce_sum(both, 1) - given}

    def nats(self, text, noise=None):
        """-log p of every word that is predicted, [B, T]."""
        if self.config.task == "autoencoder":
            return self.rewritten(text, self.writer, self.out, noise)
        _, h = self.reader.read(text[:, :-1], None, (noise or {}).get("read"), self.config.dropout)
        nats = -tf.gather(tf.nn.log_softmax(self.of_words(self.out, h)), text[:, 1:], batch_dims=2)
        return tf.pad(nats * mask(text)[:, 1:], [[0, 0], [1, 0]])

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"text": int32 [B, T]}. Nothing is dropped."""
        return {"negative_log_likelihood": self.summed(self.nats(batch["text"]))}

    def training_terms(self, batch, noise, step):
        """The same with what the noise drops."""
        return {"negative_log_likelihood": self.summed(self.nats(batch["text"], noise))}


class Classifier(OfTexts):
    """Names the class of a text from the last state of its reader, through a layer of rectified units."""

    def __init__(self, config):
        super().__init__(config, "text_classifier")
        self.names = Names(config.classes, name="names")
        self.layer = keras.layers.Dense(config.layer, "relu", name="layer")
        self.class_head = keras.layers.Dense(config.classes, name="class")
        self.out = keras.layers.Dense(config.vocabulary, name="out") if config.joint else None

    def build(self, input_shape=None):
        self.words.build()
        self.names.build()
        self.reader.build()
        self.layer.build((None, self.config.hidden))
        self.class_head.build((None, self.config.layer))
        if self.out:
            self.out.build((None, self.config.hidden))
        self.built = True

    @property
    def fields(self):
        return {**super().fields, "label": Field((), "int32", classes=self.config.classes)}

    @property
    def vocabularies(self):
        return {**super().vocabularies, "label": self.names}

    @property
    def measures(self):
        return {
            "cross_entropy": Measure("nats", "-log p of a text's class"),
            "error": Measure("fraction", "texts whose likeliest class is another one"),
        }

    def logits(self, h):
        """Of the classes. h: [..., H]."""
        return tf.cast(self.class_head(self.layer(h)), tf.float32)

    def classify(self, text):
        """text: int32 [B, T]. Returns {"logits": [B, classes]}."""
        state, _ = self.summary_of(text)
        return {"logits": self.logits(state[0])}

    def loss_terms(self, batch, noise):
        """{"cross_entropy", "error"}, [B] each, at the last step. batch: {"text": int32 [B, T], "label": int32 [B]}."""
        logits, label = self.classify(batch["text"])["logits"], batch["label"]
        wrong = tf.argmax(logits, -1, label.dtype) != label
        return {"cross_entropy": of_class(logits, label), "error": tf.cast(wrong, tf.float32)}

    def training_terms(self, batch, noise, step):
        """{"cross_entropy"} and, of joint training, {"joint"}: the autoencoder's nats by their weight."""
        config, text = self.config, batch["text"]
        state, h = self.summary_of(text, noise)
        if config.gain == "none":
            terms = {"cross_entropy": of_class(self.logits(state[0]), batch["label"])}
        else:
            every = of_class(self.logits(h), tf.repeat(batch["label"][:, None], tf.shape(text)[1], 1))
            words = tf.cast(text != END, tf.float32)
            gain = words * tf.cumsum(words, 1)  # t / n, but for the n, which the quotient takes away
            terms = {"cross_entropy": self.summed(gain * every) / tf.maximum(self.summed(gain), 1.0)}
        if config.joint:
            terms["joint"] = config.joint * self.summed(self.rewritten(text, self.reader, self.out, noise))
        return terms


def of_class(logits, label):
    """-log p of labels. logits: [..., classes]; label: int32 [...]."""
    return -tf.gather(tf.nn.log_softmax(logits), label, batch_dims=len(label.shape))
