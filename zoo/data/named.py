"""Data by name, fitted to a model's shapes, under a stated binarisation regime."""

import difflib
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoo.data.captioned import captions, photos
from zoo.data.pictures import folders, sources
from zoo.data.pictures import transforms as scenes
from zoo.data.split import Data, Split, frozen

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
SCENES = ("two-digits", "cluttered", "svhn")  # made of another source's pictures, anew at each visit
CAPTIONED = {
    "scenes": captions.scenes,
    "flickr8k": photos.flickr8k,
    "flickr30k": photos.flickr30k,
    "coco_captions": photos.coco_captions,
}
NAMES = (*SOURCES, *SCENES, *CAPTIONED, "digit-captions")
DIGIT = 28
REGIMES = ("static", "dynamic", "gray")


def load(name, *, shapes, regime, data_dir=None, seed=0, words=None) -> Data:
    """Data for a model with these input shapes.

    name: one of NAMES, or a path: your arrays (`.npz`, see `sources.own`), chorales (`.json`, `.json.gz`), a folder
      of pictures (see `folders.own`), with captions for models of captions (see `photos.own`).
    shapes: per-example shapes the model takes, {"image": (H, W, C)} or {"sequence": (S, D)}; "label": (); "caption":
      (L,), so many words with the end. With captions, {"vgg19": (L, D)} or another of
      zoo.nn.pretrained.extractors.NAMED gives annotations in place of images.
    regime: "gray", values as they are; "dynamic", a Bernoulli draw of them, anew at each visit in training,
      once for validation and test; "static", binary data as is, gray data after one fixed Bernoulli draw.
    data_dir: folder of files and TFDS sets; default TFDS_DATA_DIR, then ~/tensorflow_datasets.
    seed: of all that is fixed once (split of embedded data, static draw, validation and test scenes). Figures
      compare under equal seeds only, so leave it at 0 and vary the seed of `batches`.
    words: the vocabulary that captions are written in; default all of training's, the most frequent first.
    Raises ValueError (unknown name, wrong shape, range, regime) or FileNotFoundError, each saying what to do.
    """
    name = str(name)
    if regime not in REGIMES:
        raise ValueError(f"regime: got {regime!r}, expected one of {', '.join(REGIMES)}")
    if "caption" in shapes:
        return _captioned(name, shapes, regime, data_dir, seed, words)
    key = "sequence" if "sequence" in shapes else "image"
    found = _find(name, key, tuple(shapes[key]), data_dir, seed)
    splits = {s: _fitted(name, arrays, key, shapes) for s, arrays in found.splits.items()}

    how = f"regime {regime}"
    if all(_is_binary(arrays[key]) for arrays in splits.values()):
        if regime != "static":
            raise ValueError(f"regime: got {regime}, but {name} is binary; use static")
    elif regime == "static":
        splits = {s: frozen(Split(a, scenes.bernoulli), _seed(seed, s)).arrays for s, a in splits.items()}
        how = "regime static-own: one Bernoulli draw of ours, fixed"

    made = {}
    for split in sources.SPLITS:
        draws = _scene(name, splits, split, tuple(shapes[key])) + [scenes.bernoulli] * (regime == "dynamic")
        made[split] = Split(splits[split], _chain(draws) if draws else None)
        if split != "train":
            made[split] = frozen(made[split], _seed(seed, split))
    return Data(name, regime, **made, origin=f"{found.origin}; {how}")


def _captioned(name, shapes, regime, data_dir, seed, words):
    if regime != "gray":
        raise ValueError(f"regime: got {regime}, but captioned pictures are gray or in colour; use gray")
    folder = sources.folder_of(data_dir)
    if name == "digit-captions":
        return captions.digit_captions(digits(data_dir, seed), shapes, seed, words)
    find = CAPTIONED.get(name)
    if find is None and (path := Path(name).expanduser()).is_dir():
        find = functools.partial(photos.own, path)
    if find is None:
        known = ", ".join((*CAPTIONED, "digit-captions"))
        raise ValueError(
            f"data: {name!r} has no captions, the model takes image and caption; choose one of {known}, or a folder "
            f"with {photos.CAPTIONS}"
        )
    return captions.load(name, find, shapes, folder, seed, words)


def _find(name, key, shape, data_dir, seed) -> sources.Found:
    path = Path(name).expanduser()
    if name.endswith((".npz", ".json", ".json.gz")):
        if not path.is_file():
            raise FileNotFoundError(f"data: found no file {path}; give the path of an .npz or chorales .json(.gz)")
        return sources.own(path, key, seed) if name.endswith(".npz") else sources.chorales_file(shape, path)
    if name not in NAMES and path.is_dir():
        return folders.own(path, shape, seed)
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ValueError(
            f"data: unknown name {name!r}; {hint}Names: {', '.join(NAMES)}; or the path of an .npz or a folder"
        )
    folder = sources.folder_of(data_dir)
    if name in CAPTIONED or name == "digit-captions":
        raise ValueError(f"data: {name} has pictures with captions, the model takes {key} {shape} alone")
    if name in ("two-digits", "cluttered"):
        return _scene_digits(name, key, shape, data_dir, seed)
    return SOURCES.get(name, sources.svhn)(shape, folder, seed)


def _scene_digits(name, key, shape, data_dir, seed):
    if key != "image" or min(shape[:2]) < DIGIT or shape[2] != 1:
        raise ValueError(f"data: {name} has gray images from {DIGIT}x{DIGIT}x1 on, the model takes {key} {shape}")
    found = digits(data_dir, seed)
    if name == "two-digits":
        what = "two random digits, added and clipped at 1,"
        splits = {split: {"image": arrays["image"]} for split, arrays in found.splits.items()}  # not one label
    else:
        what, splits = "a digit among 8 pieces of digits", found.splits
    where = f"at random places of {shape[0]}x{shape[1]}"
    return sources.Found(splits, f"{what} {where}; digits: {found.origin}")


def digits(data_dir, seed=0):
    """What scenes of digits are made of: MNIST if it lies there or data_dir is given, else embedded ones, at 28x28."""
    folder = sources.folder_of(data_dir)
    has_mnist = data_dir or (folder / "mnist.npz").exists() or (folder / "mnist").is_dir()
    return (sources.mnist if has_mnist else sources.digits)((DIGIT, DIGIT, 1), folder, seed)


def _fitted(name, arrays, key, shapes):
    """The arrays under the model's key, shapes checked; one-channel pictures serve as sequences of rows."""
    expected = tuple(shapes[key])
    if key == "sequence" and "image" in arrays and arrays["image"].shape[-1] == 1:
        arrays = {**arrays, "sequence": arrays["image"][..., 0]}
        del arrays["image"]
    if key not in arrays:
        held = ", ".join(arrays)
        raise ValueError(f"data: {name} holds {held}, the model takes {key} {expected}; choose other data")
    if "label" in shapes and "label" not in arrays:
        raise ValueError(f"data: {name} has no labels, the model needs one an example; choose other data")
    shape = arrays[key].shape[1:]
    makes_own_size = name in SCENES and shape[-1] == expected[-1]
    if shape != expected and not makes_own_size:
        raise ValueError(f"data: {name} has {key} {shape}, the model takes {expected}; resize one of them")
    return arrays


def _scene(name, splits, split, shape):
    """What composes the model's picture from the arrays, as a list of none or one draw."""
    height, width = shape[:2]
    if name == "two-digits":
        return [scenes.two_digits(splits[split]["image"], height, width)]
    if name == "cluttered":
        return [scenes.cluttered(splits["train"]["image"], height, width)]  # clutter comes from training digits
    if name == "svhn" and splits[split]["image"].shape[1:] != shape:
        return [scenes.crops(height, width)]
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
