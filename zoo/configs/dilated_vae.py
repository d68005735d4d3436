"""Sizes and presets of the VAE with a dilated decoder, of one with classes and of its language model
(arXiv:1702.08139)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Texts

ONCE = (1, 2, 4, 8, 16)
DILATIONS = {"scnn": (1, 2, 4), "mcnn": ONCE, "lcnn": 2 * ONCE, "vlcnn": 3 * ONCE}  # fields of 15, 63, 125, 187 words


@dataclasses.dataclass(frozen=True)
class DilatedLanguageModelConfig:
    """Sizes of the decoder without z; the defaults are the paper's."""

    vocabulary: int = 20_000  # V, with the end and the unknown word
    text_length: int = 200  # L, words of the longest text with its end
    units: Literal["words", "characters"] = "words"  # what a text is a sequence of
    embedding: int = 512  # E
    outer: int = 1024  # channels between blocks
    inner: int = 512  # channels inside
    dilations: tuple[int, ...] = DILATIONS["lcnn"]
    dropout: float = 0.1  # of what every block adds

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: a word, the end, the unknown")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a share in [0, 1)")


@dataclasses.dataclass(frozen=True)
class DilatedVAEConfig(DilatedLanguageModelConfig):
    """Sizes of the VAE."""

    z_size: int = 32  # Z
    encoder_hidden: int = 1024  # units of the LSTM that reads
    annealing: Literal["constant", "linear", "logistic", "cyclic"] = "linear"
    annealing_start: float = 0.01
    annealing_steps: int = 10_000
    free_bits: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        for name in ("annealing_start", "free_bits"):
            require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "a number from 0 up")


@dataclasses.dataclass(frozen=True)
class DilatedClassConfig(DilatedVAEConfig):
    """Sizes of the VAE with a class beside z, which learns from few labels or finds clusters without any."""

    classes: int = 10  # C
    supervision: float = 10.0  # weight of -log q(y | x) where the class is known
    free_class: float = 0.0  # nats of the class's rate that cost nothing in training
    temperature: float = 0.5  # of relaxed classes at the end; it begins at 1

    def __post_init__(self):
        super().__post_init__()
        require(self.classes >= 2, "model.classes", self.classes, "at least 2")
        require(self.temperature > 0, "model.temperature", self.temperature, "a positive number")
        for name in ("supervision", "free_class"):
            require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "a number from 0 up")


def plain(settings):
    """Settings of the language model that a VAE's decoder is."""
    sizes = {f.name: getattr(settings.model, f.name) for f in dataclasses.fields(DilatedLanguageModelConfig)}
    return dataclasses.replace(settings, model=DilatedLanguageModelConfig(**sizes))


SMALL = {"vocabulary": 4000, "text_length": 30, "embedding": 128}  # weights of less than 10 MB
DOCSTRINGS = Texts(
    model=DilatedVAEConfig(
        **SMALL,
        outer=128,
        inner=64,
        dilations=DILATIONS["scnn"],
        encoder_hidden=192,
        annealing_steps=3000,
        free_bits=0.2,
    ),
    data="docstrings",
    steps=6000,
    batch_size=32,
    optimizer="adam(beta_1=0.5)",
    clip_norm=5.0,
    every=500,
)
CLASSES = dataclasses.replace(  # the package of a docstring, from a hundredth of the labels
    DOCSTRINGS,
    model=DilatedClassConfig(**vars(DOCSTRINGS.model) | {"free_bits": 0.0}, classes=5),
    labelled=0.01,
)
PTB = sized(
    dataclasses.replace(DOCSTRINGS, data="ptb", steps=13_000, every=1000),
    vocabulary=10_000,
    text_length=83,
    embedding=256,
    outer=512,
    inner=256,
    encoder_hidden=256,
    annealing_steps=10_000,
    free_bits=0.0,
)

PRESETS = {
    "docstrings": DOCSTRINGS,
    "smoke": dataclasses.replace(
        sized(DOCSTRINGS, vocabulary=100, text_length=12, embedding=8, outer=16, inner=8, encoder_hidden=16, z_size=4),
        steps=20,
        batch_size=16,
        every=10,
    ),
    "docstrings-language": plain(DOCSTRINGS),
    "docstrings-classes": CLASSES,
    "docstrings-clusters": dataclasses.replace(sized(CLASSES, free_class=0.5), labelled=0.0),
    **{f"ptb-{name}": sized(PTB, dilations=dilations) for name, dilations in DILATIONS.items()},
    **{f"ptb-{name}-language": plain(sized(PTB, dilations=dilations)) for name, dilations in DILATIONS.items()},
}
