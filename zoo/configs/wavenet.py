"""Sizes and presets of WaveNet (arXiv:1609.03499), of one with a context stack and of the classifier on its
features."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Sounds


@dataclasses.dataclass(frozen=True)
class WaveNetConfig:
    """Sizes of WaveNet. The paper gives none; the defaults are those of public code, narrowed for speech at 8 kHz."""

    length: int = 16_000  # L, samples of the longest sound
    rate: int = 8000  # samples a second
    output: Literal["classes", "logistics"] = "classes"  # of mu-law, or levels under a mixture
    levels: int = 256  # what a sample may be: classes, or equal steps
    mixtures: int = 10  # K, logistics of the mixture
    residual: int = 32  # R, channels between layers
    gate: int = 32  # D, channels of filter and gate
    skip: int = 128  # S, channels of the output net
    dilations: tuple[int, ...] = 2 * tuple(2**i for i in range(10))
    by_label: bool = False  # whether the class conditions all
    labels: int = 10
    by_speaker: bool = False
    speakers: int = 6
    by_notes: bool = False  # whether a series of notes conditions its samples
    notes: int = 9  # with 0, which is none
    notes_of_label: bool = False  # whether a note means something else in each class, as a part of a word does
    hop: int = 100  # samples that have one note
    note_channels: int = 16  # of a sample's share of a note
    upsampling: Literal["transposed", "repeated"] = "transposed"

    def __post_init__(self):
        check(self, "model.")
        require(self.levels >= 2, "model.levels", self.levels, "at least 2")
        fits = (self.by_label and self.by_notes) or not self.notes_of_label
        require(fits, "model.notes_of_label", True, "false where by_label or by_notes is")


@dataclasses.dataclass(frozen=True)
class ContextWaveNetConfig(WaveNetConfig):
    """Sizes of WaveNet with a context stack: a smaller one over frames, which sees farther back and conditions the big
    one from the next frame on."""

    context_hop: int = 64  # samples of a frame
    context_residual: int = 32
    context_gate: int = 32
    context_skip: int = 32
    context_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    context_channels: int = 16  # of a sample's share of what a frame says


@dataclasses.dataclass(frozen=True)
class WaveNetClassifierConfig(WaveNetConfig):
    """Sizes of WaveNet with convolutions behind it that see all of a sound and say its class."""

    frame: int = 80  # samples of a frame whose features are averaged: 10 ms, as in the paper
    convolution: int = 64  # channels of the convolutions over frames, which are not causal
    convolutions: int = 2
    width: int = 3  # frames that one sees
    generative: float = 1.0  # weight of the nats a sample, the second loss

    def __post_init__(self):
        super().__post_init__()
        require(not self.by_label, "model.by_label", self.by_label, "false: the class is what is asked")
        require(self.generative >= 0, "model.generative", self.generative, "a number from 0 up")


def powers(last, times=1):
    """Dilations 1, 2, 4 .. up to the last, so many times."""
    return times * tuple(2**i for i in range(last.bit_length()))


TONES = Sounds(
    model=WaveNetConfig(
        length=6400,
        levels=64,
        skip=64,
        dilations=powers(128, 2),
        by_label=True,
        labels=6,
    ),
    data="tones",
    piece=2000,
    steps=2500,
    batch_size=8,
    learning_rate=2e-3,
    schedule="cosine",
    clip_norm=1.0,
    every=500,
)
NOTES = dataclasses.replace(TONES, model=dataclasses.replace(TONES.model, by_notes=True))
DIGITS = Sounds(
    model=WaveNetConfig(length=11_000, by_label=True, by_speaker=True),
    data="spoken-digits",
    piece=4000,
    steps=4000,
    batch_size=4,
    learning_rate=2e-3,
    schedule="cosine",
    clip_norm=1.0,
    every=500,
)
# Past its best likelihood it speaks more clearly: the only validation, at the end, keeps the last weights.
PARTS = dataclasses.replace(
    sized(DIGITS, by_notes=True, notes=17, notes_of_label=True, note_channels=32),
    optimizer="adamw(weight_decay=0.3)",
    every=4000,
)
CLASSES = dataclasses.replace(
    DIGITS,
    model=WaveNetClassifierConfig(length=11_000),
    piece=0,
    steps=2000,
)
SPEECH = dataclasses.replace(  # sizes of public code: a GPU's work
    DIGITS,
    model=WaveNetConfig(
        length=16_000,
        rate=16_000,
        skip=512,
        dilations=powers(512, 5),
        by_label=True,
        labels=36,
    ),
    data="speech_commands",
    rate=16_000,
    steps=100_000,
    batch_size=4,
    learning_rate=1e-3,
    optimizer="adam(epsilon=1e-4)",
)

PRESETS = {
    "tones": TONES,
    "smoke": dataclasses.replace(
        sized(TONES, length=6400, levels=16, residual=4, gate=3, skip=5, dilations=(1, 2, 4)),
        piece=400,
        steps=20,
        batch_size=4,
        every=10,
    ),
    "tones-notes": NOTES,
    "tones-context": dataclasses.replace(
        TONES, model=ContextWaveNetConfig(**{**vars(TONES.model), "dilations": powers(32)})
    ),
    "spoken-digits": DIGITS,
    "spoken-digits-parts": PARTS,
    "spoken-digits-logistics": sized(DIGITS, output="logistics", levels=65_536),
    "spoken-digits-classes": CLASSES,
    "speech": SPEECH,
}
