"""A folder of your own pictures, as arrays."""

import pathlib

import numpy as np

from zoo.data import folders
from zoo.data.pictures.files import photo, pictures
from zoo.data.pictures.sources import Found

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def own(path, shape, seed):
    """Found of the pictures in a folder and in those below it, resized to shape (H, W, C), see `files.picture`.

    Their splits are told apart by folder or name, see `zoo.data.folders.splits`. The folders below, if there are two or
    more, are classes: labels count their names in alphabetical order from 0.
    shape: C is 1 for gray, 3 for colour; (S, D) means gray pictures whose S rows are steps.
    Raises ValueError if the folder holds no pictures, or some that are in no split or no class.
    """
    path = pathlib.Path(path)
    shape = (*shape, 1)[:3]
    if shape[2] not in (1, 3):
        raise ValueError(
            f"data: {path} has pictures in gray or colour, the model takes {shape}; give it 1 or 3 channels"
        )
    names = folders.names(path, ENDINGS, "pictures")
    lists, how = folders.splits(path, names, seed, "pictures")
    class_of, classes = folders.classes(path, lists)
    images = pictures([photo(path / name, name) for each in lists.values() for name in each], shape)
    splits, at = {}, 0
    for split, each in lists.items():
        splits[split] = {"image": images[at : at + len(each)]}
        if classes:
            splits[split]["label"] = np.array([classes.index(class_of[name]) for name in each], np.int32)
        at += len(each)
    counts = ", ".join(f"{len(each):,} {split}" for split, each in lists.items())
    size = f"{shape[0]}x{shape[1]} in {'colour' if shape[2] == 3 else 'gray'}"
    found = f"{len(names):,} pictures ({counts}, {how}), resized to {size}"
    if classes:
        found += f", {len(classes)} classes, label 0 = {classes[0]} to label {len(classes) - 1} = {classes[-1]}"
    return Found(splits, f"{path.name}, your own: {found} (licence: yours to state)")
