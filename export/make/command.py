"""python -m export.NAME RUN: one command line for every model. Nothing heavy before it is understood."""

import dataclasses
import inspect
import pathlib
import sys
from typing import Annotated, Literal

import tyro

from zoo.quiet import ask, import_tensorflow, stop
from zoo.store import runs


@dataclasses.dataclass(frozen=True)
class Options:
    """Export a trained run: a SavedModel for servers, a LiteRT file for phones, a card beside each."""

    run: Annotated[str, tyro.conf.Positional]
    """A run directory, or the name of shipped weights (draw/mnist)."""
    out: pathlib.Path = pathlib.Path("models")
    """Where NAME/VERSION/ and NAME.tflite are written."""
    name: str | None = None
    """The model's name for the server. Default: the model's own (draw, draw_classifier, vae, ...)."""
    quantize: tuple[Literal["dynamic", "float16", "int8"], ...] = ()
    """Smaller LiteRT files beside the float32 one: NAME-dynamic.tflite, ..."""
    portable: bool = False
    """The phone's functions as SavedModels for OpenVINO and ONNX Runtime, too: NAME-portable/SIGNATURE."""

    def __post_init__(self):
        if self.name is not None and not self.name.replace("-", "_").isidentifier():
            raise ValueError(f"name: got {self.name!r}, expected letters, digits, - and _")

    @property
    def fixed(self):
        """What is fixed in the exported graph: the options that a kind of model adds."""
        common = {field.name for field in dataclasses.fields(Options)}
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in common}


@dataclasses.dataclass(frozen=True)
class Sampling(Options):
    """What models of a likelihood add."""

    k: int = 64
    """Posterior samples of log_likelihood, fixed in the exported graph."""

    def __post_init__(self):
        super().__post_init__()
        if self.k < 1:
            raise ValueError(f"k: got {self.k}, expected at least 1 posterior sample")


@dataclasses.dataclass(frozen=True)
class Search(Options):
    """What models that tell add."""

    width: int = 5
    """Beams of the search for a caption, fixed in the exported graph."""

    def __post_init__(self):
        super().__post_init__()
        if self.width < 1:
            raise ValueError(f"width: got {self.width}, expected at least 1 beam")


def options_of(signatures):
    """The options of a declaration: those that add what it takes beside the model."""
    taken = set(inspect.signature(signatures).parameters)
    return next((kind for kind in Options.__subclasses__() if kind("").fixed.keys() <= taken), Options)


def main(name, signatures, arguments=None):
    """The command of one model.

    signatures(model, **what its options add): name -> Signature, the first served by default; Offered, where a phone is
    offered something else.
    """
    try:
        kind = options_of(signatures)
        options = ask(kind, prog=f"python -m export.{name}", description=Options.__doc__, args=arguments)
        runs.open_run(options.run)  # a wrong name is told before TensorFlow is there
        import_tensorflow()
        from export.make import package

        refused = package.export(name, signatures, options)
    except (ValueError, OSError) as error:
        stop(error)
    if refused:
        sys.exit(1)
