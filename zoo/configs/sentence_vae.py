"""Sizes and presets of the sentence VAE and of its language model (arXiv:1511.06349)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Texts


@dataclasses.dataclass(frozen=True)
class LanguageModelConfig:
    """Sizes of the decoder without z, a recurrent language model."""

    vocabulary: int = 10_000  # V, with the end and the unknown word
    text_length: int = 60  # L, words of the longest text with its end
    units: Literal["words", "characters"] = "words"  # what a text is a sequence of
    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    embedding: int = 256  # E
    hidden: int = 256  # H
    layers: int = 1
    keep: float = 1.0  # share of the words before that the decoder sees in training; 0: none, in scores and samples too
    dropout: float = 0.0  # of the decoder's inputs and outputs

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(0 <= self.keep <= 1, "model.keep", self.keep, "a share in [0, 1]")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


@dataclasses.dataclass(frozen=True)
class StreamLanguageModelConfig(LanguageModelConfig):
    """Sizes of the language model of a stream of texts."""

    piece: int = 35  # words of the stream that a step learns from


@dataclasses.dataclass(frozen=True)
class SentenceVAEConfig(LanguageModelConfig):
    """Sizes of the VAE. The paper does not tell its own; texar's for the Penn Treebank are the defaults."""

    z_size: int = 32  # Z
    reader: Literal["rnn", "lstm", "gru", "bag"] = "lstm"  # the encoder: recurrent, or one layer over a bag of words
    encoder_hidden: int = 256  # its units, in each direction
    z_to: Literal["init", "input", "both"] = "both"  # the decoder's start state, every step, or both
    bidirectional: bool = False  # encoder
    annealing: Literal["constant", "linear", "logistic", "cyclic"] = "logistic"
    annealing_start: float = 0.0  # the weight of the rate at the beginning, of "constant" and "linear"
    annealing_steps: int = 5000  # until its weight is 1
    free_bits: float = 0.0  # nats of every unit of z that cost nothing in training

    def __post_init__(self):
        super().__post_init__()
        for name in ("annealing_start", "free_bits"):
            require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "a number from 0 up")


SMALL = {"vocabulary": 4000, "text_length": 30, "embedding": 128, "hidden": 192}  # weights of less than 10 MB

DOCSTRINGS = Texts(
    model=SentenceVAEConfig(**SMALL, encoder_hidden=192, annealing_steps=2000, free_bits=0.2),
    data="docstrings",
    steps=6000,
    batch_size=32,
    clip_norm=5.0,
    every=500,
)
PTB = Texts(
    model=SentenceVAEConfig(text_length=83, keep=0.7, dropout=0.5, annealing_steps=13_000),
    data="ptb",
    steps=26_000,  # twenty epochs of 42,068 sentences
    batch_size=32,
    clip_norm=5.0,
    every=1315,
)
# A z that is used without hiding words: --init-from runs/sentence_vae/ptb-autoencoder:encoder,posterior (Li et al.,
# 2019, arXiv:1909.00868: the rate is free up to some nats, the decoder begins anew).
PTB_FREE = dataclasses.replace(
    sized(PTB, keep=1.0, free_bits=0.2, annealing="linear", annealing_steps=5000), steps=20_000, schedule="cosine"
)
PTB_LANGUAGE = dataclasses.replace(
    PTB, model=LanguageModelConfig(text_length=83, embedding=353, hidden=191, dropout=0.5), steps=13_150
)
# What reads the text is all that differs. Nothing but z tells the decoder of the text, so that z is what is compared.
NEWS = Texts(
    model=SentenceVAEConfig(
        vocabulary=5000,
        text_length=80,
        embedding=128,
        hidden=128,
        encoder_hidden=128,
        z_size=2,
        keep=0.0,
        annealing="linear",
        annealing_steps=2000,
    ),
    data="20newsgroups",
    part="documents",
    steps=4000,
    batch_size=32,
    clip_norm=5.0,
    every=400,
)
READERS = ("bag", "lstm", "gru")

PRESETS = {
    "docstrings": DOCSTRINGS,
    "smoke": dataclasses.replace(
        sized(DOCSTRINGS, vocabulary=100, text_length=12, embedding=8, hidden=16, encoder_hidden=16, z_size=4),
        steps=20,
        batch_size=16,
        every=10,
    ),
    "docstrings-dropout": sized(DOCSTRINGS, keep=0.7, free_bits=0.0),  # the paper's remedies alone
    "docstrings-language": dataclasses.replace(DOCSTRINGS, model=LanguageModelConfig(**SMALL)),
    "docstrings-inputless": sized(DOCSTRINGS, keep=0.0, free_bits=0.0, z_size=64),
    **{f"newsgroups-{reader}": sized(NEWS, reader=reader) for reader in READERS},
    **{f"newsgroups-{reader}-32": sized(NEWS, reader=reader, z_size=32) for reader in READERS},
    "ptb": PTB,
    "ptb-autoencoder": dataclasses.replace(
        sized(PTB_FREE, annealing="constant", annealing_start=0.05, free_bits=0.0), steps=4000
    ),
    "ptb-free": PTB_FREE,
    "ptb-plain": sized(PTB, keep=1.0, annealing="constant", annealing_start=1.0),  # what the two tricks are for
    "ptb-inputless": sized(PTB, keep=0.0, z_size=111, hidden=512, encoder_hidden=512, dropout=0.0),
    "ptb-language": PTB_LANGUAGE,
    "ptb-stream": dataclasses.replace(
        PTB,
        model=StreamLanguageModelConfig(text_length=83, embedding=200, hidden=200, layers=2),
        steps=13_150,  # ten epochs of 929,589 words
        batch_size=20,
        optimizer="sgd",
        learning_rate=1.0,
        schedule="cosine",
    ),
    "ptb-language-inputless": sized(PTB_LANGUAGE, keep=0.0, dropout=0.0, hidden=512),
}
