"""Sizes and presets of sequence autoencoders, language models and the classifiers that begin at them
(arXiv:1511.01432)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
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


def presets_of(data, classes, steps, **sizes):
    """What learns from a set without its labels, and what names its classes: of that, --init-from RUN:reader."""
    pretraining = Texts(
        model=PretrainingConfig(embedding=128, candidates=256, **sizes),
        data=data,
        part="documents",
        steps=steps,
        batch_size=32,
        clip_norm=1.0,
        every=steps // 5,
    )
    classifier = ClassifierConfig(classes=classes, embedding=128, candidates=256, **sizes)
    naming = dataclasses.replace(pretraining, model=classifier, steps=1000, every=100, patience=5)
    return {
        data: pretraining,
        f"{data}-language": sized(pretraining, task="language"),
        f"{data}-classes": naming,
        f"{data}-classes-gain": sized(naming, gain="linear"),
        f"{data}-classes-joint": sized(naming, joint=0.1),
    }


# The package of a docstring, by weights of less than 10 MB; below, the class of a review, or of a sentence of one. To
# learn without labels takes about 10 min each on 2 cores; the autoencoder that ships has learned longer, until some
# short texts come back.
DOCSTRINGS = presets_of("docstrings", 5, 4000, vocabulary=4000, text_length=60, hidden=192)
DOCSTRINGS["docstrings"] = dataclasses.replace(DOCSTRINGS["docstrings"], steps=30_000)
TINY = sized(DOCSTRINGS["docstrings"], vocabulary=100, text_length=12, embedding=8, hidden=16, candidates=20)

PRESETS = {
    **DOCSTRINGS,
    "smoke": dataclasses.replace(TINY, steps=20, batch_size=16, every=10),
    **presets_of("imdb", 2, 1000, vocabulary=10_000, text_length=200, hidden=256),
    **presets_of("sst", 2, 4000, vocabulary=10_000, text_length=50, hidden=256),
    **presets_of("movie-reviews", 2, 4000, vocabulary=10_000, text_length=50, hidden=256),
}
