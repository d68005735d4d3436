"""Sizes and presets of Show, Attend and Tell (arXiv:1502.03044)."""

import dataclasses
import math
from typing import Literal

from zoo.configs.base import Settings, check, require, sized

Encoder = Literal["cnn", "vgg19", "efficientnet-lite0", "efficientnet-lite0-14"]
Attention = Literal["soft", "hard", "uniform"]


@dataclasses.dataclass(frozen=True)
class ShowAttendTellConfig:
    """Sizes of Show, Attend and Tell; the defaults are those of the authors' code for COCO."""

    encoder: Encoder = "vgg19"  # a frozen network, whose annotations come with the batch; or a small CNN that learns
    annotations: tuple[int, int] = (196, 512)  # L places of D features that the frozen network makes
    fine_tune: bool = False  # the network is not frozen but a part of the model, and learns from where it stood
    image_shape: tuple[int, int, int] = (224, 224, 3)  # height, width, channels: what the CNN sees
    channels: tuple[int, ...] = (32, 64, 64, 128)  # of each 3x3 convolution of the CNN; the last one is D
    strides: tuple[int, ...] = (2, 2, 1, 1)  # of each
    vocabulary: int = 10_000  # V words, END and UNKNOWN among them
    caption_length: int = 31  # words with the END
    embedding: int = 512  # e
    hidden: int = 1800  # n, units of the LSTM
    attention: Attention = "soft"  # uniform looks everywhere alike, which is to see the mean annotation alone
    attention_size: int = 512  # units that compare a place with the state
    attention_layers: Literal[1, 2] = 2  # layers between an annotation and these units
    init_layers: Literal[1, 2] = 2  # layers between the mean annotation and the first state
    dropout: float = 0.5  # of h_t, of the deep output and of the init layers' hidden units
    penalty: float = 1.0  # lambda, of places that are not looked at once in all
    reinforce: float = 0.64  # lambda_r of hard attention: the authors', see zoo/show_attend_tell.py
    entropy: float = 0.002  # lambda_e of hard attention

    def __post_init__(self):
        check(self, "model.")
        layers = len(self.strides)
        require(len(self.channels) == layers, "model.channels", self.channels, f"{layers} positive numbers")
        require(self.vocabulary >= 3, "model.vocabulary", self.vocabulary, "at least 3: END, UNKNOWN and a word")
        frozen = self.encoder != "cnn" or not self.fine_tune
        require(frozen, "model.fine_tune", True, "an encoder other than cnn, which learns anyway")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a rate in [0, 1)")
        for name in ("penalty", "reinforce", "entropy"):
            require(getattr(self, name) >= 0, f"model.{name}", getattr(self, name), "at least 0")

    @property
    def grid(self):
        """(rows, columns) of the places, for pictures; places that came with the batch are a square if they can be."""
        if self.encoder == "cnn":
            return tuple(_ceil_all(side, self.strides) for side in self.image_shape[:2])
        places, _ = self.annotations
        side = math.isqrt(places)
        return (side, side) if side**2 == places else (1, places)

    @property
    def places(self):
        """(L, D)."""
        return (math.prod(self.grid), self.channels[-1]) if self.encoder == "cnn" else self.annotations


def _ceil_all(side, strides):
    for stride in strides:
        side = math.ceil(side / stride)
    return side


SCENES = Settings(
    model=ShowAttendTellConfig(
        encoder="cnn",
        image_shape=(32, 32, 3),
        vocabulary=72,
        caption_length=20,
        embedding=64,
        hidden=128,
        attention_size=128,
        attention_layers=1,
        init_layers=1,
        channels=(32, 64, 64, 128),
        strides=(1, 2, 1, 2),
        dropout=0.2,
        penalty=0.05,  # ten words cannot look once at each of 64 places: more only spreads attention
    ),
    data="scenes",
    steps=8000,
    batch_size=64,
    learning_rate=1e-3,
    schedule="cosine",
    clip_norm=5.0,
    every=500,
)
FLICKR8K = Settings(  # the authors' RMSProp is not among ours; the rate is that of their Adam
    model=ShowAttendTellConfig(caption_length=40, hidden=512, attention_layers=1, init_layers=1),
    data="flickr8k",
    steps=20_000,
    batch_size=64,
    learning_rate=2e-4,
    every=500,
    patience=10,  # as in the authors' code
)


def _with(settings, model, **changes):
    return dataclasses.replace(sized(settings, **model), **changes)


LITE0 = _with(  # for a part of the photographs, and a network whose weights a Python package brings
    FLICKR8K,
    {
        "encoder": "efficientnet-lite0-14",
        "annotations": (196, 112),
        "vocabulary": 2000,
        "embedding": 128,
        "hidden": 256,
        "attention_size": 128,
        "penalty": 0.05,  # as for scenes; 1 told no better
    },
    learning_rate=1e-3,
    steps=3000,
    every=100,
)

HARD = {"attention": "hard", "penalty": 0.0}  # the penalty is a part of soft attention's objective alone

PRESETS = {
    "scenes": SCENES,
    "scenes-hard": _with(SCENES, HARD, steps=3000),  # from soft weights; from fresh ones it takes many more
    "scenes-uniform": _with(SCENES, {"attention": "uniform"}),
    "smoke": _with(
        SCENES,
        {"channels": (8, 16), "strides": (4, 2), "embedding": 8, "hidden": 16, "attention_size": 8},
        steps=20,
        batch_size=16,
        every=10,
    ),
    "digit-captions": _with(
        SCENES,
        {"image_shape": (60, 60, 1), "strides": (2, 2, 2, 1), "vocabulary": 24, "caption_length": 13},
        data="digit-captions",
    ),
    "flickr8k": FLICKR8K,
    "flickr8k-hard": _with(FLICKR8K, HARD),
    "flickr8k-lite0": LITE0,
    "flickr8k-lite0-hard": _with(LITE0, HARD, learning_rate=2e-4),  # from soft weights
    "flickr8k-lite0-uniform": _with(LITE0, {"attention": "uniform"}),
    "coco": dataclasses.replace(FLICKR8K, model=ShowAttendTellConfig(), data="coco_captions", steps=99_000, every=2000),
}
