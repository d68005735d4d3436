"""Pictures and rolls by name, under a stated regime of their gray values."""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.data.pictures import folders, sources, transforms
from zoo.data.request import folder_of
from zoo.data.split import About, Data, Split, frozen
from zoo.metrics.bounds import gray_entropy

SOURCES = {
    "digits": sources.digits,
    "tunes": sources.generated_tunes,
    "mnist": sources.mnist,
    "binarized_mnist": sources.binarized_mnist,
    "svhn_cropped": sources.svhn_cropped,
    "cifar10": sources.cifar10,
    "omniglot": sources.omniglot,
    "chorales": sources.chorales,
    "chorales-16th": sources.chorales_16th,
    "frey_faces": sources.frey_faces,
}
MADE = ("two-digits", "cluttered", "svhn")  # of another source's pictures, anew at each visit
SETS = (*SOURCES, *MADE)
DIGIT = 28
REGIMES = ("static", "dynamic", "gray")


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    of = {
        "image": "an .npz of arrays, or a folder of pictures",
        "sequence": "an .npz of arrays, chorales .json(.gz), or a folder of pictures",
    }
    return of.get(_key(fields), "")


def owns(request):
    """Arrays of your own, chorales, or a folder of pictures, for a model of pictures or rolls alone."""
    name = request.name
    named = name.endswith((".npz", ".json", ".json.gz")) or Path(os.path.expanduser(name)).is_dir()
    return bool(reads(request.fields)) and named


def _key(fields):
    """The field that is a picture or a roll of one length, if a model takes nothing else but a label; or ""."""
    key, field = next(iter(fields.items()))
    fits = key in ("image", "sequence") and not field.ragged and fields.keys() <= {key, "label"}
    return key if fits else ""


def load(request, regime="gray") -> Data:
    """Data for a model that takes an image or a sequence, and perhaps a label.

    regime: "gray", values as they are; "dynamic", a Bernoulli draw of them, anew at each visit in training,
      once for validation and test; "static", binary data as is, gray data after one fixed Bernoulli draw.
    """
    name, fields, seed = request.name, request.fields, request.seed
    if regime not in REGIMES:
        raise ValueError(f"regime: got {regime!r}, expected one of {', '.join(REGIMES)}")
    if not (key := _key(fields)):
        raise ValueError(f"data: {name} holds pictures or rolls alone, the model takes {request.takes}")
    shape = fields[key].shape
    found = _find(request, key, shape)
    splits = {s: _fitted(name, arrays, key, fields) for s, arrays in found.splits.items()}

    def split(arrays, draws=()):
        scaled = {key: 255} if arrays[key].dtype == np.uint8 else {}
        return Split(arrays, _chain(draws) if draws else None, scaled)

    how = f"regime {regime}"
    if all(_is_binary(arrays[key]) for arrays in splits.values()):
        if regime != "static":
            raise ValueError(f"regime: got {regime}, but {name} is binary; use static")
    elif regime == "static":
        splits = {s: frozen(split(a, [transforms.bernoulli]), _seed(seed, s)).arrays for s, a in splits.items()}
        how = "regime static-own: one Bernoulli draw of ours, fixed"

    made = {}
    for part in sources.SPLITS:
        draws = _composed(name, splits, part, shape)
        if regime == "dynamic":
            draws.append(transforms.bernoulli)
        made[part] = split(splits[part], draws)
        if part != "train":
            made[part] = frozen(made[part], _seed(seed, part))
    pictured = "image" in found.splits["train"]
    said = about(regime, values(shape, regime, found.values, pictured), key)
    return Data(name, **made, origin=f"{found.origin}; {how}", about={key: said})


def about(regime, said, key="image"):
    """What figures say of pictures or rolls: their regime, and of gray ones what it means for a likelihood.

    said: what `values` returns.
    """
    if regime != "gray":
        return About({"regime": regime}, values=said)

    def floor(batch):
        return tf.reduce_sum(gray_entropy(batch[key]), list(range(1, batch[key].shape.rank)))

    return About({"regime": regime}, "of gray pixels a cross-entropy, no likelihood", said, floor)


def values(shape, regime, said="", pictured=True):
    """What the numbers of pictures [H, W, C] are, or of sequences [S, D], that are pictures or not.

    said: what their source adds.
    """
    if len(shape) == 3:
        colours = {1: "gray, 0 is black and 1 white", 3: "red, green and blue, 0 is none of it and 1 all"}
        what = [f"[row, column, channel] from the top left; {colours.get(shape[-1], 'channels as in the data')}", said]
    elif pictured:
        what = ["[row, column] of a gray picture from the top, 0 is black and 1 white", said]
    else:
        what = ["[step, dimension]", said]
    scale = {"gray": "as in the data, from 0 to 1: bytes divided by 255, and no other scaling"}
    binary = "zeros and ones, of which the model gives probabilities; it has learned from none between them"
    return "; ".join(filter(None, [*what, scale.get(regime, binary)]))


def _find(request, key, shape) -> sources.Found:
    path = Path(os.path.expanduser(request.name))
    if request.name not in SETS and path.is_dir():
        return folders.own(path, shape, request.seed)
    if request.name not in SETS:
        if not path.is_file():
            raise FileNotFoundError(f"data: found no file {path}; give the path of {reads(request.fields)}")
        return sources.own(path, key, request.seed) if path.suffix == ".npz" else sources.chorales_file(shape, path)
    if request.name in ("two-digits", "cluttered"):
        return _of_digits(request, key, shape)
    return SOURCES.get(request.name, sources.svhn)(shape, request.folder, request.seed)


def _of_digits(request, key, shape):
    name = request.name
    if key != "image" or min(shape[:2]) < DIGIT or shape[2] != 1:
        raise ValueError(f"data: {name} has gray images from {DIGIT}x{DIGIT}x1 on, the model takes {key} {shape}")
    found = digits(request.data_dir, request.seed)
    if name == "two-digits":
        what = "two random digits, added and clipped at 1,"
        splits = {split: {"image": arrays["image"]} for split, arrays in found.splits.items()}  # not one label
    else:
        what, splits = "a digit among 8 pieces of digits", found.splits
    where = f"at random places of {shape[0]}x{shape[1]}"
    return sources.Found(splits, f"{what} {where}; digits: {found.origin}", found.values)


def digits(data_dir, seed=0):
    """What scenes of digits are made of: MNIST if it lies there or data_dir is given, else embedded ones, at 28x28."""
    folder = folder_of(data_dir)
    has_mnist = data_dir or (folder / "mnist.npz").exists() or (folder / "mnist").is_dir()
    return (sources.mnist if has_mnist else sources.digits)((DIGIT, DIGIT, 1), folder, seed)


def _fitted(name, arrays, key, fields):
    """The arrays under the model's key, shapes checked; one-channel pictures serve as sequences of rows."""
    expected = fields[key].shape
    if key == "sequence" and "image" in arrays and arrays["image"].shape[-1] == 1:
        arrays = {**arrays, "sequence": arrays["image"][..., 0]}
        del arrays["image"]
    if key not in arrays:
        held = ", ".join(arrays)
        raise ValueError(f"data: {name} holds {held}, the model takes {key} {expected}; choose other data")
    if "label" in fields and "label" not in arrays:
        raise ValueError(f"data: {name} has no labels, the model needs one an example; choose other data")
    shape = arrays[key].shape[1:]
    makes_own_size = name in MADE and shape[-1] == expected[-1]
    if shape != expected and not makes_own_size:
        raise ValueError(f"data: {name} has {key} {shape}, the model takes {expected}; resize one of them")
    return arrays


def _composed(name, splits, split, shape):
    """What composes the model's picture from the arrays, as a list of none or one draw."""
    height, width = shape[:2]
    if name == "two-digits":
        return [transforms.two_digits(splits[split]["image"], height, width)]
    if name == "cluttered":
        return [transforms.cluttered(splits["train"]["image"], height, width)]  # clutter comes from training digits
    if name == "svhn" and splits[split]["image"].shape[1:] != shape:
        return [transforms.crops(height, width)]
    return []


def _chain(draws):
    """One draw after the other, each with a seed of its own."""

    def draw(batch, seed):
        for one, seed_of_one in zip(draws, tf.unstack(tf.random.split(seed, len(draws))), strict=True):
            batch = one(batch, seed_of_one)
        return batch

    return draw


def _is_binary(array):
    return bool(((array == 0) | (array == (255 if array.dtype == np.uint8 else 1))).all())


def _seed(seed, split):
    return seed * len(sources.SPLITS) + sources.SPLITS.index(split)
