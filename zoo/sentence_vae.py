"""Sentence VAE: a sentence becomes a vector z and is written again from it; without z it is a language model.

Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio, 2016, arXiv:1511.06349. Against a z that is forgotten the paper has
two remedies: the rate's weight rises from 0 to 1 in training, and the decoder is told only a share of the words before.
Differs: z goes to the start state and to every step (the paper found no difference; config: z_to); one tanh makes h and
c of it; the schedule's form and free bits are later papers' (`zoo.nn.annealing`).

B batch, T words of a sentence with its END, L the most of them, V vocabulary.
"""

import tensorflow as tf

from zoo.configs.sentence_vae import LanguageModelConfig, SentenceVAEConfig, StreamLanguageModelConfig
from zoo.nn import decoding
from zoo.nn.text_vae import LanguageModel, TextVAE
from zoo.nn.texts import Bag, Reader, Writer
from zoo.nn.words import END, UNKNOWN


def build(config):
    """The model of a config with all its variables."""
    kinds = {
        SentenceVAEConfig: SentenceVAE,
        LanguageModelConfig: RecurrentLanguageModel,
        StreamLanguageModelConfig: StreamLanguageModel,
    }
    model = kinds[type(config)](config)
    model.build()
    return model


class Forgetful:
    """A decoder that is told a share config.keep of the words before: word dropout."""

    @property
    def uniforms(self):
        hidden = {"words": [self.config.text_length]} if 0 < self.config.keep < 1 else {}
        return hidden | super().uniforms

    def told(self, words, noise=None):
        """UNKNOWN in the place of words left out; FIRST always is told. Without a share, in scores and samples too."""
        if self.config.keep == 0:
            return tf.where(words == decoding.FIRST, words, UNKNOWN)
        if not noise or "words" not in noise:
            return words
        kept = noise["words"][:, : tf.shape(words)[1]] < self.config.keep
        return tf.where(kept | (words == decoding.FIRST), words, UNKNOWN)


def writer(config, **options):
    sizes = config.vocabulary, config.embedding, config.hidden, config.cell, config.layers
    return Writer(*sizes, name="decoder", **options)


class RecurrentLanguageModel(Forgetful, LanguageModel):
    """The VAE's decoder with zeros where z would be."""

    def __init__(self, config):
        super().__init__(config, "language_model", writer(config))


class StreamLanguageModel(RecurrentLanguageModel):
    """The same over a stream of texts, one after the other: the state is carried over their ends.

    Before the first word stands an END, as before every other text's.
    """

    @property
    def uniforms(self):
        config = self.config
        return self.decoder.uniforms(max(config.text_length, config.piece)) if config.dropout else {}

    def told(self, words, noise=None):
        """END where no word is before."""
        return tf.where(words == decoding.FIRST, END, words)

    def begin(self, size):
        """The states of all cells before a stream: [size, H] each."""
        return self.decoder.begin(size)

    def carried_terms(self, batch, noise, states):
        """Terms of pieces of a stream, as `loss_terms` has them, and the states after.

        batch: {"input", "target": int32 [B, T]}, as of zoo.data.text.lanes. states: as `begin` has them.
        """
        last, h = self.decoder.read(batch["input"], None, states, noise, self.config.dropout)
        log_p = tf.nn.log_softmax(self.decoder.logits(h))
        nats = -tf.reduce_sum(tf.gather(log_p, batch["target"], batch_dims=2), 1)
        return {"negative_log_likelihood": nats}, last


class SentenceVAE(Forgetful, TextVAE):
    """A recurrent network writes; one reads, or a layer over the bag of words."""

    def __init__(self, config):
        if config.reader == "bag":
            encoder = Bag(config.vocabulary, config.encoder_hidden, name="encoder")
        else:
            sizes = config.vocabulary, config.embedding, config.encoder_hidden, config.reader, config.bidirectional
            encoder = Reader(*sizes, name="encoder")
        super().__init__(config, "sentence_vae", encoder, writer(config, z_to=config.z_to))

    def impute(self, text, rounds=3, width=5):
        """Fills in what is UNKNOWN in texts, int32 [B, L], by iterated conditional modes (section 4.1).

        In every round z is the posterior's mean of the text as it stands, and the missing words the best that beam
        search of this width finds given z, the known words held where they are. Returns as `write`.
        """
        found = {"text": text}
        for _ in range(rounds):
            mean, _ = self.posterior(found["text"])
            found = self.write(tf.shape(text)[0], mean, "beam", width, given=text)
        return found
