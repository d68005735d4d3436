"""How a run begins: whether the directory holds the same one, what config.json says of it, whose weights it takes."""

import json
import shlex
import sys
from importlib import metadata

from zoo.configs.base import to_dict
from zoo.store import runs
from zoo.store.files import read_json


def start_from(name, layers, model):
    """Gives a model the weights of another run or of shipped ones: all, or those of some layers ("encoder,head").

    A layer may be called otherwise there, and hold more ("encoder=decoder"). What it learned of a word it keeps: the
    words come with it.

    Raises ValueError if they do not fit.
    """
    other = runs.load(name)
    if layers:
        pairs = [pair for layer in layers.split(",") for pair in shared(layer, name, other, model)]
        pairs += words(other, model)
    elif len(other.variables) == len(model.variables):
        pairs = list(zip(model.variables, other.variables, strict=True))
    else:
        pairs = []
    if not pairs or any(ours.shape != theirs.shape for ours, theirs in pairs):
        fields = differences(to_dict(other.config), to_dict(model.config))
        different = "; ".join(f"{field} is {theirs} there, {ours} here" for field, theirs, ours in fields)
        raise ValueError(f"init_from: the weights of {name} do not fit ({different})")
    for ours, theirs in pairs:
        ours.assign(theirs.numpy())


def shared(layer, name, other, model):
    """Pairs of variables of a layer in two models: those below its name. Raises ValueError if one of them has none."""
    here, _, there = layer.partition("=")

    def below(model, layer):
        paths = {v.path: v for v in model.variables}
        return {path.partition(f"{layer}/")[2]: v for path, v in paths.items() if f"/{layer}/" in f"/{path}"}

    ours, theirs = below(model, here), below(other, there or here)
    fits = ours.keys() <= theirs.keys() if there else ours.keys() == theirs.keys()
    if not ours or not fits:
        where, layer, whose = ("this model", here, model) if not ours else (name, there or here, other)
        names = sorted({part for v in whose.variables for part in v.path.split("/")[:-1]})
        raise ValueError(f"init_from: {where} has no layer {layer} of that kind; its layers are {', '.join(names)}")
    return [(ours[part], theirs[part]) for part in ours]


def words(other, model):
    """Pairs of vocabularies of one size that two models have of a text."""
    texts = [name for name in model.vocabularies if model.fields[name].shape and name in other.vocabularies]
    pairs = [(model.vocabularies[name].letters, other.vocabularies[name].letters) for name in texts]
    return [(ours, theirs) for ours, theirs in pairs if ours.shape == theirs.shape]


def describe(task, options):
    """config.json, up to what only a process that trains can add: all that a later stage needs to know of a run."""
    packages = ("tensorflow", "keras", "tensorflow-probability", "numpy")
    return {
        "model": task.name,
        "preset": options.preset,
        "settings": to_dict(options.settings),
        "dtype": options.dtype,
        "data_dir": str(options.data_dir) if options.data_dir else None,
        "command": shlex.join(["python", "-m", f"trainers.{task.name}", *sys.argv[1:]]),
        "versions": {package: metadata.version(package) for package in packages},
    }


def check_same_run(workdir, config):
    """Raises ValueError if the directory holds a run of another model or other settings; only `steps` may change."""
    path = workdir / "config.json"
    if not path.exists():
        return
    parts = []
    before = read_json(path)
    if not (isinstance(before, dict) and "model" in before and isinstance(before.get("settings"), dict)):
        raise ValueError(f"{path}: got no model and settings; mend it, or give another --workdir")
    for kept in (before, json.loads(json.dumps(config))):
        settings = {name: value for name, value in kept["settings"].items() if name != "steps"}
        # The model's own settings are called model, too.
        parts.append({"name": kept["model"], "dtype": kept.get("dtype", "float32"), **settings})
    different = [f"{name} was {old}, now {new}" for name, old, new in differences(*parts)]
    if different:
        raise ValueError(
            f"workdir: {workdir} holds a run of other settings ({'; '.join(different)}); "
            "give the same ones to continue it, or another --workdir"
        )


def differences(before, now, prefix=""):
    """(dotted name, old, new) for every setting that differs between two nested dictionaries."""
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield prefix + name, old, new
