import json
import os
import pathlib

import mido
import numpy as np
import pytest

from zoo.data import batches, load, names
from zoo.data.split import SPLITS
from zoo.declare import Field

REAL = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "polyphonic_music.npz"


def fields(steps=None, notes=88):
    most = None if steps is None else steps + 1
    sequence = Field((steps, notes), interval=(0, 1), ragged=True)
    return {"sequence": sequence, "length": Field((), "int32", classes=most, counts="sequence")}


@pytest.fixture
def published(tmp_path):
    """A file of the published form, of jsb and piano-midi: {split: its pieces, bits [S, 88]}."""
    numbers, arrays, pieces = np.random.default_rng(0), {}, {}
    for part, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        lengths = np.int32([5, 2, 9] if part == "train" else [3])
        pieces[split] = [numbers.integers(0, 2, [n, 88], np.uint8) for n in lengths]
        for key in ("jsb", "piano_midi"):
            arrays |= {f"{key}_{part}": np.packbits(np.concatenate(pieces[split]), 1), f"{key}_{part}_len": lengths}
    np.savez(tmp_path / "polyphonic_music.npz", **arrays)
    return tmp_path, pieces


@pytest.mark.parametrize("name", ["jsb", "piano-midi"])
def test_published_pieces_are_whole_and_say_how_long_they_are(published, name):
    folder, pieces = published
    data = load(name, fields=fields(), data_dir=folder)
    for split in SPLITS:
        arrays = data.splits[split].arrays
        assert arrays["length"].tolist() == [len(piece) for piece in pieces[split]]
        for roll, piece in zip(arrays["sequence"], pieces[split], strict=True):
            np.testing.assert_array_equal(roll[: len(piece)], piece * 255)
            assert not roll[len(piece) :].any()
        assert data.splits[split].lengths["sequence"].tolist() == arrays["length"].tolist()
    batch = next(iter(batches(data.train, 30, 0)))[1]
    assert batch["sequence"].dtype == np.float32 and set(np.unique(batch["sequence"])) == {0, 1}
    assert str(data.coverage["train"]) == "16 steps" and "column 0 is the MIDI note 21" in data.about["sequence"].values


def test_pieces_that_the_model_cannot_read_whole_are_cut_and_that_is_told(published):
    folder, pieces = published
    data = load("jsb", fields=fields(4), data_dir=folder)
    assert data.train.arrays["length"].tolist() == [4, 2, 4] and data.train.arrays["sequence"].shape == (3, 4, 88)
    np.testing.assert_array_equal(data.train.arrays["sequence"][2], pieces["train"][2][:4] * 255)
    assert str(data.coverage["train"]) == "16 steps; 66.7% of the examples cut, 37.5% of the steps lost"
    assert data.coverage["train"].warning and not data.coverage["test"].warning


def test_a_narrower_roll_is_the_middle_of_the_piano(tmp_path):
    roll = np.zeros([6, 88], np.uint8)
    roll[np.arange(6), [34, 40, 53, 34, 34, 34]] = 1  # 34 is note 55, the lowest of 20
    parts = ("train", "valid", "test")
    path = tmp_path / "polyphonic_music.npz"
    arrays = {f"jsb_{part}": np.packbits(roll, 1) for part in parts} | {f"jsb_{p}_len": np.int32([6]) for p in parts}
    np.savez(path, **arrays)
    found = load("jsb", fields=fields(notes=20), data_dir=tmp_path).train.arrays["sequence"][0]
    np.testing.assert_array_equal(found, roll[:, 34:54] * 255)
    with pytest.raises(ValueError, match="plays notes that a roll of 18 has no place for; use 88"):
        load("jsb", fields=fields(notes=18), data_dir=tmp_path)


def test_a_published_file_of_another_form_is_refused(published):
    folder, _ = published
    held = dict(np.load(folder / "polyphonic_music.npz"))
    np.savez(folder / "polyphonic_music.npz", **held | {"jsb_train_len": np.int32([5, 2])})
    with pytest.raises(ValueError, match=r"jsb_train of .* is uint8 \(16, 11\) for pieces of 7 steps, expected"):
        load("jsb", fields=fields(), data_dir=folder)
    with pytest.raises(ValueError, match="expected nottingham_train"):
        load("nottingham", fields=fields(), data_dir=folder)
    (folder / "polyphonic_music.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"no polyphonic_music\.npz in .*--data-dir"):
        load("musedata", fields=fields(), data_dir=folder)


@pytest.mark.skipif(not REAL.exists(), reason="polyphonic_music.npz is not there")
@pytest.mark.parametrize(
    ("name", "pieces", "steps"),
    [
        ("jsb", [229, 76, 77], [13_807, 4_602, 4_725]),
        ("nottingham", [694, 173, 170], [176_561, 45_513, 44_463]),
        ("piano-midi", [87, 12, 25], [75_911, 8_540, 19_036]),
        ("musedata", [524, 135, 124], [245_202, 82_755, 64_339]),
    ],
)
def test_the_published_splits_have_the_published_sizes(name, pieces, steps):
    data = load(name, fields=fields())
    assert [split.size for split in data.splits.values()] == pieces
    assert [covered.total for covered in data.coverage.values()] == steps
    if name == "jsb" and (REAL.parent / "jsb-chorales-quarter.json.gz").exists():
        chorales = load("chorales", fields=fields())
        np.testing.assert_array_equal(chorales.test.arrays["sequence"], data.test.arrays["sequence"])


def test_chorales_and_tunes_are_whole_for_a_model_of_any_length(tmp_path):
    pieces = {"train": [[[60, 64], []], [[62]]], "valid": [[[21]]], "test": [[[108], [60], [61]]]}
    (tmp_path / "jsb-chorales-quarter.json").write_text(json.dumps(pieces))
    for source, folder in (("chorales", tmp_path), (tmp_path / "jsb-chorales-quarter.json", None)):
        data = load(source, fields=fields(), data_dir=folder)
        assert data.train.arrays["length"].tolist() == [2, 1] and data.test.arrays["length"].tolist() == [3]
        assert np.argwhere(data.train.arrays["sequence"]).tolist() == [[0, 0, 39], [0, 0, 43], [1, 0, 41]]
    data, again = (load("tunes", fields=fields(30)) for _ in range(2))
    lengths = np.concatenate([split.arrays["length"] for split in data.splits.values()])
    assert len(lengths) == 3456 and lengths.min() == 15 and lengths.max() == 30
    for split in SPLITS:
        for name, array in data.splits[split].arrays.items():
            np.testing.assert_array_equal(array, again.splits[split].arrays[name])
    last = data.train.arrays["sequence"][np.arange(data.train.size), data.train.arrays["length"] - 1]
    assert last.any(1).all()  # a tune has no silence


def test_a_folder_of_midi_files_is_split_by_folder_or_name(tmp_path):
    for i, name in enumerate(("train/a.mid", "train/deep/b.MIDI", "val/c.mid", "test/d.mid")):
        file = mido.MidiFile(tracks=[mido.MidiTrack()])
        for kind, time in (("note_on", 0), ("note_off", 480 * (i + 1))):
            file.tracks[0].append(mido.Message(kind, note=60 + i, time=time))
        file.tracks[0] += [mido.Message("note_on", note=1), mido.Message("note_off", note=1)]
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        file.save(tmp_path / name)
    data = load(tmp_path, fields=fields())
    assert data.train.arrays["length"].tolist() == [4, 8] and data.test.arrays["length"].tolist() == [16]
    np.testing.assert_array_equal(np.unique(np.argwhere(data.train.arrays["sequence"])[:, 2]), [39, 40])
    assert "4 MIDI files (2 train, 1 validation, 1 test, by folder)" in data.origin
    assert "4 notes that the roll of 88 has no place for" in data.origin
    assert "a step is a sixteenth note" in data.about["sequence"].values


def test_a_folder_without_midi_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no MIDI files, expected files \.mid, \.midi"):
        load(tmp_path, fields=fields())


def test_a_model_of_one_length_is_told_what_to_take(published):
    with pytest.raises(ValueError, match=r"jsb holds rolls of whole pieces .* in pieces of one length"):
        load("jsb", fields={"sequence": Field((50, 88))}, data_dir=published[0])
    with pytest.raises(ValueError, match=r"jsb is of a kind that knows no regime, the model takes sequence"):
        load("jsb", fields={"sequence": Field((50, 88))}, regime="static")
    with pytest.raises(ValueError, match="has up to 88 notes, the model's sequence 128; narrow it"):
        load("jsb", fields=fields(notes=128), data_dir=published[0])


def test_the_sets_have_names():
    assert {"jsb", "nottingham", "piano-midi", "musedata", "tunes", "chorales"} <= set(names())
    assert len(set(names())) == len(names())
