"""What some kinds of data need to be told beside their name. Imports nothing heavy."""

import dataclasses
from typing import Literal

from zoo.configs.base import Settings

Regime = Literal["static", "dynamic", "gray"]


@dataclasses.dataclass(frozen=True)
class Pictures(Settings):
    """Of pictures and rolls without captions."""

    regime: Regime = "static"  # how grey pixels become what the model sees (static, dynamic, gray)


@dataclasses.dataclass(frozen=True)
class Texts(Settings):
    """Of texts."""

    part: Literal["sentences", "documents"] = "sentences"  # what an example is, of data that hold documents
    units: Literal["words", "characters"] = "words"
    fit: Literal["cut", "drop"] = "cut"  # what becomes of texts that do not fit into the model's field
