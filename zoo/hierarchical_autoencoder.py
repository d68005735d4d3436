"""Hierarchical autoencoder: a document is read word by word and sentence by sentence, and written again the same way.

Li, Luong and Jurafsky, 2015, arXiv:1506.01057. Three models: "flat" reads and writes a document as one sequence of
words; "hierarchical" has LSTMs over words and LSTMs over sentences on both sides; with "attention" the sentences that
are written look at those that were read.
Differs: the decoder is told that a sentence begins, where the authors' code says the first word from the start state
itself; the end of a document is a token of its own behind the last sentence's end, which their code replaces by it;
LSTMs and softmax have biases, and weights begin as Keras has them; h = o tanh(c), theirs is h = o c (config: tanh). A
document read backwards is reversed token by token, so that the end of a sentence is read before its words.

B batch, S the most sentences, R those of a batch (at most one or two beyond its longest document), L words of a
sentence with its end, T = S L + 1 tokens of a document that is written, V vocabulary, E size of a word's vector, H
units. Documents hold END behind each sentence; inside this model END ends a document and V, one token more, a sentence.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from zoo.declare import Field, Measure
from zoo.declare.measure import perplexities
from zoo.nn import decoding
from zoo.nn.attention import align, blend
from zoo.nn.cells import Affine
from zoo.nn.decoding import FIRST
from zoo.nn.model import Model
from zoo.nn.recurrence import lstm, lstm_gates, scan, swap
from zoo.nn.texts import Table, dropped
from zoo.nn.words import END, UNKNOWN, Words, mask


def build(config):
    """The model of a config with all its variables."""
    model = HierarchicalAutoencoder(config)
    model.build()
    return model


class Tokens(NamedTuple):
    """A batch of documents as what is read and said, all [B, R, L] but the last."""

    ids: tf.Tensor  # int32; V ends a sentence, END a document
    words: tf.Tensor  # 1 for words and ends of sentences
    said: tf.Tensor  # 1 for the end of the document, too
    real: tf.Tensor  # [B, R], 1 for a sentence


class State(NamedTuple):
    """Where a document that is written stands: (h, c), [B, H] each, of every layer."""

    words: tuple  # within a sentence; behind its end, and before the first one, it is not asked
    sentences: tuple  # before the sentence that is being written; () of a flat one


class Stack(keras.layers.Layer):
    """LSTMs of one size, one over the other. A state of it is a tuple of (h, c), the lowest first."""

    def __init__(self, units, layers, tanh, **kwargs):
        super().__init__(**kwargs)
        self.units, self.tanh = units, tanh
        self.maps = {f"gates_{k}": lstm_gates(units, name=f"gates_{k}") for k in range(layers)}

    def build(self, input_shape):
        self.size = input_shape[-1]
        for k, gates in enumerate(self.maps.values()):
            gates.build((None, (self.units if k else self.size) + self.units))
        self.built = True

    def zeros(self, size):
        """The state before anything was read."""
        return tuple((tf.zeros([size, self.units]), tf.zeros([size, self.units])) for _ in self.maps)

    def step(self, states, maps, x=None, ahead=None):
        """The state after one input more. x: [B, D]; or ahead: [B, 4 H], what `ahead` makes of it."""
        after = []
        for k, (h, c) in enumerate(states):
            gates = tf.cast(maps[f"gates_{k}"](h if x is None else tf.concat([x, h], -1)), tf.float32)
            if x is None:
                gates += ahead
            x, c = lstm(gates, c) if self.tanh else without_tanh(gates, c)
            after.append((x, c))
        return tuple(after)

    def ahead(self, x):
        """The lowest layer's gates as far as inputs decide them. x: [..., D]. Returns [..., 4 H]."""
        gates = self.maps["gates_0"]
        kernel = tf.cast(gates.kernel[: self.size], gates.compute_dtype)
        flat = tf.cast(tf.reshape(x, [-1, self.size]), gates.compute_dtype) @ kernel
        return tf.reshape(tf.cast(flat, tf.float32) + gates.bias, [*tf.unstack(tf.shape(x))[:-1], 4 * self.units])

    @property
    def recurrent(self):
        """What `read` multiplies with, as tensors that can be handed into a loop."""
        lowest, *others = self.maps.values()
        upper = [tf.convert_to_tensor(x) for gates in others for x in (gates.kernel, gates.bias)]
        return [tf.convert_to_tensor(lowest.kernel)[self.size :], *upper]

    def read(self, ahead, states, kept, recurrent=None):
        """Over inputs that are known. ahead: [B, T, 4 H]; kept: [B, T], 0 where the state stays; recurrent: own ones.

        Returns (last state, h of the highest layer [B, T, H]).
        """
        lowest, *upper = recurrent or self.recurrent
        pairs = [(lowest, None), *zip(upper[::2], upper[1::2], strict=True)]
        dtype = self.maps["gates_0"].compute_dtype
        maps = {name: Affine(kernel, dtype, bias) for name, (kernel, bias) in zip(self.maps, pairs, strict=True)}

        def step(states, inputs, maps):
            ahead, kept = inputs
            after = where(kept > 0, self.step(states, maps, ahead=ahead), states)
            return after, [after[-1][0]]

        last, (h,) = scan(step, states, (swap(ahead), swap(kept)[..., None]), maps, [[None, self.units]])
        return last, swap(h)


class HierarchicalAutoencoder(Model):
    """Reads a document into the states of its layers, and writes it from them."""

    def __init__(self, config):
        super().__init__(config, f"{config.kind}_autoencoder")
        self.words = Words(config.vocabulary, name="words")
        self.table = Table(config.vocabulary + 1, config.embedding, name="table")
        levels = ("words",) if config.kind == "flat" else ("words", "sentences")
        sizes = config.hidden, config.layers, config.tanh
        self.reader = {level: Stack(*sizes, name=f"reader_{level}") for level in levels}
        self.writer = {level: Stack(*sizes, name=f"writer_{level}") for level in levels}
        self.looks = config.kind == "attention"
        if self.looks:
            names = ("keys", "query")
            self.keys, self.query = (keras.layers.Dense(config.hidden, use_bias=False, name=name) for name in names)
        self.out = keras.layers.Dense(config.vocabulary + 1, name="out")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.table.build()
        for side in (self.reader, self.writer):
            side["words"].build((None, config.embedding))
        if config.kind != "flat":
            self.reader["sentences"].build((None, config.hidden))
            self.writer["sentences"].build((None, config.hidden * (2 if self.looks else 1)))
        if self.looks:
            self.keys.build((None, config.hidden))
            self.query.build((None, config.hidden))
            self.v = self.add_weight(name="v", shape=(config.hidden,), initializer="uniform")
        self.out.build((None, config.hidden))
        self.built = True

    @property
    def fields(self):
        config = self.config
        shape = config.sentences, config.text_length
        return {"text": Field(shape, "int32", classes=config.vocabulary, ragged=True)}

    @property
    def vocabularies(self):
        return {"text": self.words}

    @property
    def measures(self):
        says = "-log p of a document, of the ends of its sentences and of its own, after it was read"
        nats = {"negative_log_likelihood": Measure("nats", says)}
        return nats | perplexities("negative_log_likelihood")

    def counts(self, batch):
        """{"words": [B] without any end, "words_and_end": [B] with those of sentences and document}."""
        words, said = tf.cast(batch["text"] != END, tf.float32), self.tokens(batch["text"]).said
        return {"words": tf.reduce_sum(words, [1, 2]), "words_and_end": tf.reduce_sum(said, [1, 2])}

    def training_noise(self, batch_size, seed):
        """Uniform numbers for dropout: of words that are read, that are told and that are said. seed: int32[2]."""
        config = self.config
        if not config.dropout:
            return {}
        room = {"read": (config.text_length, config.embedding), "said": (config.text_length, config.hidden)}
        room["told"] = (config.text_length + (config.kind != "flat"), config.embedding)
        pairs = zip(room.items(), tf.unstack(tf.random.split(seed, len(room)), len(room)), strict=True)
        return {
            name: tf.random.stateless_uniform([batch_size, config.sentences, *shape], own)
            for (name, shape), own in pairs
        }

    def tokens(self, text):
        """Tokens of documents int32 [B, <= S, L]. The end of one of S sentences goes without saying."""
        text = tf.pad(text, [[0, 0], [0, 1], [0, 0]])[:, : self.config.sentences]
        real = tf.cast(text[:, :, 0] != END, tf.float32)
        words = tf.reshape(mask(tf.reshape(text, [-1, self.config.text_length])), tf.shape(text)) * real[..., None]
        ids = tf.where((text == END) & (words > 0), self.config.vocabulary, text)
        ends = tf.pad(real, [[0, 0], [1, 0]], constant_values=1.0)[:, :-1] * (1 - real)  # behind the last sentence
        said = words + tf.pad(ends[..., None], [[0, 0], [0, 0], [0, self.config.text_length - 1]])
        return Tokens(ids, words, said, real)

    def whole(self, text):
        """Documents int32 [B, <= S, L] with room for all S sentences: of other widths sums differ in the last bit."""
        config, size = self.config, text.shape[0] or tf.shape(text)[0]  # LiteRT wants the batch where it is known
        text = tf.pad(text, [[0, 0], [0, config.sentences - tf.shape(text)[1]], [0, 0]])
        return tf.reshape(text, [size, config.sentences, config.text_length])

    # ------------------------------------------------------------------------------------------------------- reading

    def read(self, tokens, noise=None):
        """(state of every layer behind the document, h of each sentence [B, R, H]; None of a flat one)."""
        words, kept = self.reader["words"], tokens.words
        x = dropped(self.table.vectors(tokens.ids), (noise or {}).get("read"), self.config.dropout)
        if self.config.reverse:  # what is not kept changes no state, wherever it stands
            x, kept = (tf.reverse(each, [1, 2]) for each in (x, kept))
        size, rows, length = tf.unstack(tf.shape(kept))
        if self.config.kind == "flat":
            flat = words.ahead(tf.reshape(x, [size, rows * length, self.config.embedding]))
            return words.read(flat, words.zeros(size), tf.reshape(kept, [size, -1]))[0], None
        flat = words.ahead(tf.reshape(x, [size * rows, length, self.config.embedding]))
        last, _ = words.read(flat, words.zeros(size * rows), tf.reshape(kept, [size * rows, length]))
        sentences, e = self.reader["sentences"], tf.reshape(last[-1][0], [size, rows, self.config.hidden])
        state, h = sentences.read(sentences.ahead(e), sentences.zeros(size), tf.reduce_max(kept, 2))
        return state, tf.reverse(h, [1]) if self.config.reverse else h

    def encode(self, text):
        """{"vector": [B, H]}, the highest layer's h behind a document. text: int32 [B, <= S, L]."""
        state, _ = self.read(self.tokens(self.whole(text)))
        return {"vector": state[-1][0]}

    def looked_at(self, tokens, h):
        """What every look needs: mapped keys, h [B, R, H] and which are sentences [B, R]; () without attention."""
        if not self.looks:
            return ()
        keys = tf.cast(self.keys(tf.reshape(h, [-1, self.config.hidden])), tf.float32)
        return tf.reshape(keys, tf.shape(h)), h, tokens.real

    # ------------------------------------------------------------------------------------------------------- writing

    def next_sentence(self, vector, state, maps, context, v=None):
        """(sentence state after a sentence, weights of its look [B, R]). vector: [B, H], h behind the sentence's end.

        maps: of the sentence writer and, for a look, "query". context: as `looked_at`.
        """
        if not context:
            return self.writer["sentences"].step(state, maps, vector), None
        keys, values, real = context
        alpha = align(keys, tf.cast(maps["query"](state[-1][0]), tf.float32), v, real)
        return self.writer["sentences"].step(state, maps, tf.concat([vector, blend(alpha, values)], -1)), alpha

    @property
    def sentence_maps(self):
        return self.writer["sentences"].maps | ({"query": self.query} if self.looks else {})

    def log_probs(self, tokens, noise=None):
        """log p of every token in every place [B, R, L, V + 1], and the weights of every look [B, R, R] or None."""
        noise, alphas = noise or {}, None
        state, h = self.read(tokens, noise)
        if self.config.kind == "flat":
            h = self.tell_flat(tokens, state, noise.get("told"))
        else:
            h, alphas = self.tell(tokens, state, self.looked_at(tokens, h), noise.get("told"))
        return tf.nn.log_softmax(self.logits(dropped(h, noise.get("said"), self.config.dropout))), alphas

    def nats(self, text, noise=None):
        """-log p of a document, [B]."""
        tokens = self.tokens(text)
        log_p = tf.gather(self.log_probs(tokens, noise)[0], tokens.ids, batch_dims=3)
        return -tf.reduce_sum(log_p * tokens.said, [1, 2])

    def tell_flat(self, tokens, state, uniform):
        """h from which each word is said [B, R, L, H], the words before being known."""
        writer, (size, rows, length) = self.writer["words"], tf.unstack(tf.shape(tokens.ids))
        begins = tf.concat([tf.fill([size, 1, 1], FIRST), tf.fill([size, rows - 1, 1], self.config.vocabulary)], 1)
        x = dropped(self.table.vectors(tf.concat([begins, tokens.ids[..., :-1]], 2)), uniform, self.config.dropout)
        ahead = writer.ahead(tf.reshape(x, [size, rows * length, self.config.embedding]))
        _, h = writer.read(ahead, state, tf.reshape(tokens.said, [size, -1]))
        return tf.reshape(h, [size, rows, length, self.config.hidden])

    def tell(self, tokens, state, context, uniform):
        """The same, sentence by sentence, and the weights of the look behind each sentence."""
        writer = self.writer["words"]
        ids = tf.pad(tokens.ids, [[0, 0], [0, 0], [1, 0]], constant_values=FIRST)
        ahead = writer.ahead(dropped(self.table.vectors(ids), uniform, self.config.dropout))  # [B, R, L + 1, 4 H]
        kept = tf.concat([tokens.said[..., :1], tokens.words], -1)
        recurrent, v = writer.recurrent, [tf.convert_to_tensor(self.v)] if self.looks else []
        outputs = [[None, self.config.text_length, self.config.hidden], *[[None, x.shape[1]] for x in context[-1:]]]

        def step(state, inputs, maps, *given):
            ahead, kept = inputs
            weights, look = given[: len(recurrent)], given[len(recurrent) :]
            last, h = writer.read(ahead, state, kept, weights)
            after, alpha = self.next_sentence(last[-1][0], state, maps, look[:-1], *look[-1:])
            return after, [h[:, :-1], *([alpha] if look else [])]

        _, (h, *alphas) = scan(
            step, state, (swap(ahead), swap(kept)), self.sentence_maps, outputs, (*recurrent, *context, *v)
        )
        return swap(h), swap(alphas[0]) if alphas else None

    def logits(self, h):
        """Of the next token. h: [..., H]. Returns float32 [..., V + 1]."""
        flat = tf.cast(self.out(tf.reshape(h, [-1, self.config.hidden])), tf.float32)
        return tf.reshape(flat, [*tf.unstack(tf.shape(h))[:-1], self.config.vocabulary + 1])

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"text": int32 [B, <= S, L]}. Nothing is dropped."""
        return {"negative_log_likelihood": self.nats(self.whole(batch["text"]))}

    def training_terms(self, batch, noise, step):
        """The same with what the noise drops."""
        return {"negative_log_likelihood": self.nats(batch["text"], noise)}

    def start(self, text):
        """(State before the first word of documents int32 [B, <= S, L], what every sentence looks at)."""
        tokens = self.tokens(self.whole(text))
        state, h = self.read(tokens)
        if self.config.kind == "flat":
            return State(state, ()), ()
        return State(self.writer["words"].zeros(tf.shape(text)[0]), state), self.looked_at(tokens, h)

    def decode_step(self, words, state, context=()):
        """One token more. words: int32 [B], the tokens before, FIRST at the start.

        Returns (log p [B, V + 1], the State after it, weights of the look [B, R] or None). What cannot be said is
        -inf: UNKNOWN, the end of a sentence without a word, the end of a document but behind a sentence.
        """
        now = self.writer["words"].step(state.words, self.writer["words"].maps, self.table.vectors(words))
        ended, alpha = words == self.config.vocabulary, None
        begins = ended | (words == FIRST)
        sentences = state.sentences
        if self.config.kind != "flat":
            v = tf.convert_to_tensor(self.v) if self.looks else None
            after, alpha = self.next_sentence(now[-1][0], sentences, self.sentence_maps, context, v)
            sentences = where(ended[:, None], after, sentences)
            first = self.table.vectors(tf.fill(tf.shape(words), FIRST))
            begun = self.writer["words"].step(sentences, self.writer["words"].maps, first)
            now = where(begins[:, None], begun, now)
        log_p = tf.nn.log_softmax(self.logits(now[-1][0])) + self.never(UNKNOWN)
        log_p += tf.where(begins[:, None], self.never(self.config.vocabulary), 0.0)
        return log_p + tf.where(ended[:, None], 0.0, self.never(END)), State(now, sentences), alpha

    def never(self, token):
        return tf.one_hot(token, self.config.vocabulary + 1, -float("inf"), 0.0)

    def reconstruct(self, text, method="greedy", width=5):
        """What comes back of documents int32 [B, <= S, L]. method: "greedy", or "beam" of this width.

        Returns {"text": int32 [B, S, L], "score": log p of its words and ends [B], "end": [B, S], the probability that
        the document had ended before each of its sentences, and with attention "attention": [B, S, S], where each of
        them but the first one looked}.
        """
        config, size = self.config, text.shape[0] or tf.shape(text)[0]
        state, context = self.start(text)

        def step(state, words, *context):
            now, sentence, place = state
            log_p, now, alpha = self.decode_step(words, now, context)
            ended = words == config.vocabulary
            sentence += tf.cast(ended, tf.int32)
            place = tf.where(ended, 0, place + 1)  # of the word that is said now
            extra = [tf.cast(sentence, tf.float32), tf.cast(place, tf.float32), tf.exp(log_p[:, END])]
            extra = tf.concat([tf.stack(extra, 1), *([] if alpha is None else [alpha])], 1)
            only = tf.one_hot([END, config.vocabulary], config.vocabulary + 1, 0.0, -float("inf"))
            log_p = tf.where((place == config.text_length - 1)[:, None], log_p + only[1], log_p)
            log_p = tf.where((sentence == config.sentences)[:, None], only[0], log_p)
            return log_p, (now, sentence, place), extra

        state = state, tf.zeros([size], tf.int32), tf.fill([size], -1)
        looks = config.sentences if self.looks else 0
        longest = config.sentences * config.text_length + 1  # and the document's end
        arguments = step, state, longest, 3 + looks
        search = {"context": context} | ({"width": width} if method == "beam" else {})
        said = (decoding.beam if method == "beam" else decoding.greedy)(*arguments, **search)

        sentence, place = tf.unstack(tf.cast(said.extras[..., :2], tf.int32), axis=-1)
        ids = tf.where(said.ids == config.vocabulary, END, said.ids)
        begins = tf.cast(place == 0, tf.float32)  # behind the document's end all extras are 0
        told = placed(sentence, said.extras[..., 2:] * begins[..., None], config.sentences + 1)[:, :-1]
        rows = placed(sentence * config.text_length + place, ids, (config.sentences + 1) * config.text_length)
        rows = tf.reshape(rows, [size, config.sentences + 1, config.text_length])[:, :-1]
        found = {"text": rows, "score": said.score, "end": told[..., 0]}
        return found | ({"attention": told[..., 1:]} if self.looks else {})


def without_tanh(gates, cell):
    """An LSTM's (h, cell) as `zoo.nn.recurrence.lstm` has it, but for h = o c."""
    i, f, g, o = tf.split(gates, 4, -1)
    cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * cell, cell


def where(condition, new, old):
    """Of two structures of tensors."""
    return tf.nest.map_structure(lambda a, b: tf.where(condition, a, b), new, old)


def placed(index, values, size):
    """Values [B, T, ...] at places int32 [B, T] of [B, size, ...]; what falls on one place is added."""
    batch = values.shape[0] or tf.shape(values)[0]
    rows = tf.repeat(tf.range(batch)[:, None], tf.shape(index)[1], 1)
    return tf.scatter_nd(tf.stack([rows, index], -1), values, [batch, size, *values.shape[2:]])
