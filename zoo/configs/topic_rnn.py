"""Sizes and presets of TopicRNN and of the language models beside it (arXiv:1611.01702)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Texts


@dataclasses.dataclass(frozen=True)
class TopicRNNConfig:
    """Sizes of a recurrent language model that knows of a document's topics; the defaults are the paper's best on the
    Penn Treebank."""

    # What is known of topics: theta, inferred; LDA's proportions, fitted before and fed as features; or nothing.
    context: Literal["theta", "lda", "none"] = "theta"
    vocabulary: int = 10_000  # V, with the end and the unknown word
    text_length: int = 400  # L, words of the longest document with the ends of its sentences
    cell: Literal["rnn", "gru", "lstm"] = "gru"
    embedding: int = 300  # E
    hidden: int = 300  # H
    topics: int = 50  # K
    inference: tuple[int, ...] = (200, 200)  # layers over the bag of content words
    window: int = 200  # words before, from which topics are told where a text is scored or written
    stop_share: float = 0.25  # of the documents, above which a word in so many is a stop word
    inference_rate: float = 1e-3  # Adam's learning rate for the network that infers theta, whatever moves the rest

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(0 < self.stop_share <= 1, "model.stop_share", self.stop_share, "a share in (0, 1]")
        require(self.inference_rate > 0, "model.inference_rate", self.inference_rate, "a positive number")


DOCSTRINGS = Texts(
    model=TopicRNNConfig(
        vocabulary=4000, text_length=100, embedding=128, hidden=192, topics=20, inference=(100, 100), window=100
    ),  # weights of less than 10 MB
    data="docstrings",
    part="documents",
    steps=6000,
    batch_size=32,
    clip_norm=5.0,
    every=500,
)
BY_ADAM = Texts(
    model=TopicRNNConfig(inference_rate=3e-3),
    data="ptb",
    together=10,
    steps=4208,  # eight epochs of 4,207 documents
    batch_size=8,
    learning_rate=3e-3,
    schedule="cosine",
    clip_norm=5.0,
    every=526,
    patience=3,
)
# Many small steps of plain descent suit a gated language model best; LDA's features, of up to K, and a plain RNN do not
# learn by them.
PTB = dataclasses.replace(
    BY_ADAM, model=TopicRNNConfig(), steps=16_800, batch_size=2, learning_rate=1.0, optimizer="sgd", every=1050
)
HUNDRED = {"embedding": 100, "hidden": 100}
PTB_100 = {
    "gru": sized(PTB, **HUNDRED),
    "lstm": sized(PTB, **HUNDRED, cell="lstm"),
    "rnn": sized(BY_ADAM, **HUNDRED, cell="rnn"),
}
# The paper's has two recurrent layers, and learns from 75,000 reviews.
IMDB = dataclasses.replace(
    BY_ADAM,
    model=TopicRNNConfig(vocabulary=5000, topics=200, inference=(500, 500), window=400, inference_rate=3e-3),
    data="imdb",
    part="documents",
    together=1,
    steps=6900,  # thirteen epochs of 4,250 documents
    every=531,
)

PRESETS = {
    "docstrings": DOCSTRINGS,
    "smoke": dataclasses.replace(
        sized(
            DOCSTRINGS, vocabulary=100, text_length=24, embedding=8, hidden=16, topics=3, inference=(8, 8), window=10
        ),
        steps=20,
        batch_size=16,
        every=10,
    ),
    "docstrings-language": sized(DOCSTRINGS, context="none"),
    "docstrings-lda": sized(DOCSTRINGS, context="lda"),
    "ptb-gru-300": PTB,
    **{f"ptb-{cell}-100": settings for cell, settings in PTB_100.items()},
    "ptb-gru-300-language": sized(PTB, context="none"),
    **{f"ptb-{cell}-100-language": sized(settings, context="none") for cell, settings in PTB_100.items()},
    "ptb-gru-300-lda": sized(BY_ADAM, context="lda"),
    "ptb-gru-100-lda": sized(BY_ADAM, context="lda", **HUNDRED),
    "imdb": IMDB,
}
