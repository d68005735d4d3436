"""Sizes and presets of sequence autoencoders, language models and the classifiers that begin at them
(arXiv:1511.01432)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require
from zoo.configs.kinds import Texts


@dataclasses.dataclass(frozen=True)
class PretrainingConfig:
    """What is learned without labels."""

    task: Literal["autoencoder", "language"] = "autoencoder"  # write the text again, or say its next word
    vocabulary: int = 20_000  # V, with the end and the unknown word
    text_length: int = 400  # L, words of the longest text with its end
    embedding: int = 512  # E
    hidden: int = 1024  # H
    tie: bool = True  # an autoencoder reads and writes with the same weights
    dropout: float = 0.5  # of the words' vectors
    candidates: int = 1024  # words a text that training compares the right one with; from V on: with all

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """A classifier, whose reader may begin at the weights of what was learned without labels."""

    classes: int = 2
    vocabulary: int = 20_000
    text_length: int = 400
    embedding: int = 512
    hidden: int = 1024
    layer: int = 30  # units between the last state and the classes
    dropout: float = 0.5  # of the words' vectors
    gain: Literal["none", "linear"] = "none"  # linear: every step tells the class, the last ones weighing most
    joint: float = 0.0  # weight of the autoencoder's nats, learned at the same time
    candidates: int = 1024  # of joint training, as above

    def __post_init__(self):
        check(self, "model.")
        require(self.joint >= 0, "model.joint", self.joint, "a number from 0 up")
        require(self.classes >= 2, "model.classes", self.classes, "at least 2")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


SMALL = {"vocabulary": 4000, "text_length": 60, "embedding": 128, "hidden": 192}  # weights of less than 10 MB
READ = Texts(
    model=PretrainingConfig(**SMALL),
    data="docstrings",
    part="documents",
    steps=4000,
    batch_size=32,
    clip_norm=1.0,
    every=500,
)
# The package of a docstring. To begin at what was learned without labels: --init-from RUN:reader
NAME = dataclasses.replace(READ, model=ClassifierConfig(classes=5, **SMALL), steps=1000, every=100)
IMDB = dataclasses.replace(
    READ,
    model=PretrainingConfig(text_length=200, embedding=128, hidden=256, candidates=32),
    data="imdb",
    steps=6000,
    every=500,
)
IMDB_CLASSES = dataclasses.replace(
    IMDB, model=ClassifierConfig(text_length=200, embedding=128, hidden=256), steps=2000, every=100, patience=5
)


def of(settings, **changes):
    """Settings of a model with other sizes."""
    return dataclasses.replace(settings, model=dataclasses.replace(settings.model, **changes))


PRESETS = {
    "docstrings": READ,
    "smoke": dataclasses.replace(
        of(READ, vocabulary=100, text_length=12, embedding=8, hidden=16), steps=20, batch_size=16, every=10
    ),
    "docstrings-language": of(READ, task="language"),
    "docstrings-classes": NAME,
    "docstrings-classes-gain": of(NAME, gain="linear"),
    "docstrings-classes-joint": of(NAME, joint=0.1),
    "imdb": IMDB,
    "imdb-language": of(IMDB, task="language"),
    "imdb-classes": IMDB_CLASSES,
    "imdb-classes-gain": of(IMDB_CLASSES, gain="linear"),
    "imdb-classes-joint": of(IMDB_CLASSES, joint=0.1),
}
