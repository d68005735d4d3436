"""Honest scores of a run: python -m trainers.evaluate RUN."""

import dataclasses
import pathlib
import sys
from typing import Annotated

import tyro

from zoo.quiet import ask, import_tensorflow, stop, tell
from zoo.store import runs


@dataclasses.dataclass(frozen=True)
class Options:
    """Score a run, or weights that ship, on a split; metrics.json of a run directory is written anew."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist"""
    split: str = "test"
    """train, validation, test, or what else the data have (held_out, of scenes)"""
    samples: int = 1
    """K of the importance-weighted estimate of log p(x); 1 gives the bound alone"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: the run's own)"""
    seed: int = 0


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m trainers.evaluate")
    try:
        run = runs.open_run(options.run)
        import_tensorflow()
        import zoo
        from trainers.declare.task import task_of
        from trainers.score.figures import line, measure, sets_of, write

        model = zoo.load(options.run)
        task, sets = task_of(run.model, run.settings.model), sets_of(run, model, options.data_dir)
        if options.split not in sets.splits:
            raise ValueError(f"split: got {options.split!r}, expected one of {', '.join(sets.splits)}")
        minutes = run.figures[0]["minutes"] if run.figures else None
        found = measure(task, run, model, sets, options.split, options.samples, options.seed, minutes)
    except (ValueError, OSError) as error:
        stop(error)
    if runs.SHIPPED not in run.path.parents and options.split == "test":
        try:
            write(run.path / "metrics.json", found)
        except OSError as error:
            tell(f"warning: {run.path / 'metrics.json'} not written ({error.strerror})", sys.stderr)
    for figure in found:
        tell(line(figure, sets.told(model.subject)))


if __name__ == "__main__":
    main(sys.argv[1:])
