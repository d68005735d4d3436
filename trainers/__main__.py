"""python -m trainers [MODEL ...]: the models and their presets."""

import dataclasses
from typing import Annotated

import tyro

from zoo import catalogue
from zoo.quiet import ask, stop, tell
from zoo.store import runs


@dataclasses.dataclass(frozen=True)
class Options:
    """List presets: what they learn from, for how many steps of how many examples, and whether their weights ship."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """of these models alone (default: all)"""


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m trainers")
    try:
        listed = {model: catalogue.presets(model) for model in options.models or catalogue.MODELS}
    except ValueError as error:
        stop(error)
    for model, presets in listed.items():
        tell(f"python -m trainers.{model} --preset ...")
        tell(f"  {'preset':24} data, steps of a batch; weights")
        for name, preset in presets.items():
            data = ", ".join([preset.data, *map(str, preset.data_options.values())])
            ships = f"; ships as {model}/{name}" if (runs.SHIPPED / model / name).exists() else ""
            tell(f"  {name:24} {data}, {preset.steps:,} steps of {preset.batch_size}{ships}")


if __name__ == "__main__":
    main()
