import os
import pathlib

import numpy as np
import pytest
import scipy.io.wavfile
import tensorflow_datasets as tfds

from zoo.data import batches, in_order, load, names
from zoo.data.audio import named, sources
from zoo.data.audio.files import Wave
from zoo.data.audio.sources import Found, Sound
from zoo.data.split import SPLITS, fingerprint
from zoo.declare import Field

RATE = 8000
REAL = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "fsdd_subset.npz"
SPEAKERS = ("ann", "bob", "cy")


def fields(length=None, notes=None, **classes):
    """Of a model of audio; notes: (N, K)."""
    most = None if length is None else length + 1
    found = {
        "audio": Field((length,), interval=(-1, 1), ragged=True),
        "length": Field((), "int32", classes=most, counts="audio"),
        **{name: Field((), "int32", classes=count) for name, count in classes.items()},
    }
    return found | {"notes": Field(notes[:1], "int32", classes=notes[1])} if notes else found


def ramp(start, count):
    return (np.arange(start, start + count) % 2**15).astype(np.int16)


@pytest.fixture
def found(monkeypatch):
    """What the set `tones` is said to hold: sound i of a split has its samples count from 1,000 (i + 1) on."""

    def give(lengths, classes=("a", "b"), speaker="ann", notes=0, clipped=0, ends=(), sung=()):
        sounds = [
            Sound(Wave(ramp(1000 * (i + 1), n), clipped, n, ()), classes and classes[i % 2], speaker, ends, sung)
            for i, n in enumerate(lengths)
        ]
        made = Found(dict.fromkeys(SPLITS, sounds), "made", classes, notes)
        monkeypatch.setitem(named.SOURCES, "tones", lambda request, rate, speakers: made)

    return give


# whole sounds


def test_sounds_are_whole_in_sixteen_bits_and_say_how_long_they_are(found):
    found([30, 7, 20])
    data = load("tones", fields=fields(label=2, speaker=1))
    arrays = data.test.arrays
    assert arrays["audio"].dtype == np.int16 and arrays["length"].tolist() == [30, 7, 20]
    for i, row in enumerate(arrays["audio"]):
        np.testing.assert_array_equal(row, np.pad(ramp(1000 * (i + 1), [30, 7, 20][i]), (0, [0, 23, 10][i])))
    assert arrays["label"].tolist() == [0, 1, 0] and data.vocabularies == {"label": ("a", "b"), "speaker": ("ann",)}
    batch, _ = next(in_order(data.test, 3))
    np.testing.assert_array_equal(batch["audio"].numpy() * np.float32(32768), arrays["audio"])
    assert batch["audio"].dtype == np.float32 and str(data.coverage["test"]) == "57 samples"
    assert data.told("audio") == "tones (8000 Hz)" and "divided by 32,768" in data.about["audio"].values


def test_what_the_model_cannot_read_is_cut_and_told(found):
    found([30, 7, 20])
    data = load("tones", fields=fields(10))
    assert data.train.arrays["length"].tolist() == [10, 7, 10] and data.train.arrays["audio"].shape == (3, 10)
    assert str(data.coverage["test"]) == "57 samples; 66.7% of the examples cut, 52.6% of the samples lost"
    assert "let the model read longer" in data.coverage["test"].warning


def test_clipping_is_told_as_a_number(found):
    found([40, 60], clipped=3)
    covered = load("tones", fields=fields()).coverage["train"]
    assert str(covered) == "100 samples; 6.00% of the samples at full scale"
    assert covered.warning == "6.00% of the samples are at full scale: clipped, record at a lower level"
    found([40_000, 60], clipped=1)
    assert load("tones", fields=fields()).coverage["train"].warning == ""


def test_batches_hold_sounds_of_like_length(found):
    found(list(range(2, 402)))
    data = load("tones", fields=fields())
    wasted = [1 - b["length"].numpy().mean() / b["audio"].shape[1] for _, b in batches(data.train, 8, 0).take(16)]
    assert np.mean(wasted) < 0.25  # of batches at random it would be a half


# pieces


def test_training_learns_from_random_pieces_and_scores_are_of_whole_sounds(found):
    found([30, 7, 20])
    data = load("tones", fields=fields(25), piece=10)
    assert data.test.draw is None and data.test.arrays["length"].tolist() == [25, 7, 20]
    assert str(data.coverage["train"]) == "57 samples"  # nothing is cut off what pieces are cut from
    starts = {1: set(), 2: set(), 3: set()}
    for _, batch in batches(data.train, 30, 0).take(20):
        assert batch["audio"].shape == (30, 10)
        for row, n in zip(np.rint(batch["audio"].numpy() * 32768), batch["length"].numpy(), strict=True):
            np.testing.assert_array_equal(row, np.where(np.arange(10) < n, row[0] + np.arange(10), 0))
            which, start = divmod(int(row[0]), 1000)
            starts[which].add(start)
            assert n == (7 if which == 2 else 10)
    assert starts == {1: set(range(21)), 2: {0}, 3: set(range(11))}


def test_pieces_are_a_function_of_seed_and_step(found):
    found([30, 7, 20])
    train = load("tones", fields=fields(25), piece=10).train

    def audio(seed, step):
        return next(iter(batches(train, 30, seed, step)))[1]["audio"].numpy()

    np.testing.assert_array_equal(audio(0, 3), list(batches(train, 30, 0).take(4))[3][1]["audio"])
    assert not np.array_equal(audio(0, 3), audio(0, 4)) and not np.array_equal(audio(0, 3), audio(1, 3))


def test_a_piece_longer_than_all_sounds_is_filled_up(found):
    found([5, 3])
    _, batch = next(iter(batches(load("tones", fields=fields(25), piece=10).train, 4, 0)))
    assert batch["audio"].shape == (4, 10) and set(batch["length"].numpy()) <= {5, 3}


def test_a_piece_that_the_model_cannot_read_is_refused(found):
    found([30])
    with pytest.raises(ValueError, match="piece: got 26, the model reads 25 samples; lower it"):
        load("tones", fields=fields(25), piece=26)


# notes


def test_notes_are_those_in_the_middle_of_every_hop(found):
    found([30, 12], notes=5, ends=np.array([4, 13, 22]), sung=np.array([0, 5, 2]))
    sounding = [0] * 4 + [5] * 9 + [2] * 9 + [0] * 18
    data = load("tones", fields=fields(40, (10, 6)))
    np.testing.assert_array_equal(data.train.arrays["notes"], [[sounding[4 * k + 2] for k in range(10)]] * 2)
    data = load("tones", fields=fields(40, (10, 6)), piece=10)
    _, batch = next(iter(batches(data.train, 64, 0)))
    for row, notes in zip(np.rint(batch["audio"].numpy() * 32768), batch["notes"].numpy(), strict=True):
        start = int(row[0]) % 1000
        assert start % 4 == 0 and notes.tolist() == [sounding[start + 4 * k + 2] for k in range(3)]
    assert load("tones", fields=fields(None, (None, 6))).train.arrays["notes"].shape == (2, 1)  # of HOP samples
    with pytest.raises(ValueError, match="has 5 notes and none, the model tells 5 apart; make it for 6"):
        load("tones", fields=fields(40, (10, 5)))


# what a model takes and data do not have


def test_what_the_data_do_not_have_is_refused(found):
    found([30], classes=(), speaker=None)
    for taken, message in (
        ({"label": 2}, "tones has no labels, the model needs one"),
        ({"speaker": 2}, "tones does not say who speaks"),
        ({"notes": (5, 9)}, "tones has no notes"),
    ):
        with pytest.raises(ValueError, match=message):
            load("tones", fields=fields(20, **taken))
    with pytest.raises(ValueError, match="tones holds sounds, the model takes text"):
        load("tones", fields={"text": Field((5,), "int32", ragged=True)})
    with pytest.raises(ValueError, match="speakers: got 'other', expected official or held-out"):
        load("tones", fields=fields(), speakers="other")
    found([30, 20, 10])
    with pytest.raises(ValueError, match="tones has 2 of label, the model tells 1 apart"):
        load("tones", fields=fields(label=1))
    with pytest.raises(ValueError, match="tones has the label b, the model knows a; train another"):
        load("tones", fields=fields(label=2), known={"label": ("a",)})


def test_the_sets_have_names():
    assert {"tones", "spoken-digits", "speech_commands", "nsynth"} <= set(names())


# tones


def test_embedded_tones_need_no_file_and_hold_every_class_and_player():
    data, held = (
        load("tones", fields=fields(4000, (40, 9), label=6, speaker=3), rate=2000, speakers=speakers)
        for speakers in ("official", "held-out")
    )
    assert [split.size for split in data.splits.values()] == [576, 72, 72]
    for field, count in (("label", 6), ("speaker", 3)):
        assert set(data.train.arrays[field]) == set(data.test.arrays[field]) == set(range(count))
    assert held.vocabularies["speaker"] == ("high", "low") and set(held.test.arrays["speaker"]) == {-1}
    assert held.test.size == 240 and "middle in test alone" in held.origin
    assert held.told("audio") == "tones (2000 Hz, speakers held out)"
    with pytest.raises(ValueError, match="rate: got 1000, tones have at least 2000 Hz"):
        load("tones", fields=fields(), rate=1000)


# spoken digits


def recordings():
    """(digit, speaker, number, samples) of a small set of the published form."""
    numbers = np.random.default_rng(0)
    return [
        (digit, speaker, number, numbers.integers(-9999, 9999, numbers.integers(20, 60)).astype(np.int16))
        for digit in range(3)
        for speaker in SPEAKERS
        for number in range(12)
    ]


@pytest.fixture(params=["npz", "folder"])
def published(request, tmp_path):
    digit, speaker, index, samples = zip(*recordings(), strict=True)
    if request.param == "npz":
        arrays = {"digit": np.uint8(digit), "speaker": speaker, "index": np.uint8(index)}
        lengths = np.int32(list(map(len, samples)))
        np.savez(tmp_path / "fsdd_subset.npz", audio=np.concatenate(samples), length=lengths, **arrays)
    else:
        (tmp_path / "recordings").mkdir()
        for d, s, i, x in recordings():
            scipy.io.wavfile.write(tmp_path / "recordings" / f"{d}_{s}_{i}.wav", RATE, x)
    return tmp_path


def held(split):
    """{samples: (label, speaker)} of a split."""
    arrays = split.arrays
    return {
        row[:n].tobytes(): (label, speaker)
        for row, n, label, speaker in zip(*(arrays[k] for k in ("audio", "length", "label", "speaker")), strict=True)
    }


def test_spoken_digits_have_the_official_split(published):
    data = load("spoken-digits", fields=fields(label=3, speaker=3), data_dir=published)
    want = {split: {} for split in SPLITS}
    for digit, speaker, number, samples in recordings():
        split = "test" if number < 5 else "validation" if number == 9 else "train"
        want[split][samples.tobytes()] = (digit, SPEAKERS.index(speaker))
    assert {split: held(data.splits[split]) for split in SPLITS} == want
    assert data.vocabularies == {"label": ("0", "1", "2"), "speaker": SPEAKERS} and "CC BY-SA 4.0" in data.origin


def test_a_spoken_digit_has_sixteen_parts_of_one_length_in_the_place_of_notes(published):
    test = load("spoken-digits", fields=fields(60, notes=(60, 17)), data_dir=published).test.arrays
    for count, parts in zip(test["length"], test["notes"], strict=True):
        said = [next(k for k in range(1, 17) if i < count * k // 16) for i in range(count)]
        assert parts.tolist() == said + [0] * (60 - count)


def test_spoken_digits_may_be_tested_by_speakers_that_training_never_hears(published):
    data = load("spoken-digits", fields=fields(label=3, speaker=2), data_dir=published, speakers="held-out")
    by_samples = {samples.tobytes(): (speaker, number) for _, speaker, number, samples in recordings()}
    for split in SPLITS:
        for samples, (_, speaker) in held(data.splits[split]).items():
            name, number = by_samples[samples]
            assert (name == "cy") == (split == "test") and (speaker == -1) == (split == "test")
            assert split == "test" or (number == 9) == (split == "validation")
    assert sum(split.size for split in data.splits.values()) == len(by_samples)
    assert "cy in test alone" in data.origin and data.vocabularies["speaker"] == ("ann", "bob")


def test_spoken_digits_that_are_broken_or_not_there_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no fsdd_subset\.npz and no .*recordings in .*--data tones"):
        load("spoken-digits", fields=fields(), data_dir=tmp_path)
    few = {"digit": [1], "speaker": ["ann"], "index": [0]}
    np.savez(tmp_path / "fsdd_subset.npz", audio=ramp(0, 30), length=[29], **few)
    with pytest.raises(ValueError, match=r"holds audio int16 \(30,\) for 1 recordings of 29 samples, expected int16"):
        load("spoken-digits", fields=fields(), data_dir=tmp_path)


def test_a_file_among_the_recordings_that_is_none_of_them_is_named(tmp_path):
    for name in ("0_ann_0", "noise"):
        write(tmp_path / "free-spoken-digit-dataset" / "recordings" / f"{name}.wav")
    with pytest.raises(ValueError, match=r"noise\.wav is no recording DIGIT_SPEAKER_NUMBER\.wav; move it elsewhere"):
        load("spoken-digits", fields=fields(), data_dir=tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="fsdd_subset.npz is not there")
def test_the_published_digits_are_all_there():
    data = load("spoken-digits", fields=fields(label=10, speaker=6))
    assert data.test.size == 300 and data.train.size + data.validation.size == 300
    assert sum(covered.total for covered in data.coverage.values()) == 2_090_459
    assert data.train.arrays["length"].max() <= 10_504 and not any(c.warning for c in data.coverage.values())


# your own


def write(path, rate=RATE, samples=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(len(str(path))).integers(-99, 99, 50) if samples is None else samples
    scipy.io.wavfile.write(path, rate, samples.astype(np.int16))


def test_a_folder_of_sounds_is_split_and_classed_by_its_folders_and_says_what_it_changed(tmp_path):
    for i, name in enumerate(("train/dog/a.wav", "train/cat/b.WAV", "val/dog/c.wav", "test/cat/d.wav")):
        write(tmp_path / name, RATE * (1 + (i == 1)), ramp(5, 40) if i else np.stack([ramp(1, 40)] * 2, 1))
    data = load(tmp_path, fields=fields(label=2))
    assert data.vocabularies["label"] == ("cat", "dog") and data.train.arrays["label"].tolist() == [0, 1]
    assert data.train.arrays["length"].tolist() == [20, 40]
    assert "4 sounds (2 train, 1 validation, 1 test, by folder), 1 mixed from 2 channels" in data.origin
    assert "1 resampled from 16,000 Hz" in data.origin
    assert "label" not in load(tmp_path, fields=fields()).train.arrays


def test_names_say_class_and_speaker(tmp_path):
    for word in ("yes", "no"):
        for speaker in SPEAKERS:
            for number in range(12):
                write(tmp_path / f"{word}_{speaker}_{number}.wav", samples=np.arange(1, 20) * (number + 1))
    data = load(tmp_path, fields=fields(label=2, speaker=3))
    assert data.vocabularies == {"label": ("no", "yes"), "speaker": SPEAKERS}
    held_out = load(tmp_path, fields=fields(label=2), speakers="held-out")
    assert held_out.test.size == 24 and "cy in test alone" in held_out.origin
    assert fingerprint(data.train) == fingerprint(load(tmp_path, fields=fields(label=2, speaker=3)).train)


def test_too_few_sounds_to_hold_speakers_out_are_refused(tmp_path):
    for speaker in SPEAKERS:
        write(tmp_path / f"yes_{speaker}_0.wav")
    with pytest.raises(ValueError, match=r"got held-out, but of .* no sound is left for validation; add sounds"):
        load(tmp_path, fields=fields(), speakers="held-out", data_dir=tmp_path)


def test_names_may_say_the_class_alone(tmp_path):
    for i in range(40):
        write(tmp_path / f"{'yes' if i % 2 else 'no'}-{i}.wav")
    assert load(tmp_path, fields=fields(label=2)).vocabularies["label"] == ("no", "yes")
    with pytest.raises(ValueError, match=r"held-out, but .* does not tell two speakers apart; leave it at official"):
        load(tmp_path, fields=fields(), speakers="held-out")


def test_a_folder_without_sounds_or_with_a_broken_one_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no sounds, expected files \.wav, \.wave; name another folder"):
        load(tmp_path, fields=fields())
    for part in SPLITS:
        write(tmp_path / part / "a.wav")
    (tmp_path / "test" / "a.wav").write_bytes(b"ID3")
    with pytest.raises(ValueError, match=r"test/a\.wav is an MP3 file"):
        load(tmp_path, fields=fields())


# TFDS


def prepare(folder, name, features, examples, **config):
    """A prepared TFDS set of this name, as the real builder would find it: examples {split: [dict]}."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=str(tfds.builder(name, data_dir=folder).version),
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: enumerate(rows) for split, rows in examples.items()},
        data_dir=folder,
        **config,
    )


def test_prepared_commands_are_read_and_silent_ones_left_out(tmp_path, monkeypatch):
    label = tfds.features.ClassLabel(num_classes=12)
    rows = [{"audio": np.arange(i, i + 40) * (i != 2), "label": i % 2} for i in range(5)]
    splits = {"train": rows, "validation": rows[:2], "test": rows[3:]}
    prepare(tmp_path, "speech_commands", {"audio": tfds.features.Audio(), "label": label}, splits)
    data = load("speech_commands", fields=fields(label=12), data_dir=tmp_path, rate=16_000)
    assert data.train.size == 4 and "1 silent ones left out" in data.origin
    arrays = data.test.arrays
    assert dict(zip(arrays["audio"][:, 0], arrays["label"], strict=True)) == {3: 1, 4: 0}
    assert data.vocabularies["label"][:2] == ("down", "go")
    monkeypatch.setitem(sources.COMMANDS, "test", 1)
    assert load("speech_commands", fields=fields(), data_dir=tmp_path, rate=16_000).test.size == 1
    with pytest.raises(ValueError, match="speech_commands does not say who speaks; leave it at official"):
        load("speech_commands", fields=fields(), data_dir=tmp_path, speakers="held-out")


def test_prepared_notes_are_read_with_their_pitch(tmp_path):
    features = tfds.builder_cls("nsynth")(data_dir=tmp_path).info.features
    row = {
        **{"id": "x", "pitch": 57, "velocity": 9, "audio": np.sin(np.arange(64_000) / 9).astype(np.float32)},
        **{"qualities": dict.fromkeys(features["qualities"], 0)},
        "instrument": {"label": 3, "family": 2, "source": 1},
    }
    path = {"train": [row], "valid": [row], "test": [row]}
    prepare(tmp_path, "nsynth", dict(features), path, config="full")
    data = load("nsynth", fields=fields(32_000, (320, 129), label=11), data_dir=tmp_path)
    assert data.vocabularies["label"][data.test.arrays["label"][0]] == features["instrument"]["family"].names[2]
    assert set(data.test.arrays["notes"].ravel()) == {58} and data.test.arrays["length"].tolist() == [32_000]


def test_what_is_not_prepared_is_not_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no prepared TFDS nsynth in .*--data tones"):
        load("nsynth", fields=fields(), data_dir=tmp_path)
