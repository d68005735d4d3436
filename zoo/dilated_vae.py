"""A VAE of texts whose decoder is a stack of dilated convolutions: how far back it sees decides how much z has to say.

Yang, Hu, Salakhutdinov and Berg-Kirkpatrick, 2017, arXiv:1702.08139. A decoder that sees few words needs z, one that
sees all of a text forgets it; in between the VAE beats the language model that its decoder is.
Differs: the mean and the variance are affine in the encoder's last state, and z goes into the decoder as it is, without
networks between.

An encoder may begin at a language model: --init-from RUN:encoder=decoder, RUN being one of zoo.sentence_vae's.

B batch, T words of a text with its END, V vocabulary, Z latent size, C classes.
"""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.dilated_vae import DilatedClassConfig, DilatedLanguageModelConfig, DilatedVAEConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import bound, perplexities
from zoo.nn import annealing
from zoo.nn.decoding import gumbel
from zoo.nn.dilated import DilatedWriter
from zoo.nn.gaussian import gaussian
from zoo.nn.text_vae import LanguageModel, TextVAE
from zoo.nn.texts import Reader
from zoo.nn.words import Names

tfd = tfp.distributions


def build(config):
    """The model of a config with all its variables."""
    kinds = {
        DilatedLanguageModelConfig: DilatedLanguageModel,
        DilatedVAEConfig: DilatedVAE,
        DilatedClassConfig: DilatedClassVAE,
    }
    model = kinds[type(config)](config)
    model.build()
    return model


def writer(config, **options):
    sizes = config.vocabulary, config.embedding, config.outer, config.inner, config.dilations
    return DilatedWriter(*sizes, name="decoder", **options)


class DilatedLanguageModel(LanguageModel):
    """The VAE's decoder without z."""

    def __init__(self, config):
        super().__init__(config, "dilated_language_model", writer(config))


class DilatedVAE(TextVAE):
    """An LSTM reads, the stack writes."""

    def __init__(self, config):
        encoder = Reader(config.vocabulary, config.embedding, config.encoder_hidden, name="encoder")
        super().__init__(config, "dilated_vae", encoder, writer(config, takes_z=True))


class DilatedClassVAE(DilatedVAE):
    """A class y beside z: p(y) uniform, q(y | x) and q(z | x, y) of what the encoder read, p(x | y, z).

    Where an example's class is known (a label from 0 up) it is y, and q(y | x) learns it; where it is not (-1), y is
    one relaxed draw from q(y | x) in training (Gumbel-softmax), and summed out in scores. Without any label the classes
    are clusters (sections 3.3 and 3.4).
    """

    def __init__(self, config):
        super().__init__(config)
        self.names = Names(config.classes, name="names")
        self.class_head = keras.layers.Dense(config.classes, name="class")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.names.build()
        self.encoder.build()
        self.class_head.build((None, self.encoder.size))
        self.head.build((None, self.encoder.size + config.classes))
        self.decoder.build((None, config.z_size + config.classes))
        self.built = True

    @property
    def fields(self):
        return {**super().fields, "label": Field((), "int32", classes=self.config.classes)}

    @property
    def measures(self):
        terms = ("distortion", "rate", "class_rate")
        return {
            **bound("text", terms=terms),
            "class_rate": Measure("nats", "KL(q(y | x) || p(y))", better=""),
            "error": Measure(
                "fraction", "texts whose likeliest class is another one, of those with a label", per="labels"
            ),
            **perplexities(*terms),
        }

    @property
    def vocabularies(self):
        return {**super().vocabularies, "label": self.names}

    def counts(self, batch):
        """Those of words, and "labels": 1 where the class is known, [B]."""
        return {**super().counts(batch), "labels": tf.cast(batch["label"] >= 0, tf.float32)}

    def noise(self, batch_size, seed):
        """{"z": standard normal [B, Z], "class": standard Gumbel [B, C]}. seed: int32[2]."""
        first, second = tf.unstack(tf.random.split(seed))
        return {**super().noise(batch_size, first), "class": gumbel([batch_size, self.config.classes], second)}

    def log_classes(self, h):
        """log q(y | x), [B, C], of what was read, [B, H]."""
        return tf.nn.log_softmax(tf.cast(self.class_head(h), tf.float32))

    def classify(self, text):
        """text: int32 [B, T]. Returns {"logits": log q(y | x), [B, C]}."""
        return {"logits": self.log_classes(self.encoder.read(text))}

    def posterior(self, text):
        """Mean and scale of q(z | text, y), [B, Z] each, y being the likeliest class. text: int32 [B, T]."""
        h = self.encoder.read(text)
        return self.head(tf.concat([h, self.one_hot(tf.argmax(self.log_classes(h), -1))], -1))

    def one_hot(self, label):
        return tf.one_hot(label, self.config.classes)

    def latents(self, h, y, noise):
        """What is written from, z and y, [B, Z + C]; and q(z | x, y). h: [B, H]; y: [B, C], adding up to 1."""
        mean, scale = self.head(tf.concat([h, y], -1))
        return tf.concat([mean + scale * noise["z"], y], -1), tfd.Normal(mean, scale)

    def loss_terms(self, batch, noise):
        """Minus the bound on log p(x), {"distortion", "rate", "class_rate"}, and "error", [B]. No label is told."""
        text, h = batch["text"], self.encoder.read(batch["text"])
        log_q = self.log_classes(h)

        def of_class(y):
            code, q = self.latents(h, tf.repeat(y[None], tf.shape(h)[0], 0), noise)
            return self.distortion(text, code), tf.reduce_sum(tfd.kl_divergence(q, tfd.Normal(0.0, 1.0)), 1)

        every = tf.map_fn(of_class, tf.eye(self.config.classes), fn_output_signature=(tf.float32, tf.float32))
        distortion, rate = (tf.reduce_sum(tf.exp(log_q) * tf.transpose(x), 1) for x in every)
        wrong = (tf.argmax(log_q, -1, batch["label"].dtype) != batch["label"]) & (batch["label"] >= 0)
        terms = {"distortion": distortion, "rate": rate, "class_rate": self.class_rate(log_q)}
        return terms | {"error": tf.cast(wrong, tf.float32)}

    def class_rate(self, log_q):
        """KL(q(y | x) || p(y)), [B] nats. log_q: [B, C]."""
        return tf.reduce_sum(tf.exp(log_q) * log_q, 1) + math.log(self.config.classes)

    def training_terms(self, batch, noise, step):
        """The terms of the bound, on log p(x, y) where y is known; and what training adds: "annealing" of the rate,
        "free" nats of the class, and the "cross_entropy" of known classes by its weight."""
        config, label, h = self.config, batch["label"], self.encoder.read(batch["text"])
        log_q, known = self.log_classes(h), label >= 0
        y = tf.where(known[:, None], self.one_hot(label), relaxed(log_q, noise["class"], self.heat(step)))
        code, q = self.latents(h, y, noise)
        rates = tfd.kl_divergence(q, tfd.Normal(0.0, 1.0))
        rate, class_rate = tf.reduce_sum(rates, 1), self.class_rate(log_q)
        beta = annealing.weight(config.annealing, step, config.annealing_steps, config.annealing_start)
        right = -tf.gather(log_q, tf.maximum(label, 0), batch_dims=1)
        return {
            "distortion": self.distortion(batch["text"], code, noise),
            "rate": rate,
            "class_rate": tf.where(known, math.log(config.classes), class_rate),
            "annealing": beta * (rate + annealing.free(rates, config.free_bits)) - rate,
            "free": tf.where(known, 0.0, tf.maximum(config.free_class - class_rate, 0.0)),
            "cross_entropy": tf.where(known, config.supervision * right, 0.0),
        }

    def heat(self, step):
        """The temperature of relaxed classes: from 1 to config.temperature while the rate's weight rises."""
        done = tf.minimum(1.0, tf.cast(step, tf.float32) / self.config.annealing_steps)
        return 1 + done * (self.config.temperature - 1)

    def log_weights(self, batch, noise):
        """log p(x, y, z) - log q(y, z | x) of one draw of both, [B] nats."""
        h = self.encoder.read(batch["text"])
        log_q = self.log_classes(h)
        y = self.one_hot(tf.argmax(log_q + noise["class"], -1))
        code, q = self.latents(h, y, noise)
        z = code[:, : self.config.z_size]
        log_ratio = self.prior.log_prob(z) - gaussian(q.loc, q.scale).log_prob(z)
        return (
            log_ratio
            - self.distortion(batch["text"], code)
            - math.log(self.config.classes)
            - tf.reduce_sum(y * log_q, 1)
        )

    def decode(self, noise):
        """The likeliest words, greedily, of z and y from the prior. See `write`."""
        y = self.one_hot(tf.argmax(noise["class"], -1))
        return self.write(noise["z"].shape[0] or tf.shape(noise["z"])[0], tf.concat([noise["z"], y], -1))


def relaxed(log_q, noise, temperature):
    """A draw from q that gradients pass through: the colder, the nearer to one of the classes (Gumbel-softmax).

    log_q, and noise, standard Gumbel: [..., C]. Returns [..., C], adding up to 1.
    """
    return tf.nn.softmax((log_q + noise) / temperature)
