"""Sizes and presets of DRAW (arXiv:1502.04623, table 3)."""

import dataclasses

from zoo.configs.base import check
from zoo.configs.kinds import Pictures


@dataclasses.dataclass(frozen=True)
class DRAWConfig:
    """Sizes of DRAW; the defaults are the paper's MNIST row (table 3)."""

    image_shape: tuple[int, int, int] = (28, 28, 1)  # height B, width A, channels
    steps: int = 64  # T, glimpses
    hidden: int = 256  # units of each LSTM
    z_size: int = 100  # Z, size of z at one step
    attention: bool = True  # read and write through Gaussian filters, else the whole image
    read_n: int = 2  # the read window has read_n x read_n points
    write_n: int = 5

    def __post_init__(self):
        check(self, "model.")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of the classifier that looks through DRAW's read window (section 4.1)."""

    image_shape: tuple[int, int, int] = (100, 100, 1)
    steps: int = 8
    hidden: int = 256
    read_n: int = 12
    classes: int = 10

    def __post_init__(self):
        check(self, "model.")


MNIST = Pictures(
    model=DRAWConfig(),
    data="binarized_mnist",
    steps=8800,  # an hour on two CPU cores
    batch_size=128,
    learning_rate=1e-3,
    optimizer="adam(beta_1=0.5)",
    schedule="cosine",
    ema=0.99,
    every=500,
)

PRESETS = {
    "digits": Pictures(
        model=DRAWConfig(steps=10, z_size=10, hidden=128, read_n=5),
        data="digits",
        regime="dynamic",
        steps=2000,
        batch_size=64,
        learning_rate=2e-3,
        schedule="cosine",
        ema=0.99,
        every=200,
    ),
    "smoke": Pictures(
        model=DRAWConfig(steps=3, z_size=4, hidden=16, read_n=3, write_n=3), steps=20, batch_size=16, every=10
    ),
    "mnist": MNIST,
    "mnist-dynamic": dataclasses.replace(MNIST, data="mnist", regime="dynamic"),
    "mnist-noattention": dataclasses.replace(MNIST, model=DRAWConfig(attention=False)),
    "two-digits": dataclasses.replace(
        MNIST, model=DRAWConfig(image_shape=(60, 60, 1)), data="two-digits", regime="gray"
    ),
    "svhn": dataclasses.replace(
        MNIST,
        model=DRAWConfig(image_shape=(54, 54, 3), steps=32, hidden=800, read_n=12, write_n=12),
        data="svhn",
        regime="gray",
    ),
    "cifar10": dataclasses.replace(
        MNIST,
        model=DRAWConfig(image_shape=(32, 32, 3), hidden=400, z_size=200, read_n=5),
        data="cifar10",
        regime="gray",
    ),
    "cluttered": dataclasses.replace(MNIST, model=ClassifierConfig(), data="cluttered", regime="gray"),
}
