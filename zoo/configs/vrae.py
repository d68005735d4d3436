"""Sizes and presets of the VRAE (arXiv:1412.6581)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require
from zoo.configs.kinds import Pictures

CELLS = ("rnn", "lstm", "gru")


@dataclasses.dataclass(frozen=True)
class VRAEConfig:
    """Sizes of the VRAE; the defaults are the paper's, for a piano roll of 50 steps."""

    sequence_shape: tuple[int, int] = (50, 88)  # S steps, D binary features
    inference: Literal["nn", "rnn", "lstm", "gru"] = "rnn"  # network of q(z | x); nn sees the flat sequence
    decoder: Literal["mlp", "rnn", "lstm", "gru"] = "rnn"
    hidden: int = 500  # units of either network
    z_size: int = 2  # Z
    kl_weight: float = 1.0  # of the rate in training; scores never use it
    reduce_time: Literal["sum", "mean"] = "sum"  # of the distortion in training; scores use the sum

    def __post_init__(self):
        check(self, "model.")
        require(self.kl_weight >= 0, "model.kl_weight", self.kl_weight, "a number from 0 up")


def rows(inference):
    """An image is read row by row and painted at once: does a recurrent inference network embed better?"""
    return VRAEConfig((28, 28), inference, "mlp")


DIGITS = Pictures(model=rows("nn"), regime="dynamic", steps=2000, batch_size=64, schedule="cosine", every=200)
MNIST = Pictures(
    model=rows("nn"), data="mnist", regime="gray", steps=18_000, batch_size=100, every=600
)  # thirty epochs of 60,000 images
# GRUs: with LSTMs the rate fell to 0.005 nats in 3,000 steps, with a plain decoder to 0.007 in 500; both forgot z.
TUNES = Pictures(
    model=VRAEConfig(inference="gru", decoder="gru", hidden=128, z_size=8),
    data="tunes",
    steps=2000,
    batch_size=64,
    learning_rate=3e-3,
    schedule="cosine",
    every=300,
)

PRESETS = {
    "tunes": TUNES,
    "smoke": dataclasses.replace(
        TUNES, model=VRAEConfig(hidden=16, z_size=2), steps=20, batch_size=16, every=10, schedule="constant"
    ),
    "tunes-2d": dataclasses.replace(TUNES, model=VRAEConfig(hidden=128)),
    # The weights of the authors' released code: mean over time, and 0.005 for the rate in place of 1/2.
    "tunes-released": dataclasses.replace(TUNES, model=VRAEConfig(hidden=128, kl_weight=0.01, reduce_time="mean")),
    "chorales": dataclasses.replace(
        TUNES,
        data="chorales",
        batch_size=32,
        model=VRAEConfig(inference="gru", decoder="gru", hidden=256, z_size=20),
    ),
    **{f"digits-{inference}": dataclasses.replace(DIGITS, model=rows(inference)) for inference in ("nn", *CELLS)},
    **{f"mnist-{inference}": dataclasses.replace(MNIST, model=rows(inference)) for inference in ("nn", *CELLS)},
}
