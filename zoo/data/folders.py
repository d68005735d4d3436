"""Files in a folder of your own, told apart by where they lie: which split each is of, and which class."""

import hashlib
import os
import pathlib

from zoo.data.split import SPLITS

TENTHS = ("validation", "test", *8 * ("train",))  # of the files that no list puts into a split
SPLIT_OF = {  # of a folder of this name, in capitals or not
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def names(path, endings, what):
    """Paths of all files below the folder that end so, from there on, sorted; what is hidden is left out.

    what: they are, for errors. Raises ValueError if there is none.
    """
    found = []
    for place, folders, held in os.walk(path, followlinks=True):
        folders[:] = [folder for folder in folders if not folder.startswith((".", "__"))]
        held = [pathlib.Path(place, name) for name in held if not name.startswith(".")]
        found += [each.relative_to(path).as_posix() for each in held if each.suffix.lower() in endings]
    if not found:
        raise ValueError(f"data: {path} holds no {what}, expected files {', '.join(endings)}; name another folder")
    return sorted(found)


def split_by_name(names, seed, key=lambda name: name):
    """{split: its names}: of ten names about one validates and one tests, by their hash: a new one moves no other.

    key: what is hashed of a name; names of one key stay together.
    """
    lists = {split: [] for split in SPLITS}
    for name in names:
        digest = hashlib.sha256(os.fsencode(f"{seed} {key(name)}")).digest()
        lists[TENTHS[int.from_bytes(digest, "big") % len(TENTHS)]].append(name)
    return lists


def splits(path, names, seed, what, key=lambda name: name):
    """({split: names}, how they were told apart).

    Folders train (or training), validation (val, valid, dev) and test (testing) say which split a file is in; without
    validation a tenth of train serves. Without such folders a tenth of all validates and another one tests. Both by the
    hash of the names and the seed, see `split_by_name`, so that a file stays in its split when others come or go.
    Raises ValueError for a file that is in no split, and for a split of none.
    """
    tops = {name: name.partition("/")[0].lower() if "/" in name else "" for name in names}
    if not SPLIT_OF.keys() & set(tops.values()):
        lists, how = split_by_name(names, seed, key), f"by the hash of their names, seed {seed}"
    else:
        stray = [name for name, top in tops.items() if top not in SPLIT_OF]
        if stray:
            raise ValueError(
                f"data: {path} has folders of splits and {stray[0]} beside, expected every {what[:-1]} in one of "
                f"{', '.join(SPLIT_OF)}; move it"
            )
        lists, how = {split: [] for split in SPLITS}, "by folder"
        for name in names:
            lists[SPLIT_OF[tops[name]]].append(name)
        if not lists["validation"]:
            parts = split_by_name(lists["train"], seed, key)
            lists |= {"train": sorted(parts["train"] + parts["test"]), "validation": parts["validation"]}
            how = f"by folder, validation by the hash of names in train, seed {seed}"
    empty = [split for split, each in lists.items() if not each]
    if empty:
        raise ValueError(
            f"data: {path} holds {len(names)} {what} and none for {empty[0]}, expected some in every split; "
            f"add {what}, or put them into folders train, validation and test"
        )
    return lists, how


def classes(path, lists):
    """({name: its class}, the classes) by the folder of each file; none if there are not two folders.

    Raises ValueError for a file beside the folders, and for a class of which train has none.
    """
    folder = {}
    for name in (name for each in lists.values() for name in each):
        *above, _ = name.split("/")
        if above and above[0].lower() in SPLIT_OF:
            above = above[1:]
        folder[name] = above[0] if above else ""
    found = sorted(set(folder.values()))
    if len(found) < 2:
        return {}, []
    trained = {folder[name] for name in lists["train"]}
    for name, each in folder.items():
        if not each:
            raise ValueError(f"data: {path / name} lies beside folders of classes; expected it in one of them; move it")
        if each not in trained:
            raise ValueError(f"data: {path / name} is of class {each}, of which train has none; add some there")
    return folder, found
