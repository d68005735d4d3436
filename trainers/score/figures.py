"""The figures of a run: every score of a split, with all that makes it repeatable, and the exhibits beside it."""

import dataclasses
import math
import pathlib
import sys
from importlib import metadata

import tensorflow as tf

from trainers.declare.task import Shown
from trainers.score import provenance, scoring
from trainers.show import exhibits
from zoo import data
from zoo.data.split import fingerprint
from zoo.declare import Measure
from zoo.metrics.totals import total
from zoo.store.files import write_json

FLOOR = Measure("nats", "the entropy of the data as they are, below which no likelihood of them can be", better="")
SHOWN = 16  # examples in the pictures


def sets_of(run, model, data_dir=None):
    """The data that a run learned from: where they lay then, else where its own --data-dir says.

    data_dir: take them from there; if they are others, as with weights that ship, that is a warning. Raises ValueError
    or OSError if they are found nowhere.
    """
    settings, typed, kept = run.settings, data_dir or run.config.get("data_dir"), run.config.get("data")
    if not kept:  # older than fingerprints
        return load_data(settings, model, typed)
    if data_dir or not kept["path"]:
        sets = load_data(settings, model, typed)
        try:
            provenance.check(kept, provenance.describe(sets, settings, typed), run.path)
        except ValueError as other:
            print(f"warning: {other}", file=sys.stderr)
        return sets
    own = settings.data not in data.names()
    if own and not pathlib.Path(kept["path"]).exists() and not pathlib.Path(settings.data).expanduser().exists():
        raise FileNotFoundError(f"data: {kept['path']}, from which {run.path} learned, is gone; bring it back")
    there = (dataclasses.replace(settings, data=kept["path"]), typed) if own else (settings, kept["path"])
    for at, folder in (there, (settings, typed)):
        try:
            sets = load_data(at, model, folder)
            provenance.check(kept, provenance.describe(sets, at, folder), run.path)
            return dataclasses.replace(sets, name=settings.data)
        except (ValueError, OSError) as error:
            problem = error
    raise problem


def load_data(settings, model, data_dir):
    """The data of some settings, in the words that the model knows, if it has learned any."""
    known = {name: tuple(words.known) for name, words in model.vocabularies.items() if words.known}
    return data.load(settings.data, fields=model.fields, data_dir=data_dir, known=known, **settings.data_options)


def shown(model, sets, split, seed, count=SHOWN):
    """What the exhibits of a split are made of: its first examples. seed: of the noise, int32[2]."""
    examples = sets.splits[split]
    batch, n = next(data.in_order(examples, min(count, examples.size)))
    return Shown(batch, model.noise(n, tf.constant(seed)), examples, sets.train)


def values_of(measures, terms, groups=None):
    """{name: (value, standard error or None)} of every measure whose terms are there, {name: [N]}."""
    found = {}
    for name, measure in measures.items():
        summed = measure.terms or (name,)
        if {*summed, *filter(None, [measure.per])} <= terms.keys():
            found[name] = total(terms, summed, measure.per, measure.exp, groups, measure.scale)
    return found


def measure(task, run, model, sets, split="test", samples=1, seed=0, minutes=None):
    """The figures of a model on a split, a dictionary each. samples: K of the importance-weighted estimate.

    Raises ValueError for fewer samples than one, for more of a model without latent variables, and for a figure that is
    no finite number.
    """
    if samples < 1:
        raise ValueError(f"samples: got {samples}, expected at least 1")
    if samples > 1 and model.log_weights is None:
        raise ValueError(f"samples: got {samples}, expected 1; {run.model} has no latent variables to sample")
    examples = sets.splits[split]
    groups = examples.arrays.get(examples.groups)
    said = sets.about.get(model.subject, data.About())
    about = {"data": sets.name, "fingerprint": fingerprint(examples), **said.description}
    if split in sets.coverage:
        about |= dataclasses.asdict(sets.coverage[split])
    about |= {"seed": seed, "trained_by": run.config["command"]}

    def figure(name, value, error, measure, k=None, count=examples.size):
        if not math.isfinite(value) or not math.isfinite(error or 0):
            raise ValueError(
                f"{name}: got {value:g} +- {error or 0:g} of the {split} examples of {sets.name}, expected finite "
                "numbers; look for an example whose numbers are far larger than the others'"
            )
        definition = f"{measure.says}; {said.remark}" if measure.likelihood and said.remark else measure.says
        return {
            "name": name,
            "value": value,
            "unit": measure.unit,
            "standard_error": error,
            "better": measure.better,
            "definition": definition,
            "split": split,
            "examples": count,
            **about,
            "minutes": minutes,
            "signature": signature(name, split, count, seed, said.description, k),
        }

    whole = task.figures(model, sets, split, seed)
    terms = scoring.scorer(model, said.floor)(examples, (seed, 0))
    measures = {**model.measures, "floor": FLOOR}
    k = 1 if model.log_weights else None
    found = [figure(name, *pair, measures[name], k) for name, pair in values_of(measures, terms, groups).items()]
    found += [
        figure(name, one.value, one.error, one.measure, count=one.examples or examples.size)
        for name, one in whole.items()
    ]
    first = next(iter(model.measures.values()))
    best = found[0]
    if samples > 1:
        nats = {"nats": -scoring.log_likelihood(model, examples, (seed, 1), samples)}
        says = f"-log p(x), importance-weighted estimate with K = {samples} samples"
        estimate = Measure("nats", says, likelihood=model.modelled)
        best = figure("negative_log_likelihood", *total(nats, ("nats",), "", False, groups), estimate, samples)
        found.append(best)
        for name, one in model.measures.items():
            if one.exp:  # a perplexity of the same nats
                pair = total({**nats, one.per: terms[one.per]}, ("nats",), one.per, True, groups)
                one = dataclasses.replace(one, says=f"{one.says}; nats as in negative_log_likelihood")
                found.append(figure(f"{name}_importance_weighted", *pair, one, samples))
    if first.dimensions and not said.remark:
        bits = {"name": "bits_per_dimension", "unit": "bits"}
        bits |= {
            what: best[what] and best[what] / (first.dimensions * math.log(2)) for what in ("value", "standard_error")
        }
        bits["signature"] = best["signature"].replace(best["name"], bits["name"], 1)
        found.append(best | bits)
    return found


def signature(name, split, count, seed, description, k=None):
    """All that decides a figure but the weights, in one string: bound|K:1|split:test|regime:static|n:10000|..."""
    parts = {"K": k, "split": split, **description, "n": count, "seed": seed, "v": metadata.version("sequence-zoo")}
    return "|".join([name, *(f"{key}:{value}" for key, value in parts.items() if value is not None)])


def line(figure, data):
    """One figure for a reader. data: what zoo.data.Data.told says."""
    error = "" if figure["standard_error"] is None else f" +- {figure['standard_error']:.2g}"
    return (
        f"{figure['split']} {figure['name']}: {figure['value']:.4g}{error} {figure['unit']}".rstrip() + " "
        f"({figure['examples']:,} examples of {data}; {figure['definition']})"
    )


def draw(task, model, sets, folder, seed=0):
    """A task's exhibits of test examples as files."""
    exhibits.save_all(folder, task.exhibits(model, shown(model, sets, "test", (seed, 2))))


def write(path, found):
    """metrics.json."""
    write_json(path, found)
