"""Prove an export: python -m export.check models/draw/1

The SavedModel runs in a process that has none of our Python, through the C API that a server calls, XLA off. Its
answers are compared with those that Keras gave at export, and with Keras on new inputs at batch 1 and 5. Every
warm-up record runs; every bad request must get an error that names the input. The LiteRT files of the same export
run in their own interpreter. Ends with status 1 if anything differs.
"""

import dataclasses
import logging
import pathlib
import sys
from typing import Annotated

import tyro

from zoo.quiet import ask, import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Prove that an exported model equals Keras, and that bad requests get a clear error."""

    version: Annotated[pathlib.Path, tyro.conf.Positional]
    """The folder of one version, as models/draw/1."""
    tolerance: float = 1e-4
    """Largest difference of the SavedModel from Keras, as a share of an output's range."""


def main(arguments=None):
    try:
        options = ask(Options, prog="python -m export.check", args=arguments)
        import_tensorflow()
        logging.getLogger("absl").setLevel(logging.ERROR)  # that what was exported cannot be trained further
        from export.prove import proof

        problems = proof.prove(options.version, options.tolerance)
    except (ValueError, OSError) as error:
        stop(error)
    for problem in problems:
        print(f"PROBLEM {problem}", file=sys.stderr)
    verdict = f"{len(problems)} problems" if problems else "answers like Keras, and refuses what it should"
    print(f"{options.version}: {verdict}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
