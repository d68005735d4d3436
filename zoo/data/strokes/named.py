"""Drawings by name, as points of a pen."""

import os
from pathlib import Path

from zoo.data.rows import coverage, padded
from zoo.data.split import SPLITS, About, Data, Split
from zoo.data.strokes import sources

SOURCES = {"spirals": sources.spirals, "glyphs": sources.glyphs, "omniglot-strokes": sources.omniglot}
SETS = tuple(SOURCES)
TAKEN = {"strokes", "length", "label"}


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    return "a folder or an .npz of drawings" if "strokes" in fields else ""


def owns(request):
    """An archive or a folder, for a model of strokes."""
    name = request.name
    return bool(reads(request.fields)) and (name.endswith(".npz") or Path(os.path.expanduser(name)).is_dir())


def load(request) -> Data:
    """Data for a model that takes strokes [S, 3], see `zoo.data.strokes`, and perhaps their length and a label.

    An S that is None is any length. Classes, where there are some, stand beside strokes that are asked for alone, too.
    Raises ValueError for what the model takes and the data do not have.
    """
    name, fields = request.name, request.fields
    if "strokes" not in fields or fields.keys() - TAKEN or fields["strokes"].shape[1:] != (3,):
        raise ValueError(f"data: {name} holds strokes [S, 3], the model takes {request.takes}; choose other data")
    found, most = SOURCES.get(name, sources.own)(request), fields["strokes"].shape[0]
    if "label" in fields:
        _check_classes(request, found.classes)

    def split(part):
        strokes, lengths = padded(found.splits[part], most)
        labels = {"label": found.labels[part]} if found.labels else {}
        return Split({"strokes": strokes, "length": lengths, **labels}, lengths={"strokes": lengths})

    says = {
        "strokes": "[point, (pen, dx, dy)]: 1 if the pen is lifted after the point, else 0; how far it lies to "
        f"the right of and below the point before, {found.unit}",
        "length": "how many points are no padding",
        "label": ", ".join(f"{k} {each}" for k, each in enumerate(found.classes)),
    }
    return Data(
        name,
        *map(split, SPLITS),
        origin=found.origin,
        about={field: About(values=says[field]) for field in fields},
        vocabularies={"label": found.classes} if "label" in fields else {},
        coverage={part: coverage(found.splits[part], most, "points") for part in SPLITS},
    )


def _check_classes(request, classes):
    name, most = request.name, request.fields["label"].classes
    if not classes:
        raise ValueError(f"data: {name} has no labels, the model needs one an example; choose other data")
    known = request.known.get("label", classes)
    if tuple(known) != classes:
        raise ValueError(
            f"data: {name} has the classes {', '.join(classes)}, the model knows {', '.join(known)}; train another"
        )
    if most is not None and len(classes) > most:
        raise ValueError(f"data: {name} has {len(classes)} classes, the model tells {most} apart; make it for as many")
