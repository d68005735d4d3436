"""DocNADE: a document's words in a random order, each predicted from the bag of those before it.

Larochelle and Lauly, 2012; Lauly, Zheng, Allauzen and Larochelle, 2017, arXiv:1603.05962. One pass over a document
gives every word's probability: what is known before each is a cumulative sum. Three models: DocNADE; Deep DocNADE, of
more layers, which learns from one random place of a document at a time; and DocNADE-LM, which keeps the order of words
and sees the last ones in it.
Differs: a document's vector is of all its words, where the authors' code leaves out the last; the words' places in the
binary tree are drawn once for all models.

B batch, T words of a document with padding, D of these that count, L the most of them, V words that count, H units.
"""

import keras
import numpy as np
import tensorflow as tf

from zoo.configs.docnade import DocNADELMConfig
from zoo.declare import Field, Measure
from zoo.nn.decoding import FIRST
from zoo.nn.model import Model
from zoo.nn.recurrence import summed
from zoo.nn.text_vae import LanguageModel
from zoo.nn.texts import dropped
from zoo.nn.words import UNKNOWN, Words

PLACE = 5  # folded into the seed: noise of its own
ACTIVATIONS = {"sigmoid": tf.sigmoid, "tanh": tf.tanh}


def build(config):
    """The model of a config with all its variables."""
    model = (DocNADELM if isinstance(config, DocNADELMConfig) else DocNADE)(config)
    model.build()
    return model


class Softmax(keras.layers.Layer):
    """A probability for each of V words by one product over all of them."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(size, name="dense")

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.built = True

    def logits(self, h):
        """h: [N, H], see `cells.unroll`. Returns float32 [N, V]."""
        return tf.cast(self.dense(h), tf.float32)

    def log_p(self, h):
        """h: [..., H]. Returns [..., V]."""
        flat = tf.nn.log_softmax(self.logits(tf.reshape(h, [-1, h.shape[-1]])))
        return tf.reshape(flat, [*tf.unstack(tf.shape(h))[:-1], flat.shape[-1]])

    def nats(self, h, words):
        """-log p of words, int32 [..., N], all of which are said from one h, [..., H]. Returns [..., N]."""
        logits = self.logits(tf.reshape(h, [-1, h.shape[-1]]))
        said = tf.gather(logits, tf.reshape(words, [-1, tf.shape(words)[-1]]), batch_dims=1)
        return tf.reshape(tf.reduce_logsumexp(logits, -1, keepdims=True) - said, tf.shape(words))


class Tree(keras.layers.Layer):
    """The same by a balanced binary tree: a word's probability is that of all turns on the way to its leaf."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.way, self.turn, self.there = balanced_tree(size)

    def build(self, input_shape):
        nodes, units = int(self.way.max()) + 1, input_shape[-1]
        self.nodes = self.add_weight(name="nodes", shape=(nodes, units), initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(nodes,), initializer="zeros")
        self.built = True

    def log_p(self, h):
        """h: [..., H]. Returns [..., V]."""
        flat = tf.matmul(tf.reshape(h, [-1, h.shape[-1]]), self.nodes, transpose_b=True) + self.bias
        logits = tf.reshape(flat, [*tf.unstack(tf.shape(h))[:-1], flat.shape[-1]])  # [..., nodes]
        return -self.paid(tf.gather(logits, self.way, axis=-1), self.turn, self.there)

    def nats(self, h, words):
        """-log p of words, int32 [..., N], all of which are said from one h, [..., H]. Returns [..., N]."""
        way, turn, there = (tf.gather(each, words) for each in (self.way, self.turn, self.there))  # [..., N, M]
        vectors = tf.gather(tf.convert_to_tensor(self.nodes), way)  # [..., N, M, H]
        logits = tf.linalg.matvec(vectors, h[..., None, :]) + tf.gather(
            tf.convert_to_tensor(self.bias), way
        )  # [..., N, M]
        return self.paid(logits, turn, there)

    @staticmethod
    def paid(logits, turn, there):
        """Nats of turns, [..., M] each, at nodes where the probability of turn 1 is sigmoid(logits)."""
        nats = tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(turn, tf.shape(logits)), logits)
        return tf.reduce_sum(nats * there, -1)


def balanced_tree(size):
    """The way to each of `size` leaves of a balanced binary tree, words being at random leaves, always the same ones.

    Returns (inner nodes int32, turns, 1 where there is a node), [size, M] each: ways may differ in length by one.
    """
    # In a heap: node 1 is the root, those below n are 2 n and 2 n + 1, and the last `size` of them are the leaves.
    leaf = size + np.random.RandomState(0).permutation(size)[:, None]  # whose numbers NumPy will not change
    up = np.arange((2 * size - 1).bit_length() - 1, 0, -1)
    node = leaf >> up
    return np.maximum(node - 1, 0).astype(np.int32), np.float32(leaf >> up - 1 & 1), np.float32(node > 0)


class DocNADE(Model):
    """p(v) of a document's words v_1 .. v_D in an order: the product of all p(v_i | v_1 .. v_{i-1})."""

    def __init__(self, config):
        super().__init__(config, "docnade")
        self.size = config.vocabulary - config.first_word  # V
        self.words = Words(config.vocabulary, name="words")
        self.activation = ACTIVATIONS[config.activation]
        self.layers_above = [keras.layers.Dense(units, name=f"layer_{i}") for i, units in enumerate(config.hidden[1:])]
        self.out = (Tree if config.softmax == "tree" else Softmax)(self.size, name="out")

    def build(self, input_shape=None):
        first = self.config.hidden[0]
        self.words.build()
        self.rows = self.add_weight(name="rows", shape=(self.size, first), initializer="uniform")  # W
        self.bias = self.add_weight(name="bias", shape=(first,), initializer="zeros")  # c
        for layer, below in zip(self.layers_above, self.config.hidden, strict=False):
            layer.build((None, below))
        self.out.build((None, self.config.hidden[-1]))
        self.built = True

    @property
    def fields(self):
        config = self.config
        return {"text": Field((config.text_length,), "int32", classes=config.vocabulary, ragged=True)}

    @property
    def vocabularies(self):
        return {"text": self.words}

    @property
    def measures(self):
        """Perplexities of words that count; the paper's is the first of the two."""
        says = "exp of the mean over documents of nats / word, one random order each"
        pooled = "exp(nats / words) of all documents together, one random order each"
        per_word = "-log p of a document / its words"
        return {
            "negative_log_likelihood": Measure("nats", "-log p of a document's words in a random order"),
            "perplexity_documents": Measure("", says, terms=("nats_per_word",), per="documents", exp=True),
            "perplexity_pooled": Measure("", pooled, terms=("negative_log_likelihood",), per="words", exp=True),
            "nats_per_word": Measure("nats", per_word, per="documents"),
        }

    def counts(self, batch):
        """{"words": [B], those that count; "documents": [B], 1 of one that has any}."""
        words = tf.reduce_sum(tf.cast(self.counted(batch["text"]), tf.float32), 1)
        return {"words": words, "documents": tf.minimum(words, 1.0)}

    def noise(self, batch_size, seed):
        """{"order": uniform numbers [B, L]}, by which the words of each document are sorted. seed: int32[2]."""
        return {"order": tf.random.stateless_uniform([batch_size, self.config.text_length], seed)}

    def training_noise(self, batch_size, seed):
        """The same and, where a random place is learned from, {"place": uniform numbers [B]}."""
        place = {"place": tf.random.stateless_uniform([batch_size], tf.random.fold_in(seed, PLACE))}
        return {**self.noise(batch_size, seed), **(place if self.config.loss == "split" else {})}

    def counted(self, text):
        return text >= self.config.first_word

    def ordered(self, text, noise):
        """A document's words that count, as numbers from 0 on, in an order, and what is none of them behind.

        text: int32 [B, T]; noise: see `noise`, {} for the order as it stands. Returns (words int32, 1 where there is
        one), [B, T] each.
        """
        keys = noise["order"][:, : tf.shape(text)[1]] if noise else tf.range(tf.shape(text)[1], dtype=tf.float32)[None]
        keys = tf.where(self.counted(text), keys, float("inf"))
        text = tf.gather(text, tf.argsort(keys, stable=True), batch_dims=1)
        return tf.maximum(text - self.config.first_word, 0), tf.cast(self.counted(text), tf.float32)

    def vectors(self, words, real):
        """W of words, 0 where there is none. Returns [B, T, H]."""
        return tf.gather(tf.convert_to_tensor(self.rows), words) * real[..., None]

    def hidden(self, summed):
        """h of the sum of W over the words that are known, [..., H of the first layer]. Returns [..., H]."""
        h = self.activation(summed + self.bias)
        for layer in self.layers_above:
            h = self.activation(tf.cast(layer(h), tf.float32))
        return h

    def nats(self, words, real):
        """-log p(v_i | v_1 .. v_{i-1}) of every word, [B, T], 0 where there is none."""
        before = tf.cumsum(self.vectors(words, real), 1, exclusive=True)
        return self.out.nats(self.hidden(before), words[..., None])[..., 0] * real

    def nats_behind(self, words, real, place):
        """D / (D - d + 1) times -log p(v_k | v_1 .. v_{d-1}), summed over all k >= d, of a random d from 1 to D.

        place: uniform numbers [B], which choose d. On average over d this is what all words cost, each after one
        that is drawn of all those sets of words that may be before it. Returns [B].
        """
        many = tf.reduce_sum(real, 1)  # D
        known = tf.minimum(tf.floor(place * many), tf.maximum(many - 1, 0))  # d - 1; a product may be rounded up
        before = tf.cast(tf.range(tf.shape(words)[1], dtype=tf.float32) < known[:, None], tf.float32)
        h = self.hidden(tf.reduce_sum(self.vectors(words, real * before), 1))
        nats = self.out.nats(h, words) * real * (1 - before)
        return summed(nats, self.config.text_length) * many / tf.maximum(many - known, 1)

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood", "nats_per_word"}, [B] each. batch: {"text": int32 [B, T]}."""
        nats = summed(self.nats(*self.ordered(batch["text"], noise)), self.config.text_length)
        return {
            "negative_log_likelihood": nats,
            "nats_per_word": nats / tf.maximum(self.counts(batch)["words"], 1),
        }

    def ensemble(self, batch, noise):
        """The log of a document's mean probability over K orders, [B] nats. noise: as of `noise`, [B, K, L]."""

        def log_p(order):
            return -self.loss_terms(batch, {"order": order})["negative_log_likelihood"]

        orders = tf.transpose(noise["order"], [1, 0, 2])
        several = tf.map_fn(log_p, orders)  # one after the other: each has T x V numbers a document
        return tf.reduce_logsumexp(several, 0) - tf.math.log(tf.cast(tf.shape(orders)[0], tf.float32))

    def training_terms(self, batch, noise, step):
        """{"negative_log_likelihood": [B]}, or its unbiased estimate from one place of the document."""
        words, real = self.ordered(batch["text"], noise)
        if self.config.loss == "split":
            return {"negative_log_likelihood": self.nats_behind(words, real, noise["place"])}
        return {"negative_log_likelihood": summed(self.nats(words, real), self.config.text_length)}

    def encode(self, text):
        """{"vector": [B, H]}: what is known after all words of a document. text: int32 [B, T]."""
        words, real = tf.maximum(text - self.config.first_word, 0), tf.cast(self.counted(text), tf.float32)
        return {"vector": self.hidden(tf.reduce_sum(self.vectors(words, real), 1))}

    def nearest(self, word, count=10):
        """The words whose W are most alike to a word's. word: int32 [B].

        Returns {"words": int32 [B, count], "similarity": cosines [B, count], 0 for a word that does not count}.
        """
        rows = tf.math.l2_normalize(tf.convert_to_tensor(self.rows), 1)
        own, real = tf.maximum(word - self.config.first_word, 0), tf.cast(self.counted(word), tf.float32)
        cosine = tf.matmul(tf.gather(rows, own), rows, transpose_b=True) * real[:, None]
        others = cosine - 3 * tf.one_hot(own, self.size) * real[:, None]  # itself comes last
        best, index = tf.math.top_k(others, count)
        return {"words": index + self.config.first_word, "similarity": best}


class NGram(keras.layers.Layer):
    """h_i = g(c + W of all words before + U_1 x_{i-1} + ... + U_{n-1} x_{i-n+1}), x being the words' vectors.

    A decoder of `zoo.nn.text_vae.LanguageModel`. Where a document has no word yet, nothing is added.
    """

    takes_z = False

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config, self.activation = config, ACTIVATIONS[config.activation]
        self.distances = keras.layers.Dense(config.hidden, name="distances")  # U, the nearest word's first, and c
        self.out = keras.layers.Dense(config.vocabulary, name="out")

    def build(self, input_shape=None):
        config = self.config
        self.rows = self.add_weight(name="rows", shape=(config.vocabulary, config.embedding), initializer="uniform")
        if config.document:
            self.bag = self.add_weight(name="bag", shape=(config.vocabulary, config.hidden), initializer="uniform")
        self.distances.build((None, config.window * config.embedding))
        self.out.build((None, config.hidden))
        self.built = True

    def uniforms(self, length):
        """Of dropout's noise for texts of so many words: {name: shape}."""
        return {"input": [length, self.config.embedding], "output": [length, self.config.hidden]}

    def vectors(self, rows, words):
        """words: int32 [...], FIRST where there is none, which adds nothing."""
        found = tf.gather(tf.convert_to_tensor(rows), tf.maximum(words, 0))
        return found * tf.cast(words != FIRST, tf.float32)[..., None]

    def hidden(self, window, known):
        """window: x of the last words, the nearest first, [..., (n - 1) E]; known: the sum of W, [..., H]."""
        return self.activation(tf.cast(self.distances(window), tf.float32) + known)

    def read(self, words, z=None, states=None, noise=None, rate=0.0):
        """h after each word, from a document's start. words: int32 [B, T]. Returns (None, h [B, T, H])."""
        noise, many = noise or {}, tf.shape(words)[1]
        x = dropped(self.vectors(self.rows, words), noise.get("input"), rate)
        behind = [tf.pad(x, [[0, 0], [k, 0], [0, 0]])[:, :many] for k in range(self.config.window)]
        known = tf.cumsum(self.vectors(self.bag, words), 1) if self.config.document else 0.0
        return None, dropped(self.hidden(tf.concat(behind, -1), known), noise.get("output"), rate)

    def logits(self, h):
        """Of the next word. h: [..., H]. Returns float32 [..., V]."""
        flat = tf.cast(self.out(tf.reshape(h, [-1, h.shape[-1]])), tf.float32)  # see `cells.unroll`
        return tf.reshape(flat, [*tf.unstack(tf.shape(h))[:-1], self.config.vocabulary])

    def begin(self, size, z=None):
        """The state before the first word: x of the last words, and the sum of W. size: B."""
        config = self.config
        return tf.zeros([size, config.window * config.embedding]), tf.zeros([size, config.hidden])

    def step(self, words, states, z=None):
        """One word more. words: int32 [B]. Returns (log p [B, V], UNKNOWN's being -inf; the state after it)."""
        window, known = states
        window = tf.concat([self.vectors(self.rows, words), window], -1)[:, : window.shape[-1]]
        known += self.vectors(self.bag, words) if self.config.document else 0.0
        never = tf.one_hot(UNKNOWN, self.config.vocabulary, -float("inf"), 0.0)
        return tf.nn.log_softmax(self.logits(self.hidden(window, known))) + never, (window, known)


class DocNADELM(LanguageModel):
    """Words in their order, each from the last ones and from the bag of all before it; or from the last ones alone."""

    def __init__(self, config):
        super().__init__(config, "docnade_lm", NGram(config, name="decoder"))
