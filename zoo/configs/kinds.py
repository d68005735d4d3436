"""What some kinds of data need to be told beside their name. Imports nothing heavy."""

import dataclasses
from typing import Literal

from zoo.configs.base import Settings

Regime = Literal["static", "dynamic", "gray"]
Part = Literal["sentences", "documents"]
Fit = Literal["cut", "drop"]


@dataclasses.dataclass(frozen=True)
class Pictures(Settings):
    """Of pictures and rolls without captions."""

    regime: Regime = "static"  # how grey pixels become what the model sees (static, dynamic, gray)


@dataclasses.dataclass(frozen=True)
class Texts(Settings):
    """Of texts, with or without classes."""

    part: Part = "sentences"  # what an example is, of sets that hold documents
    fit: Fit = "cut"  # what becomes of texts that do not fit, with their end, into what the model reads
