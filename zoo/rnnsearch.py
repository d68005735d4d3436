"""RNNsearch: a translation word by word, before each of which the model looks at all words of the source.

Bahdanau, Cho and Bengio, 2015, arXiv:1409.0473, with the equations of its appendix A: the reset gate acts before the
product, the alignment and the deep output see s_{i-1}. Without attention it is their RNNencdec: the source is its
reader's last state, given to every step. The source is read with its END; no translation begins with the END or has
the unknown word in it.
Differs: biases, which the paper leaves out, are added wherever one acts; RNNencdec reads forward, and its s_0 comes
from what it read last; recurrent weights start orthogonal, the others as Keras draws them; dropout, if any, is of the
words' vectors and of the maxout layer. The authors' code updates s_i with y_i where the paper prints y_{i-1}.

B batch, S words of a source and T of a target with their END, V vocabulary of the target, m size of a word's vector,
n units, l units of the maxout layer.
"""

import keras
import tensorflow as tf

from zoo.declare import Field, Measure
from zoo.declare.measure import perplexities
from zoo.nn import decoding
from zoo.nn.attention import align, blend
from zoo.nn.cells import unroll
from zoo.nn.model import Model
from zoo.nn.recurrence import scan, summed, swap
from zoo.nn.texts import before, dropped, nats_of, zeros
from zoo.nn.words import END, UNKNOWN, Words, mask


def build(config):
    """The model of a config with all its variables."""
    model = RNNSearch(config)
    model.build()
    return model


class Gated(keras.layers.Layer):
    """The gated hidden unit, a cell of `zoo.nn.cells.unroll`; what else it hears, such as C c, is in `ahead`.

    z = s(W_z x + U_z h), r = s(W_r x + U_r h), h~ = tanh(W x + U (r h)), h' = (1 - z) h + z h~, with biases.
    """

    states = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.entry = keras.layers.Dense(3 * units, name="entry")  # W_z, W_r, W
        self.maps = {  # [U_z, U_r] of h, U of r h
            "gates": keras.layers.Dense(2 * units, use_bias=False, kernel_initializer=orthogonal, name="gates"),
            "candidate": keras.layers.Dense(units, use_bias=False, kernel_initializer=orthogonal, name="candidate"),
        }

    def build(self, input_shape):
        self.entry.build(input_shape)
        for layer in self.maps.values():
            layer.build((None, self.units))
        self.built = True

    def ahead(self, x):
        """(W x + b of both gates and the candidate, [..., 3 n]; the maps of h)."""
        return tf.cast(self.entry(x), tf.float32), self.maps

    def step_from(self, ahead, state, maps):
        (h,) = state
        gates, new = tf.split(ahead, [2 * self.units, self.units], -1)
        z, r = tf.split(tf.sigmoid(gates + maps["gates"](h)), 2, -1)
        return ((1 - z) * h + z * tf.tanh(new + maps["candidate"](r * h)),)


def orthogonal(shape, dtype=None):
    """A kernel of square blocks side by side, each orthogonal by itself."""
    rows, columns = shape
    blocks = [keras.initializers.Orthogonal()((rows, rows), dtype) for _ in range(columns // rows)]
    return keras.ops.concatenate(blocks, -1)


class RNNSearch(Model):
    """Reader, alignment (config.attention) and the decoder that translates."""

    def __init__(self, config):
        super().__init__(config, "rnnsearch" if config.attention else "rnn_encoder_decoder")
        dense, n = keras.layers.Dense, config.hidden
        self.source_words = Words(config.source_vocabulary, config.units, name="source_words")
        self.target_words = Words(config.target_vocabulary, config.units, name="target_words")
        self.readers = [Gated(n, name=name) for name in ("forward", "backward")[: 1 + config.attention]]
        self.first = dense(n, "tanh", name="first")  # W_s
        self.decoder = Gated(n, name="decoder")
        self.context = dense(3 * n, use_bias=False, name="context")  # C_z, C_r, C
        self.keys = dense(config.align_size, use_bias=False, name="keys") if config.attention else None  # U_a
        self.query = dense(config.align_size, use_bias=False, name="query") if config.attention else None  # W_a
        self.deep = dense(2 * config.maxout, name="deep")  # [U_o, V_o, C_o]
        self.out = dense(config.target_vocabulary, name="out")  # W_o

    def build(self, input_shape=None):
        config, n = self.config, self.config.hidden
        read = n * len(self.readers)  # size of an annotation, and of c
        for words in self.vocabularies.values():
            words.build()
        shape = (config.source_vocabulary, config.embedding)
        self.source_table = self.add_weight(name="E_x", shape=shape, initializer="uniform")
        shape = (config.target_vocabulary, config.embedding)
        self.target_table = self.add_weight(name="E_y", shape=shape, initializer="uniform")
        for cell in (*self.readers, self.decoder):
            cell.build((None, config.embedding))
        self.first.build((None, n))
        self.context.build((None, read))
        if config.attention:
            self.keys.build((None, read))
            self.query.build((None, n))
            self.v = self.add_weight(name="v_a", shape=(config.align_size,), initializer="glorot_uniform")
        self.deep.build((None, n + config.embedding + read))
        self.out.build((None, config.maxout))
        self.built = True

    @property
    def fields(self):
        config = self.config
        sizes = {"source": (config.source_length, config.source_vocabulary)}
        sizes["target"] = (config.target_length, config.target_vocabulary)
        return {
            name: Field((length,), "int32", classes=vocabulary, ragged=True, units=config.units)
            for name, (length, vocabulary) in sizes.items()
        }

    @property
    def measures(self):
        says = "-log p of a translation and its end, the source given"
        nats = {"negative_log_likelihood": Measure("nats", says, likelihood="target")}
        return nats | perplexities("negative_log_likelihood")

    @property
    def vocabularies(self):
        return {"source": self.source_words, "target": self.target_words}

    def counts(self, batch):
        """{"words": [B] without the END, "words_and_end": [B]}: of the target."""
        words, both = tf.cast(batch["target"] != END, tf.float32), mask(batch["target"])
        return {"words": tf.reduce_sum(words, 1), "words_and_end": tf.reduce_sum(both, 1)}

    def training_noise(self, batch_size, seed):
        """Uniform numbers for dropout, as many as the longest texts need. seed: int32[2]."""
        config = self.config
        if not config.dropout:
            return {}
        shapes = {
            "source": [config.source_length, config.embedding],
            "target": [config.target_length, config.embedding],
            "maxout": [config.target_length, config.maxout],
        }
        seeds = tf.unstack(tf.random.split(seed, len(shapes)))
        pairs = zip(shapes.items(), seeds, strict=True)
        return {name: tf.random.stateless_uniform([batch_size, *shape], own) for (name, shape), own in pairs}

    # ---------------------------------------------------------------- the source

    def annotate(self, source, noise=None):
        """h_j = [forward; backward] at every word, [B, S, 2 n]; without attention forward alone, [B, S, n].

        source: int32 [B, S]. Behind the END a direction stays as it was.
        """
        x = tf.gather(tf.convert_to_tensor(self.source_table), source)
        x, real = dropped(x, (noise or {}).get("source"), self.config.dropout), mask(source)
        lengths, found = tf.cast(tf.reduce_sum(real, 1), tf.int32), []
        for i, cell in enumerate(self.readers):
            here = tf.reverse_sequence(x, lengths, seq_axis=1) if i else x
            _, h = unroll(cell, here, zeros(cell, tf.shape(source)[0]), real)
            found.append(tf.reverse_sequence(h, lengths, seq_axis=1) if i else h)
        return tf.concat(found, -1)

    def start(self, source, noise=None):
        """The state before the first word, and what every step looks at: (s_0 [B, n], context).

        context: (annotations [B, S, 2 n], U_a h_j [B, S, n'], 1 at words and the END [B, S]); without attention
        (c [B, n],).
        """
        h = self.annotate(source, noise)
        if not self.config.attention:
            c = h[:, -1]
            return tf.cast(self.first(c), tf.float32), (c,)
        s = tf.cast(self.first(h[:, 0, self.config.hidden :]), tf.float32)
        return s, (h, tf.cast(self.product(self.keys, h), tf.float32), mask(source))

    # ---------------------------------------------------------------- one word

    def embed(self, words):
        """E y. words: int32 [...]. Returns [..., m]: zeros where there is no word yet (decoding.FIRST)."""
        known = tf.cast(words >= 0, tf.float32)[..., None]
        return known * tf.gather(tf.convert_to_tensor(self.target_table), tf.maximum(words, 0))

    def heard(self, word, context):
        """What is known of step i before s_{i-1} is: W E y_{i-1} + b, without attention + C c. word: [..., m]."""
        ahead, _ = self.decoder.ahead(word)
        if self.config.attention:
            return ahead
        c = tf.cast(self.context(context[0]), tf.float32)
        return ahead + (c[:, None] if len(word.shape) == 3 else c)

    @property
    def maps(self):
        looking = {"query": self.query, "context": self.context} if self.config.attention else {}
        return {**self.decoder.maps, **looking}

    def step(self, s, heard, maps, *context, v=None):
        """s: [B, n], s_{i-1}; heard: [B, 3 n]. Returns (s_i, c_i, alpha_i [B, S]); (s_i,) without attention."""
        looked = ()
        if self.config.attention:
            annotations, keys, real = context
            alpha = align(keys, maps["query"](s), v, real)
            c = blend(alpha, annotations)
            heard += maps["context"](c)
            looked = c, alpha
        return (*self.decoder.step_from(heard, (s,), maps), *looked)

    def logits(self, s, word, c, noise=None):
        """W_o maxout(U_o s_{i-1} + V_o E y_{i-1} + C_o c_i), [..., V]."""
        deep = tf.cast(self.product(self.deep, tf.concat([s, word, c], -1)), tf.float32)
        pairs = tf.reshape(deep, [*tf.unstack(tf.shape(deep))[:-1], self.config.maxout, 2])
        t = tf.reduce_max(pairs, -1)
        return tf.cast(self.product(self.out, dropped(t, (noise or {}).get("maxout"), self.config.dropout)), tf.float32)

    def product(self, layer, x):
        """A layer of [..., D] as one product of two matrices, see `cells.unroll`."""
        flat = layer(tf.reshape(x, [-1, x.shape[-1]]))
        return tf.reshape(flat, [*tf.unstack(tf.shape(x))[:-1], layer.units])

    # ---------------------------------------------------------------- a whole translation that is known

    def read(self, source, target, noise=None):
        """Every word of targets [B, T] after the words before it. noise: what training drops; without, nothing is.

        Returns (logits [B, T, V], alpha [B, T, S], None without attention).
        """
        s, context = self.start(source, noise)
        words = dropped(self.embed(before(target)), (noise or {}).get("target"), self.config.dropout)
        heard, n = swap(self.heard(words, context)), self.config.hidden
        if not self.config.attention:
            _, (s,) = scan(lambda s, heard, maps: (*self.step(s, heard, maps), [s]), s, heard, self.maps, [[None, n]])
            c = tf.repeat(context[0][:, None], tf.shape(target)[1], 1)
            return self.logits(swap(s), words, c, noise), None

        def step(s, heard, maps, *context):
            *context, v = context
            s_next, c, alpha = self.step(s, heard, maps, *context, v=v)
            return s_next, [s, c, alpha]

        shapes = [[None, n], [None, context[0].shape[-1]], [None, source.shape[1]]]
        _, looked = scan(step, s, heard, self.maps, shapes, (*context, tf.convert_to_tensor(self.v)))
        s, c, alpha = map(swap, looked)
        return self.logits(s, words, c, noise), alpha

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"source": int32 [B, S], "target": int32 [B, T]}.

        Nothing is dropped, whatever the noise.
        """
        return self.training_terms(batch, {}, 0)

    def training_terms(self, batch, noise, step):
        """The same with what the noise drops."""
        logits, _ = self.read(batch["source"], batch["target"], noise)
        return {"negative_log_likelihood": summed(nats_of(logits, batch["target"]), self.config.target_length)}

    # ---------------------------------------------------------------- a translation that is sought

    def decode_step(self, s, words, *context):
        """One more word of whatever search. s: [B, n]; words: int32 [B], those before, decoding.FIRST at the start.

        Returns (log p [B, V], that of UNKNOWN, and of the END at the start, being -inf; s_i; alpha [B, S], of no width
        without attention).
        """
        word = self.embed(words)
        v = tf.convert_to_tensor(self.v) if self.config.attention else None
        s_next, *looked = self.step(s, self.heard(word, context), self.maps, *context, v=v)
        c, alpha = looked if looked else (context[0], context[0][:, :0])
        never = tf.one_hot(UNKNOWN, self.config.target_vocabulary, -float("inf"), 0.0)
        no_end = tf.one_hot(END, self.config.target_vocabulary, -float("inf"), 0.0)
        log_p = tf.nn.log_softmax(self.logits(s, word, c)) + never
        return log_p + tf.where((words == decoding.FIRST)[:, None], no_end, 0.0), s_next, alpha

    def translate(self, source, method="greedy", width=5, length_norm=1.0, noise=None):
        """Tells in the target's words what sources, int32 [B, S], say.

        method: "greedy"; "beam", of this width, by score / words**length_norm; or "sample", with standard Gumbel noise
        [B, T, V].
        Returns {"target": int32 [B, T], "score": log p of its words and END, [B] nats, and with attention
        "attention": [B, T, S]}.
        Raises ValueError for another method, sampling without noise, no beam, or a negative length_norm.
        """
        s, context = self.start(source)
        places = (source.shape[1] or tf.shape(source)[1]) if self.config.attention else 0
        arguments = self.decode_step, s, self.config.target_length, places
        said = decoding.search(*arguments, context, method, width, length_norm, noise)
        looked = {"attention": said.extras} if self.config.attention else {}
        return {"target": said.ids, "score": said.score, **looked}
