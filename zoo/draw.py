"""DRAW: a recurrent VAE that reads and paints an image in T glimpses; and a classifier that only reads.

Gregor, Danihelka, Graves, Rezende and Wierstra, 2015, arXiv:1502.04623. Equation numbers below are that paper's.
Differs: the closed form of the rate subtracts 1/2 for every latent dimension; eq. 11 prints T/2, right only for one.
The LSTMs' cells start from learned vectors too, on which the paper is silent.

B batch, T glimpses, H x W x C an image of D values, N points along a window, Z latent size.
"""

import math
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.draw import DRAWConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import bound
from zoo.nn.canvas import flat, glimpse, stacked, stroke, window_head
from zoo.nn.filterbank import Window
from zoo.nn.gaussian import bernoulli as pixels  # p(x | z), the canvas being the logits
from zoo.nn.model import Model
from zoo.nn.recurrence import lstm, lstm_gates, scan, swap

tfd = tfp.distributions


class State(NamedTuple):
    """What one glimpse hands to the next."""

    canvas: tf.Tensor  # [B, H, W, C] logits
    h_enc: tf.Tensor  # [B, hidden]
    cell_enc: tf.Tensor
    h_dec: tf.Tensor
    cell_dec: tf.Tensor


class Glimpse(NamedTuple):
    """What one glimpse of the inference network found: z_t with its posterior, and where it read and wrote."""

    z: tf.Tensor  # [B, Z]; all glimpses together [T, B, Z]
    mean: tf.Tensor
    log_scale: tf.Tensor
    read_window: Window | None
    write_window: Window | None

    @property
    def posterior(self):
        """q(z_t | x, z_<t), event shape [Z]."""
        return tfd.Independent(tfd.Normal(self.mean, tf.exp(self.log_scale)), 1)


def build(config):
    """The model of a config, DRAW or its classifier, with all its variables."""
    model = DRAW(config) if isinstance(config, DRAWConfig) else DRAWClassifier(config)
    model.build()
    return model


class DRAW(Model):
    """DRAW with selective attention, or without (config.attention)."""

    def __init__(self, config):
        super().__init__(config, "draw")
        height, width, channels = config.image_shape
        area = config.write_n**2 if config.attention else height * width
        # Every weight but the initial state is in an affine map.
        self.maps = {
            "encoder": lstm_gates(config.hidden, "encoder"),  # of [r; h_dec; h_enc]
            "posterior": keras.layers.Dense(2 * config.z_size, name="posterior"),  # of h_enc
            "decoder": lstm_gates(config.hidden, "decoder"),  # of [z; h_dec]
            "write": keras.layers.Dense(area * channels, name="write"),  # of h_dec, like the windows
        }
        if config.attention:
            # As wide as the image, a window of 2 x 2 points would see its four corners alone: black, on MNIST.
            self.maps["read_window"] = window_head("read_window", side=0.5)
            self.maps["write_window"] = window_head("write_window")

    def build(self, input_shape=None):
        config = self.config
        height, width, channels = config.image_shape
        read = 2 * channels * (config.read_n**2 if config.attention else height * width)
        sizes = {"encoder": read + 2 * config.hidden, "decoder": config.z_size + config.hidden}
        for name, layer in self.maps.items():
            layer.build((None, sizes.get(name, config.hidden)))
        self.initial = State(
            self.add_weight(name="canvas_0", shape=config.image_shape, initializer="zeros"),
            *(
                self.add_weight(name=f"{name}_0", shape=(config.hidden,), initializer="zeros")
                for name in State._fields[1:]
            ),
        )
        self.built = True

    @property
    def fields(self):
        return {"image": Field(self.config.image_shape, interval=(0, 1))}

    @property
    def measures(self):
        return bound("image", math.prod(self.config.image_shape))

    @property
    def prior(self):
        """p(z_t), for every t."""
        return tfd.Independent(tfd.Normal(tf.zeros(self.config.z_size), 1.0), 1)

    def noise(self, batch_size, seed):
        """Standard normal [B, T, Z]: another one for every glimpse and every example. seed: int32[2]."""
        return tf.random.stateless_normal([batch_size, self.config.steps, self.config.z_size], seed)

    def read(self, x, x_hat, h_dec, maps):
        """Eq. 27, or eq. 17 without attention. Returns ([B, 2 N N C] or [B, 2 D], window)."""
        if not self.config.attention:
            return tf.concat([flat(x), flat(x_hat)], -1), None
        return glimpse(maps["read_window"](h_dec), (x, x_hat), self.config.read_n)

    def write(self, h_dec, maps):
        """Eq. 29, or eq. 18 without attention. Returns ([B, H, W, C] to be added to the canvas, window)."""
        config = self.config
        if not config.attention:
            return tf.reshape(maps["write"](h_dec), [-1, *config.image_shape]), None
        return stroke(maps["write_window"](h_dec), maps["write"](h_dec), config.image_shape, config.write_n)

    def infer_step(self, x, state, noise, maps):
        """One glimpse of the inference network. x: [B, H, W, C] in [0, 1]; noise: [B, Z]. Returns (state, Glimpse)."""
        x_hat = x - tf.sigmoid(state.canvas)  # eq. 3
        r, read_window = self.read(x, x_hat, state.h_dec, maps)  # eq. 4
        gates = maps["encoder"](tf.concat([r, state.h_dec, state.h_enc], -1))
        h_enc, cell_enc = lstm(gates, state.cell_enc)  # eq. 5
        mean, log_scale = tf.split(maps["posterior"](h_enc), 2, -1)  # eq. 1, 2
        z = mean + tf.exp(log_scale) * noise  # eq. 6
        state = state._replace(h_enc=h_enc, cell_enc=cell_enc)
        state, write_window = self.generate_step(z, state, maps)
        return state, Glimpse(z, mean, log_scale, read_window, write_window)

    def generate_step(self, z, state, maps):
        """One glimpse of the generative network. z: [B, Z]. Returns (state, window of writing)."""
        gates = maps["decoder"](tf.concat([z, state.h_dec], -1))
        h_dec, cell_dec = lstm(gates, state.cell_dec)  # eq. 7
        ink, write_window = self.write(h_dec, maps)
        canvas = state.canvas + ink  # eq. 8
        return state._replace(canvas=canvas, h_dec=h_dec, cell_dec=cell_dec), write_window

    def start(self, batch_size):
        """The learned state before the first glimpse."""
        return State(*(tf.broadcast_to(v, [batch_size, *v.shape]) for v in self.initial))

    def infer(self, x, noise):
        """All glimpses at x: [B, H, W, C] in [0, 1]; noise: [B, T, Z]. x is a constant to the gradient.

        Returns (the last canvas [B, H, W, C] in logits, Glimpse of [T, B, Z] without windows).
        """

        def step(state, noise, maps):
            state, found = self.infer_step(x, state, noise, maps)
            return state, found[:3]

        shapes = [[None, self.config.z_size]] * 3
        state, found = scan(step, self.start(tf.shape(x)[0]), swap(noise), self.maps, shapes)
        return state.canvas, Glimpse(*found, None, None)

    def loss_terms(self, batch, noise):
        """Eq. 9 and 10: {"distortion": [B], "rate": [B]} in nats. batch: {"image": [B, H, W, C]}."""
        x = batch["image"]
        canvas, glimpses = self.infer(x, noise)
        return {"distortion": -pixels(canvas).log_prob(x), "rate": tf.reduce_sum(self.rates(glimpses), 0)}

    def rates(self, glimpses):
        """KL(q(z_t) || p) of every glimpse, [T, B] nats."""
        return tfd.kl_divergence(glimpses.posterior, self.prior)

    def log_weights(self, batch, noise):
        """log p(x, z) - log q(z | x) of one sample from the posterior, [B] nats."""
        x = batch["image"]
        canvas, glimpses = self.infer(x, noise)
        log_ratio = self.prior.log_prob(glimpses.z) - glimpses.posterior.log_prob(glimpses.z)  # [T, B]
        return pixels(canvas).log_prob(x) + tf.reduce_sum(log_ratio, 0)

    def encode(self, image, noise):
        """One sample of every z_t and its posterior: {"z", "mean", "scale"}, [B, T, Z] each."""
        _, glimpses = self.infer(image, noise)
        return {
            "z": swap(glimpses.z),
            "mean": swap(glimpses.mean),
            "scale": swap(tf.exp(glimpses.log_scale)),
        }

    def decode(self, z):
        """Paints from z: [B, T, Z].

        Returns {"image": [B, H, W, C], "canvases": [B, T, H, W, C]} in [0, 1] and, with attention, "windows" [B, T, 5],
        those of writing: (g_x, g_y, delta, variance, gamma).
        """

        def step(state, z, maps):
            state, write_window = self.generate_step(z, state, maps)
            return state, [state.canvas, *stacked(write_window)]

        generative = ("decoder", "write", "write_window")
        return self._film(step, z, {k: v for k, v in self.maps.items() if k in generative}, ["windows"])

    def reconstruct(self, image, noise):
        """What decode returns, of a z from the posterior of image; and "read_windows" [B, T, 5]."""

        def step(state, noise, maps):
            state, found = self.infer_step(image, state, noise, maps)
            return state, [state.canvas, *stacked(found.write_window), *stacked(found.read_window)]

        return self._film(step, noise, self.maps, ["windows", "read_windows"])

    def _film(self, step, inputs, maps, windows):
        names = ["canvases", *windows] if self.config.attention else ["canvases"]
        shapes = [[None, *self.config.image_shape], *([None, 5] for _ in names[1:])]
        _, ys = scan(step, self.start(tf.shape(inputs)[0]), swap(inputs), maps, shapes)
        film = dict(zip(names, map(swap, ys), strict=True))
        film["canvases"] = tf.sigmoid(film["canvases"])
        return {"image": film["canvases"][:, -1], **film}

    def sample(self, n=16, seed=(0, 0)):
        """n images from the prior, [n, H, W, C] in [0, 1]."""
        return self.decode(self.noise(n, seed))["image"]


class DRAWClassifier(Model):
    """Reads T glimpses through DRAW's window and names the class (section 4.1)."""

    def __init__(self, config):
        super().__init__(config, "draw_classifier")
        self.maps = {
            "gates": lstm_gates(config.hidden, "gates"),  # of [glimpse; h]
            "window": window_head("window"),  # of h
        }
        self.class_head = keras.layers.Dense(config.classes, name="class")

    def build(self, input_shape=None):
        config = self.config
        self.maps["gates"].build((None, config.image_shape[2] * config.read_n**2 + config.hidden))
        self.maps["window"].build((None, config.hidden))
        self.class_head.build((None, config.hidden))
        self.initial = [
            self.add_weight(name=name, shape=(config.hidden,), initializer="zeros") for name in ("h_0", "cell_0")
        ]
        self.built = True

    @property
    def fields(self):
        config = self.config
        return {
            "image": Field(config.image_shape, interval=(0, 1)),
            "label": Field(dtype="int32", classes=config.classes),
        }

    @property
    def measures(self):
        return {
            "cross_entropy": Measure("nats", "-log p of an image's label"),
            "error": Measure("fraction", "images whose likeliest class is not their label"),
        }

    def classify(self, image):
        """image: [B, H, W, C] in [0, 1], a constant to the gradient.

        Returns {"logits": [B, classes], "windows": [B, T, 5]}.
        """
        config = self.config

        def step(state, _, maps):
            h, cell = state
            seen, at = glimpse(maps["window"](h), [image], config.read_n)
            return lstm(maps["gates"](tf.concat([seen, h], -1)), cell), stacked(at)

        start = tuple(tf.broadcast_to(v, [tf.shape(image)[0], *v.shape]) for v in self.initial)
        (h, _), (windows,) = scan(step, start, tf.zeros([config.steps]), self.maps, [[None, 5]])
        return {"logits": tf.cast(self.class_head(h), tf.float32), "windows": swap(windows)}

    def loss_terms(self, batch, noise):
        """{"cross_entropy", "error"}, [B] each. batch: {"image": [B, H, W, C], "label": [B]}."""
        logits, label = self.classify(batch["image"])["logits"], batch["label"]
        wrong = tf.argmax(logits, -1, label.dtype) != label
        return {
            "cross_entropy": -tfd.Categorical(logits=logits).log_prob(label),
            "error": tf.cast(wrong, tf.float32),
        }

    def training_terms(self, batch, noise, step):
        return {"cross_entropy": self.loss_terms(batch, noise)["cross_entropy"]}
