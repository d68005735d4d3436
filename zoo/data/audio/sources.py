"""Sounds by name: embedded, from files as published, from TFDS, your own.

Every reader takes (request, rate in Hz, speakers as `zoo.configs.kinds.Sounds` has it) and returns Found.
"""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zoo.data import folders
from zoo.data.audio import tones as made
from zoo.data.audio.files import Wave, as_integers, convert, read
from zoo.data.pictures.sources import prepared
from zoo.data.reading import array, from_disk_alone
from zoo.data.split import SPLITS
from zoo.store import cache

ENDINGS = (".wav", ".wave")
MADE = 720  # tones in all
DIGITS, DIGITS_FOLDERS = "fsdd_subset.npz", ("free-spoken-digit-dataset/recordings", "recordings", "")
RECORDING = r"(.+)_(.+)_(\d+)"  # class, speaker and number, in the name of a file
OFFICIAL = 5  # recordings of every digit and speaker, the first ones, that test
COMMANDS = {"train": 20_000, "validation": 2_000, "test": 4_890}  # of TFDS's speech_commands, the first
NSYNTH = {"train": 4_000, "validation": 500, "test": 500}
MIDI = 128  # notes there are, from 0
PARTS = 16  # of a spoken word


class Sound(NamedTuple):
    """An example."""

    wave: Wave
    label: str | None = None
    speaker: str | None = None
    ends: np.ndarray = np.zeros(0, int)  # where its parts end, in samples
    notes: np.ndarray = np.zeros(0, int)  # what note each part is, 0 for none


class Found(NamedTuple):
    splits: dict[str, list[Sound]]
    origin: str
    classes: tuple[str, ...] = ()  # in their order; none where sounds have no labels
    notes: int = 0  # how many there are, beside none; 0 where none is known


def _held_out(rows, speakers, validates, what):
    """({split: rows}, how): the last third of the speakers by name test, of the others those that `validates` says."""
    names = sorted({speakers(row) for row in rows} - {None})
    if len(names) < 2:
        raise ValueError(
            f"speakers: got held-out, but {what} does not tell two speakers apart; leave it at official, or name the "
            "files CLASS_SPEAKER_NUMBER.wav"
        )
    held = names[-max(1, len(names) // 3) :]
    splits = {split: [] for split in SPLITS}
    for row in rows:
        splits["test" if speakers(row) in held else "validation" if validates(row) else "train"].append(row)
    if empty := [split for split, each in splits.items() if not each]:
        raise ValueError(
            f"speakers: got held-out, but of {what} no sound is left for {empty[0]}; add sounds, or use official"
        )
    return splits, f"{' and '.join(held)} in test alone"


def _changes(waves):
    """What was done to how many sounds, in words behind the origin."""
    counts = Counter(change for wave in waves for change in wave.changed)
    return "".join(f", {count:,} {change}" for change, count in sorted(counts.items()))


# Embedded


def tones(request, rate, speakers):
    """Melodies of instruments and voices, see `zoo.data.audio.tones`. Class: the timbre; speaker: the player."""
    if rate < made.LOWEST_RATE:
        raise ValueError(f"rate: got {rate}, tones have at least {made.LOWEST_RATE} Hz; raise it")
    numbers, sounds = np.random.default_rng(request.seed), []
    kinds = [(label, player) for label in made.TIMBRES for player in made.PLAYERS]
    for i in range(MADE):
        label, player = kinds[i % len(kinds)]
        notes = numbers.integers(1, len(made.PITCHES) + 1, numbers.integers(2, 4))
        tone = made.tone(made.TIMBRES[label], made.PLAYERS[player], notes, rate, numbers)
        wave = Wave(as_integers(tone.samples), 0, len(tone.samples), ())
        sounds.append(Sound(wave, label, player, tone.ends, tone.notes))
    order = [sounds[i] for i in numbers.permutation(MADE)]
    if speakers == "held-out":
        tenth = {id(sound) for sound in order[::10]}
        splits, how = _held_out(order, lambda sound: sound.speaker, lambda sound: id(sound) in tenth, "tones")
    else:
        tenth, how = MADE // 10, "a tenth each validates and tests"
        splits = {"train": order[2 * tenth :], "validation": order[:tenth], "test": order[tenth : 2 * tenth]}
    origin = f"{MADE:,} melodies of {len(made.TIMBRES)} instruments and voices, made by zoo.data (Apache-2.0), {how}"
    return Found(splits, origin, tuple(made.TIMBRES), len(made.PITCHES))


# Files as published


class Recording(NamedTuple):
    """A file of the spoken digits."""

    digit: str
    speaker: str
    number: int  # of those of a digit and a speaker
    wave: Wave

    @property
    def late(self):
        """Whether it validates."""
        return self.number % 10 == 9

    @property
    def sound(self):
        """With PARTS of one length in the place of notes: how far the word has got."""
        parts = np.arange(1, PARTS + 1)
        return Sound(self.wave, self.digit, self.speaker, len(self.wave.samples) * parts // PARTS, parts)


def spoken_digits(request, rate, speakers):
    """The free spoken digits: of a subset in fsdd_subset.npz, else of the published folder of recordings.

    The first five recordings of every digit and speaker test, of the others number 9, 19, ... validate.
    """
    where = request.folder / DIGITS
    if where.is_file():
        held = list(_archive(where, rate))
    else:
        where = next(
            (path for name in DIGITS_FOLDERS if any((path := request.folder / name).glob("[0-9]_*_*.wav"))), None
        )
        if where is None:
            raise FileNotFoundError(
                f"data: found no {DIGITS} and no {DIGITS_FOLDERS[0]} in {request.folder}; name the right folder with "
                "--data-dir, or train on --data tones"
            )
        held = list(_recordings(where, rate))
    if speakers == "held-out":
        splits, how = _held_out(held, lambda one: one.speaker, lambda one: one.late, "spoken-digits")
    else:
        rest, how = [one for one in held if one.number >= OFFICIAL], "the official split"
        splits = {
            "train": [one for one in rest if not one.late],
            "validation": [one for one in rest if one.late],
            "test": [one for one in held if one.number < OFFICIAL],
        }
    origin = (
        f"{len(held):,} recordings of the Free Spoken Digit Dataset (Z. Jackson et al., CC BY-SA 4.0), {where.name}, "
    )
    origin += f"{how}, of training every tenth recording validates{_changes(one.wave for one in held)}"
    sounds = {split: [one.sound for one in each] for split, each in splits.items()}
    return Found(sounds, origin, tuple(sorted({one.digit for one in held})), PARTS)


def _archive(path, rate):
    """Recordings of an .npz that holds them one behind the other, of 8,000 Hz."""
    audio, length, digit, speaker, number = (
        array(path, name) for name in ("audio", "length", "digit", "speaker", "index")
    )
    as_many = len(length) == len(digit) == len(speaker) == len(number)
    if audio.dtype != np.int16 or length.sum() != len(audio) or not as_many:
        raise ValueError(
            f"data: {path} holds audio {audio.dtype} {audio.shape} for {len(length):,} recordings of "
            f"{length.sum():,} samples, expected int16 of as many; fetch it again"
        )
    for i, samples in enumerate(np.split(audio, np.cumsum(length)[:-1])):
        wave = convert(samples, 8000, rate, f"sound {i} of {path}")
        yield Recording(str(digit[i]), str(speaker[i]), int(number[i]), wave)


def _recordings(folder, rate):
    """Recordings in files DIGIT_SPEAKER_NUMBER.wav."""
    files = sorted(folder.glob("*.wav"))
    for file in cache.progress(files, len(files), f"Reading {len(files):,} sounds"):
        if not (parts := re.fullmatch(RECORDING, file.stem)):
            raise ValueError(f"data: {file} is no recording DIGIT_SPEAKER_NUMBER.wav; move it elsewhere")
        yield Recording(parts[1], parts[2], int(parts[3]), read(file, rate))


# TFDS


def speech_commands(request, rate, speakers):
    """Words of a second (Warden 2018), in twelve classes."""

    def sound(example, names, where):
        x = example["audio"].astype(np.int16)
        return Sound(convert(x, 16_000, rate, where), names[example["label"]])

    builder = prepared("speech_commands", request.folder, None, "storage.googleapis.com", "tones")
    names = builder.info.features["label"].names
    origin = "Speech Commands (Warden 2018, CC BY 4.0), TFDS"
    return _tfds(builder, COMMANDS, names, sound, origin, speakers)


def nsynth(request, rate, speakers):
    """Notes of four seconds (Engel et al. 2017). Class: the family of the instrument."""

    def sound(example, names, where):
        wave = convert(example["audio"], 16_000, rate, where)
        whole, note = np.array([len(wave.samples)]), np.array([int(example["pitch"]) + 1])
        return Sound(wave, names[example["instrument"]["family"]], None, whole, note)

    with from_disk_alone():  # 73 GB
        builder = prepared("nsynth", request.folder, None, "", "tones")
    names = builder.info.features["instrument"]["family"].names
    origin = "NSynth (Engel et al. 2017, CC BY 4.0), TFDS, a note being the MIDI note + 1"
    return _tfds(builder, NSYNTH, names, sound, origin, speakers)._replace(notes=MIDI)


def _tfds(builder, sizes, names, sound, origin, speakers):
    if speakers == "held-out":
        raise ValueError(f"speakers: got held-out, but {builder.name} does not say who speaks; leave it at official")
    splits, silent = {}, 0
    for split, most in sizes.items():
        part = "valid" if split == "validation" and "valid" in builder.info.splits else split
        count = min(most, builder.info.splits[part].num_examples)
        examples = builder.as_dataset(split=f"{part}[:{count}]").as_numpy_iterator()
        heard = [each for each in examples if (each["audio"] != each["audio"][0]).any()]
        splits[split] = [sound(each, names, f"a sound of {builder.name}") for each in heard]
        silent += count - len(heard)
    changed = _changes(each.wave for part in splits.values() for each in part)
    counts = ", ".join(f"{len(part):,} {split}" for split, part in splits.items())
    said = f"{origin}: the first {counts}{changed}" + (f", {silent:,} silent ones left out" if silent else "")
    return Found(splits, said, tuple(names))


# Your own


def own(request, rate, speakers):
    """The WAV files in a folder and in those below it, see `files.read`.

    Their splits are told apart by folder or name, see `zoo.data.folders.splits`; or, where all are named
    CLASS_SPEAKER_NUMBER.wav, by speaker. For a model of classes, these are the folders if there are two or more, else
    what stands before the first _ or - of the names.
    """
    path = Path(os.path.expanduser(request.name))
    if not path.is_dir():
        raise FileNotFoundError(f"data: found no folder {path}; give the path of a folder of WAV files")
    names = folders.names(path, ENDINGS, "sounds")
    said = {name: re.fullmatch(RECORDING, Path(name).stem) for name in names}
    speaker = {name: parts[2] for name, parts in said.items()} if all(said.values()) else {}
    if speakers == "held-out":
        tenth = set(folders.split_by_name(names, request.seed)["validation"])
        lists, how = _held_out(names, speaker.get, tenth.__contains__, path)
    else:
        lists, how = folders.splits(path, names, request.seed, "sounds")
    label, classes = _classes(path, lists) if "label" in request.fields else ({}, ())
    waves = cache.progress((read(path / name, rate) for name in names), len(names), f"Reading {len(names):,} sounds")
    sounds = {name: Sound(wave, label.get(name), speaker.get(name)) for name, wave in zip(names, waves, strict=True)}
    counts = ", ".join(f"{len(each):,} {split}" for split, each in lists.items())
    changed = _changes(sound.wave for sound in sounds.values())
    origin = f"{path.name}, your own: {len(names):,} sounds ({counts}, {how}){changed} (licence: yours to state)"
    return Found({split: [sounds[name] for name in each] for split, each in lists.items()}, origin, tuple(classes))


def _classes(path, lists):
    """({name: class}, classes) by folder, else by what names begin with; none if that does not tell two apart."""
    label, classes = folders.classes(path, lists)
    names = [name for each in lists.values() for name in each]
    if classes or not all(re.search("[_-]", Path(name).stem) for name in names):
        return label, classes
    label = {name: re.split("[_-]", Path(name).stem)[0] for name in names}
    classes = sorted(set(label.values()))
    if len(classes) < 2:
        return {}, []
    trained = {label[name] for name in lists["train"]}
    if strange := [name for name in names if label[name] not in trained]:
        raise ValueError(
            f"data: {path / strange[0]} is of class {label[strange[0]]}, of which train has none; add some there"
        )
    return label, classes
