"""What a sample of a sound may be, and how likely: classes of mu-law, or 16 bits under a mixture of logistics.

Each kind says how many numbers it makes a distribution from (`size`), how many uniform numbers a draw takes (`draws`),
what of a sample is read (`inputs` channels), and turns sounds into what it tells apart and back (encode, decode).
B batch, K logistics.
"""

import tensorflow as tf

from zoo.nn.classes import cross_entropy
from zoo.nn.signal import mu_law_decode, mu_law_encode

BLOCK = 16  # probabilities that are added up together: many short sums cost less than a long one
LEAST_LOG_SCALE = -12.0  # of a logistic: a level of 16 bits is e^-10.4 wide


class Companded:
    """A class of mu-law for every sample, int32; -1 before the first one."""

    draws = 1
    before = -1

    def __init__(self, levels):
        self.levels, self.size, self.inputs = levels, levels, levels

    def encode(self, audio):
        return mu_law_encode(audio, self.levels)

    def decode(self, samples):
        return mu_law_decode(samples, self.levels)

    def read(self, samples):
        """[...] -> [..., V], one of them 1; all 0 of what is before the first one."""
        return tf.one_hot(samples, self.levels)

    def read_by(self, kernel, samples):
        """read(samples) @ kernel: rows of it. samples: [B]; kernel: [V, R]. Returns [B, R]."""
        rows = tf.gather(kernel, tf.maximum(samples, 0))
        return tf.where((samples >= 0)[:, None], rows, 0.0)

    def nats(self, logits, samples):
        """-log p. logits: [..., V]; samples: int32 [...]. Returns [...]."""
        return cross_entropy(logits, samples)

    def draw(self, logits, uniforms, temperature):
        """The first class whose cumulative probability is above the uniform number.

        logits: [B, V]; uniforms: [B, 1].
        """
        upto = cumulative(tf.nn.softmax(logits / temperature))
        # Their sum is 1 but for rounding, which must not choose among the classes that are hardly likely.
        return tf.minimum(tf.reduce_sum(tf.cast(upto <= uniforms * upto[:, -1:], tf.int32), 1), self.levels - 1)


class Logistics:
    """One of `levels` equal steps from -1 on for every sample, under a mixture of K logistics.

    A level is as likely as the mixture falls into its step, the first and the last one with all that lies beyond.
    """

    draws = 2
    before = 0.0
    inputs = 1

    def __init__(self, levels, mixtures):
        self.levels, self.size, self.half = levels, 3 * mixtures, 1 / levels

    def encode(self, audio):
        """The nearest level, as a number in [-1, 1 - 2 / levels]."""
        return tf.clip_by_value(tf.round(audio / (2 * self.half)) * (2 * self.half), -1.0, 1 - 2 * self.half)

    def decode(self, samples):
        return samples

    def read(self, samples):
        return samples[..., None]

    def read_by(self, kernel, samples):
        return samples[:, None] * kernel

    def parts(self, numbers):
        """Log weights, means and log scales, [..., K] each, of [..., 3 K]."""
        weights, means, log_scales = tf.split(numbers, 3, -1)
        return tf.nn.log_softmax(weights), means, tf.maximum(log_scales, LEAST_LOG_SCALE)

    def nats(self, numbers, samples):
        """-log p. numbers: [..., 3 K]; samples: levels, [...]. Returns [...]."""
        log_weights, means, log_scales = self.parts(numbers)
        x, inverse = samples[..., None], tf.exp(-log_scales)
        above, below = (x + self.half - means) * inverse, (x - self.half - means) * inverse
        upto, beyond = tf.math.log_sigmoid(above), tf.math.log_sigmoid(-below)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)): no difference of nearly equal numbers
        inside = upto + beyond + tf.math.log(-tf.math.expm1(-2 * self.half * inverse))
        first, last = x < -1 + self.half, x > 1 - 3 * self.half
        return -tf.reduce_logsumexp(log_weights + tf.where(first, upto, tf.where(last, beyond, inside)), -1)

    def draw(self, numbers, uniforms, temperature):
        """numbers: [B, 3 K]; uniforms: [B, 2], which logistic and where in it. Colder, both are surer."""
        log_weights, means, log_scales = self.parts(numbers)
        upto = tf.cumsum(tf.nn.softmax(log_weights / temperature), -1)
        k = tf.reduce_sum(tf.cast(upto <= uniforms[:, :1] * upto[:, -1:], tf.int32), 1)
        k = tf.minimum(k, upto.shape[1] - 1)
        mean, log_scale = (tf.gather(x, k, batch_dims=1) for x in (means, log_scales))
        u = tf.clip_by_value(uniforms[:, 1], 1e-7, 1 - 1e-7)
        return self.encode(mean + temperature * tf.exp(log_scale) * (tf.math.log(u) - tf.math.log1p(-u)))


def cumulative(p):
    """Sums of all entries up to each. p: [B, V]. Returns [B, V]."""
    count = p.shape[1]
    upto = tf.constant([[float(i <= j) for j in range(BLOCK)] for i in range(BLOCK)])
    blocks = -(-count // BLOCK)
    padded = tf.reshape(tf.pad(p, [[0, 0], [0, blocks * BLOCK - count]]), [-1, blocks, BLOCK])
    within = padded @ upto
    before = tf.cumsum(within[..., -1], -1, exclusive=True)
    return tf.reshape(within + before[..., None], [-1, blocks * BLOCK])[:, :count]
