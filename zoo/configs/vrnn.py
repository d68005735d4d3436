"""Sizes and presets of the VRNN (arXiv:1506.02216) and of its baseline without z."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require


@dataclasses.dataclass(frozen=True)
class RNNConfig:
    """Sizes of the baseline, whose decoder sees h alone."""

    output: Literal["gaussian", "mixture", "strokes", "bernoulli"] = "gaussian"  # frames of a wave are the first two
    steps: int = 53  # S, of the longest sequence
    features: int = 200  # D: samples of a wave in a step, notes of a roll, 3 of a stroke
    components: int = 20  # K, of "mixture" and "strokes"
    shared_rho: bool = False  # one correlation of dx and dy for all components, as in the authors' code
    hidden: int = 2000  # H, units of the LSTM
    x_hidden: tuple[int, ...] = (500, 500, 500, 500)  # rectified layers of the features of x
    decoder_hidden: tuple[int, ...] = (500, 500, 500, 500)

    def __post_init__(self):
        check(self, "model.")
        fits = self.output != "strokes" or self.features == 3
        require(fits, "model.features", self.features, "3 of strokes: the pen's bit, dx, dy")


@dataclasses.dataclass(frozen=True)
class VRNNConfig(RNNConfig):
    """Sizes of the VRNN; the defaults are the paper's for speech."""

    z_size: int = 200  # Z, at every step
    z_hidden: tuple[int, ...] = (500, 500, 500, 500)  # of the features of z
    prior_hidden: tuple[int, ...] = (500, 500, 500, 500)
    encoder_hidden: tuple[int, ...] = (500, 500, 500, 500)
    prior: Literal["learned", "standard"] = "learned"  # standard: N(0, I) at every step, the paper's VRNN-I
    objective: Literal["bound", "importance", "fivo"] = "bound"  # what training raises; the latter two of particles
    particles: int = 4  # N
    resampling: Literal["half", "always"] = "half"  # of fivo: below an effective sample size of N / 2, or every step


PRESETS = {}
