"""What some kinds of data need to be told beside their name. Imports nothing heavy."""

import dataclasses
from typing import Literal

from zoo.configs.base import Settings, require

Regime = Literal["static", "dynamic", "gray"]
Part = Literal["sentences", "documents"]
Fit = Literal["cut", "drop"]
Speakers = Literal["official", "held-out"]


@dataclasses.dataclass(frozen=True)
class Pictures(Settings):
    """Of pictures and rolls without captions."""

    regime: Regime = "static"  # how grey pixels become what the model sees (static, dynamic, gray)


@dataclasses.dataclass(frozen=True)
class Texts(Settings):
    """Of texts, with or without classes."""

    part: Part = "sentences"  # what an example is, of sets that hold documents
    fit: Fit = "cut"  # what becomes of texts that do not fit, with their end, into what the model reads
    together: int = 1  # texts that are one document, in their order, of sets that hold sentences or lines
    shortest: int = 1  # sentences of a document, below which it is left out; of models that read sentences in documents
    labelled: float = 1.0  # share of training's texts whose class is told

    def __post_init__(self):
        super().__post_init__()
        require(0 <= self.labelled <= 1, "labelled", self.labelled, "a share in [0, 1]")


@dataclasses.dataclass(frozen=True)
class Pairs(Settings):
    """Of texts with their translations."""

    source: str = ""  # the language that is read, as names of files end in it: de; of sets that have languages
    target: str = ""  # the one that is written


@dataclasses.dataclass(frozen=True)
class Sounds(Settings):
    """Of sounds, with or without classes and speakers."""

    rate: int = 8000  # samples a second, to which other sounds are resampled
    speakers: Speakers = "official"  # the published split, or one whose test is spoken by people training never hears
    piece: int = 0  # samples of a random piece of every training example, new at each visit; 0: whole sounds

    def __post_init__(self):
        super().__post_init__(piece=0)
        own = getattr(self.model, "rate", self.rate)
        require(own == self.rate, "rate", self.rate, f"{own}, as model.rate says; give both")


@dataclasses.dataclass(frozen=True)
class Rolls(Settings):
    """Of piano rolls of any length."""


@dataclasses.dataclass(frozen=True)
class Strokes(Settings):
    """Of what a pen draws."""
