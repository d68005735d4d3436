"""Sizes and presets of the hierarchical autoencoder (arXiv:1506.01057)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Texts


@dataclasses.dataclass(frozen=True)
class HierarchicalAutoencoderConfig:
    """Sizes of all three models of the paper; the defaults are its own, but for the lengths."""

    kind: Literal["flat", "hierarchical", "attention"] = "attention"
    vocabulary: int = 25_000  # V, with the end and the unknown word
    sentences: int = 20  # S, of the longest document
    text_length: int = 50  # L, words of the longest sentence with its end
    embedding: int = 1000  # E
    hidden: int = 1000  # H, of every layer
    layers: int = 4  # LSTMs one over the other, in words and in sentences, in encoder and decoder
    dropout: float = 0.2  # of the words' vectors on both sides, and of what a word is said from
    reverse: bool = True  # documents are read from their last word to their first
    tanh: bool = True  # h = o tanh(c); without it h = o c, as the authors' code has it

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(self.text_length >= 2, "model.text_length", self.text_length, "at least 2: a word and the end")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


DOCSTRINGS = Texts(
    model=HierarchicalAutoencoderConfig(
        kind="hierarchical",
        vocabulary=3500,
        sentences=5,
        text_length=20,
        embedding=128,
        hidden=192,
        layers=1,
        dropout=0.1,
    ),  # weights of less than 10 MB
    data="docstrings",
    part="documents",
    fit="drop",
    shortest=3,
    steps=7000,
    batch_size=16,
    clip_norm=5.0,
    every=1000,
)

PRESETS = {
    "docstrings": DOCSTRINGS,
    "smoke": dataclasses.replace(
        sized(DOCSTRINGS, vocabulary=100, sentences=2, text_length=10, embedding=8, hidden=16),
        fit="cut",
        shortest=1,
        steps=20,
        batch_size=16,
        every=10,
    ),
    "docstrings-flat": sized(DOCSTRINGS, kind="flat"),
    "docstrings-attention": sized(DOCSTRINGS, kind="attention"),
    # Its hotel reviews are not published; film reviews stand in for them.
    "paper": Texts(
        model=HierarchicalAutoencoderConfig(tanh=False),
        data="imdb",
        part="documents",
        fit="drop",
        steps=74_000,  # seven epochs of its 340,000 reviews
        batch_size=32,
        optimizer="sgd",
        learning_rate=0.1,
        clip_norm=5.0,
        every=1000,
    ),
}
