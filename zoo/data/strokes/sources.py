"""Drawings by name: embedded, from files as published, your own. Every reader takes a request and returns Found."""

import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zoo.data import folders
from zoo.data.reading import array, reading
from zoo.data.split import SPLITS
from zoo.data.strokes import lines

MADE = {"spirals": 1600, "glyphs": 2400}  # drawings in all
FARTHEST = 1e6  # units that a pen moves at once, above which the numbers are no drawing's
OMNIGLOT = "omniglot_strokes_subset.npz"
PARTS = dict(zip(SPLITS, ("train", "valid", "test"), strict=True))  # of an archive


class Found(NamedTuple):
    splits: dict[str, list[np.ndarray]]  # rows, float32 [S, 3], see `zoo.data.strokes`
    origin: str
    unit: str  # of dx and dy
    labels: dict[str, np.ndarray] | None = None  # by split, int32; none where nobody knows
    classes: tuple[str, ...] = ()


# Embedded


def spirals(request):
    """Spirals and zigzags."""
    draws = (lines.spiral, lines.zigzag)
    return _made(request, "spirals", lines.SHAPES, lambda kind, numbers: draws[kind](numbers))


def glyphs(request):
    """A dozen characters, each by another hand."""
    names = tuple(lines.CHARACTERS)
    return _made(request, "glyphs", names, lambda kind, numbers: lines.character(names[kind], numbers))


def _made(request, name, classes, draw):
    """Every class equally often; a tenth each validates and tests."""
    numbers, count = np.random.default_rng(request.seed), MADE[name]
    label = np.arange(count, dtype=np.int32) % len(classes)
    drawings = [lines.strokes(draw(kind, numbers)) for kind in label]
    parts = np.split(numbers.permutation(count), [count * 8 // 10, count * 9 // 10])
    splits = {split: [drawings[i] for i in index] for split, index in zip(SPLITS, parts, strict=True)}
    labels = {split: label[index] for split, index in zip(SPLITS, parts, strict=True)}
    origin = f"{count:,} {name} drawn by zoo.data (Apache-2.0)"
    return Found(splits, origin, "the height of a character is about 1", labels, classes)


# Files as published


def omniglot(request):
    """Handwritten characters of fifty alphabets as David Ha prepared their strokes."""
    path = request.folder / OMNIGLOT
    if not path.is_file():
        raise FileNotFoundError(
            f"data: found no {OMNIGLOT} in {request.folder}; name its folder with --data-dir, or train on --data glyphs"
        )
    origin = "Omniglot (Lake et al. 2015, MIT), strokes of sketch-rnn-datasets, its splits or the first of them"
    return Found(_archive(path), origin, "pixels")


def _archive(path):
    """{split: drawings} of an .npz with train, valid and test, and with train_len, ...: points of each drawing.

    The former are (dx, dy, pen lifted) [points, 3] of all drawings, one behind the other.
    """
    splits = {}
    for split, part in PARTS.items():
        points, lengths = array(path, part), array(path, f"{part}_len").astype(np.int64)
        numeric = points.dtype.kind in "iuf" and points.shape[1:] == (3,)
        if lengths.ndim == 1 and (lengths < 1).any():
            first = int(np.argmax(lengths < 1))
            raise ValueError(f"data: drawing {first} of {part} of {path} has {lengths[first]} points; leave it out")
        if not numeric or lengths.ndim != 1 or lengths.sum() != len(points) or not len(lengths):
            raise ValueError(
                f"data: {part} of {path} is {points.dtype} {points.shape} for {lengths.sum():,} points, expected as "
                "many rows (dx, dy, pen lifted); write it again"
            )
        if not _drawable(points[:, :2]) or not np.isin(points[:, 2], (0, 1)).all():
            raise ValueError(
                f"data: {part} of {path} holds NaN, moves of more than {FARTHEST:,.0f} units, or a pen that is neither "
                "0 nor 1, expected rows (dx, dy, pen lifted); write it again"
            )
        splits[split] = np.split(points[:, [2, 0, 1]].astype(np.float32), np.cumsum(lengths)[:-1])
    return splits


def _drawable(moves):
    """Whether numbers are finite, and so small that their squares and what is summed of them are."""
    return bool((np.abs(moves) <= FARTHEST).all())  # NaN is not


# Your own

LISTS = {  # of IAM-OnDB, whose published task has two validation sets
    "train": ["trainset.txt"],
    "validation": ["testset_v.txt", "testset_t.txt"],
    "test": ["testset_f.txt"],
}


def own(request):
    """Drawings of an .npz, see `_archive`; or handwriting on a whiteboard, XML files as IAM-OnDB's lineStrokes.

    The files' splits are those of IAM-OnDB's lists, where these lie beside them. Otherwise they are told apart by
    folder or name, see `zoo.data.folders.splits`; by name the lines of a page, a01-000u-01.xml, a01-000u-02.xml, ...,
    stay together.
    """
    path = Path(os.path.expanduser(request.name))
    if path.is_file():
        return Found(_archive(path), f"{path.name}, your own drawings (licence: yours to state)", "as in the file")
    if not path.is_dir():
        raise FileNotFoundError(f"data: found no {path}; give the path of an .npz or of a folder of XML files")
    names = folders.names(path, (".xml",), "drawings")
    if any((path / each).exists() for several in LISTS.values() for each in several):
        lists, how = _listed(path, names)
    else:
        lists, how = folders.splits(path, names, request.seed, "drawings", _page)
    counts = ", ".join(f"{len(each):,} {split}" for split, each in lists.items())
    origin = f"{path.name}, your own: {len(names):,} drawings ({counts}, {how}; licence: yours to state)"
    splits = {split: [_whiteboard(path / name) for name in each] for split, each in lists.items()}
    return Found(splits, origin, "as in the files")


def _page(name):
    return Path(name).stem.rpartition("-")[0] or name


def _listed(path, names):
    """({split: names}, how they were told apart) by IAM-OnDB's lists of pages."""
    lists = {}
    for split, several in LISTS.items():
        pages = set()
        for each in several:
            with reading(path / each, "list of pages, a line each such as a01-000u"):
                pages |= set((path / each).read_text(encoding="utf-8").split())
        lists[split] = [name for name in names if _page(Path(name).name) in pages]
        if not lists[split]:
            raise ValueError(f"data: no drawing of {path} is of a page in {', '.join(several)}; choose matching files")
    left = len(names) - sum(map(len, lists.values()))
    return lists, "by the published lists" + (f", {left:,} in none of them left out" if left else "")


def _whiteboard(path):
    """Rows of an XML file of Stroke elements, each of Points with x to the right and y down."""
    with reading(path, "XML file of Stroke elements, these of Points with x and y", "replace it"):
        held = [
            np.array([(float(point.get("x")), float(point.get("y"))) for point in stroke.iter("Point")])
            for stroke in ET.parse(path).iter("Stroke")
        ]
        drawn = [line for line in held if len(line)]
        if not drawn or not all(map(_drawable, drawn)):
            raise ValueError(f"no point, or one that is NaN or more than {FARTHEST:,.0f} from 0")
    return lines.strokes(drawn)
