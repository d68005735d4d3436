"""Is a run's work what it should be? python -m trainers.judge RUN

Asks the judge that belongs to the paper: classifiers, trained here on real data and on nothing of the model, that look
at samples; baselines that the model must beat; compositions that training never showed.
"""

import dataclasses
import json
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
    """Let the paper's own judge look at a run, or at weights that ship; prints one JSON object."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist; `RUN --help` shows what its judge can be told beside"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: the run's own)"""


def main(arguments=None):
    """The command line."""
    try:
        options = with_own(
            Options, "judging", sys.argv[1:] if arguments is None else arguments, "python -m trainers.judge"
        )
        run = runs.open_run(options.run)
        import_tensorflow()
        import zoo

        model = zoo.load(options.run)
        task = task_of(run.model, run.settings.model)
        if task.judge is None:
            raise ValueError(f"run: {options.run} has no judge; its figures are those of trainers.evaluate")
        found = task.judge(run, model, options)
    except (ValueError, OSError) as error:
        stop(error)
    tell(json.dumps({"run": options.run, "seed": options.seed, **found}))


if __name__ == "__main__":
    main()
