"""What a model makes when it is asked: from its prior, or for given inputs."""

import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.configs.base import require
from zoo.data.audio import files

BATCH = 250  # samples decoded at a time
SHOWN = 64  # samples in the exhibits, and in samples.npz with every step


class Samples(NamedTuple):
    """What `python -m trainers.sample` writes and says."""

    arrays: dict  # {name: array}, samples.npz
    exhibits: dict  # {name: exhibit of trainers.show.exhibits}
    lines: list = []  # noqa: RUF012
    failed: int = 0  # inputs that could not be read


def recorded(name, rate):
    """(The samples of a WAV file at this rate, float32 [N] in [-1, 1]; lines about what it took to make them.)"""
    wave = files.read(pathlib.Path(name), rate)
    lines = [f"{name}: {', '.join(wave.changed)}"] if wave.changed else []
    return np.float32(wave.samples / files.FULL), lines


def from_prior(paint, observed):
    """(model, inputs, Sampling) -> Samples of z from the prior, decoded.

    paint: (model, what decode returns as arrays, of the first SHOWN) -> exhibits. observed: the name of what decode
    makes; of what it returns beside it (DRAW's canvases and windows) the first SHOWN are kept.
    Raises ValueError for inputs.
    """

    def sample(model, inputs, options):
        require(not inputs, "inputs", " ".join(inputs), "none; this model draws from its prior")
        count = options.count
        z = model.noise(count, tf.constant([options.seed, 0]))
        decode, parts = tf.function(model.decode, reduce_retracing=True, autograph=False), {}
        for start in range(0, count, BATCH):
            for name, values in decode(z[start : start + BATCH]).items():
                wanted = count if name == observed else SHOWN
                parts.setdefault(name, []).append(values[: max(0, wanted - start)].numpy())
        decoded = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        exhibits = paint(model, {name: values[:SHOWN] for name, values in decoded.items()})
        return Samples({"z": z.numpy(), "samples": decoded.pop(observed), **decoded}, exhibits)

    return sample
