"""Sizes and presets of the VAE (arXiv:1312.6114)."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require
from zoo.configs.kinds import Pictures


@dataclasses.dataclass(frozen=True)
class VAEConfig:
    """Sizes of the VAE; the defaults are the widespread MNIST network, 784-400-20."""

    image_shape: tuple[int, int, int] = (28, 28, 1)  # height, width, channels
    network: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[int, ...] = (400,)  # dense layers of the encoder; mlp has them in reverse in the decoder
    filters: tuple[int, ...] = (32, 64)  # conv only: 3 x 3 layers, each halving height and width
    activation: Literal["relu", "tanh"] = "relu"
    z_size: int = 20  # Z

    def __post_init__(self):
        check(self, "model.")
        if self.network == "conv":
            shape, smallest = self.image_shape, 2 ** len(self.filters)
            whole = shape[0] % smallest == shape[1] % smallest == 0
            require(whole, "model.image_shape", shape, f"sides that {len(self.filters)} halvings leave whole")


MNIST = Pictures(
    model=VAEConfig(),
    data="mnist",
    regime="gray",
    steps=4690,  # ten epochs of 60,000 images
    batch_size=128,
    clip_norm=1000.0,  # in effect none, as in the figure that this preset repeats
    every=469,
)

PRESETS = {
    "digits": Pictures(
        model=VAEConfig(hidden=(200,), z_size=10),
        regime="dynamic",
        steps=3000,
        batch_size=64,
        schedule="cosine",
        every=300,
    ),
    "smoke": Pictures(model=VAEConfig(hidden=(16,), z_size=3), steps=20, batch_size=16, every=10),
    "mnist": MNIST,
    "mnist-2d": dataclasses.replace(
        MNIST,
        model=VAEConfig(hidden=(500,), activation="tanh", z_size=2),
        batch_size=100,
        steps=18_000,  # thirty epochs of 60,000 images
        every=600,
    ),
    "mnist-conv": dataclasses.replace(
        MNIST,
        model=VAEConfig(network="conv", hidden=(16,), z_size=2),
        steps=14_070,  # thirty epochs of 60,000 images
    ),
}
