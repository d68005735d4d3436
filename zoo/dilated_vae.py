"""A VAE of texts whose decoder is a stack of dilated convolutions: how far back it sees decides how much z has to say.

Yang, Hu, Salakhutdinov and Berg-Kirkpatrick, 2017, arXiv:1702.08139. A decoder that sees few words needs z, one that
sees all of a text forgets it; in between the VAE beats the language model that its decoder is.
Differs: the mean and the variance are affine in the encoder's last state, and z goes into the decoder as it is, without
networks between.

B batch, T words of a text with its END, V vocabulary.
"""

from zoo.configs.dilated_vae import DilatedVAEConfig
from zoo.nn.dilated import DilatedWriter
from zoo.nn.text_vae import LanguageModel, TextVAE
from zoo.nn.texts import Reader


def build(config):
    """The model of a config with all its variables."""
    model = DilatedVAE(config) if isinstance(config, DilatedVAEConfig) else DilatedLanguageModel(config)
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
