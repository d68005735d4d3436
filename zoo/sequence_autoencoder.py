"""Sequence autoencoder and language model as pre-training of a recurrent classifier: SA-LSTM and LM-LSTM.

Dai and Le, 2015, arXiv:1511.01432. One LSTM reads a text and, from its last state, writes it again with the same
weights; a classifier that begins there learns more steadily than one that begins at nothing (trainers' --init-from
RUN:reader).
Differs: a text is cut after L words where the paper carries the state on; linear gain weighs step t of n by t / n, the
authors' code by (t - 1) / (n - 1). As in that code, training may compare the right word with a sample of the others.

B batch, T words of a text with its END, L the most of them, V vocabulary, E size of a word's vector, H units.
"""

import keras
import tensorflow as tf

from zoo.configs.sequence_autoencoder import ClassifierConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import perplexities
from zoo.nn import candidates, decoding
from zoo.nn.cells import LSTM, unroll
from zoo.nn.classes import cross_entropy
from zoo.nn.model import Model
from zoo.nn.recurrence import summed
from zoo.nn.texts import Table, dropped, nats_of, zeros
from zoo.nn.words import END, UNKNOWN, Names, Words, mask


def build(config):
    """The model of a config with all its variables."""
    if isinstance(config, ClassifierConfig):
        model = Classifier(config)
    else:
        model = (Autoencoder if config.task == "autoencoder" else LanguageModel)(config)
    model.build()
    return model


class Reading(keras.layers.Layer):
    """Words' vectors and the LSTM over them: what pre-training hands on.

    words: the vocabulary, which goes wherever its vectors go; None for a second one that writes the same words.
    """

    def __init__(self, vocabulary, embedding, hidden, words=None, **kwargs):
        super().__init__(**kwargs)
        self.words = words
        self.table = Table(vocabulary, embedding, name="table")
        self.cell = LSTM(hidden, name="cell")

    def build(self, input_shape=None):
        if self.words:
            self.words.build()
        self.table.build()
        self.cell.build((None, self.table.size))
        self.built = True

    def read(self, ids, state=None, uniform=None, rate=0.0, kept=None):
        """ids: int32 [B, T]; state: default zeros; kept: [B, T], 0 where none is read. Returns (state, h [B, T, H])."""
        x = dropped(self.table.vectors(ids), uniform, rate)
        return unroll(self.cell, x, state or zeros(self.cell, tf.shape(ids)[0]), kept)

    def step(self, words, state):
        """The state after one word more. words: int32 [B]."""
        return self.cell.step(self.table.vectors(words), state, self.cell.maps)


class OfTexts(Model):
    """A model that reads texts and, if `writes`, says their words.

    passes: the times that a text goes through in training, by name; each has dropout of its own.
    """

    passes = ("read",)

    def __init__(self, config, name, writes=True):
        super().__init__(config, name)
        self.reader = self.reading("reader", Words(config.vocabulary, name="words"))
        self.out = keras.layers.Dense(config.vocabulary, name="out") if writes else None

    def reading(self, name, words=None):
        config = self.config
        return Reading(config.vocabulary, config.embedding, config.hidden, words, name=name)

    def build(self, input_shape=None):
        self.reader.build()
        if self.out:
            self.out.build((None, self.config.hidden))
        self.built = True

    @property
    def words(self):
        return self.reader.words

    @property
    def fields(self):
        config = self.config
        return {"text": Field((config.text_length,), "int32", classes=config.vocabulary, ragged=True)}

    @property
    def vocabularies(self):
        return {"text": self.words}

    @property
    def sampled(self):
        """Whether training compares a word with candidates, not with all words."""
        return self.out is not None and self.config.candidates < self.config.vocabulary

    def training_noise(self, batch_size, seed):
        """Uniform numbers for dropout of each pass, [B, L, E], and for candidates, [B, S]. seed: int32[2]."""
        config = self.config
        passes = self.passes if config.dropout else ()
        shapes = {name: [config.text_length, config.embedding] for name in passes}
        if self.sampled:
            shapes["candidates"] = [config.candidates]
        seeds = tf.unstack(tf.random.split(seed, len(shapes) + 1)[1:], len(shapes))
        pairs = zip(shapes.items(), seeds, strict=True)
        return {name: tf.random.stateless_uniform([batch_size, *shape], own) for (name, shape), own in pairs}

    def summary_of(self, text, noise=None):
        """The state after the last word and h after every one. text: int32 [B, T]."""
        words = tf.cast(text != END, tf.float32)
        return self.reader.read(text, None, (noise or {}).get("read"), self.config.dropout, words)

    def rewritten(self, text, writer, noise=None):
        """-log p of every word of a text after it was read, [B, T]."""
        state, _ = self.summary_of(text, noise)
        before = tf.pad(text[:, :-1], [[0, 0], [1, 0]], constant_values=END)
        _, h = writer.read(before, state, (noise or {}).get("write"), self.config.dropout)
        return self.nats_after(h, text, noise)

    def nats_after(self, h, ids, noise=None):
        """-log p of words, int32 [B, T], each after its h, [B, T, H]; among candidates where noise has them."""
        if noise and "candidates" in noise:
            drawn = candidates.drawn(noise["candidates"], self.config.vocabulary)
            return candidates.nats_among(drawn, h, ids, self.out)
        flat = self.logits_of_words(tf.reshape(h, [-1, h.shape[-1]]))  # see `cells.unroll`
        return nats_of(tf.reshape(flat, [*tf.unstack(tf.shape(h))[:2], self.config.vocabulary]), ids)

    def logits_of_words(self, h):
        """h: [N, H]. Returns [N, V]."""
        return tf.cast(self.out(h), tf.float32)


class Pretraining(OfTexts):
    """What is learned without labels. A subclass has `nats`."""

    given, says = 0, ""  # words of a text that are not predicted; what the likelihood is of

    @property
    def measures(self):
        nats = {"negative_log_likelihood": Measure("nats", f"-log p of a text and its end, {self.says}")}
        return nats | perplexities("negative_log_likelihood")

    def counts(self, batch):
        """{"words": [B] without the END, "words_and_end": [B]}: of those that are predicted."""
        words, both = tf.cast(batch["text"] != END, tf.float32), mask(batch["text"])
        return {"words": tf.reduce_sum(words, 1) - self.given, "words_and_end": tf.reduce_sum(both, 1) - self.given}

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"text": int32 [B, T]}. Nothing is dropped."""
        return {"negative_log_likelihood": summed(self.nats(batch["text"]), self.config.text_length)}

    def training_terms(self, batch, noise, step):
        """The same with what the noise drops; {"sampled_softmax"} among candidates, which is no likelihood."""
        name = "sampled_softmax" if self.sampled else "negative_log_likelihood"
        return {name: summed(self.nats(batch["text"], noise), self.config.text_length)}

    def write(self, state, first, method="greedy", noise=None):
        """Texts from a state and the word that is told next. state: of the writer; first: int32 [B].

        method: "greedy", or "sample" with standard Gumbel noise [B, L, V].
        Returns {"text": int32 [B, L], "score": their log p, [B] nats}.
        """

        def step(state, words, first):
            state = self.writer.step(tf.where(words == decoding.FIRST, first, words), state)
            never = tf.one_hot(UNKNOWN, self.config.vocabulary, -float("inf"), 0.0)
            log_p = tf.nn.log_softmax(self.logits_of_words(state[0])) + never
            return log_p, state, tf.zeros([tf.shape(words)[0], 0])

        arguments = step, state, self.config.text_length, 0
        if method == "sample":
            said = decoding.sample(*arguments, noise, context=[first])
        else:
            said = decoding.greedy(*arguments, context=[first])
        return {"text": said.ids, "score": said.score}


class Autoencoder(Pretraining):
    """Reads a text and writes it again."""

    passes, says = ("read", "write"), "after it was read"

    def __init__(self, config):
        super().__init__(config, "sequence_autoencoder")
        self.writer = self.reader if config.tie else self.reading("writer")

    def build(self, input_shape=None):
        if not self.config.tie:
            self.writer.build()
        super().build()

    def nats(self, text, noise=None):
        """-log p of every word, [B, T]."""
        return self.rewritten(text, self.writer, noise)

    def encode(self, text):
        """{"h", "c"}, [B, H] each: the state after the last word. text: int32 [B, T]."""
        state, _ = self.summary_of(text)
        return dict(zip("hc", state, strict=True))

    def reconstruct(self, text):
        """What the model writes, greedily, after it read a text, int32 [B, T]. Returns as `write`."""
        state, _ = self.summary_of(text)
        return self.write(state, tf.fill(tf.shape(text)[:1], END))


class LanguageModel(Pretraining):
    """Says each word after the first from those before it."""

    given, says = 1, "its first word given"

    def __init__(self, config):
        super().__init__(config, "sequence_language_model")

    @property
    def writer(self):
        return self.reader

    def nats(self, text, noise=None):
        """-log p of every word that is predicted, [B, T]; 0 of the first."""
        _, h = self.reader.read(text[:, :-1], None, (noise or {}).get("read"), self.config.dropout)
        nats = self.nats_after(h, text[:, 1:], noise) * mask(text)[:, 1:]
        return tf.pad(nats, [[0, 0], [1, 0]])

    def extend(self, text, method="greedy", noise=None):
        """The words after those of a text, int32 [B, T], which has one or more. See `write`."""
        words = tf.cast(text != END, tf.int32)
        followed = tf.cast(tf.pad(words[:, 1:], [[0, 0], [0, 1]]), tf.float32)
        state, _ = self.reader.read(text, kept=followed)
        last = tf.gather(text, tf.maximum(tf.reduce_sum(words, 1) - 1, 0), batch_dims=1)
        return self.write(state, last, method, noise)


class Classifier(OfTexts):
    """Names the class of a text from the last state of its reader, through a layer of rectified units.

    A label of -1 is not known: such a text is none to be classified, though joint training writes it.
    """

    def __init__(self, config):
        super().__init__(config, "text_classifier", writes=bool(config.joint))
        self.passes = ("read", "write") if config.joint else ("read",)
        self.names = Names(config.classes, name="names")
        self.layer = keras.layers.Dense(config.layer, "relu", name="layer")
        self.class_head = keras.layers.Dense(config.classes, name="class")

    def build(self, input_shape=None):
        self.names.build()
        self.layer.build((None, self.config.hidden))
        self.class_head.build((None, self.config.layer))
        super().build()

    @property
    def fields(self):
        return {**super().fields, "label": Field((), "int32", classes=self.config.classes)}

    @property
    def vocabularies(self):
        return {**super().vocabularies, "label": self.names}

    @property
    def measures(self):
        return {
            "cross_entropy": Measure("nats", "-log p of a text's class", per="labels"),
            "error": Measure("fraction", "texts whose likeliest class is another one", per="labels"),
        }

    def counts(self, batch):
        """{"labels": [B]}, 1 where the class is known."""
        return {"labels": tf.cast(batch["label"] >= 0, tf.float32)}

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
        wrong = (tf.argmax(logits, -1, label.dtype) != label) & (label >= 0)
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
            nats, whole = (summed(each, config.text_length) for each in (gain * every, gain))
            terms = {"cross_entropy": nats / tf.maximum(whole, 1.0)}
        if config.joint:
            terms["joint"] = config.joint * summed(self.rewritten(text, self.reader, noise), config.text_length)
        return terms


def of_class(logits, label):
    """-log p of labels, 0 of those that are not known. logits: [..., classes]; label: int32 [...]."""
    return tf.where(label >= 0, cross_entropy(logits, tf.maximum(label, 0)), 0.0)
