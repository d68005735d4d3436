"""Likelihoods whose parameters a network gives: of frames, pen strokes and piano rolls, with their drawing.

Each is told `size` numbers for a step, the outputs of its `head`, and draws from `noise`, {name: shape}: standard
normal under "value", else uniform in [0, 1). D features of a step, K components.
"""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.nn.recurrence import is_only_forward

tfd = tfp.distributions

FLOOR = 1e-4  # under every standard deviation
SCALE_BIAS = 0.6  # where the biases before them start
RHO = 1 - 1e-4  # the most that two coordinates correlate


def positive(x):
    """A standard deviation of any number."""
    if is_only_forward():  # see zoo.nn.gaussian.ExportedBernoulli of LiteRT's softplus
        return tf.nn.relu(x) + tf.math.log1p(tf.exp(-tf.abs(x))) + FLOOR
    return tf.nn.softplus(x) + FLOOR


def head(sizes, name):
    """The affine map to named parts, {name: size}; what becomes a "scale" starts at SCALE_BIAS, the others at 0."""

    def bias(shape, dtype=None):
        return tf.concat([tf.fill([size], SCALE_BIAS * (part == "scale")) for part, size in sizes.items()], 0)

    return keras.layers.Dense(sum(sizes.values()), bias_initializer=bias, name=name)


class Likelihood:
    """What all have. A subclass has `sizes` of its parameters by name, `noise`, `uniform`, `log_prob` and `draw`."""

    sizes, noise = {}, {}

    @property
    def size(self):
        return sum(self.sizes.values())

    @property
    def uniform(self):
        """Those of `noise` that are uniform."""
        return self.noise.keys() - {"value"}

    def parts(self, parameters):
        """{name: [..., size]} of parameters [..., size]."""
        return dict(zip(self.sizes, tf.split(parameters, list(self.sizes.values()), -1), strict=True))


class Gaussian(Likelihood):
    """Independent Gaussians."""

    def __init__(self, features):
        self.sizes, self.noise = {"mean": features, "scale": features}, {"value": [features]}

    def log_prob(self, parameters, x, real=None):
        """[...] nats of x [..., D]. real: [..., D], 1 for what counts; of the others nothing is said."""
        found = self.parts(parameters)
        each = tfd.Normal(found["mean"], positive(found["scale"])).log_prob(x)
        return tf.reduce_sum(each if real is None else each * real, -1)

    def draw(self, parameters, noise):
        """x [..., D]."""
        found = self.parts(parameters)
        return found["mean"] + positive(found["scale"]) * noise["value"]


class Mixture(Likelihood):
    """A mixture of K diagonal Gaussians of the whole frame, means and scales in the order (D, K)."""

    def __init__(self, features, components):
        self.shape = [features, components]
        self.sizes = {"mean": features * components, "scale": features * components, "weight": components}
        self.noise = {"value": [features], "component": []}

    def components(self, parameters):
        """Means and scales, [..., D, K] each, and log weights, [..., K]."""
        found = self.parts(parameters)
        shape = tf.concat([tf.shape(parameters)[:-1], self.shape], 0)
        mean, scale = (tf.reshape(found[name], shape) for name in ("mean", "scale"))
        return mean, positive(scale), tf.nn.log_softmax(found["weight"])

    def log_prob(self, parameters, x, real=None):
        """As Gaussian's."""
        mean, scale, log_weight = self.components(parameters)
        each = tfd.Normal(mean, scale).log_prob(x[..., None])
        each = tf.reduce_sum(each if real is None else each * real[..., None], -2)
        return tf.reduce_logsumexp(log_weight + each, -1)

    def draw(self, parameters, noise):
        """x [..., D]."""
        mean, scale, log_weight = self.components(parameters)
        chosen = choice(log_weight, noise["component"])[..., None, :]
        return tf.reduce_sum(chosen * mean, -1) + tf.reduce_sum(chosen * scale, -1) * noise["value"]


class Strokes(Likelihood):
    """A pen bit and a mixture of K correlated Gaussians of its way: x = (e, dx, dy), in the order (dx or dy, K).

    shared_rho: one correlation for all components.
    """

    def __init__(self, components, shared_rho=False):
        self.way = Mixture(2, components)
        self.sizes = {**self.way.sizes, "pen": 1, "rho": 1 if shared_rho else components}
        self.noise = {**self.way.noise, "pen": []}

    def split(self, parameters):
        """Those of the mixture, the pen's logit [...] and the correlations [..., K or 1]."""
        found = self.parts(parameters)
        rho = tf.clip_by_value(tf.tanh(found["rho"]), -RHO, RHO)
        return self.way.components(parameters[..., : self.way.size]), found["pen"][..., 0], rho

    def log_prob(self, parameters, x, real=None):
        """[...] nats of x [..., 3]. real: not used; a stroke counts or does not."""
        (mean, scale, log_weight), pen, rho = self.split(parameters)
        apart = (x[..., 1:, None] - mean) / scale  # [..., 2, K]
        u, v = apart[..., 0, :], apart[..., 1, :]
        free = 1 - tf.square(rho)
        each = -(u * u + v * v - 2 * rho * u * v) / (2 * free) - 0.5 * tf.math.log(free) - math.log(2 * math.pi)
        each -= tf.reduce_sum(tf.math.log(scale), -2)
        lifted = -tf.nn.sigmoid_cross_entropy_with_logits(labels=x[..., 0], logits=pen)
        return tf.reduce_logsumexp(log_weight + each, -1) + lifted

    def draw(self, parameters, noise):
        """x [..., 3], the pen's bit 0 or 1."""
        (mean, scale, log_weight), pen, rho = self.split(parameters)
        chosen = choice(log_weight, noise["component"])
        mean, scale = (tf.reduce_sum(chosen[..., None, :] * x, -1) for x in (mean, scale))  # [..., 2]
        rho = tf.reduce_sum(chosen * rho, -1)
        first, second = noise["value"][..., 0], noise["value"][..., 1]
        correlated = tf.stack([first, rho * first + tf.sqrt(1 - tf.square(rho)) * second], -1)
        lifted = tf.cast(noise["pen"] < tf.sigmoid(pen), tf.float32)
        return tf.concat([lifted[..., None], mean + scale * correlated], -1)


class Bernoulli(Likelihood):
    """Independent bits."""

    def __init__(self, features):
        self.sizes, self.noise = {"logits": features}, {"bits": [features]}

    def log_prob(self, parameters, x, real=None):
        """[...] nats of x [..., D] in [0, 1]. real: not used; a step counts or does not."""
        return -tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=parameters), -1)

    def draw(self, parameters, noise):
        """x [..., D], each 0 or 1."""
        return tf.cast(noise["bits"] < tf.sigmoid(parameters), tf.float32)


def choice(log_weight, uniform):
    """One of K by its weight, one-hot. log_weight: [..., K]; uniform: [...]. Returns float32 [..., K]."""
    below = tf.cumsum(tf.exp(log_weight), -1) <= uniform[..., None]
    count = log_weight.shape[-1]
    index = tf.reduce_sum(tf.cast(below[..., :-1], tf.int32), -1)  # a sum a little below 1 leaves the last one
    return tf.one_hot(index, count)
