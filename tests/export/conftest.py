"""A toy model for the machinery, and tiny random runs of the real ones, each exported once for all workers."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import Input, Signature
from export.make import command, package
from zoo import catalogue
from zoo.configs.base import to_dict
from zoo.nn.model import Model


class Toy(Model):
    """y = x W + b + noise, x: [B, 5, 2], with weights that are all different."""

    def __init__(self):
        super().__init__(None, "toy")
        self.layers_in_a_list = [keras.layers.Dense(3)]
        self.layers_in_a_list[0].build([None, 2])
        for v in self.variables:
            v.assign(np.linspace(-1, 1, int(np.prod(v.shape)), dtype=np.float32).reshape(v.shape))
        self.built = True

    def noise(self, batch_size, seed):
        return tf.random.stateless_normal([batch_size, 5, 3], seed)

    def answer(self, x, noise):
        return {"y": self.layers_in_a_list[0](x) + noise}


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def toy_signatures(toy):
    x = Input((5, 2), "numbers", interval=(0, 1))

    def average(x, noise):  # noise: [B, 4, 5, 3]
        return {"y": toy.answer(x, tf.reduce_mean(noise, 1))["y"]}

    return {
        "one": Signature(lambda x, noise: toy.answer(x, noise), {"x": x}, "Adds noise.", draws=1),
        "four": Signature(average, {"x": x}, "Adds the mean of four.", draws=4),
        "none": Signature(lambda x: {"total": tf.reduce_sum(x, [1, 2])}, {"x": x}, "Adds up."),
    }


def small(name, preset, **sizes):
    """Settings of a preset with a smaller model."""
    settings = catalogue.preset(name, preset)
    return dataclasses.replace(settings, model=dataclasses.replace(settings.model, **sizes))


RUNS = {
    "draw": ("draw", "smoke", {"image_shape": (9, 11, 2)}),
    "draw_classifier": ("draw", "cluttered", {"image_shape": (9, 11, 1), "steps": 3, "hidden": 8, "read_n": 3}),
    "vae": ("vae", "smoke", {"image_shape": (9, 11, 1)}),
    "vrae": ("vrae", "smoke", {"sequence_shape": (6, 5), "hidden": 8}),
    "align_draw": ("align_draw", "smoke", {"image_shape": (9, 11, 2)}),
    "caption_vae": ("align_draw", "scenes-vae", {"image_shape": (9, 11, 1), "hidden": 8, "z_size": 3}),
    "show_attend_tell": ("show_attend_tell", "smoke", {"image_shape": (9, 20, 3), "vocabulary": 12}),
}
KINDS = {"vae": ("dynamic", "float16", "int8"), "show_attend_tell": ("dynamic",)}
FIXED = {"show_attend_tell": {"width": 3}}  # others sample
WORDS = ["a", "red", "square", "above", "the", "man's", "hat", ".", "blue", "circle"]


def write_run(folder, name, preset, sizes):
    """A run directory as the trainers leave it, with random weights."""
    settings = small(name, preset, **sizes)
    model = catalogue.build(name, settings.model)
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.3, v.shape).astype(np.float32))
    if hasattr(model, "words"):
        model.words.learn(WORDS)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    model.save_weights(folder / "model.weights.h5")
    config = {"model": name, "preset": preset, "settings": to_dict(settings), "command": f"python -m trainers.{name}"}
    (folder / "config.json").write_text(json.dumps(config))
    figure = {"name": "bound", "value": 91.25, "unit": "nats", "definition": "-ELBO", "split": "test"}
    (folder / "metrics.json").write_text(json.dumps([figure | {"examples": 360, "regime": "dynamic"}]))
    return folder


@pytest.fixture(name="write_run")
def _write_run():
    return write_run


@pytest.fixture(scope="session")
def exported(once):
    """served name -> its folder of exports (models/), with the run beside it (run/)."""

    def export(served):
        name, preset, sizes = RUNS[served]

        def make(folder):
            run = write_run(folder / "run", name, preset, sizes)
            kind = command.Search if "width" in FIXED.get(served, {}) else command.Sampling
            fixed = FIXED.get(served, {"k": 3})
            options = kind(str(run), folder / "models", served, KINDS.get(served, ()), **fixed)
            package.export(name, package.signatures_of(name), options)

        return once(f"exported-{served}", make) / "models"

    return export
