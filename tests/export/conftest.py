"""A toy model for the machinery, and tiny random runs of the real ones, each exported once for all workers.

Every model of zoo.catalogue is exported with each kind of config among its presets; a new one needs no line here.
"""

import contextlib
import dataclasses
import inspect
import io
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import Input, Signature
from export.make import child, command, litert, package
from export.prove import proof
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


AWKWARD = {  # shapes with unequal sides, where a test of a model's own relies on them
    "draw": {"image_shape": (9, 11, 2)},
    "draw_classifier": {"image_shape": (9, 11, 1)},
    "vae": {"image_shape": (9, 11, 1)},
    "align_draw": {"image_shape": (9, 11, 2), "vocabulary": 15},
    "caption_vae": {"image_shape": (9, 11, 1)},
    "show_attend_tell": {"image_shape": (9, 20, 3), "vocabulary": 12},
}
SHAPES = {  # of all others; two halvings leave 8 x 12 whole
    "image_shape": (8, 12, 1),
    "sequence_shape": (6, 5),
    "dilations": (1, 2, 4),
    "context_dilations": (1, 2),
}
MOST = {
    "hidden": 8,
    "z_size": 3,
    "steps": 3,
    "read_n": 3,
    "vocabulary": 12,
    "text_length": 9,
    "sentences": 3,
    "length": 120,
    "residual": 4,
    "gate": 4,
    "skip": 8,
    "first_word": 2,
}  # of sizes, where they are larger
KINDS = {"vae": ("dynamic", "float16", "int8"), "show_attend_tell": ("dynamic",)}
FIXED = {"k": 3, "width": 3}  # what the options of some kind of model fix


def shrunken(config):
    """A config of its kind that is small enough for a test."""
    names = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    sizes = {name: min(names[name], most) for name, most in MOST.items() if isinstance(names.get(name), int)}
    return dataclasses.replace(config, **sizes, **{name: shape for name, shape in SHAPES.items() if name in names})


def variants():
    """{(model, class of config, its words and switches): (preset, config)}, of each the first preset, smoke first."""
    found = {}
    for name in catalogue.MODELS:
        presets = catalogue.presets(name)
        for preset in ("smoke", *presets):
            config = presets[preset].model
            choices = [value for value in dataclasses.astuple(config) if isinstance(value, str | bool)]
            found.setdefault((name, type(config).__name__, *choices), (preset, config))
    return found


def listed():
    """served name -> (model, preset, changed sizes), of every model with every class of config."""
    found, seen = {}, set()
    for (name, kind, *_), (preset, config) in variants().items():
        if (name, kind) not in seen:
            seen.add((name, kind))
            served = name if preset == "smoke" else catalogue.build(name, shrunken(config)).name
            small = dataclasses.replace(shrunken(config), **AWKWARD.get(served, {}))
            sizes = {f.name: getattr(small, f.name) for f in dataclasses.fields(small)}
            found[served] = name, preset, {k: v for k, v in sizes.items() if v != getattr(config, k)}
    return found


RUNS = listed()
WORDS = ["a", "red", "square", "above", "the", "man's", "hat", ".", "blue", "circle"]


def write_run(folder, name, preset, sizes):
    """A run directory as the trainers leave it, with random weights."""
    settings = catalogue.preset(name, preset)
    settings = dataclasses.replace(settings, model=dataclasses.replace(settings.model, **sizes))
    model = catalogue.build(name, settings.model)
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.3, v.shape).astype(np.float32))
    for words in model.vocabularies.values():
        words.learn(WORDS[: words.size])
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    model.save_weights(folder / "model.weights.h5")
    config = {"model": name, "preset": preset, "settings": to_dict(settings), "command": f"python -m trainers.{name}"}
    config["values"] = {next(iter(model.fields)): "axes and colours, white on black"}
    (folder / "config.json").write_text(json.dumps(config))
    figure = {"name": "bound", "value": 91.25, "unit": "nats", "definition": "-ELBO", "split": "test"}
    (folder / "metrics.json").write_text(json.dumps([figure | {"examples": 360, "regime": "dynamic"}]))
    return folder


def fixed_of(signatures):
    """What a declaration takes beside the model."""
    _, *others = inspect.signature(signatures).parameters.values()
    return {one.name: FIXED[one.name] for one in others if one.default is one.empty}


@pytest.fixture(name="fixed_of", scope="session")
def _fixed_of():
    return fixed_of


@pytest.fixture(name="write_run")
def _write_run():
    return write_run


def pytest_generate_tests(metafunc):
    """served_name: each model with each class of config, which are exported. any_variant: all other choices of words
    and switches in a config.
    """
    if "served_name" in metafunc.fixturenames:
        metafunc.parametrize("served_name", RUNS)
    if "any_variant" in metafunc.fixturenames:
        done = {(name, preset) for name, preset, _ in RUNS.values()}
        rest = {key: config for key, (preset, config) in variants().items() if (key[0], preset) not in done}
        small = {"-".join(map(str, key)): (key[0], shrunken(config)) for key, config in rest.items()}
        metafunc.parametrize("any_variant", small.values(), ids=small)


@pytest.fixture(scope="session")
def proved(once, exported):
    """served name -> what the proof of its export told: {"problems", "said", "litert": {file: what was asked}}."""

    def prove(served):
        def make(folder):
            said, asked, found = io.StringIO(), [], {}
            ask, compare = child.ask, litert.compare

            def asking(module, plan, inputs):
                if "interface" in plan:
                    asked.append([plan["interface"], sorted({request["signature"] for request in plan["requests"]})])
                return ask(module, plan, inputs)

            def comparing(path, keras, kind):
                asked.clear()
                errors, measured = compare(path, keras, kind)
                found[path.name] = {"asked": asked[:], "errors": errors, **measured}
                return errors, measured

            with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
                patch.setattr(child, "ask", asking)
                patch.setattr(litert, "compare", comparing)
                problems = proof.prove(exported(served) / served / "1")
            folder.mkdir()
            told = {"problems": problems, "said": said.getvalue(), "litert": found}
            (folder / "proof.json").write_text(json.dumps(told))

        return json.loads((once(f"proved-{served}", make) / "proof.json").read_text())

    return prove


@pytest.fixture(scope="session")
def exported(once):
    """served name -> its folder of exports (models/), with the run beside it (run/)."""

    def export(served):
        name, preset, sizes = RUNS[served]

        def make(folder):
            run = write_run(folder / "run", name, preset, sizes)
            signatures = package.signatures_of(name)
            fixed = fixed_of(signatures)
            kinds = (command.Options, *command.Options.__subclasses__())
            (kind,) = (kind for kind in kinds if kind("").fixed.keys() == fixed.keys())
            package.export(name, signatures, kind(str(run), folder / "models", served, KINDS.get(served, ()), **fixed))

        return once(f"exported-{served}", make) / "models"

    export.runs = RUNS
    return export
