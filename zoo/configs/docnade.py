"""Sizes and presets of DocNADE and of its language model (Larochelle and Lauly, 2012; arXiv:1603.05962)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Texts


@dataclasses.dataclass(frozen=True)
class DocNADEConfig:
    """Sizes of the model of bags of words; the defaults are the paper's of 20 Newsgroups in 2,000 words."""

    vocabulary: int = 2002  # with the end and the unknown word, which are none of a bag's
    text_length: int = 1000  # L, words of the longest document
    first_word: int = 2  # number of the first word that counts: more than 2 leaves the most frequent ones out, too
    hidden: tuple[int, ...] = (50,)  # H, of one layer over the bag, or of several
    activation: Literal["sigmoid", "tanh"] = "sigmoid"
    softmax: Literal["full", "tree"] = "full"  # tree: a decision at each of about log2 V nodes
    loss: Literal["prefixes", "split"] = "prefixes"  # what training descends: every word after those before it, or
    # all words behind one random place after those before that

    def __post_init__(self):
        check(self, "model.")
        require(self.first_word >= 2, "model.first_word", self.first_word, "at least 2, behind the end and the unknown")
        expected = f"at least {self.first_word + 2}: two words that count, and what comes before"
        require(self.vocabulary >= self.first_word + 2, "model.vocabulary", self.vocabulary, expected)


@dataclasses.dataclass(frozen=True)
class DocNADELMConfig:
    """Sizes of the language model, which keeps the order of words."""

    vocabulary: int = 10_000  # V, with the end and the unknown word
    text_length: int = 83  # L, words of the longest document with its end
    units: Literal["words", "characters"] = "words"  # what a document is a sequence of
    window: int = 5  # words before that are told in their order: n - 1 of an n-gram
    embedding: int = 128  # E
    hidden: int = 256  # H
    activation: Literal["sigmoid", "tanh"] = "tanh"
    document: bool = True  # all words before are told as a bag, too; without, it is a model of n-grams
    dropout: float = 0.5  # of the words' vectors and of the hidden units

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


DOCSTRINGS = Texts(
    model=DocNADEConfig(vocabulary=4052, text_length=200, first_word=52, hidden=(128,), activation="tanh"),
    data="docstrings",
    part="documents",
    steps=3000,
    batch_size=64,
    every=300,
)
NEWSGROUPS = Texts(
    model=DocNADEConfig(),
    data="20newsgroups-bow",
    part="documents",
    steps=6000,
    batch_size=64,
    learning_rate=2e-3,
    schedule="cosine",
    every=600,
)
# From one place of a document a step learns less, and takes a small part of the time.
DEEP = dataclasses.replace(sized(NEWSGROUPS, loss="split"), steps=20_000, every=2000)
LANGUAGE = dataclasses.replace(
    DOCSTRINGS,
    model=DocNADELMConfig(vocabulary=4000, text_length=200, embedding=96, hidden=192),
    steps=4000,
    batch_size=32,
    every=400,
)
PTB = dataclasses.replace(LANGUAGE, model=DocNADELMConfig(), data="ptb", part="sentences", steps=13_150, every=1315)

PRESETS = {
    "docstrings": DOCSTRINGS,
    "smoke": dataclasses.replace(
        sized(DOCSTRINGS, vocabulary=102, text_length=20, first_word=2, hidden=(8,)), steps=20, batch_size=16, every=10
    ),
    "docstrings-tree": sized(DOCSTRINGS, softmax="tree"),
    "docstrings-deep": sized(DOCSTRINGS, hidden=(128, 128), loss="split"),
    "docstrings-language": LANGUAGE,
    "docstrings-ngram": sized(LANGUAGE, document=False),
    "newsgroups": NEWSGROUPS,
    "newsgroups-tree": sized(NEWSGROUPS, softmax="tree"),
    "newsgroups-retrieval": sized(NEWSGROUPS, hidden=(128,), activation="tanh"),
    **{f"newsgroups-deep-{layers}": sized(DEEP, hidden=(50,) * layers) for layers in (1, 2, 3)},
    "ptb-language": PTB,
    "ptb-ngram": sized(PTB, document=False),
}
