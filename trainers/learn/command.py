"""The command line of every trainer: python -m trainers.NAME. Answers --help without TensorFlow."""

import argparse
import dataclasses
import pathlib
import sys
from typing import Annotated, Literal

import tyro

from trainers.declare.task import Task, task_of
from trainers.learn.console import keep_speaking
from zoo import catalogue
from zoo.configs.base import Settings
from zoo.quiet import ask, import_tensorflow, stop
from zoo.store import runs


@dataclasses.dataclass(frozen=True)
class Options:
    """Train a model. The same command continues a run that was interrupted."""

    settings: Annotated[Settings, tyro.conf.arg(name="")]
    preset: str
    """where the defaults come from: python -m trainers lists them"""
    workdir: pathlib.Path | None = None
    """the run directory (default: runs/MODEL/PRESET)"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: TFDS_DATA_DIR)"""
    devices: str = ""
    """replicas, for instance gpu:0,gpu:1, or cpu:0,cpu:1 for two of one CPU (default: all GPUs, else the CPU)"""
    wait: float = 600
    """seconds that one of several workers waits for the others to start"""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """of the matrix products"""
    xla: bool = True
    """compile losses and gradients"""
    init_from: str = ""
    """start from the weights of another run or of shipped ones (draw/mnist), or of some layers (RUN:encoder,head),
    which may be called otherwise there (RUN:encoder=decoder)"""
    dry_run: bool = False
    """show shapes and parameters, make one step, write nothing"""
    profile: bool = False
    """write a trace of some steps for TensorBoard's profiler"""


def parse(name, arguments):
    """The Options of a model's command line. Exits with 2 and one line on bad input."""
    known = catalogue.presets(name)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset", default=next(iter(known)))
    preset = first.parse_known_args(arguments)[0].preset
    try:
        default = Options(catalogue.preset(name, preset), preset)
        options = ask(
            Options,
            default=default,
            args=arguments,
            prog=f"python -m trainers.{name}",
        )
    except ValueError as error:
        stop(error)
    return dataclasses.replace(options, workdir=options.workdir or pathlib.Path("runs", name, preset))


def main(tasks, arguments=None):
    """Runs a trainer's command line and exits. tasks: {class of the model's config: Task}."""
    keep_speaking()
    name = next(iter(tasks.values())).name
    options = parse(name, sys.argv[1:] if arguments is None else arguments)
    task = tasks[type(options.settings.model)]
    try:
        import_tensorflow()
        from trainers.learn.loop import train

        sys.exit(train(task, options))
    except (ValueError, OSError) as error:
        stop(error)
    except KeyboardInterrupt:
        stop("interrupted before the first step", 130)


def with_own(options, kind, arguments, prog):
    """The options of a command that asks something of a run: its own, and those of the run's Task (`kind` of it).

    options: a dataclass whose `run` names the run.
    """
    own = getattr(Task, kind)
    # tyro's help leaves out arguments that were given
    asked = ["--help"] if {"-h", "--help"} & set(arguments) else arguments
    for argument in arguments:
        if not argument.startswith("-") and runs.exists(argument):
            run = runs.open_run(argument)
            own = getattr(task_of(run.model, run.settings.model), kind)
            break
    both = type(options.__name__, (options, own), {"__doc__": options.__doc__})
    return ask(dataclasses.dataclass(frozen=True, kw_only=True)(both), args=asked, prog=prog)
