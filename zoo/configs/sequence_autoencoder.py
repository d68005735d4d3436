"""Sizes and presets of sequence autoencoders, language models and the classifiers that begin at them
(arXiv:1511.01432)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require


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
    candidates: int = 0  # words a text that training compares the right one with; 0: with all

    def __post_init__(self):
        check(self, "model.", candidates=0)
        require(self.candidates >= 0, "model.candidates", self.candidates, "0 or more")
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

    def __post_init__(self):
        check(self, "model.")
        require(self.joint >= 0, "model.joint", self.joint, "a number from 0 up")
        require(self.classes >= 2, "model.classes", self.classes, "at least 2")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")
