"""The one place that reads a run: a directory a trainer wrote, or weights that ship as "MODEL/PRESET"."""

import pathlib
import tempfile
from typing import NamedTuple

from zoo import catalogue
from zoo.configs.base import Settings, from_dict, require, suggestion
from zoo.store.files import read_json

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
        return read_json(path) if path.exists() else []


def exists(name):
    """Whether there is a run, or weights that ship, of this name."""
    return any((path / name / "config.json").exists() for path in (pathlib.Path(), SHIPPED))


def open_run(name):
    """A Run from its directory, or from the name of weights that ship ("draw/mnist").

    Raises FileNotFoundError if there is no run, ValueError if its config.json is damaged or does not fit this version.
    """
    path = pathlib.Path(name)
    if not (path / "config.json").exists():
        path = SHIPPED / name
    if not (path / "config.json").exists():
        shipped = sorted(str(p.parent.relative_to(SHIPPED)) for p in SHIPPED.glob("*/*/config.json"))
        raise FileNotFoundError(
            f"run: found no config.json in {name}{suggestion(str(name), shipped)}; train first, for instance with "
            f"python -m trainers.draw, or name weights that ship ({', '.join(shipped) or 'none in this installation'})"
        )
    config = read_json(path / "config.json")
    try:
        require(isinstance(config, dict), "run", repr(config), "model, preset and settings by name")
        for key in ("model", "preset"):
            require(isinstance(config.get(key), str), key, repr(config.get(key)), "a name")
        template = catalogue.preset(config["model"], config["preset"])
        settings = from_dict(template, config.get("settings"))
    except ValueError as error:
        raise ValueError(f"{path / 'config.json'}: {error}") from None
    return Run(path, config["model"], config["preset"], settings, config)


def load(name):
    """The trained model of a run directory or of shipped weights ("draw/mnist").

    Raises what open_run raises; FileNotFoundError if there are no weights, ValueError if they are damaged or of other
    sizes than config.json says.
    """
    run = open_run(name)
    if not run.weights.exists():
        if any((run.path / "checkpoints").glob("step-*.npz")):
            raise FileNotFoundError(
                f"run: {run.weights} is gone; the command that trained writes it again: {run.config.get('command')}"
            )
        raise FileNotFoundError(f"run: {name} holds no weights yet; let its training finish a first checkpoint")
    model = catalogue.build(run.model, run.settings.model)
    read_weights(model, run.weights)
    return model


def read_weights(model, path):
    """Gives a model the weights of a file. Raises ValueError, which names it, if it is damaged or of other sizes."""
    try:
        model.load_weights(path)
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # all that h5py and Keras make of a damaged file
        unlike = _unlike(model, path)
        if unlike:
            raise ValueError(f"run: {path} does not fit its config.json: {unlike}; one of them was changed") from None
        raise ValueError(
            f"run: {path} is damaged ({str(error).splitlines()[0]}); take it from a copy, or give the command that "
            "trained again: it goes on from the checkpoints"
        ) from None


def _unlike(model, path):
    """Which variable has another shape in the file than in the model; an empty string if none or if it is damaged."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(pathlib.Path(folder) / path.name)
        ours = _shapes(pathlib.Path(folder) / path.name)
    try:
        theirs = _shapes(path)
    except (OSError, RuntimeError, KeyError, ValueError):
        return ""
    for name, shape in ours.items():
        if theirs.get(name) != shape:
            return f"{name} is {theirs.get(name, 'not there')} in the file, {shape} by config.json"
    return ""


def _shapes(path):
    """{name: shape} of the arrays in an HDF5 file."""
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item.shape}) if hasattr(item, "shape") else None)
    return found
