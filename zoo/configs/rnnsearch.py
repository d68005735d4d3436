"""Sizes and presets of RNNsearch and of the encoder-decoder it is compared with (arXiv:1409.0473)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Pairs


@dataclasses.dataclass(frozen=True)
class RNNSearchConfig:
    """Sizes of RNNsearch; the defaults are the paper's RNNsearch-50."""

    attention: bool = True  # RNNsearch; else RNNencdec, to which the source is one vector
    # what texts are made of; cased: words with their case; pieces: of words, learned by sentencepiece
    units: Literal["words", "cased", "characters", "pieces"] = "cased"
    source_vocabulary: int = 30_000  # with the end and the unknown word
    target_vocabulary: int = 30_000  # V
    source_length: int = 51  # words of the longest source with its end
    target_length: int = 51
    embedding: int = 620  # m
    hidden: int = 1000  # n, units of the decoder and of each direction of the reader
    align_size: int = 1000  # n', units that compare an annotation with the state
    maxout: int = 500  # l
    dropout: float = 0.0  # of the words' vectors and of the maxout layer

    def __post_init__(self):
        check(self, "model.")
        for name in ("source_vocabulary", "target_vocabulary"):
            size = getattr(self, name)
            require(size >= 3, f"model.{name}", size, "at least 3: a word, the end, the unknown word")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


def preset(data, model, **changes):
    """Adam as it works on generated pairs; the weights of all of these are below 10 MB."""
    common = {"steps": 3000, "batch_size": 64, "learning_rate": 2e-3, "schedule": "cosine", "clip_norm": 1.0}
    return Pairs(model=RNNSearchConfig(**model), data=data, **common | {"every": 500} | changes)


def both(name, settings):
    """A preset and the same with the encoder-decoder."""
    return {name: settings, f"{name}-encdec": sized(settings, attention=False)}


def multi30k(source, target, source_words, target_words):
    """Captions from one language into another. About 450 steps an epoch."""
    return preset(
        "multi30k",
        {
            "source_vocabulary": source_words,
            "target_vocabulary": target_words,
            "embedding": 256,
            "hidden": 256,
            "align_size": 256,
            "maxout": 256,
            "dropout": 0.3,
        },
        source=source,
        target=target,
        steps=9000,
        learning_rate=1e-3,
        every=450,
        patience=6,
    )


SMALL = {"embedding": 32, "hidden": 64, "align_size": 64, "maxout": 32}
GRAMMAR = preset(
    "grammar-pairs",
    SMALL
    | {"units": "words", "source_vocabulary": 90, "target_vocabulary": 110}
    | {"source_length": 40, "target_length": 40},
)
NUMBERS = preset(
    "number-pairs",
    SMALL
    | {"units": "words", "source_vocabulary": 40, "target_vocabulary": 12}
    | {"source_length": 14, "target_length": 8},
)
DATES = preset(
    "date-pairs",
    SMALL
    | {"units": "characters", "source_vocabulary": 60, "target_vocabulary": 16}
    | {"source_length": 32, "target_length": 12},
)
# The paper's, of which nothing is measured here: 2.9 epochs of the 12 million sentences its selection had kept.
WMT14 = Pairs(
    model=RNNSearchConfig(),
    data="wmt14",
    source="en",
    target="fr",
    steps=288_000,
    batch_size=80,
    learning_rate=1.0,
    optimizer="adadelta(rho=0.95, epsilon=1e-6)",
    clip_norm=1.0,
    every=2000,
)

PRESETS = {
    **both("grammar", GRAMMAR),
    "smoke": dataclasses.replace(
        sized(GRAMMAR, embedding=8, hidden=16, align_size=8, maxout=8), steps=20, batch_size=16, every=10
    ),
    **both("numbers", NUMBERS),
    **both("dates", DATES),
    **both("multi30k-en-de", multi30k("en", "de", 6000, 8000)),
    **both("multi30k-de-en", multi30k("de", "en", 8000, 6000)),
    **both("multi30k-en-fr", multi30k("en", "fr", 6000, 6500)),
    **both("multi30k-fr-en", multi30k("fr", "en", 6500, 6000)),
    **both("wmt14-en-fr", WMT14),
}
