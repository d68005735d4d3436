"""What a trainer says about its model; everything else is the same for all. Imports nothing heavy."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from zoo.configs.base import require
from zoo.declare import Measure

WIDEST = 100  # beams; memory grows with them


class Shown(NamedTuple):
    """What exhibits are made of: the same examples and the same noise each time."""

    batch: dict[str, Any]  # {field: [B, ...] tensor}
    noise: Any  # of the model
    split: Any  # zoo.data.Split, whose first examples these are
    training: Any  # the split that the model learned from


class Figure(NamedTuple):
    """A score that needs a whole split."""

    value: float
    measure: Measure
    error: float | None = None  # standard error
    examples: int | None = None  # default: all of the split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """What `python -m trainers.sample` asks of every model; a trainer may add to it."""

    count: int = 64
    """samples, or samples of each input"""
    seed: int = 0

    def __post_init__(self):
        require(self.count >= 1, "count", self.count, "at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Searching(Sampling):
    """What a model adds that writes by beam search."""

    width: int = 1
    """beams of the search; 1 is greedy"""

    def __post_init__(self):
        super().__post_init__()
        require(1 <= self.width <= WIDEST, "width", self.width, f"1 to {WIDEST} beams")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judging:
    """What `python -m trainers.judge` asks of every model; a trainer may add to it, numbers from 1 up."""

    seed: int = 0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            require(name == "seed" or type(value) is not int or value >= 1, name, value, "at least 1")


@dataclasses.dataclass(frozen=True)
class Task:
    """One kind of config of a model as the loop and the commands see it."""

    name: str  # in zoo.catalogue.MODELS
    # (model, Shown) -> {name: exhibit of trainers.show.exhibits}
    exhibits: Callable = lambda model, shown: {}
    # (model, Shown) -> {tag: array}, shown as histograms
    histograms: Callable = lambda model, shown: {}
    # (model, zoo.data.Data, name of a split, seed) -> {name: Figure}
    figures: Callable = lambda model, sets, split, seed: {}
    # the measure or figure whose best value on the validation split picks the weights; without one the first measure
    best: str = ""
    # (model, Shown) -> Scatter for TensorBoard's projector
    embed: Callable | None = None
    # (model, settings, strategy, xla) -> the Learner whose step is how this model learns; None: the plain one
    learner: Callable | None = None
    # (model, inputs as strings, options with those of `sampling`) -> trainers.show.sampling.Samples
    sample: Callable | None = None
    sampling: type = Sampling
    # (Run, model, options with those of `judging`) -> {name: value}, in JSON's types
    judge: Callable | None = None
    judging: type = Judging


def later(module, name):
    """A function of a module that is imported when it is called: TensorFlow, behind it, takes seconds."""

    def call(*arguments):
        return getattr(importlib.import_module(module), name)(*arguments)

    return call


def task_of(name, config):
    """The Task of a model with this config."""
    return importlib.import_module(f"trainers.{name}").TASKS[type(config)]
