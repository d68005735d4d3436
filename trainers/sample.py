"""What a model makes, as files: python -m trainers.sample RUN [INPUT ...]

A model with a prior draws from it; one that follows captions is given captions, one that tells is given picture files.
"""

import dataclasses
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.declare.task import task_of
from trainers.learn.command import with_own
from zoo.quiet import import_tensorflow, stop, tell
from zoo.store import runs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Let a run, or weights that ship, make something. The same seed gives the same samples."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist; `RUN --help` shows what its model can be told beside"""
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """what the model is asked for, such as captions to paint or picture files to describe"""
    out: pathlib.Path | None = None
    """where exhibits and samples.npz go (default: RUN/samples; for shipped weights samples/MODEL/PRESET)"""


def main(arguments=None):
    """The command line. Inputs that cannot be read are named; then it ends with 2."""
    try:
        options = with_own(
            Options, "sampling", sys.argv[1:] if arguments is None else arguments, "python -m trainers.sample"
        )
        run = runs.open_run(options.run)
        import_tensorflow()
        import numpy as np

        import zoo
        from trainers.show import exhibits

        model = zoo.load(options.run)
        task = task_of(run.model, run.settings.model)
        if task.sample is None:
            raise ValueError(f"run: got {options.run}, a {model.name}, which makes nothing; name another run")
        made = task.sample(model, options.inputs, options)
    except (ValueError, OSError) as error:
        stop(error)
    shipped = runs.SHIPPED in run.path.parents
    folder = options.out or (pathlib.Path("samples", run.model, run.preset) if shipped else run.path / "samples")
    try:
        exhibits.save_all(folder, made.exhibits)
        if made.arrays:
            np.savez_compressed(folder / "samples.npz", **made.arrays)
    except OSError as error:
        stop(f"out: cannot write in {folder} ({error.strerror}); choose another --out")
    for line in made.lines:
        tell(line)
    if made.exhibits:
        tell(f"written: {folder}")
    sys.exit(2 if made.failed else 0)


if __name__ == "__main__":
    main()
