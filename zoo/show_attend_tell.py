"""Show, Attend and Tell: a caption, word by word, by an LSTM that looks at another place of the image for each word.

Xu, Ba, Kiros, Cho, Courville, Salakhutdinov, Zemel and Bengio, 2015, arXiv:1502.03044, with the details of the
authors' code: no start word but a zero vector, a tanh in the deep output, one gate beta for all features, in hard
attention too. Attention is soft (a mean of the places), hard (one place is drawn, learned by REINFORCE) or uniform (the
mean annotation at every word, which is to have no attention).
Differs: the scalar c added to every score drops out of the softmax and is left out. Adam trains every preset, Keras
draws the initial weights, forget gates start at 1. Hard attention's reward and entropy are sums over the words of a
caption, as in the paper; lambda_r = 1 makes its gradient that of the expected cost. The authors' code takes a tenth of
the mean cost of a word, and averages the cost over the minibatch, but neither the reward nor the entropy: with 64
captions of ten words that is lambda_r = 0.64, which we keep, and lambda_e = 0.128, where we keep 0.002. The baseline
is a mean cost of a word, as theirs, here times the words of the caption; it moves only with minibatches that were
sampled, which are what it is subtracted from. One coin a minibatch puts the expectation in the place of samples, as in
their code; in the paper it is one an image. Dropout scales what it keeps, in training, where theirs scales in the test
what it sees; the whole gradient is clipped by its norm, theirs is not; no caption is told with the unknown word. As in
their references the "." that ends a caption is a word, worth 2.5 of BLEU-1; the paper's BLEU has no brevity penalty.

B batch, L places of D features, T words with the END, V vocabulary, n units, e the size of a word's embedding.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from zoo.configs.base import require
from zoo.declare import Field, Measure
from zoo.nn import decoding
from zoo.nn.attention import align, blend
from zoo.nn.classes import cross_entropy
from zoo.nn.model import Model
from zoo.nn.pretrained import extractors
from zoo.nn.recurrence import lstm, lstm_gates, scan, swap
from zoo.nn.words import UNKNOWN, Words, mask


class State(NamedTuple):
    """What one word hands to the next."""

    h: tf.Tensor  # [B, n]
    cell: tf.Tensor


class Look(NamedTuple):
    """What the decoder saw before one word; before all words [B, T, ...]."""

    h: tf.Tensor  # [B, n], of the LSTM after it
    z: tf.Tensor  # [B, D], the context vector
    alpha: tf.Tensor  # [B, L], attention; every row sums to 1
    beta: tf.Tensor  # [B, 1], how much the image counts
    chosen: tf.Tensor  # [B, L], what weighed the places: alpha, or the place drawn from it


def build(config):
    """The model of a config with all its variables."""
    model = ShowAttendTell(config)
    model.build()
    return model


class ShowAttendTell(Model):
    """Encoder (config.encoder), attention (config.attention) and the LSTM that tells."""

    def __init__(self, config):
        super().__init__(config, "show_attend_tell")
        layers, (_, features) = keras.layers, config.places
        if config.encoder == "cnn":
            self.encoder = [
                layers.Conv2D(channels, 3, strides, "same", activation="relu", name=f"conv_{i}")
                for i, (channels, strides) in enumerate(zip(config.channels, config.strides, strict=True))
            ]
        else:
            self.encoder = [extractors.extractor(config.encoder, trainable=True)] if config.fine_tune else []
        if self.encoder and config.encoder != "cnn":
            made = tuple(self.encoder[0].output_shape[1:])
            require(made == config.annotations, "model.annotations", config.annotations, f"{made}, of {config.encoder}")
        hidden = config.init_layers == 2
        self.init_hidden = layers.Dense(features, "relu", name="init_hidden") if hidden else None
        self.init_h = layers.Dense(config.hidden, "tanh", name="init_h")
        self.init_cell = layers.Dense(config.hidden, "tanh", name="init_cell")
        # Of h_{t-1}, h_{t-1} and [E y_{t-1}; z_t; h_{t-1}].
        self.maps = {"beta": layers.Dense(1, name="beta"), "gates": lstm_gates(config.hidden, "gates")}
        self.keys = []
        if config.attention != "uniform":
            deep = config.attention_layers == 2
            # One bias serves keys and query, which are added; but the keys' own one lies within their tanh.
            self.maps["query"] = layers.Dense(config.attention_size, use_bias=not deep, name="query")
            if deep:  # as in the authors' code: affine, affine with tanh; the query comes after
                self.keys = [layers.Dense(config.attention_size, name="keys_hidden")]
            activation = "tanh" if deep else None
            self.keys.append(layers.Dense(config.attention_size, activation, use_bias=deep, name="keys"))
        self.deep_h = layers.Dense(config.embedding, name="deep_h")  # L_h
        self.deep_z = layers.Dense(config.embedding, name="deep_z")  # L_z
        self.out = layers.Dense(config.vocabulary, name="out")  # L_o
        self.words = Words(config.vocabulary, name="words")

    def build(self, input_shape=None):
        config, (_, features) = self.config, self.config.places
        size = config.image_shape[-1]
        if config.encoder == "cnn":
            for conv in self.encoder:
                conv.build((None, None, None, size))
                size = conv.filters
        size = features
        for key in self.keys:
            key.build((None, None, size))
            size = key.units
        for layer in (self.init_hidden, self.init_h, self.init_cell, self.deep_z):
            if layer:
                layer.build((None, features))
        sizes = {"gates": config.embedding + features + config.hidden}
        for name, layer in self.maps.items():
            layer.build((None, sizes.get(name, config.hidden)))
        self.deep_h.build((None, config.hidden))
        self.out.build((None, config.embedding))
        self.words.build()
        self.embedding = self.add_weight(name="E", shape=(config.vocabulary, config.embedding), initializer="uniform")
        if self.keys:
            self.v = self.add_weight(name="v", shape=(config.attention_size,), initializer="glorot_uniform")
        self.built = True

    @property
    def fields(self):
        config = self.config
        image, annotations = Field(self.picture_shape, interval=(0, 1)), Field(config.annotations)
        return {
            **({"image": image} if self.encoder else {config.encoder: annotations}),
            "caption": Field((config.caption_length,), "int32", classes=config.vocabulary, ragged=True),
        }

    @property
    def measures(self):
        nats = Measure("nats", "-log p of a caption, its end included", terms=("distortion",), likelihood="caption")
        return {
            "negative_log_likelihood": nats,
            "perplexity": Measure("", "of a word, ends included", terms=("distortion",), per="words", exp=True),
            "penalty": Measure("", "what the training loss adds for attention that neglects places"),
        }

    @property
    def vocabularies(self):
        return {"caption": self.words}

    @property
    def picture_shape(self):
        """(H, W, C) of the pictures that the model, or the extractor before it, looks at."""
        if self.config.encoder == "cnn":
            return self.config.image_shape
        side, _ = extractors.NAMED[self.config.encoder]
        return (side, side, 3)

    def training_noise(self, batch_size, seed):
        """What training draws: dropout's uniforms; of hard attention, Gumbel noise and a coin. seed: int32[2].

        The coin, [B], has fallen alike for the whole batch: 1 puts the expectation in the place of samples.
        """
        config, (places, features) = self.config, self.config.places
        time, shapes = config.caption_length, {}
        if config.dropout:
            shapes |= {"hidden": [time, config.hidden], "deep": [time, config.embedding]}
            shapes |= {"init": [features]} if self.init_hidden else {}
        if config.attention == "hard":
            shapes |= {"locations": [time, places], "expectation": []}
        seeds = tf.unstack(tf.random.split(seed, len(shapes))) if shapes else []
        noise = {}
        for (name, shape), seed in zip(shapes.items(), seeds, strict=True):
            if name == "expectation":
                noise[name] = tf.fill([batch_size], tf.round(tf.random.stateless_uniform([], seed)))
            elif name == "locations":
                noise[name] = decoding.gumbel([batch_size, *shape], seed)
            else:
                noise[name] = tf.random.stateless_uniform([batch_size, *shape], seed)
        return noise

    # ---------------------------------------------------------------- what is looked at

    def annotations(self, batch):
        """a: [B, L, D]. batch: {"image": [B, H, W, C] in [0, 1]}, or an extractor's {"vgg19": [B, L, D]}, say."""
        if not self.encoder:
            return tf.cast(batch[self.config.encoder], tf.float32)
        x = tf.cast(batch["image"], tf.float32)
        x = 2 * x - 1 if self.config.encoder == "cnn" else x
        for layer in self.encoder:
            x = layer(x)
        return tf.cast(tf.reshape(x, [-1, *self.config.places]), tf.float32)

    def start(self, annotations, noise=None):
        """The state before the first word, and what every step looks at: (State, context)."""
        mean = tf.reduce_mean(annotations, 1)
        if self.init_hidden:
            mean = self.dropout(self.init_hidden(mean), noise, "init")
        state = State(*(tf.cast(layer(mean), tf.float32) for layer in (self.init_h, self.init_cell)))
        if not self.keys:
            return state, (annotations,)
        keys = annotations
        for layer in self.keys:
            keys = layer(keys)
        return state, (annotations, tf.cast(keys, tf.float32))

    def embed(self, words):
        """E y. words: int32 [...]. Returns [..., e]: zeros where there is no word yet (decoding.FIRST)."""
        known = tf.cast(words >= 0, tf.float32)[..., None]
        return known * tf.gather(tf.convert_to_tensor(self.embedding), tf.maximum(words, 0))

    # ---------------------------------------------------------------- one word

    def step(self, state, word, maps, annotations, keys=None, v=None, choose=tf.identity):
        """Looks, and remembers what was seen. word: [B, e], that before. choose: alpha to the weights of the places.

        Returns (State, Look).
        """
        if keys is None:
            alpha = tf.ones_like(annotations[..., 0]) / annotations.shape[1]
        else:
            alpha = align(keys, maps["query"](state.h), v)
        beta = tf.sigmoid(maps["beta"](state.h))
        chosen = choose(alpha)
        z = beta * blend(chosen, annotations)
        gates = maps["gates"](tf.concat([word, z, state.h], -1))
        h, cell = lstm(gates, state.cell)
        return State(h, cell), Look(h, z, alpha, beta, chosen)

    def logits(self, word, look, noise=None):
        """The deep output: L_o tanh(E y_{t-1} + L_h h_t + L_z z_t), [..., V]."""
        h = self.dropout(look.h, noise, "hidden")
        deep = tf.tanh(word + tf.cast(self.deep_h(h) + self.deep_z(look.z), tf.float32))
        return tf.cast(self.out(self.dropout(deep, noise, "deep")), tf.float32)

    def dropout(self, x, noise, name):
        if not noise or name not in noise:
            return x
        kept = noise[name] if name == "init" else noise[name][:, : tf.shape(x)[1]]
        return tf.cast(x, tf.float32) * tf.cast(kept >= self.config.dropout, tf.float32) / (1 - self.config.dropout)

    # ---------------------------------------------------------------- a whole caption that is known

    def read(self, annotations, caption, noise=None):
        """Every word of captions [B, T] after the words before it. noise: what training draws; without, none is.

        Returns (logits [B, T, V], Look of [B, T, ...]).
        """
        noise = noise or {}
        before = tf.pad(caption[:, :-1], [[0, 0], [1, 0]], constant_values=decoding.FIRST)
        words = self.embed(before)
        state, context = self.start(annotations, noise)
        inputs = {"word": swap(words)}
        if "locations" in noise:
            inputs["gumbel"] = swap(noise["locations"][:, : tf.shape(caption)[1]])
            expected = noise["expectation"][:, None] > 0

        def step(state, at, maps, *context):
            def choose(alpha):
                return tf.where(expected, alpha, place(alpha, at["gumbel"])) if "gumbel" in at else alpha

            return self.step(state, at["word"], maps, *context, choose=choose)

        context += (tf.convert_to_tensor(self.v),) if self.keys else ()
        places, features = self.config.places
        shapes = [[None, size] for size in (self.config.hidden, features, places, 1, places)]
        _, looks = scan(step, state, inputs, self.maps, shapes, context)
        looks = Look(*map(swap, looks))
        return self.logits(words, looks, noise), looks

    def loss_terms(self, batch, noise):
        """{"distortion", "penalty"}, [B] each, the first one in nats.

        batch: see annotations; and {"caption": int32 [B, T]}, words and END up to T <= config.caption_length.
        Nothing is dropped and attention is what it is expected to be, whatever the noise.
        """
        return self.training_terms(batch, {}, 0)

    def counts(self, batch):
        """{"words": [B]}, with the END."""
        return {"words": tf.reduce_sum(mask(batch["caption"]), 1)}

    def training_terms(self, batch, noise, step, baseline=0.0):
        """{"distortion", "penalty"} and, of hard attention, "estimator": [B] each, with what the noise drops and draws.

        baseline: nats per word that hard attention compares the distortion with; see moving_average.
        estimator: what hard attention's gradient has beside that of the distortion; its value means nothing.
        """
        caption = tf.where(batch["caption"] < self.config.vocabulary, batch["caption"], UNKNOWN)
        logits, looks = self.read(self.annotations(batch), caption, noise)
        kept = mask(caption)
        terms = {
            "distortion": tf.reduce_sum(kept * cross_entropy(logits, caption), 1),
            "penalty": self.config.penalty * doubly_stochastic(looks.alpha, kept),
        }
        if "locations" in noise:
            excess = terms["distortion"] - baseline * tf.reduce_sum(kept, 1)
            terms["estimator"] = self.estimator(excess, looks, kept, 1 - noise["expectation"])
        return terms

    def estimator(self, excess, looks, kept, sampled):
        """Descending it makes places that cost less than the baseline more likely, and attention less sure."""
        log_alpha = tf.math.log(tf.maximum(looks.alpha, 1e-30))  # the softmax may underflow
        log_p = tf.reduce_sum(kept[..., None] * tf.stop_gradient(looks.chosen) * log_alpha, [1, 2])  # log p(s | a)
        entropy = -tf.reduce_sum(kept[..., None] * looks.alpha * log_alpha, [1, 2])
        return sampled * self.config.reinforce * tf.stop_gradient(excess) * log_p - self.config.entropy * entropy

    # ---------------------------------------------------------------- a caption that is sought

    def decode_step(self, words, state, annotations, keys=None, hardest=False):
        """One more word of whatever search. words: int32 [B], those before, decoding.FIRST at the start.

        hardest: looks at the most probable place alone; else at the expectation, in hard attention too.
        Returns (log p [B, V], UNKNOWN's being -inf; State; Look).
        """
        word = self.embed(words)
        choose = (lambda alpha: place(alpha, 0.0)) if hardest else tf.identity
        v = tf.convert_to_tensor(self.v) if self.keys else None
        state, look = self.step(state, word, self.maps, annotations, keys, v, choose)
        never = tf.one_hot(UNKNOWN, self.config.vocabulary, -float("inf"), 0.0)
        return tf.nn.log_softmax(self.logits(word, look)) + never, state, look

    def caption(self, batch, method="greedy", width=5, length_norm=0.0, noise=None, hardest=False):
        """Tells what is in a batch (see annotations).

        method: "greedy"; "beam", of this width, by score / words**length_norm; or "sample", with standard Gumbel noise
        [B, T, V]. hardest: see decode_step.
        Returns {"ids": int32 [B, T], "score": [B] nats, "attention": [B, T, L], "beta": [B, T]}.
        Raises ValueError for another method, sampling without noise, no beam, or a negative length_norm.
        """
        state, context = self.start(self.annotations(batch))

        def step(state, words, *context):
            log_probs, state, look = self.decode_step(words, state, *context, hardest=hardest)
            return log_probs, state, tf.concat([look.chosen, look.beta], -1)

        places, _ = self.config.places
        arguments = (step, state, self.config.caption_length, places + 1)
        said = decoding.search(*arguments, context, method, width, length_norm, noise)
        attention, beta = tf.split(said.extras, [places, 1], -1)
        return {"ids": said.ids, "score": said.score, "attention": attention, "beta": beta[..., 0]}


def place(alpha, gumbel):
    """One place drawn from alpha [B, L], as a one-hot row, given standard Gumbel noise; the likeliest one given 0."""
    return tf.one_hot(tf.argmax(tf.math.log(alpha) + gumbel, -1), alpha.shape[-1])


def moving_average(baseline, cost):
    """The baseline after a minibatch whose words cost so many nats each: b_k = 0.9 b_{k-1} + 0.1 cost, section 4.1."""
    return 0.9 * baseline + 0.1 * cost


def doubly_stochastic(alpha, kept):
    """sum_l (1 - sum_t alpha_tl)^2 over the steps that are kept. alpha: [B, T, L]; kept: [B, T]. Returns [B]."""
    seen = tf.reduce_sum(kept[..., None] * alpha, 1)  # of each place, in all
    return tf.reduce_sum(tf.square(1 - seen), 1)
