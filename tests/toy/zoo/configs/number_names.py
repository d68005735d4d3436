"""Sizes and presets of the names of numbers."""

import dataclasses

from zoo.configs.base import Settings, check


@dataclasses.dataclass(frozen=True)
class NumberNamesConfig:
    """Sizes of the model; the defaults read every name up to nine thousand nine hundred and ninety nine."""

    vocabulary: int = 32  # V, words with the end and the unknown word
    name_length: int = 8  # L, words of the longest name with its end
    embedding: int = 16  # size of a word's embedding
    hidden: int = 64  # n, units

    def __post_init__(self):
        check(self, "model.")


@dataclasses.dataclass(frozen=True)
class Numbers(Settings):
    """What names of numbers are told beside."""

    data: str = "number-names"
    largest: int = 9999  # names from one to that of this number


NAMES = Numbers(model=NumberNamesConfig(), steps=1000, batch_size=64, learning_rate=3e-3, every=100)

PRESETS = {
    "names": NAMES,
    "small": dataclasses.replace(NAMES, model=NumberNamesConfig(hidden=32)),
    "smoke": dataclasses.replace(
        NAMES, model=NumberNamesConfig(embedding=8, hidden=16), largest=999, steps=40, batch_size=16, every=10
    ),
}
