"""A folder of your own pictures, as arrays."""

import os
import pathlib

import numpy as np

from zoo.data.pictures.files import photo, pictures, split_by_name
from zoo.data.pictures.sources import SPLITS, Found

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
SPLIT_OF = {  # of a folder of this name, in capitals or not
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def own(path, shape, seed):
    """Found of the pictures in a folder and in those below it, resized to shape (H, W, C), see `files.picture`.

    Folders train (or training), validation (val, valid, dev) and test (testing) say which split a picture is in;
    without validation a tenth of train serves. Without such folders a tenth of all validates and another one tests.
    Both by the hash of the pictures' names and the seed, so that a picture stays in its split when others come or go.
    The folders below, if there are two or more, are classes: labels count their names in alphabetical order from 0.
    shape: C is 1 for gray, 3 for colour; (S, D) means gray pictures whose S rows are steps.
    Raises ValueError if the folder holds no pictures, or some that are in no split or no class.
    """
    path = pathlib.Path(path)
    shape = (*shape, 1)[:3]
    if shape[2] not in (1, 3):
        raise ValueError(
            f"data: {path} has pictures in gray or colour, the model takes {shape}; give it 1 or 3 channels"
        )
    names = _names(path)
    lists, how = _splits(path, names, seed)
    labels, classes = _labels(path, lists)
    images = pictures([photo(path / name, name) for each in lists.values() for name in each], shape)
    splits, at = {}, 0
    for split, each in lists.items():
        splits[split] = {"image": images[at : at + len(each)]}
        if classes:
            splits[split]["label"] = np.array([labels[name] for name in each], np.int32)
        at += len(each)
    counts = ", ".join(f"{len(each):,} {split}" for split, each in lists.items())
    size = f"{shape[0]}x{shape[1]} in {'colour' if shape[2] == 3 else 'gray'}"
    found = f"{len(names):,} pictures ({counts}, {how}), resized to {size}"
    if classes:
        found += f", {len(classes)} classes, label 0 = {classes[0]} to label {len(classes) - 1} = {classes[-1]}"
    print(f"{path}: found {found}", flush=True)
    return Found(splits, f"{path.name}, your own: {found} (licence: yours to state)")


def _names(path):
    """Paths of all pictures below the folder, from there on; what is hidden is left out."""
    names = []
    for place, folders, held in os.walk(path, followlinks=True):
        folders[:] = [folder for folder in folders if not folder.startswith((".", "__"))]
        found = [pathlib.Path(place, name) for name in held if not name.startswith(".")]
        names += [each.relative_to(path).as_posix() for each in found if each.suffix.lower() in ENDINGS]
    if not names:
        raise ValueError(f"data: {path} holds no pictures, expected files {', '.join(ENDINGS)}; name another folder")
    return sorted(names)


def _splits(path, names, seed):
    """({split: names}, how they were told apart)."""
    tops = {name: name.partition("/")[0].lower() if "/" in name else "" for name in names}
    if not SPLIT_OF.keys() & set(tops.values()):
        lists, how = split_by_name(names, seed), f"by the hash of their names, seed {seed}"
    else:
        stray = [name for name, top in tops.items() if top not in SPLIT_OF]
        if stray:
            raise ValueError(
                f"data: {path} has folders of splits and {stray[0]} beside, expected every picture in one of "
                f"{', '.join(SPLIT_OF)}; move it"
            )
        lists, how = {split: [] for split in SPLITS}, "by folder"
        for name in names:
            lists[SPLIT_OF[tops[name]]].append(name)
        if not lists["validation"]:
            parts = split_by_name(lists["train"], seed)
            lists |= {"train": sorted(parts["train"] + parts["test"]), "validation": parts["validation"]}
            how = f"by folder, validation by the hash of names in train, seed {seed}"
    empty = [split for split, each in lists.items() if not each]
    if empty:
        raise ValueError(
            f"data: {path} holds {len(names)} pictures and none for {empty[0]}, expected some in every split; "
            "add pictures, or put them into folders train, validation and test"
        )
    return lists, how


def _labels(path, lists):
    """({name: label}, the classes' names) by the folder of each picture; no class if there are not two folders."""
    folder = {}
    for name in (name for each in lists.values() for name in each):
        *above, _ = name.split("/")
        if above and above[0].lower() in SPLIT_OF:
            above = above[1:]
        folder[name] = above[0] if above else ""
    classes = sorted(set(folder.values()))
    if len(classes) < 2:
        return {}, []
    trained = {folder[name] for name in lists["train"]}
    for name, each in folder.items():
        if not each:
            raise ValueError(f"data: {path / name} lies beside folders of classes; expected it in one of them; move it")
        if each not in trained:
            raise ValueError(f"data: {path / name} is of class {each}, of which train has none; add some there")
    return {name: classes.index(each) for name, each in folder.items()}, classes
