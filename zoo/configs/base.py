"""What decides the numbers of a run, and how it is kept in JSON. Imports nothing heavy."""

import dataclasses
import difflib
from typing import Any, Literal, get_args

Regime = Literal["static", "dynamic", "gray"]
Schedule = Literal["constant", "cosine"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides a run's numbers; a preset is one of these."""

    model: Any  # the model's own config
    data: str = "digits"  # a data set's name, or the path of your own arrays (.npz) or pictures (a folder)
    regime: Regime = "static"  # how grey pixels become what the model sees (static, dynamic, gray)
    steps: int = 1000  # optimiser updates
    batch_size: int = 100  # examples per step over all replicas
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"  # cosine falls to 1 % over the run's steps
    beta_1: float = 0.9  # Adam's decay of the mean gradient
    clip_norm: float = 10.0  # the whole gradient is scaled down to this norm
    ema: float = 0.0  # decay of the weights' moving average; 0 keeps none
    every: int = 200  # steps between checkpoints, each with a validation
    patience: int = 0  # validations without a better one after which training ends; 0: never
    seed: int = 0

    def __post_init__(self):
        for name, known in (("regime", Regime), ("schedule", Schedule)):
            got, names = getattr(self, name), get_args(known)
            require(got in names, name, repr(got), f"one of {', '.join(names)}")
        for name in ("steps", "batch_size", "every"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a positive number")
        require(self.clip_norm > 0, "clip_norm", self.clip_norm, "a positive number")
        require(self.patience >= 0, "patience", self.patience, "at least 0")
        require(0 <= self.ema < 1, "ema", self.ema, "a decay in [0, 1)")
        require(0 <= self.beta_1 < 1, "beta_1", self.beta_1, "a decay in [0, 1)")
        require(0 <= self.seed < 2**31, "seed", self.seed, "an integer in [0, 2**31)")


def require(condition, name, got, expected):
    """Raises ValueError "name: got ..., expected ..." unless the condition holds."""
    if not condition:
        raise ValueError(f"{name}: got {got}, expected {expected}")


def suggestion(name, known):
    """ " (did you mean 'x'?)" for the nearest known name, else an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def to_dict(settings):
    """A JSON-able dictionary of a (nested) config."""
    return dataclasses.asdict(settings)


def from_dict(template, values):
    """The config of template's type with the given values (what to_dict returned, perhaps through JSON).

    Raises ValueError for a name that the config does not have.
    """
    known = {field.name: field for field in dataclasses.fields(template)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name}: no such setting of {type(template).__name__}{suggestion(name, known)}")

    def restore(name, value):
        like = getattr(template, name)
        if dataclasses.is_dataclass(like):
            return from_dict(like, value)
        return tuple(value) if isinstance(like, tuple) else value

    return dataclasses.replace(template, **{name: restore(name, value) for name, value in values.items()})
