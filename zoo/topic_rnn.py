"""TopicRNN: a recurrent language model whose words lean towards the topics of their document.

Dieng, Wang, Gao and Paisley, 2017, arXiv:1611.01702. The recurrent network knows the words before; theta, a Gaussian
vector of the whole document, adds a bias to the logits of the next word wherever the switch l says that no stop word
comes. In training l and the document are known; where a text is scored or written l is summed over, and theta is the
posterior's mean of the bag of the words before.
Differs: no list of stop words comes with the paper. Here they are scikit-learn's for English, marks, what is in more
than a share of training's documents, the unknown word and the ends of sentences. theta is told anew before every word,
from a window of a fixed number of words before it; the paper takes the batch of words before.

Beside it the same language model without topics, and one that is fed LDA's topic proportions of the window as features
(after Mikolov and Zweig, 2012); both are without a switch.

B batch, T words of a document with the END of each sentence, L the most of them, W words of the window, V vocabulary,
E size of a word's vector, H units, K topics. Behind a document stands PAD.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.base import require
from zoo.declare import Field, Measure
from zoo.declare.measure import perplexities
from zoo.nn import decoding, lda
from zoo.nn.cells import CELLS, unroll
from zoo.nn.gaussian import GaussianHead, apply_chain, build_chain, gaussian
from zoo.nn.model import Model
from zoo.nn.recurrence import affine
from zoo.nn.texts import Table, before, zeros
from zoo.nn.words import END, PAD, UNKNOWN, Words

tfd = tfp.distributions
cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits  # of labels and logits

WRITTEN = 50  # words of a sentence that is written, with its END
ENDS = (".", "!", "?")  # marks behind which a sentence is over
HELD = 3.0  # theta of a topic that is held, in standard deviations of the prior


def build(config):
    """The model of a config with all its variables."""
    model = TopicRNN(config)
    model.build()
    return model


class TopicRNN(Model):
    """p(y_t | y_1 .. y_{t-1}) with theta, with LDA's features, or with neither."""

    def __init__(self, config):
        super().__init__(config, {"theta": "topic_rnn", "lda": "lda_rnn", "none": "rnn"}[config.context])
        self.words = Words(config.vocabulary, name="words")
        self.table = Table(config.vocabulary, config.embedding, name="table")
        self.cell = CELLS[config.cell](config.hidden, name="cell")
        self.has_topics, self.infers = config.context != "none", config.context == "theta"
        if self.infers:
            self.switch = keras.layers.Dense(1, use_bias=False, name="switch")  # Gamma
            first, *others = config.inference
            self.bag = Table(config.vocabulary, first, name="bag")
            self.inference = [keras.layers.Dense(size, "relu", name=f"layer_{i}") for i, size in enumerate(others, 1)]
            self.head = GaussianHead(config.topics, name="posterior")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.table.build()
        self.cell.build((None, config.embedding))
        rows = config.hidden + config.topics * self.has_topics
        self.out = self.add_weight(name="out", shape=(rows, config.vocabulary))  # the paper's V, below it its B
        if self.has_topics:
            shape = (config.vocabulary,)
            self.stop = self.add_weight(name="stop", shape=shape, dtype="uint8", initializer="zeros", trainable=False)
        if self.infers:
            self.switch.build((None, config.hidden))
            self.bag.build()
            self.bag_bias = self.add_weight(name="bag_bias", shape=config.inference[:1], initializer="zeros")
            self.head.build(build_chain(self.inference, (None, config.inference[0])))
        elif self.has_topics:
            shape = (config.vocabulary, config.topics)  # p(topic | word)
            self.shares = self.add_weight(name="shares", shape=shape, initializer="zeros", trainable=False)
        self.built = True

    @property
    def fields(self):
        config = self.config
        return {"text": Field((config.text_length,), "int32", classes=config.vocabulary, ragged=True, pad=PAD)}

    @property
    def vocabularies(self):
        return {"text": self.words}

    @property
    def measures(self):
        says = "-log p of a document's words and ends of sentences, each from those before it in the document"
        alone = {"negative_log_likelihood": Measure("nats", says, likelihood="text")}
        alone |= perplexities("negative_log_likelihood")
        if not self.infers:
            return alone
        says = "distortion + stops + rate, one sample from the posterior; -log p of a document is at most this"
        return alone | {
            "bound": Measure("nats", says, terms=("distortion", "stops", "rate"), likelihood="text"),
            "distortion": Measure("nats", "-log p of the words, given theta and which of them are stop words"),
            "stops": Measure("nats", "-log p of which words are stop words"),
            "rate": Measure("nats", "KL(q(theta | document) || p(theta))", better=""),
        }

    def counts(self, batch):
        """{"words": [B] without any END, "words_and_end": [B] with all of them}."""
        words, both = (tf.cast(which, tf.float32) for which in (batch["text"] > END, batch["text"] != PAD))
        return {"words": tf.reduce_sum(words, 1), "words_and_end": tf.reduce_sum(both, 1)}

    def noise(self, batch_size, seed):
        """{"theta": standard normal [B, K]}, if theta is inferred. seed: int32[2]."""
        if not self.infers:
            return {}
        return {"theta": tf.random.stateless_normal([batch_size, self.config.topics], seed)}

    def learn(self, split):
        """Which words are stop words; and of LDA p(topic | word). Both by the documents of training.

        Raises ValueError where fewer than two are left.
        """
        if not self.has_topics:
            return
        size, documents = self.config.vocabulary, [row[row > UNKNOWN] for row in split.arrays["text"]]
        share = np.bincount(np.concatenate(list(map(np.unique, documents))), minlength=size) / len(documents)
        stop = stop_words(self.words.known, share, self.config.stop_share)
        content = len(self.words.lines) - np.count_nonzero(stop[: len(self.words.lines)])
        expected = f"one that leaves two words or more for the topics, not {content}; raise it, or learn more words"
        require(content > 1, "model.stop_share", self.config.stop_share, expected)
        self.stop.assign(stop)
        if not self.infers:
            of_topics = lda.topics([row[~stop[row]] for row in documents], size, self.config.topics)
            self.shares.assign((of_topics / of_topics.sum(0)).T)

    # ------------------------------------------------------------------------------------------------------- topics

    @property
    def inference_variables(self):
        """Those of q(theta | document)."""
        layers = [self.bag, *self.inference, self.head]
        return [self.bag_bias, *(v for layer in layers for v in layer.trainable_variables)]

    def stops(self, ids):
        """1 for stop words. ids: int32 [...]. Returns float32 [...]."""
        return tf.gather(tf.cast(tf.convert_to_tensor(self.stop), tf.float32), tf.maximum(ids, 0))

    def counted(self, ids):
        """What a bag is a sum of: of each word its row of the first layer's map, or of LDA p(topic | word) and a 1.

        ids: int32 [B, T]. Returns [B, T, F], 0 of stop words and PAD.
        """
        if self.infers:
            rows = self.bag.vectors(ids)
        else:
            rows = tf.gather(tf.convert_to_tensor(self.shares), tf.maximum(ids, 0))
            rows = tf.pad(rows, [[0, 0], [0, 0], [0, 1]], constant_values=1.0)
        content = tf.cast(ids != PAD, tf.float32) * (1 - self.stops(ids))
        return rows * content[..., None]

    def told(self, bag):
        """Mean and scale of q(theta | bag); or LDA's features and None. bag: [..., F], a sum of what `counted` returns.

        The features are K times the topics' proportions, less 1: 0 where no word is known.
        """
        if not self.infers:
            # One round of LDA's inference, from equal proportions and with scikit-learn's prior of 1 / K a topic.
            gamma = 1 / self.config.topics + bag[..., :-1]
            return self.config.topics * gamma / (1 + bag[..., -1:]) - 1, None
        g = tf.reshape(tf.nn.relu(bag + self.bag_bias), [-1, self.config.inference[0]])
        shape = [*tf.unstack(tf.shape(bag))[:-1], self.config.topics]
        return [tf.reshape(part, shape) for part in self.head(apply_chain(self.inference, g))]

    def posterior(self, text):
        """As `told`, of whole documents, int32 [B, T]: [B, K] each."""
        return self.told(tf.reduce_sum(self.counted(text), 1))

    def past(self, text):
        """theta as the W words before each word tell it, [B, T, K]. text: int32 [B, T]."""
        summed = tf.cumsum(self.counted(text), 1, exclusive=True)
        gone = tf.pad(summed, [[0, 0], [self.config.window, 0], [0, 0]])[:, : tf.shape(text)[1]]
        return self.told(summed - gone)[0]

    def topic_words(self, count=10):
        """The content words that each topic makes likelier, those with the largest b first.

        Returns int [K, count], or fewer a topic if fewer are known.
        """
        b, content = self.out.numpy()[self.config.hidden :], np.flatnonzero(self.stop.numpy() == 0)
        content = content[(content > UNKNOWN) & (content < len(self.words.lines))]
        return content[np.argsort(-b[:, content], 1, kind="stable")[:, :count]]

    # ------------------------------------------------------------------------------------------------------ scoring

    def read(self, text, state=None, kept=None):
        """h after each word, [B, T, H], and the last state. text: int32 [B, T], FIRST where there is none.

        state: default zeros; kept: [B, T], 0 where the state stays.
        """
        last, h = unroll(self.cell, self.table.vectors(text), state or zeros(self.cell, size_of(text)), kept)
        return h, last

    def product(self, x, row=0):
        """x: [..., D], by the D rows of V over B from this one on. Returns float32 [..., V]."""
        kernel = tf.convert_to_tensor(self.out)[row : row + x.shape[-1]]
        flat = affine(tf.reshape(x, [-1, x.shape[-1]]), kernel, 0.0, self.compute_dtype)  # see `cells.unroll`
        return tf.reshape(flat, [*tf.unstack(tf.shape(x))[:-1], self.config.vocabulary])

    def stop_logits(self, h):
        """Of a stop word. h: [..., H]. Returns [...]."""
        flat = tf.cast(self.switch(tf.reshape(h, [-1, self.config.hidden])), tf.float32)
        return tf.reshape(flat, tf.shape(h)[:-1])

    def log_probs(self, h, theta=None):
        """log p of every word, the switch summed over. h: [..., H]; theta: [..., K], if there are topics.

        Returns [..., V].
        """
        logits = self.product(h)
        if not self.has_topics:
            return tf.nn.log_softmax(logits)
        content = tf.nn.log_softmax(logits + self.product(theta, self.config.hidden))
        if not self.infers:
            return content
        switch = self.stop_logits(h)[..., None]
        log_content, log_stop = (-cross_entropy(tf.fill(tf.shape(switch), each), switch) for each in (0.0, 1.0))
        return tf.reduce_logsumexp(tf.stack([log_content + content, log_stop + tf.nn.log_softmax(logits)]), 0)

    def nats_after(self, window, text, state=None):
        """-log p of each word of a text after the W before it: ([B, T], 0 of PAD; the state behind the text).

        window: int32 [B, W], PAD where there was none; text: int32 [B, T]; state: before the last word of the window.
        """
        seen = tf.concat([window, text], 1)
        h, state = self.read(seen[:, self.config.window - 1 : -1], state)
        theta = self.past(seen)[:, self.config.window :] if self.has_topics else None
        return -self.of_words(self.log_probs(h, theta), text), state

    def nats(self, text):
        """-log p of each word from those before it in its document, [B, T]. text: int32 [B, T]."""
        return self.nats_after(tf.fill([size_of(text), self.config.window], PAD), text)[0]

    def of_words(self, log_p, text):
        """Of log p, [B, T, V], that of a text's words, 0 of PAD: [B, T]."""
        found = tf.gather(log_p, tf.maximum(text, 0), batch_dims=2)
        return tf.where(text != PAD, found, 0.0)

    def bound_terms(self, text, noise):
        """Minus the bound: {"distortion", "stops", "rate"}, [B] nats each; the document and every l_t are known."""
        mean, scale = self.posterior(text)
        theta = mean + scale * noise["theta"]
        l = self.stops(text)  # noqa: E741, the paper's letter
        h, _ = self.read(before(text))
        bias = (1 - l)[..., None] * theta[:, None]
        words = -self.of_words(tf.nn.log_softmax(self.product(tf.concat([h, bias], -1))), text)
        stops = cross_entropy(l, self.stop_logits(h))
        return {
            "distortion": tf.reduce_sum(words, 1),
            "stops": tf.reduce_sum(tf.where(text != PAD, stops, 0.0), 1),
            "rate": tfd.kl_divergence(gaussian(mean, scale), gaussian(tf.zeros_like(mean), tf.ones_like(mean))),
        }

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats and, where theta is inferred, the bound's terms."""
        text, size = batch["text"], size_of(batch["text"])
        # In one width whatever the padding: other sums differ in the last bit.
        text = tf.pad(text, [[0, 0], [0, self.config.text_length - tf.shape(text)[1]]], constant_values=PAD)
        text = tf.reshape(text, [size, self.config.text_length])
        terms = {"negative_log_likelihood": tf.reduce_sum(self.nats(text), 1)}
        return terms | (self.bound_terms(text, noise) if self.infers else {})

    def training_terms(self, batch, noise, step):
        """The bound's terms; without theta minus the log-likelihood."""
        if self.infers:
            return self.bound_terms(batch["text"], noise)
        return {"negative_log_likelihood": tf.reduce_sum(self.nats(batch["text"]), 1)}

    def features(self, text):
        """{"theta": [B, K], the posterior's mean, if there are topics; "h": [B, H]} of documents int32 [B, T]."""
        _, state = self.read(text, kept=tf.cast(text != PAD, tf.float32))
        return ({"theta": self.posterior(text)[0]} if self.has_topics else {}) | {"h": state[0]}

    # ------------------------------------------------------------------------------------------------------ writing

    def step(self, words, state, theta=None):
        """One word more. words: int32 [B], FIRST where there is none. Returns (log p [B, V], the state after it)."""
        state = self.cell.step(self.table.vectors(words), state, self.cell.maps)
        return self.log_probs(state[0], theta), state

    def writing_noise(self, size, seed):
        """Standard Gumbel noise [size, WRITTEN, V], of which `write` draws words. seed: int32[2]."""
        return decoding.gumbel([size, WRITTEN, self.config.vocabulary], seed)

    def write(self, size, begun=None, theta=None, noise=None):
        """Sentences of at most WRITTEN words: int32 [B, WRITTEN]. size: B.

        begun: int32 [B, T], documents of one word or more that are gone on with. theta: [B, K], held; None: told anew
        by the window before every word. noise: as of `writing_noise`; None: always the likeliest word.
        """
        config = self.config
        if begun is None:
            state, last = zeros(self.cell, size), tf.fill([size], decoding.FIRST)
            window = tf.fill([size, config.window], PAD)
        else:
            kept = tf.cast(begun != PAD, tf.float32)
            _, state = self.read(before(begun), kept=kept)
            count = tf.cast(tf.reduce_sum(kept, 1), tf.int32)[:, None]
            last = tf.gather(begun, count - 1, batch_dims=1)[:, 0]
            seen = tf.pad(begun, [[0, 0], [config.window, 0]], constant_values=PAD)
            window = tf.gather(seen, count - 1 + tf.range(config.window), batch_dims=1)  # up to the last word

        def step(state, words, last, *held):
            state, window = state
            words = tf.where(words == decoding.FIRST, last, words)
            window = tf.concat([window[:, 1:], words[:, None]], 1)
            theta = held[0] if held else self.posterior(window)[0] if self.has_topics else None
            log_p, state = self.step(words, state, theta)
            never = tf.one_hot(UNKNOWN, config.vocabulary, -float("inf"), 0.0)
            return log_p + never, (state, window), tf.zeros([tf.shape(words)[0], 0])

        context = [last, *([] if theta is None else [theta])]
        arguments = step, (state, window), WRITTEN, 0
        if noise is None:
            return decoding.greedy(*arguments, context=context).ids
        return decoding.sample(*arguments, noise, context=context).ids

    def begun(self, text):
        """Documents int32 [B, T] without their last END, unless a full stop or another mark ends the sentence."""
        count = tf.reduce_sum(tf.cast(text != PAD, tf.int32), 1, keepdims=True)
        last, at = (tf.gather(text, tf.maximum(count - k, 0), batch_dims=1) for k in (2, 1))
        whole = tf.reduce_any(last == tf.constant([-2, *self.marks]), 1, keepdims=True)
        return tf.where((tf.range(tf.shape(text)[1]) == count - 1) & (at == END) & ~whole, PAD, text)

    @property
    def marks(self):
        """The numbers of what ends a sentence, as far as it is known."""
        return [i for i, word in enumerate(self.words.known, UNKNOWN + 1) if word in ENDS]

    def held(self, topic):
        """theta that has one topic alone, [B, K]. topic: int32 [B]."""
        return HELD * tf.one_hot(topic, self.config.topics)


def size_of(text):
    """B of documents [B, T]; LiteRT wants it where it is known."""
    return text.shape[0] or tf.shape(text)[0]


def stop_words(words, share, most):
    """Which numbers are stop words, bool [V]: END and UNKNOWN; scikit-learn's English ones; what has neither letter nor
    digit; what is in more than a share `most` of the documents.

    words: those from UNKNOWN + 1 on; share: of the documents, in which each number is, [V].
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop = share > most
    stop[[END, UNKNOWN]] = True
    for i, word in enumerate(words, UNKNOWN + 1):
        stop[i] |= word in ENGLISH_STOP_WORDS or not any(map(str.isalnum, word))
    return stop
