"""Piano rolls of whole pieces by name."""

import os
from pathlib import Path

from zoo.data.music import sources, tunes
from zoo.data.rows import coverage, padded
from zoo.data.split import About, Data, Split

SOURCES = {
    "jsb": sources.published("jsb", "JSB chorales, a step a quarter note", "a quarter note"),
    "nottingham": sources.published("nottingham", "Nottingham folk tunes"),
    "piano-midi": sources.published("piano_midi", "Piano-midi.de classical piano"),
    "musedata": sources.published("musedata", "MuseData orchestral and piano music"),
}
WHOLE = {  # of sets that pictures' models read in pieces of one length
    "tunes": sources.generated,
    "chorales": sources.chorales("quarter", "a quarter note"),
    "chorales-16th": sources.chorales("16th", "a sixteenth note"),
}
SETS = tuple(SOURCES)


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    takes = "sequence" in fields and fields["sequence"].ragged
    return "chorales .json(.gz), or a folder of MIDI files" if takes else ""


def owns(request):
    """Of a model of rolls of any length: tunes, chorales, and a folder, of MIDI files."""
    name = request.name
    named = name in WHOLE or name.endswith((".json", ".json.gz")) or Path(os.path.expanduser(name)).is_dir()
    return bool(reads(request.fields)) and named


def load(request) -> Data:
    """Data for a model that takes a sequence of any length [S, D], and its length. An S that is None is any length."""
    name, fields = request.name, request.fields
    field = fields.get("sequence")
    if field is None or not field.ragged or fields.keys() - {"sequence", "length"}:
        raise ValueError(
            f"data: {name} holds rolls of whole pieces and their lengths, the model takes {request.takes}; choose "
            "other data, such as chorales in pieces of one length"
        )
    steps, notes = field.shape
    if not 0 < notes <= sources.KEYS:
        raise ValueError(f"data: {name} has up to {sources.KEYS} notes, the model's sequence {notes}; narrow it")
    found = (SOURCES | WHOLE).get(name, sources.own)(request, steps, notes)
    said = About(values=f"[step, note]: {tunes.values(notes, found.step)}")
    return Data(
        name,
        **{split: _split(rolls, steps) for split, rolls in found.splits.items()},
        origin=found.origin,
        about={"sequence": said},
        coverage={split: coverage(rolls, steps, "steps") for split, rolls in found.splits.items()},
    )


def _split(rolls, steps):
    sequence, lengths = padded(rolls, steps)
    arrays = {"sequence": sequence, "length": lengths}
    return Split(arrays, scaled={"sequence": 255}, lengths={"sequence": lengths})
