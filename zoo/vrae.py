"""VRAE: a variational auto-encoder of binary sequences; z describes the whole sequence.

Fabius and van Amersfoort, 2015, arXiv:1412.6581. The inference network is an argument: does a recurrent one
embed image rows better than a plain one? The decoder is a plain network, or recurrent and fed with its own
previous probabilities, never with the data: it cannot do without z.
Differs: LSTM and GRU as well; Keras' initial weights; the bound is a sum over time with the whole rate, where
the authors' code takes the mean over time and a hundredth of the rate (config: reduce_time, kl_weight).

B batch, S steps, D features, H units, Z latent size.
"""

import keras
import tensorflow as tf

from zoo.declare import Field
from zoo.nn.cells import CELLS
from zoo.nn.gaussian import GaussianHead, GaussianVAE, apply_chain, bernoulli, build_chain
from zoo.nn.recurrence import scan, swap


def build(config):
    """The model of a config with all its variables."""
    model = VRAE(config)
    model.build()
    return model


class VRAE(GaussianVAE):
    """Bernoulli features, networks by config.inference and config.decoder."""

    observed = "sequence"

    def __init__(self, config):
        super().__init__(config, "vrae")
        layers, (steps, features) = keras.layers, config.sequence_shape
        if config.inference == "nn":
            self.encoder = [layers.Flatten(), layers.Dense(config.hidden, "tanh", name="encoder")]
        else:
            self.encoder = CELLS[config.inference](config.hidden, name="encoder")
        self.head = GaussianHead(config.z_size, name="posterior")
        if config.decoder == "mlp":
            self.decoder = [
                layers.Dense(config.hidden, "tanh", name="decoder"),
                layers.Dense(steps * features, name="logits"),
                layers.Reshape(config.sequence_shape),
            ]
        else:
            self.decoder = CELLS[config.decoder](config.hidden, name="decoder")
            self.start = layers.Dense(self.decoder.states * config.hidden, "tanh", name="start")
            self.output_head = layers.Dense(features, name="logits")

    def build(self, input_shape=None):
        config = self.config
        if config.inference == "nn":
            build_chain(self.encoder, (None, *config.sequence_shape))
        else:
            self.encoder.build((None, config.sequence_shape[1]))
        self.head.build((None, config.hidden))
        if config.decoder == "mlp":
            build_chain(self.decoder, (None, config.z_size))
        else:
            self.start.build((None, config.z_size))
            self.decoder.build((None, config.sequence_shape[1]))
            self.output_head.build((None, config.hidden))
        self.built = True

    @property
    def fields(self):
        return {"sequence": Field(self.config.sequence_shape, interval=(0, 1))}

    def posterior(self, x):
        """Mean and scale of q(z | x), [B, Z] each. x: [B, S, D] in [0, 1]."""
        if self.config.inference == "nn":
            return self.head(apply_chain(self.encoder, x))

        def step(state, x_t, maps):
            return self.encoder.step(x_t, state, maps), []

        state = (tf.zeros([tf.shape(x)[0], self.config.hidden]),) * self.encoder.states
        state, _ = scan(step, state, swap(x), self.encoder.maps, [])
        return self.head(state[0])  # h_S

    def likelihood(self, z):
        """p(x | z): independent Bernoulli features. z: [B, Z]."""
        if self.config.decoder == "mlp":
            return bernoulli(apply_chain(self.decoder, z))
        return bernoulli(self.unroll(z))

    def unroll(self, z):
        """The recurrent decoder, from h_0 = tanh(z W_z + b_z) and x^_0 = 0. Returns logits [B, S, D]."""
        steps, features = self.config.sequence_shape

        def step(carry, _, maps):
            state, x_hat = carry
            state = self.decoder.step(x_hat, state, maps)
            logits = maps["logits"](state[0])
            return (state, tf.sigmoid(logits)), [logits]

        state = tuple(tf.split(tf.cast(self.start(z), tf.float32), self.decoder.states, -1))
        x_hat = tf.zeros([tf.shape(z)[0], features])
        maps = {**self.decoder.maps, "logits": self.output_head}
        _, (logits,) = scan(step, (state, x_hat), tf.zeros([steps]), maps, [[z.shape[0], features]])
        return swap(logits)

    def training_terms(self, batch, noise, step):
        """The terms of the bound, and "reweighting" where the config weighs them otherwise: their sum is the loss."""
        terms, config = self.loss_terms(batch, noise), self.config
        weights = {"distortion": 1.0, "rate": config.kl_weight}
        if config.reduce_time == "mean":
            weights["distortion"] /= config.sequence_shape[0]
        if set(weights.values()) != {1.0}:
            terms["reweighting"] = tf.add_n([(weight - 1) * terms[name] for name, weight in weights.items()])
        return terms
