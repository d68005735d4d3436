"""What the models that write texts word by word have in common: language models, and VAEs whose decoder is one.

A decoder is a layer of `zoo.nn.texts` or `zoo.nn.dilated`: its `read` knows all words before, its `step` is told one
more; `takes_z` says whether it writes from a z. B batch, T words of a text with its END, L the most of them, V
vocabulary, Z latent size.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo.declare import Field, Measure
from zoo.declare.measure import bound, perplexities
from zoo.nn import annealing, decoding
from zoo.nn.gaussian import GaussianHead, gaussian
from zoo.nn.model import Model
from zoo.nn.recurrence import summed
from zoo.nn.texts import before, nats_of
from zoo.nn.words import END, UNKNOWN, Words, mask

tfd = tfp.distributions


class LanguageModel(Model):
    """p(y_t | y_1 .. y_{t-1}) by a decoder. config has vocabulary, text_length, units and dropout."""

    def __init__(self, config, name, decoder):
        super().__init__(config, name)
        self.words = Words(config.vocabulary, config.units, name="words")
        self.decoder = decoder

    def build(self, input_shape=None):
        self.words.build()
        self.decoder.build()
        self.built = True

    @property
    def fields(self):
        config = self.config
        sizes = {"classes": config.vocabulary, "ragged": True, "units": config.units}
        return {"text": Field((config.text_length,), "int32", **sizes)}

    @property
    def measures(self):
        says = "-log p of a text and its end"
        nats = {"negative_log_likelihood": Measure("nats", says, likelihood="text")}
        return nats | perplexities("negative_log_likelihood")

    @property
    def vocabularies(self):
        return {"text": self.words}

    def counts(self, batch):
        """{"words": [B] without the END, "words_and_end": [B]}."""
        counted = tf.reduce_sum(mask(batch["text"]), 1)
        return {"words": tf.reduce_sum(tf.cast(batch["text"] > 0, tf.float32), 1), "words_and_end": counted}

    @property
    def uniforms(self):
        """Of the uniform numbers that training draws: {name: shape}, without the batch axis."""
        return self.decoder.uniforms(self.config.text_length) if self.config.dropout else {}

    def training_noise(self, batch_size, seed):
        """What `noise` has, and uniform numbers for what is hidden and dropped. seed: int32[2]."""
        shapes = self.uniforms
        seeds = tf.unstack(tf.random.split(seed, len(shapes) + 1)[1:], len(shapes))
        pairs = zip(shapes.items(), seeds, strict=True)
        drawn = {name: tf.random.stateless_uniform([batch_size, *shape], own) for (name, shape), own in pairs}
        return {**self.noise(batch_size, seed), **drawn}

    def told(self, words, noise=None):
        """The words before, int32 [B, T], as the decoder is told them. noise: as training draws it."""
        return words

    def distortion(self, text, z=None, noise=None):
        """-log p(text | z), [B] nats, of which noise hides and drops what training does; without, nothing."""
        _, h = self.decoder.read(self.told(before(text), noise), z, noise=noise, rate=self.config.dropout)
        return summed(nats_of(self.decoder.logits(h), text), self.config.text_length)

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"text": int32 [B, T]}. Nothing is hidden or dropped."""
        return {"negative_log_likelihood": self.distortion(batch["text"])}

    def training_terms(self, batch, noise, step):
        """The same with what the noise hides and drops."""
        return {"negative_log_likelihood": self.distortion(batch["text"], noise=noise)}

    def write(self, size, z=None, method="greedy", width=5, noise=None, given=None):
        """Texts, from z [B, Z] if the decoder takes one. size: B.

        method: "greedy"; "beam" of this width; or "sample", with standard Gumbel noise [B, L, V]. given: int32 [B, L],
        a text whose words stand where they are; its UNKNOWN become words, none of them the END.
        Returns {"text": int32 [B, L], "score": their log p, [B] nats}.
        """
        context = {name: x for name, x in (("z", z), ("given", given)) if x is not None}

        def step(state, words, *context_now):
            states, t = state
            now = dict(zip(context, context_now, strict=True))
            log_p, states = self.decoder.step(self.told(words[:, None])[:, 0], states, now.get("z"))
            if "given" in now:
                here = tf.gather(now["given"], t, batch_dims=1)
                only = tf.one_hot(here, self.config.vocabulary, 0.0, -float("inf"))
                no_end = tf.one_hot(END, self.config.vocabulary, -float("inf"), 0.0)
                log_p += tf.where((here != UNKNOWN)[:, None], only, no_end)
            return log_p, (states, t + 1), tf.zeros([tf.shape(words)[0], 0])

        state = self.decoder.begin(size, z), tf.zeros([size], tf.int32)
        arguments = step, state, self.config.text_length, 0
        if method == "beam":
            said = decoding.beam(*arguments, width, context=list(context.values()))
        elif method == "sample":
            said = decoding.sample(*arguments, noise, context=list(context.values()))
        else:
            said = decoding.greedy(*arguments, context=list(context.values()))
        return {"text": said.ids, "score": said.score}


class TextVAE(LanguageModel):
    """p(z) = N(0, I), q(z | y) a diagonal Gaussian of what the encoder read, p(y | z) the decoder's.

    config has z_size, annealing, annealing_steps, annealing_start and free_bits beside.
    """

    def __init__(self, config, name, encoder, decoder):
        super().__init__(config, name, decoder)
        self.encoder = encoder
        self.head = GaussianHead(config.z_size, name="posterior")

    def build(self, input_shape=None):
        self.words.build()
        self.encoder.build()
        self.head.build((None, self.encoder.size))
        self.decoder.build((None, self.config.z_size))
        self.built = True

    @property
    def measures(self):
        return bound("text") | perplexities("distortion", "rate")

    @property
    def prior(self):
        return gaussian(tf.zeros(self.config.z_size), tf.ones(self.config.z_size))

    def noise(self, batch_size, seed):
        """{"z": standard normal [B, Z]}. seed: int32[2]."""
        return {"z": tf.random.stateless_normal([batch_size, self.config.z_size], seed)}

    def posterior(self, text):
        """Mean and scale of q(z | text), [B, Z] each. text: int32 [B, T]."""
        return self.head(self.encoder.read(text))

    def encode(self, text, noise):
        """{"z", "mean", "scale"}, [B, Z] each: a posterior sample and the posterior."""
        mean, scale = self.posterior(text)
        return {"z": mean + scale * noise["z"], "mean": mean, "scale": scale}

    def loss_terms(self, batch, noise):
        """Minus the bound: {"distortion": [B], "rate": [B]} in nats. No word is hidden, nothing dropped."""
        code = self.encode(batch["text"], noise)
        rate = tfd.kl_divergence(gaussian(code["mean"], code["scale"]), self.prior)
        return {"distortion": self.distortion(batch["text"], code["z"]), "rate": rate}

    def training_terms(self, batch, noise, step):
        """The terms with what the noise hides and drops; and "annealing", by which training makes the rate cheaper."""
        config, code = self.config, self.encode(batch["text"], noise)
        rates = tfd.kl_divergence(tfd.Normal(code["mean"], code["scale"]), tfd.Normal(0.0, 1.0))  # [B, Z]
        rate = tf.reduce_sum(rates, 1)
        costs = rate + annealing.free(rates, config.free_bits)
        beta = annealing.weight(config.annealing, step, config.annealing_steps, config.annealing_start)
        return {
            "distortion": self.distortion(batch["text"], code["z"], noise),
            "rate": rate,
            "annealing": beta * costs - rate,
        }

    def log_weights(self, batch, noise):
        """log p(y, z) - log q(z | y) of one posterior sample, [B] nats."""
        code = self.encode(batch["text"], noise)
        log_ratio = self.prior.log_prob(code["z"]) - gaussian(code["mean"], code["scale"]).log_prob(code["z"])
        return log_ratio - self.distortion(batch["text"], code["z"])

    def decode(self, noise):
        """The likeliest words, greedily, of z from the prior: all variety is z's. See `write`."""
        z = noise["z"]
        return self.write(z.shape[0] or tf.shape(z)[0], z)

    def sample(self, n=16, seed=(0, 0)):
        """Texts for n draws of z from the prior, int32 [n, L]; `words.texts` has them as strings."""
        return self.decode(self.noise(n, seed))["text"]

    def homotopy(self, first, last, count=6):
        """Texts on the straight way between two z, [B, Z] each, both ends among them. Returns int32 [B, count, L]."""
        t = tf.linspace(0.0, 1.0, count)[:, None]
        z = (1 - t) * first[:, None] + t * last[:, None]
        said = self.write(count * tf.shape(first)[0], tf.reshape(z, [-1, self.config.z_size]))
        return tf.reshape(said["text"], [-1, count, self.config.text_length])
