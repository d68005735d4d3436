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

from zoo.nn.cells import CELLS
from zoo.nn.gaussian import GaussianHead, GaussianVAE, apply_chain, bernoulli, build_chain
from zoo.nn.recurrence import scan


def build(config):
    """The model of a config with all its variables."""
    model = VRAE(config)
    model.build()
    return model


class VRAE(GaussianVAE):
    """Bernoulli features, networks by config.inference and config.decoder."""

    observed = "sequence"

    def __init__(self, config):
        super().__init__(config.z_size, name="vrae")
        self.config = config
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
    def input_shapes(self):
        """Per-example shapes of what a batch holds."""
        return {"sequence": self.config.sequence_shape}

    def posterior(self, x):
        """Mean and scale of q(z | x), [B, Z] each. x: [B, S, D] in [0, 1]."""
        if self.config.inference == "nn":
            return self.head(apply_chain(self.encoder, x))

        def step(state, x_t, maps):
            return self.encoder.step(x_t, state, maps), []

        state = (tf.zeros([tf.shape(x)[0], self.config.hidden]),) * self.encoder.states
        state, _ = scan(step, state, tf.transpose(x, [1, 0, 2]), self.encoder.maps, [])
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
        return tf.transpose(logits, [1, 0, 2])

    def loss_terms(self, batch, noise):
        """{"distortion": [B], "rate": [B]} in nats, always those of the bound.

        Where the config weighs them otherwise, a third term, "reweighting", turns their sum into the loss.
        """
        terms = super().loss_terms(batch, noise)
        distortion_weight = 1.0 if self.config.reduce_time == "sum" else 1.0 / self.config.sequence_shape[0]
        if (distortion_weight, self.config.kl_weight) != (1.0, 1.0):
            terms["reweighting"] = (distortion_weight - 1) * terms["distortion"] + (self.config.kl_weight - 1) * terms[
                "rate"
            ]
        return terms
