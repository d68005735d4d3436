"""What decides the numbers of a run, and how it is kept in JSON. Imports nothing heavy."""

import ast
import dataclasses
import difflib
import typing
from typing import Any, Literal

Schedule = Literal["constant", "cosine"]
Clip = Literal["global_norm", "norm", "value", "none"]
LARGEST = 2**31  # what a size, or a seed, must stay below


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides a run's numbers; a preset is one of these, or of a kind of data's own (see `kinds`)."""

    model: Any  # the model's own config
    data: str = "digits"  # a data set's name, or the path of your own arrays (.npz), texts (.txt) or pictures (folder)
    steps: int = 1000  # optimiser updates
    batch_size: int = 100  # examples per step over all replicas
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"  # cosine falls to 1 % over the run's steps
    optimizer: str = "adam"  # any of Keras', with arguments if need be: rmsprop(rho=0.95)
    clip: Clip = "global_norm"  # of the whole gradient, of each variable's, or every value of it
    clip_norm: float = 10.0  # the largest that clip leaves
    ema: float = 0.0  # decay of the weights' moving average; 0 keeps none
    every: int = 200  # steps between checkpoints, each with a validation
    patience: int = 0  # validations without a better one after which training ends; 0: never
    seed: int = 0

    def __post_init__(self, **least):
        check(self, **{"patience": 0, "seed": -LARGEST} | least)
        require(self.seed >= 0, "seed", self.seed, "an integer in [0, 2**31)")
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a positive number")
        require(self.clip_norm > 0, "clip_norm", self.clip_norm, "a positive number")
        require(0 <= self.ema < 1, "ema", self.ema, "a decay in [0, 1)")
        called(self.optimizer)

    @property
    def data_options(self):
        """What the kind of data adds: {name: value}."""
        common = {field.name for field in dataclasses.fields(Settings)}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in common}


def sized(settings, **changes):
    """Settings of a model with other sizes."""
    return dataclasses.replace(settings, model=dataclasses.replace(settings.model, **changes))


def check(config, prefix="", **least):
    """Raises ValueError for the first value of a config that its field's annotation does not allow.

    Integers, also those in tuples, are sizes: at least 1, or what `least` says of a field, and below 2**31. A tuple of
    any length holds at least one. Floats may be whole. Fields that hold Any are left alone. prefix: before the names.
    """
    for name, kind in typing.get_type_hints(type(config)).items():
        if kind is not Any:
            value = getattr(config, name)
            expected = _expected(value, kind, least.get(name, 1))
            if name == "image_shape" and expected:
                expected = "(height, width, channels), all positive"
            require(not expected, prefix + name, repr(value), expected)


def _expected(value, kind, least):
    """What an annotation expects of a value that is not of its kind, else an empty string."""
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        known = [type(part) for part in parts if part == value]
        return "" if type(value) in known else _choice(parts)
    if typing.get_origin(kind) is tuple:
        count = None if parts[-1] is Ellipsis else len(parts)
        fits = isinstance(value, tuple) and (len(value) == count if count else value)
        if fits and not any(_expected(part, parts[0], least) for part in value):
            return ""
        return f"{count} positive numbers" if count else "one positive size or more"
    if kind is int:
        if type(value) is not int:
            return "a whole number"
        if value < least:
            return f"at least {least}"
        return "" if value < LARGEST else "an integer below 2**31"
    if kind is float:
        return "" if type(value) in (int, float) else "a number"
    return "" if type(value) is kind else {bool: "true or false", str: "a text"}[kind]


def _choice(known):
    return " or ".join(map(repr, known)) if len(known) == 2 else f"one of {', '.join(map(str, known))}"


def called(optimizer):
    """(name, arguments) of "adam" or "adam(beta_1=0.5)". Raises ValueError for anything else."""
    expected = "a name, or a name with arguments: rmsprop(rho=0.95)"
    try:
        node = ast.parse(optimizer, mode="eval").body
        name, keywords = (node.func.id, node.keywords) if isinstance(node, ast.Call) else (node.id, [])
        return name, {keyword.arg: ast.literal_eval(keyword.value) for keyword in keywords}
    except (SyntaxError, AttributeError, ValueError):
        raise ValueError(f"optimizer: got {optimizer!r}, expected {expected}") from None


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

    Raises ValueError for a name that the config does not have, or a value of another kind than its annotation.
    """
    return _restored(template, values, "settings")


def _restored(template, values, what):
    require(isinstance(values, dict), what, repr(values), f"the fields of {type(template).__name__} by name")
    known = {field.name: field for field in dataclasses.fields(template)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name}: no such setting of {type(template).__name__}{suggestion(name, known)}")

    def restore(name, value):
        like = getattr(template, name)
        if dataclasses.is_dataclass(like):
            return _restored(like, value, name)
        return tuple(value) if isinstance(like, tuple) and isinstance(value, list) else value

    return dataclasses.replace(template, **{name: restore(name, value) for name, value in values.items()})
