"""Sentence VAE: a sentence becomes a vector z and is written again from it; without z it is a language model.

Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio, 2016, arXiv:1511.06349. Against a z that is forgotten the paper has
two remedies: the rate's weight rises from 0 to 1 in training, and the decoder is told only a share of the words before.
Differs: z goes to the start state and to every step (the paper found no difference; config: z_to); one tanh makes h and
c of it; the schedule's form and free bits are later papers' (`zoo.nn.annealing`).

B batch, T words of a sentence with its END, L the most of them, V vocabulary, E size of a word's vector, H units, Z
latent size.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.sentence_vae import SentenceVAEConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import bound, perplexities
from zoo.nn import annealing, decoding
from zoo.nn.gaussian import GaussianHead, gaussian
from zoo.nn.model import Model
from zoo.nn.texts import Reader, Writer, before, nats_of
from zoo.nn.words import END, UNKNOWN, Words, mask

tfd = tfp.distributions


def build(config):
    """The model of a config with all its variables."""
    model = SentenceVAE(config) if isinstance(config, SentenceVAEConfig) else LanguageModel(config)
    model.build()
    return model


class LanguageModel(Model):
    """p(y_t | y_1 .. y_{t-1}) by a recurrent network: the VAE's decoder with zeros where z would be."""

    def __init__(self, config, name="language_model", **options):
        super().__init__(config, name)
        self.words = Words(config.vocabulary, name="words")
        sizes = config.vocabulary, config.embedding, config.hidden, config.cell, config.layers
        self.decoder = Writer(*sizes, name="decoder", **options)

    def build(self, input_shape=None):
        self.words.build()
        self.decoder.build()
        self.built = True

    @property
    def fields(self):
        config = self.config
        return {"text": Field((config.text_length,), "int32", classes=config.vocabulary, ragged=True)}

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

    def training_noise(self, batch_size, seed):
        """What `noise` has, and uniform numbers for the words that are not told and for dropout. seed: int32[2]."""
        config, length = self.config, self.config.text_length
        shapes = {"words": [length]} if 0 < config.keep < 1 else {}
        if config.dropout:
            shapes |= {"input": [length, config.embedding], "output": [length, config.hidden]}
        seeds = tf.random.split(seed, len(shapes) + 1)[1:]
        pairs = zip(shapes.items(), tf.unstack(seeds, len(shapes)), strict=True)
        drawn = {name: tf.random.stateless_uniform([batch_size, *shape], own) for (name, shape), own in pairs}
        return {**self.noise(batch_size, seed), **drawn}

    def told(self, words, uniform=None):
        """The words before as the decoder is told them: UNKNOWN for those left out; FIRST always is told. [B, T]."""
        if self.config.keep == 0:
            return tf.where(words == decoding.FIRST, words, UNKNOWN)
        if uniform is None:
            return words
        return tf.where((uniform[:, : tf.shape(words)[1]] < self.config.keep) | (words < 0), words, UNKNOWN)

    def distortion(self, text, z=None, noise=None):
        """-log p(text | z), [B] nats, of which noise hides and drops what training does; without, nothing."""
        noise = noise or {}
        told = self.told(before(text), noise.get("words"))
        _, h = self.decoder.read(told, z, noise=noise, rate=self.config.dropout)
        nats = nats_of(self.decoder.logits(h), text)
        # As wide whatever the padding: sums of other widths differ in the last bit.
        return tf.reduce_sum(tf.pad(nats, [[0, 0], [0, self.config.text_length - tf.shape(nats)[1]]]), 1)

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: {"text": int32 [B, T]}. Nothing is hidden or dropped."""
        return {"negative_log_likelihood": self.distortion(batch["text"])}

    def training_terms(self, batch, noise, step):
        """The same with what the noise hides and drops."""
        return {"negative_log_likelihood": self.distortion(batch["text"], noise=noise)}

    def write(self, size, z=None, method="greedy", width=5, noise=None, given=None):
        """Texts, from z [B, Z] if the model has one. size: B.

        method: "greedy"; "beam" of this width; or "sample", with standard Gumbel noise [B, L, V]. given: int32 [B, L],
        a text whose words stand where they are; its UNKNOWN become words, none of them the END.
        Returns {"text": int32 [B, L], "score": their log p, [B] nats}.
        """

        def step(state, words, *context):
            states, t = state
            z, given = (*context, None)[:2] if self.decoder.z_to else (None, context[0] if context else None)
            log_p, states = self.decoder.step(self.told(words[:, None])[:, 0], states, z)
            if given is not None:
                here = tf.gather(given, t, batch_dims=1)
                only = tf.one_hot(here, self.config.vocabulary, 0.0, -float("inf"))
                no_end = tf.one_hot(END, self.config.vocabulary, -float("inf"), 0.0)
                log_p += tf.where((here != UNKNOWN)[:, None], only, no_end)
            return log_p, (states, t + 1), tf.zeros([tf.shape(words)[0], 0])

        context = [x for x in (z, given) if x is not None]
        state = self.decoder.begin(size, z), tf.zeros([size], tf.int32)
        arguments = step, state, self.config.text_length, 0
        if method == "beam":
            said = decoding.beam(*arguments, width, context=context)
        elif method == "sample":
            said = decoding.sample(*arguments, noise, context=context)
        else:
            said = decoding.greedy(*arguments, context=context)
        return {"text": said.ids, "score": said.score}


class SentenceVAE(LanguageModel):
    """p(z) = N(0, I), q(z | y) a diagonal Gaussian of the encoder's last state, p(y | z) a language model with z."""

    def __init__(self, config):
        super().__init__(config, "sentence_vae", z_to=config.z_to)
        sizes = config.vocabulary, config.embedding, config.encoder_hidden, config.cell, config.bidirectional
        self.encoder = Reader(*sizes, name="encoder")
        self.head = GaussianHead(config.z_size, name="posterior")

    def build(self, input_shape=None):
        config = self.config
        self.words.build()
        self.encoder.build()
        self.head.build((None, len(self.encoder.cells) * config.encoder_hidden))
        self.decoder.build((None, config.z_size))
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

    def impute(self, text, rounds=3, width=5):
        """Fills in what is UNKNOWN in texts, int32 [B, L], by iterated conditional modes.

        In every round z is the posterior's mean of the text as it stands, and the missing words the best that beam
        search of this width finds given z, the known words held where they are. Returns as `write`.
        """
        found = {"text": text}
        for _ in range(rounds):
            mean, _ = self.posterior(found["text"])
            found = self.write(tf.shape(text)[0], mean, "beam", width, given=text)
        return found
