"""The figures of a run: every score of a split, with all that makes it repeatable, and the pictures beside it."""

import importlib

import numpy as np
import tensorflow as tf

from trainers.score import scoring
from trainers.show import pictures
from zoo import data
from zoo.metrics import bounds
from zoo.store.files import write_json

DEFINITIONS = {  # name: (unit, definition)
    "bound": ("nats", "distortion + rate, one sample from the posterior"),
    "distortion": ("nats", "-log p(x | z), one sample from the posterior"),
    "rate": ("nats", "KL(q(z | x) || p(z))"),
    "reweighting": ("nats", "what the training loss adds to the bound"),
    "floor": ("nats", "the entropy of gray pixels, below which the bound cannot be"),
    "told": ("nats", "-log p of the label or the caption of an image"),
    "error": ("fraction", "examples whose likeliest class is not their label"),
    "estimator": ("", "what only hard attention's gradient is taken of"),
    "penalty": ("", "what the training loss adds to the bound for attention that neglects places"),
}


def task_of(name):
    """The Task of a model."""
    return importlib.import_module(f"trainers.{name}").TASK


def sets_of(run, model, data_dir=None):
    """The data of a run."""
    return load_data(run.settings, model, data_dir or run.config.get("data_dir"))


def load_data(settings, model, data_dir):
    """The data of some settings, in the words that the model knows, if it has learned any."""
    words = model.words.known if hasattr(model, "words") else None
    return data.load(
        settings.data, shapes=model.input_shapes, regime=settings.regime, data_dir=data_dir, words=words or None
    )


def shown(sets, split, count):
    """(batch, n): the first examples of a split for pictures.

    Captioned ones have their "image", all "references", and "training", the pictures that training has, if any.
    """
    batch, n = next(data.in_order(split, min(count, split.size)))
    if split.pictures:
        rows = batch["picture"].numpy()
        batch["references"] = [split.pictures.captions[m] for m in rows]
        batch["image"] = tf.constant(split.pictures.image[rows] / np.float32(255))
        batch["training"] = sets.train.pictures and sets.train.pictures.image
    return batch, n


def measure(task, run, model, sets, split="test", samples=1, seed=0, minutes=None):
    """The scores of a model on a split, a dictionary each, with all that makes them repeatable."""
    examples = getattr(sets, split)
    about = {
        "split": split,
        "examples": examples.size,
        "data": sets.name,
        "regime": sets.regime,
        "seed": seed,
        "trained_by": run.config["command"],
        "minutes": minutes,
    }

    def figure(name, values, unit, definition):
        mean, error = bounds.mean_and_error(values, examples.arrays.get("picture") if examples.pictures else None)
        if "floor" in scores and name in ("bound", "distortion", "negative_log_likelihood"):
            definition += "; of gray pixels a cross-entropy, no likelihood"
        elif name == "bound" and "rate" in scores:
            definition += "; -log p(x) is at most this"
        return {
            "name": name,
            "value": mean,
            "unit": unit,
            "standard_error": error if np.isfinite(error) else None,  # of a single picture
            "definition": definition,
            **about,
        }

    whole = task.figures(model, examples, seed)
    scores = scoring.scorer(model, task.scores, gray=sets.regime == "gray")(examples, (seed, 0))
    told = dict.fromkeys(("bound", "distortion"), "told") if "rate" not in scores else {}  # no latent variables
    found = [figure(name, values, *DEFINITIONS[told.get(name, name)]) for name, values in scores.items()]
    for name, (value, unit, definition) in whole.items():
        whole_split = {"examples": len(examples.pictures.captions) if examples.pictures else examples.size}
        whole_split["definition"] = definition
        found.append({"name": name, "value": value, "unit": unit, "standard_error": None, **about, **whole_split})
    if samples > 1:
        if not hasattr(model, "log_weights"):
            raise ValueError(f"samples: got {samples}, expected 1; {run.model} has no latent variables to sample")
        log_p = scoring.log_likelihood(model, examples, (seed, 1), samples)
        definition = f"-log p(x), importance-weighted estimate with K = {samples} samples"
        found.append(figure("negative_log_likelihood", -log_p, "nats", definition))
    if sets.regime != "gray" and "rate" in scores:
        dimensions = np.prod(next(iter(model.input_shapes.values())))
        best = found[-1] if samples > 1 else found[0]
        bits = bounds.bits_per_dimension(-np.asarray(best["value"]), dimensions)
        found.append({**best, "name": "bits_per_dimension", "value": float(bits), "unit": "bits"})
        found[-1]["standard_error"] = float(bounds.bits_per_dimension(-best["standard_error"], dimensions))
    return found


def line(figure):
    """One figure for a reader."""
    error = "" if figure["standard_error"] is None else f" +- {figure['standard_error']:.2g}"
    return (
        f"{figure['split']} {figure['name']}: {figure['value']:.4g}{error} {figure['unit']}".rstrip() + " "
        f"({figure['examples']:,} examples of {figure['data']}, {figure['regime']}; {figure['definition']})"
    )


def draw(task, model, sets, folder, seed=0):
    """A task's pictures of test examples as PNG and GIF files, and its other files."""
    batch, n = shown(sets, sets.test, 16)
    noise = model.noise(n, tf.constant([seed, 2]))
    task.files(model, noise, folder)
    for name, picture in task.panels(model, batch, noise).items():
        pictures.save(folder, name, picture)


def write(path, found):
    """metrics.json."""
    write_json(path, found)
