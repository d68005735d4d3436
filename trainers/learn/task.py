"""What a trainer says about its model; everything else is the same for all. Imports nothing heavy."""

import dataclasses
from collections.abc import Callable


def _default_learner(*args, **kwargs):
    from trainers.learn.learner import Learner

    return Learner(*args, **kwargs)


@dataclasses.dataclass(frozen=True)
class Task:
    """A model as the loop sees it."""

    name: str  # in zoo.catalogue.MODELS
    # (model, batch, noise) -> {tag: uint8 [H, W, 3] or, a film, [T, H, W, 3]}
    panels: Callable
    # (model, batch, noise) -> {tag: array}, shown as histograms of the validation split
    histograms: Callable = lambda model, batch, noise: {}
    # (model, batch, noise) -> {name: [B]} beyond the loss terms, with their means in scores and on the board
    scores: Callable = lambda model, batch, noise: {}
    # (model, split, seed) -> {name: (value, unit, definition)} of a whole split's pictures, such as BLEU
    figures: Callable = lambda model, split, seed: {}
    # the figure whose highest value on the validation split picks the weights; without one the lowest bound does
    best: str = ""
    # (model, batch, noise) -> [B, Z] for the projector
    embed: Callable | None = None
    # (model, what its decode returned as arrays) -> {tag: picture as in panels}, the samples alone
    paint: Callable = lambda model, decoded: {}
    # (model, noise, folder) -> None, writes what leaves a model as a file that is no picture
    files: Callable = lambda model, noise, folder: None
    # (model, settings, strategy, xla) -> the Learner, whose step is how this model learns
    learner: Callable = _default_learner
