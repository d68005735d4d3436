"""The one place that reads a run: a directory a trainer wrote, or weights that ship as "MODEL/PRESET"."""

import json
import pathlib
from typing import NamedTuple

from zoo import catalogue
from zoo.configs.base import Settings, from_dict

SHIPPED = pathlib.Path(__file__).parents[1] / "weights"


class Run(NamedTuple):
    """What a run directory tells."""

    path: pathlib.Path
    model: str  # in zoo.catalogue.MODELS
    preset: str
    settings: Settings
    config: dict  # all of config.json

    @property
    def weights(self):
        """Path of the weights, those that did best on the validation split."""
        return self.path / "model.weights.h5"

    @property
    def figures(self):
        """The measured figures, a list of dictionaries; empty before the first evaluation."""
        path = self.path / "metrics.json"
        return json.loads(path.read_text()) if path.exists() else []


def exists(name):
    """Whether there is a run, or weights that ship, of this name."""
    return any((path / name / "config.json").exists() for path in (pathlib.Path(), SHIPPED))


def open_run(name):
    """A Run from its directory, or from the name of weights that ship ("draw/mnist").

    Raises FileNotFoundError if there is no run, ValueError if its config does not fit this version.
    """
    path = pathlib.Path(name)
    if not (path / "config.json").exists():
        path = SHIPPED / name
    if not (path / "config.json").exists():
        shipped = ", ".join(sorted(str(p.parent.relative_to(SHIPPED)) for p in SHIPPED.glob("*/*/config.json")))
        raise FileNotFoundError(
            f"run: found no config.json in {name}; train first, for instance with python -m trainers.draw, "
            f"or name weights that ship ({shipped or 'none in this installation'})"
        )
    config = json.loads((path / "config.json").read_text())
    template = catalogue.preset(config["model"], config["preset"])
    return Run(path, config["model"], config["preset"], from_dict(template, config["settings"]), config)


def load(name):
    """The trained model of a run directory or of shipped weights ("draw/mnist")."""
    run = open_run(name)
    if not run.weights.exists():
        raise FileNotFoundError(f"run: {name} holds no weights yet; let its training finish a first checkpoint")
    model = catalogue.build(run.model, run.settings.model)
    model.load_weights(run.weights)
    return model
