"""Variational auto-encoders with one Gaussian z: what VAE and VRAE have in common.

Kingma and Welling, 2014, arXiv:1312.6114; equation numbers are that paper's. B batch, Z latent size.
"""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.declare.measure import bound
from zoo.nn import recurrence
from zoo.nn.model import Model

tfd = tfp.distributions


def gaussian(mean, scale):
    """Diagonal Gaussian with event shape [Z]; scale is the standard deviation."""
    return tfd.Independent(tfd.Normal(mean, scale), 1)


def bernoulli(logits):
    """Independent Bernoulli variables, one for each logit [B, ...]; batch shape [B].

    The float dtype matters: an integer Bernoulli truncates grey values that come as a NumPy array.
    """
    logits = tf.cast(logits, tf.float32)
    kind = ExportedBernoulli if recurrence.is_only_forward() else tfd.Bernoulli
    return tfd.Independent(kind(logits=logits, dtype=tf.float32), len(logits.shape) - 1)


class ExportedBernoulli(tfd.Bernoulli):
    """The same distribution for graphs that are exported, with a log p that LiteRT can keep finite.

    Its converter (2.21) turns softplus(x), which is in the usual one, into log(1 + exp(x)): infinite from x = 89 on.
    """

    def _log_prob(self, event):
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=event, logits=self.logits)


class GaussianHead(keras.layers.Layer):
    """The posterior's parameters (appendix C.2): two affine maps, to the mean and to the log *variance*."""

    def __init__(self, z_size, **kwargs):
        super().__init__(**kwargs)
        self.mean = keras.layers.Dense(z_size, name="mean")
        self.log_variance = keras.layers.Dense(z_size, name="log_variance")

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.log_variance.build(input_shape)
        self.built = True

    def call(self, h):
        """h: [B, H]. Returns mean and standard deviation, [B, Z] each, float32 whatever the compute dtype."""
        return tf.cast(self.mean(h), tf.float32), tf.exp(0.5 * tf.cast(self.log_variance(h), tf.float32))


class GaussianVAE(Model):
    """p(z) = N(0, I), q(z | x) a diagonal Gaussian, p(x | z) whatever `likelihood` says.

    A subclass sets `observed`, the name of x in a batch, and defines posterior(x) -> (mean, scale), [B, Z]
    each, and likelihood(z) -> a distribution with batch shape [B] and the event shape of x.
    """

    observed = "image"

    def __init__(self, config, name):
        super().__init__(config, name)
        self.z_size = config.z_size

    @property
    def measures(self):
        return bound(self.observed, math.prod(self.fields[self.observed].shape))

    @property
    def prior(self):
        return gaussian(tf.zeros(self.z_size), tf.ones(self.z_size))

    def noise(self, batch_size, seed):
        """Standard normal [B, Z], fresh for every example. seed: int32[2]."""
        return tf.random.stateless_normal([batch_size, self.z_size], seed)

    def infer(self, x, noise):
        """z ~ q(z | x) by reparameterisation (eq. 9, 10). Returns z, mean, scale, [B, Z] each."""
        mean, scale = self.posterior(x)
        return mean + scale * noise, mean, scale

    def loss_terms(self, batch, noise):
        """Minus eq. 10 (estimator B): {"distortion": [B], "rate": [B]} in nats."""
        x = batch[self.observed]
        z, mean, scale = self.infer(x, noise)
        return {
            "distortion": -self.likelihood(z).log_prob(x),
            "rate": tfd.kl_divergence(gaussian(mean, scale), self.prior),
        }

    def log_weights(self, batch, noise):
        """log p(x, z) - log q(z | x) of one posterior sample (estimator A, eq. 6), [B] nats."""
        x = batch[self.observed]
        z, mean, scale = self.infer(x, noise)
        log_ratio = self.prior.log_prob(z) - gaussian(mean, scale).log_prob(z)
        return self.likelihood(z).log_prob(x) + log_ratio

    def encode(self, x, noise):
        """{"z", "mean", "scale"}, [B, Z] each: a posterior sample and the posterior."""
        return dict(zip(("z", "mean", "scale"), self.infer(x, noise), strict=True))

    def decode(self, z):
        """z: [B, Z]. Returns {observed: means of p(x | z)}."""
        return {self.observed: self.likelihood(z).mean()}

    def reconstruct(self, x, noise):
        """What decode returns for z ~ q(z | x)."""
        return self.decode(self.infer(x, noise)[0])

    def sample(self, n=16, seed=(0, 0)):
        """Means of p(x | z) for n draws of z from the prior."""
        return self.decode(self.noise(n, seed))[self.observed]


def build_chain(layers, shape):
    """Builds layers applied one after the other, for an input of that shape. Returns the output's shape."""
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def apply_chain(layers, x):
    for layer in layers:
        x = layer(x)
    return x
