import gzip
import json

import numpy as np
import pytest

from zoo.data import load
from zoo.data.music.tunes import PATTERNS, lowest_note, read_chorales, tunes
from zoo.declare import Field


def of(shapes):
    """The fields of a model that takes these shapes."""
    return {name: Field(shape) for name, shape in shapes.items()}


def test_column_0_is_the_pianos_lowest_key():
    assert lowest_note(88) == 21


@pytest.mark.parametrize(("steps", "notes"), [(50, 88), (31, 29), (25, 17)])
def test_each_tune_plays_its_pattern_at_one_tempo(steps, notes):
    rolls, labels = tunes(steps, notes)
    assert rolls.shape[1:] == (steps, notes) and len(rolls) == len(labels)
    patterns = list(PATTERNS.values())
    for roll, label in list(zip(rolls, labels, strict=True))[:: len(rolls) // 40]:
        heard = [tuple(np.nonzero(step)[0].tolist()) for step in roll]
        low = min(min(chord) for chord in patterns[label])
        root = min(note for chord in heard for note in chord) - low
        found = [
            (tempo, start)
            for tempo in (1, 2, 3)
            for start in range(8 * tempo)
            if all(
                chord == tuple(root + note for note in patterns[label][(s + start) // tempo % 8])
                for s, chord in enumerate(heard)
            )
        ]
        assert len(found) == 1


def test_patterns_are_equally_common_and_no_tune_occurs_twice():
    rolls, labels = tunes(50, 88)
    assert len({roll.tobytes() for roll in rolls}) == len(rolls)
    assert len(set(np.bincount(labels))) == 1


def test_splits_share_no_tune_and_repeat():
    data = load("tunes", fields=of({"sequence": (50, 88)}), regime="static")
    again = load("tunes", fields=of({"sequence": (50, 88)}), regime="static")
    kinds = [
        {roll.tobytes() for roll in split.arrays["sequence"]} for split in (data.train, data.validation, data.test)
    ]
    assert sum(map(len, kinds)) == len(set.union(*kinds)) == 3456
    assert (again.test.arrays["sequence"] == data.test.arrays["sequence"]).all()
    assert set(data.test.arrays["label"]) == set(range(len(PATTERNS)))


def test_too_few_notes_are_refused():
    with pytest.raises(ValueError, match="at least 17 notes, the model's sequence has 16"):
        load("tunes", fields=of({"sequence": (50, 16)}), regime="static")


@pytest.mark.parametrize("name", ["jsb-chorales-quarter.json", "jsb-chorales-quarter.json.gz"])
def test_chorales_are_cut_into_rolls(tmp_path, name):
    piece = [[60, 64], [], [21], [108], [62], [65], [67]]
    pieces = {"train": [piece, piece[:2]], "valid": [piece[:3]], "test": [piece[2:6]]}
    opened = gzip.open if name.endswith("gz") else open
    with opened(tmp_path / name, "wt") as file:
        json.dump(pieces, file)
    for source, folder in (("chorales", tmp_path), (tmp_path / name, None)):
        data = load(source, fields=of({"sequence": (3, 88)}), regime="static", data_dir=folder)
        rolls = data.train.arrays["sequence"]
        assert rolls.shape == (2, 3, 88)  # of 7 steps the last is dropped, and the piece of 2 steps
        played = [[np.nonzero(step)[0].tolist() for step in roll] for roll in rolls]
        assert played == [[[39, 43], [], [0]], [[87], [41], [44]]]
        assert data.validation.size == data.test.size == 1


def test_notes_the_model_has_no_place_for_are_refused(tmp_path):
    (tmp_path / "my.json").write_text(json.dumps({"train": [[[96]]], "valid": [[[60]]], "test": [[[60]]]}))
    with pytest.raises(ValueError, match="holds note 96, expected 55 to 74"):
        load(tmp_path / "my.json", fields=of({"sequence": (1, 20)}), regime="static")


PIECES = {"train": [[[60]]], "valid": [[[60]]], "test": [[[60]]]}


@pytest.mark.parametrize(
    "held",
    [
        [[60], [62]],  # of one split
        {"train": [[[60]]], "test": [[[60]]]},
        {**PIECES, "valid": [[60]]},  # one voice, its notes in no list
        {**PIECES, "valid": [[["C4"]]]},
        "half",
    ],
)
def test_chorales_in_another_form_are_one_line(tmp_path, held):
    data = gzip.compress(json.dumps(held if held != "half" else PIECES).encode())
    (tmp_path / "my.json.gz").write_bytes(data[:-9] if held == "half" else data)
    with pytest.raises(
        ValueError, match=r"^data: \S*my\.json\.gz is no JSON of train, valid and test.*; fetch it again$"
    ):
        read_chorales(tmp_path / "my.json.gz", 1, 88)


def test_chorales_that_are_not_there_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no jsb-chorales-16th\.json.* --data-dir"):
        load("chorales-16th", fields=of({"sequence": (3, 88)}), regime="static", data_dir=tmp_path)
