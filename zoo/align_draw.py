"""alignDRAW: images from captions; a DRAW that looks at the words of a caption while it paints.

Mansimov, Parisotto, Ba and Salakhutdinov, 2016, arXiv:1511.02793. Equation numbers below are those of DRAW
(arXiv:1502.04623), where this model keeps them. config.variant has the paper's ablations: "last" is noAlignDRAW,
"vector" stands for skipthoughtDRAW. CaptionVAE, at the end, is its fully connected and its conv-deconv VAE.
Differs: the authors' code halves the affine map that gives log sigma of the posterior; here it is log sigma, as in
DRAW. Their code reverses the batch where it means to reverse the words; here the words are. The sentence vector is
the mean of learned word vectors, not a skip-thought vector. The networks' widths in CaptionVAE are our own. Adam
with a falling rate, clipped by the norm of the whole gradient, and a mean of the last weights for RMSProp clipped by
the norm of each; batches of 64 for 100; Keras' initial weights for N(0, 0.01^2), a forget gate that starts at 1. The
first canvas is learned from 0, theirs for MNIST from -10, which was no better in a short trial.

B batch, T glimpses, L words with the end and padding, H x W x C an image, N points along a window, Z latent size,
K units of the language model in each direction, V vocabulary.
"""

import math
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.align_draw import AlignDRAWConfig
from zoo.declare import Field
from zoo.declare.measure import bound
from zoo.nn.attention import align, blend
from zoo.nn.canvas import glimpse, stacked, stroke, window_head
from zoo.nn.captions import Language, SentenceVector
from zoo.nn.filterbank import Window
from zoo.nn.gaussian import GaussianHead, apply_chain, build_chain, gaussian
from zoo.nn.gaussian import bernoulli as pixels  # p(x | z, y), the canvas being the logits
from zoo.nn.model import Model
from zoo.nn.recurrence import lstm, lstm_gates, scan, swap
from zoo.nn.words import END, UNKNOWN, Words, mask

tfd = tfp.distributions
GENERATIVE = ("prior", "align", "generative", "write", "write_window")  # maps that painting needs


class State(NamedTuple):
    """What one glimpse hands to the next."""

    canvas: tf.Tensor  # [B, H, W, C] logits
    h_inf: tf.Tensor  # [B, hidden]
    cell_inf: tf.Tensor
    h_gen: tf.Tensor
    cell_gen: tf.Tensor


class Glimpse(NamedTuple):
    """What one glimpse of the inference network found: z_t, its posterior and its prior, and where it looked."""

    z: tf.Tensor  # [B, Z]; all glimpses together [T, B, Z]
    mean: tf.Tensor
    log_scale: tf.Tensor
    prior_mean: tf.Tensor
    prior_log_scale: tf.Tensor
    read_window: Window | None = None
    write_window: Window | None = None
    alpha: tf.Tensor | None = None  # [B, L] weights of the words

    @property
    def posterior(self):
        """q(z_t | x, y, z_<t), event shape [Z]."""
        return gaussian(self.mean, tf.exp(self.log_scale))

    @property
    def prior(self):
        """p(z_t | z_<t, y), event shape [Z]."""
        return gaussian(self.prior_mean, tf.exp(self.prior_log_scale))


def build(config):
    """The model of a config, alignDRAW or a baseline, with all its variables."""
    model = AlignDRAW(config) if isinstance(config, AlignDRAWConfig) else CaptionVAE(config)
    model.build()
    return model


class Captioned(Model):
    """What the models here have in common: a batch of images with captions, and a vocabulary."""

    def __init__(self, config, name):
        super().__init__(config, name)
        self.words = Words(config.vocabulary, name="words")

    @property
    def fields(self):
        config = self.config
        return {
            "image": Field(config.image_shape, interval=(0, 1)),
            "caption": Field((config.caption_length,), "int32", classes=config.vocabulary, ragged=True),
        }

    @property
    def measures(self):
        return bound("image", math.prod(self.config.image_shape))

    @property
    def vocabularies(self):
        return {"caption": self.words}

    def words_of(self, caption):
        """A caption [B, L] as (indices of words the model has, 1 for each word before the end, float32), [B, L]."""
        ids = tf.convert_to_tensor(caption)
        is_word = mask(ids) * tf.cast(ids != END, tf.float32)
        return tf.where(ids < self.config.vocabulary, ids, UNKNOWN), is_word

    def sample(self, captions, seed=(0, 0)):
        """What decode returns for captions, a list of B strings, and noise of the seed."""
        ids = self.words.ids(tf.constant(captions), self.config.caption_length)
        return self.decode(self.noise(len(captions), seed), ids)


class AlignDRAW(Captioned):
    """alignDRAW, or without alignment (config.variant)."""

    def __init__(self, config):
        super().__init__(config, "align_draw")
        # Every weight of a glimpse but the initial state and v is in an affine map.
        self.maps = {
            "prior": keras.layers.Dense(2 * config.z_size, name="prior"),  # of h_gen
            "inference": lstm_gates(config.hidden, "inference"),  # of [r; h_gen; h_inf]
            "posterior": keras.layers.Dense(2 * config.z_size, name="posterior"),  # of h_inf
            "generative": lstm_gates(config.hidden, "generative"),  # of [z; s; h_gen]
            "write": keras.layers.Dense(config.write_n**2 * config.image_shape[2], name="write"),  # of h_gen
            "read_window": window_head("read_window", config.first_side),  # of h_gen
            "write_window": window_head("write_window", config.first_side),
        }
        if config.variant == "vector":
            self.language = SentenceVector(config.vocabulary, 2 * config.language, name="sentence")
        else:
            self.language = Language(config.vocabulary, config.language, name="language")
        if config.variant == "align":
            self.keys = keras.layers.Dense(config.align_size, use_bias=False, name="keys")  # U
            self.maps["align"] = keras.layers.Dense(config.align_size, name="align")  # W, b

    def build(self, input_shape=None):
        config = self.config
        read, context = 2 * config.image_shape[2] * config.read_n**2, 2 * config.language
        sizes = {"inference": read + 2 * config.hidden, "generative": config.z_size + context + config.hidden}
        for name, layer in self.maps.items():
            layer.build((None, sizes.get(name, config.hidden)))
        self.words.build()
        self.language.build()
        if config.variant == "align":
            self.keys.build((None, context))
            self.v = self.add_weight(name="v", shape=(config.align_size,))
        shapes = {"canvas": config.image_shape, "h_inf": (config.hidden,), "h_gen": (config.hidden,)}
        self.initial = [
            self.add_weight(name=f"{name}_0", shape=shape, initializer="zeros") for name, shape in shapes.items()
        ]
        self.built = True

    def noise(self, batch_size, seed):
        """Standard normal [B, T, Z]: another one for every glimpse and every example. seed: int32[2]."""
        return tf.random.stateless_normal([batch_size, self.config.steps, self.config.z_size], seed)

    def context(self, caption):
        """What every glimpse sees of captions [B, L]: (h_lang, U h_lang, v, is_word) or (s,)."""
        ids, is_word = self.words_of(caption)
        if self.config.variant == "vector":
            return (self.language.read(ids, is_word),)
        h_lang, last = self.language.read(ids, is_word)
        if self.config.variant == "last":
            return (last,)
        return h_lang, tf.cast(self.keys(h_lang), tf.float32), tf.convert_to_tensor(self.v), is_word

    def attend(self, h_gen, context, maps):
        """s_t = align(h_gen_{t-1}, h_lang). Returns (s [B, 2 K], alpha [B, L] or None)."""
        if self.config.variant != "align":
            return context[0], None
        h_lang, keys, v, is_word = context
        alpha = align(keys, maps["align"](h_gen), v, is_word) * is_word  # all 0 for a caption without words
        return blend(alpha, h_lang), alpha

    def prior(self, h_gen, later, maps):
        """Mean and log sigma of p(z_t | z_<t, y), N(0, I) where later is 0: at t = 1."""
        return tf.split(later * tf.tanh(maps["prior"](h_gen)), 2, -1)

    def infer_step(self, x, state, inputs, context, maps):
        """One glimpse of the inference network. x: [B, H, W, C] in [0, 1]; inputs: (noise [B, Z], later).

        Returns (state, Glimpse).
        """
        noise, later = inputs
        prior = self.prior(state.h_gen, later, maps)
        x_hat = x - tf.sigmoid(state.canvas)  # eq. 3
        r, read_window = glimpse(maps["read_window"](state.h_gen), (x, x_hat), self.config.read_n)  # eq. 4
        gates = maps["inference"](tf.concat([r, state.h_gen, state.h_inf], -1))
        h_inf, cell_inf = lstm(gates, state.cell_inf)  # eq. 5
        mean, log_scale = tf.split(maps["posterior"](h_inf), 2, -1)  # eq. 1, 2
        z = mean + tf.exp(log_scale) * noise  # eq. 6
        state = state._replace(h_inf=h_inf, cell_inf=cell_inf)
        state, write_window, alpha = self.generate_step(z, state, context, maps)
        return state, Glimpse(z, mean, log_scale, *prior, read_window, write_window, alpha)

    def generate_step(self, z, state, context, maps):
        """One glimpse of the generative network. z: [B, Z]. Returns (state, window of writing, alpha)."""
        shape, n = self.config.image_shape, self.config.write_n
        s, alpha = self.attend(state.h_gen, context, maps)
        gates = maps["generative"](tf.concat([z, s, state.h_gen], -1))
        h_gen, cell_gen = lstm(gates, state.cell_gen)  # eq. 7, of [z; s]
        ink, write_window = stroke(maps["write_window"](h_gen), maps["write"](h_gen), shape, n)
        canvas = state.canvas + ink  # eq. 8
        return state._replace(canvas=canvas, h_gen=h_gen, cell_gen=cell_gen), write_window, alpha

    def start(self, batch_size):
        """The state before the first glimpse: learned, but for the cells."""
        canvas, h_inf, h_gen = (tf.broadcast_to(v, [batch_size, *v.shape]) for v in self.initial)
        return State(canvas, h_inf, tf.zeros_like(h_inf), h_gen, tf.zeros_like(h_gen))

    def inputs(self, noise):
        """What each glimpse is given, time first: its noise, and whether it is a later one than the first."""
        return swap(noise), tf.cast(tf.range(self.config.steps) > 0, tf.float32)

    def infer(self, x, caption, noise):
        """All glimpses at x: [B, H, W, C] in [0, 1], a constant to the gradient. caption: [B, L]; noise: [B, T, Z].

        Returns (the last canvas [B, H, W, C] in logits, Glimpse of [T, B, Z] without windows and weights).
        """

        def step(state, inputs, maps, *context):
            state, found = self.infer_step(x, state, inputs, context, maps)
            return state, found[:5]

        shapes = [[None, self.config.z_size]] * 5
        start = self.start(tf.shape(x)[0])
        state, found = scan(step, start, self.inputs(noise), self.maps, shapes, self.context(caption))
        return state.canvas, Glimpse(*found)

    def loss_terms(self, batch, noise):
        """{"distortion": [B], "rate": [B]} in nats. batch: {"image": [B, H, W, C], "caption": int32 [B, L]}."""
        x = batch["image"]
        canvas, glimpses = self.infer(x, batch["caption"], noise)
        return {"distortion": -pixels(canvas).log_prob(x), "rate": tf.reduce_sum(self.rates(glimpses), 0)}

    def rates(self, glimpses):
        """KL(q(z_t) || p(z_t)) of every glimpse, [T, B] nats."""
        return tfd.kl_divergence(glimpses.posterior, glimpses.prior)

    def log_weights(self, batch, noise):
        """log p(x, z | y) - log q(z | x, y) of one sample from the posterior, [B] nats."""
        x = batch["image"]
        canvas, glimpses = self.infer(x, batch["caption"], noise)
        log_ratio = glimpses.prior.log_prob(glimpses.z) - glimpses.posterior.log_prob(glimpses.z)  # [T, B]
        return pixels(canvas).log_prob(x) + tf.reduce_sum(log_ratio, 0)

    def decode(self, noise, caption):
        """Paints captions int32 [B, L] from standard normal noise [B, T, Z], which its prior makes z_t of.

        Returns {"image": [B, H, W, C], "canvases": [B, T, H, W, C]} in [0, 1], "windows" [B, T, 5], those of writing:
        (g_x, g_y, delta, variance, gamma), and with alignment "word_weights" [B, T, L].
        """

        def step(state, inputs, maps, *context):
            noise, later = inputs
            mean, log_scale = self.prior(state.h_gen, later, maps)
            z = mean + tf.exp(log_scale) * noise
            state, write_window, alpha = self.generate_step(z, state, context, maps)
            return state, self._frame(state, write_window, alpha)

        return self._film(step, noise, caption, {k: v for k, v in self.maps.items() if k in GENERATIVE})

    def reconstruct(self, image, caption, noise):
        """What decode returns, of a z from the posterior of image; and "read_windows" [B, T, 5]."""

        def step(state, inputs, maps, *context):
            state, found = self.infer_step(image, state, inputs, context, maps)
            return state, [*self._frame(state, found.write_window, found.alpha), *stacked(found.read_window)]

        return self._film(step, noise, caption, self.maps, {"read_windows": [None, 5]})

    def _frame(self, state, write_window, alpha):
        return [state.canvas, *stacked(write_window), *([] if alpha is None else [alpha])]

    def _film(self, step, noise, caption, maps, more=()):
        shapes = {"canvases": [None, *self.config.image_shape], "windows": [None, 5]}
        if self.config.variant == "align":
            shapes["word_weights"] = [None, caption.shape[1]]
        shapes |= dict(more)
        start, context = self.start(tf.shape(noise)[0]), self.context(caption)
        _, ys = scan(step, start, self.inputs(noise), maps, list(shapes.values()), context)
        film = dict(zip(shapes, map(swap, ys), strict=True))
        film["canvases"] = tf.sigmoid(film["canvases"])
        return {"image": film["canvases"][:, -1], **film}


class CaptionVAE(Captioned):
    """A VAE of images, fully connected or conv-deconv (config.kind); both networks see the sentence vector."""

    def __init__(self, config):
        super().__init__(config, "caption_vae")
        self.sentence = SentenceVector(config.vocabulary, 2 * config.language, name="sentence")
        self.eye, self.encoder, self.decoder = (conv if config.kind == "conv" else dense)(config)
        self.head = GaussianHead(config.z_size, name="posterior")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.sentence.build()
        seen = build_chain(self.eye, (None, *config.image_shape))[-1]
        self.head.build(build_chain(self.encoder, (None, seen + self.sentence.size)))
        build_chain(self.decoder, (None, config.z_size + self.sentence.size))
        self.built = True

    def noise(self, batch_size, seed):
        """Standard normal [B, Z], fresh for every example. seed: int32[2]."""
        return tf.random.stateless_normal([batch_size, self.config.z_size], seed)

    def likelihood(self, z, caption):
        """p(x | z, y). z: [B, Z]; caption: [B, L]."""
        s = self.sentence.read(*self.words_of(caption))
        return pixels(apply_chain(self.decoder, tf.concat([z, s], -1)))

    def infer(self, x, caption, noise):
        """z and its posterior q(z | x, y). Returns z, mean, scale, [B, Z] each."""
        s = self.sentence.read(*self.words_of(caption))
        seen = tf.cast(apply_chain(self.eye, x), tf.float32)
        mean, scale = self.head(apply_chain(self.encoder, tf.concat([seen, s], -1)))
        return mean + scale * noise, mean, scale

    def loss_terms(self, batch, noise):
        """{"distortion": [B], "rate": [B]} in nats, the rate against N(0, I)."""
        z, mean, scale = self.infer(batch["image"], batch["caption"], noise)
        distortion = -self.likelihood(z, batch["caption"]).log_prob(batch["image"])
        return {"distortion": distortion, "rate": tfd.kl_divergence(gaussian(mean, scale), standard(z))}

    def log_weights(self, batch, noise):
        """log p(x, z | y) - log q(z | x, y) of one sample from the posterior, [B] nats."""
        z, mean, scale = self.infer(batch["image"], batch["caption"], noise)
        log_ratio = standard(z).log_prob(z) - gaussian(mean, scale).log_prob(z)
        return self.likelihood(z, batch["caption"]).log_prob(batch["image"]) + log_ratio

    def decode(self, noise, caption):
        """{"image": [B, H, W, C] in [0, 1]} of captions int32 [B, L] and noise [B, Z], which is z."""
        return {"image": self.likelihood(noise, caption).mean()}

    def reconstruct(self, image, caption, noise):
        """What decode returns for z from the posterior of image."""
        return self.decode(self.infer(image, caption, noise)[0], caption)


def standard(z):
    """N(0, I) over z."""
    return gaussian(tf.zeros_like(z), 1.0)


def dense(config):
    """Two hidden layers each way: (layers of the image, layers to the posterior, layers to the logits)."""
    layers, (height, width, channels) = keras.layers, config.image_shape
    encoder, decoder = ([layers.Dense(config.hidden, "relu") for _ in range(2)] for _ in range(2))
    decoder += [layers.Dense(height * width * channels), layers.Reshape(config.image_shape)]
    return [layers.Flatten()], encoder, decoder


def conv(config):
    """Each of config.filters halves the image on the way in and doubles it on the way out; else as dense."""
    layers, filters = keras.layers, config.filters
    height, width, channels = config.image_shape
    small = (height >> len(filters), width >> len(filters), filters[-1])
    eye = [*(layers.Conv2D(n, 3, 2, "same", activation="relu") for n in filters), layers.Flatten()]
    decoder = [layers.Dense(small[0] * small[1] * small[2], "relu"), layers.Reshape(small)]
    decoder += [layers.Conv2DTranspose(n, 3, 2, "same", activation="relu") for n in reversed(filters)]
    decoder += [layers.Conv2DTranspose(channels, 3, 1, "same")]
    return eye, [layers.Dense(config.hidden, "relu")], decoder
