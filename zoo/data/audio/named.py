"""Sounds by name, whole or in random pieces of one length."""

import dataclasses
import os
from pathlib import Path
from typing import get_args

import numpy as np
import tensorflow as tf

from zoo.configs.kinds import Speakers
from zoo.data.audio import sources
from zoo.data.audio.files import FULL
from zoo.data.rows import Coverage, coverage, padded
from zoo.data.split import SPLITS, About, Data, Split

SOURCES = {
    "tones": sources.tones,
    "spoken-digits": sources.spoken_digits,
    "speech_commands": sources.speech_commands,
    "nsynth": sources.nsynth,
}
SETS = tuple(SOURCES)
TAKEN = {"audio", "length", "label", "speaker", "notes"}
HOP = 100  # samples that have one note, where the model does not say how many
CLIPPED = 0.001  # share of samples at full scale, above which it sounds


@dataclasses.dataclass(frozen=True)
class SoundCoverage(Coverage):
    """The same of sounds, and how many of their samples are as loud as can be."""

    clipped_share: float  # of the samples of the files

    def __str__(self):
        said = super().__str__()
        return f"{said}; {self.clipped_share:.2%} of the samples at full scale" if self.clipped_share else said

    @property
    def warning(self):
        found = [super().warning] if super().warning else []
        if self.clipped_share > CLIPPED:
            found.append(f"{self.clipped_share:.2%} of the samples are at full scale: clipped, record at a lower level")
        return "; ".join(found)


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    return "a folder of sounds" if "audio" in fields else ""


def owns(request):
    """A folder, for a model of sounds."""
    return bool(reads(request.fields)) and Path(os.path.expanduser(request.name)).is_dir()


def load(request, rate=8000, speakers="official", piece=0) -> Data:
    """Data for a model that takes audio [L], and perhaps its length, a label, a speaker and notes.

    rate, speakers, piece: as `zoo.configs.kinds.Sounds` has them. An L that is None is any length.
    Classes and speakers, where there are some, stand beside audio that is asked for alone, too. notes [N]: of every hop
    of ceil(L / N) samples, of HOP where L or N is any, the note that sounds in its middle; 0 is none.
    Raises ValueError for what the model takes and the data do not have, and for a piece that the model cannot read.
    """
    name, fields = request.name, request.fields
    if speakers not in get_args(Speakers):
        raise ValueError(f"speakers: got {speakers!r}, expected {' or '.join(get_args(Speakers))}")
    if "audio" not in fields or fields.keys() - TAKEN:
        raise ValueError(f"data: {name} holds sounds, the model takes {request.takes}; choose other data")
    (most,) = fields["audio"].shape
    if most and piece > most:
        raise ValueError(f"piece: got {piece}, the model reads {most} samples; lower it, or let the model read more")
    found = SOURCES.get(name, sources.own)(request, rate, speakers)
    names = {field: _names(request, field, found) for field in ("label", "speaker")}
    hop = _hop(request, found)

    def split(part):
        room = None if piece and part == "train" else most
        return _split(found.splits[part], room, names, hop, fields)

    splits = {part: split(part) for part in SPLITS}
    if piece:  # all of one length: rows of like length have no need to be together
        splits["train"] = dataclasses.replace(splits["train"], draw=pieces(piece, hop), lengths={})
    description = {"rate": f"{rate} Hz", **({"speakers": "speakers held out"} if speakers == "held-out" else {})}
    says = {
        "audio": f"{rate} samples a second, mono, from -1 to 1: integers of 16 bits divided by {FULL:,}",
        "length": "how many samples are no padding",
        "notes": f"of every {hop} samples the note, or the part of a word, in their middle: 1 to {found.notes}, 0 none",
        **{field: ", ".join(f"{k} {each}" for k, each in enumerate(names[field])) for field in names},
    }
    return Data(
        name,
        **splits,
        origin=found.origin,
        about={field: About(description, values=says[field]) for field in fields},
        vocabularies={field: names[field] for field in names if field in fields},
        coverage={part: _coverage(found.splits[part], None if piece and part == "train" else most) for part in SPLITS},
    )


def _names(request, field, found):
    """The names of the classes, or of the speakers that training hears, in the order of their numbers."""
    heard = {getattr(sound, field) for sound in found.splits["train"]} - {None}
    names = found.classes if field == "label" else tuple(sorted(heard))
    if field not in request.fields:
        return names
    most, name = request.fields[field].classes, request.name
    if not names:
        what = {"label": "has no labels", "speaker": "does not say who speaks"}[field]
        raise ValueError(f"data: {name} {what}, the model needs one an example; choose other data")
    known = tuple(request.known.get(field) or names)
    if strange := [each for each in names if each not in known]:
        raise ValueError(
            f"data: {name} has the {field} {strange[0]}, the model knows {', '.join(known)}; train another"
        )
    if most is not None and len(known) > most:
        raise ValueError(f"data: {name} has {len(known)} of {field}, the model tells {most} apart; make it for as many")
    return known


def _hop(request, found):
    """How many samples have one note."""
    if "notes" not in request.fields:
        return HOP
    field, (most,) = request.fields["notes"], request.fields["audio"].shape
    if not found.notes:
        raise ValueError(f"data: {request.name} has no notes, the model takes {request.takes}; choose other data")
    if field.classes is not None and field.classes <= found.notes:
        raise ValueError(
            f"data: {request.name} has {found.notes} notes and none, the model tells {field.classes} apart; "
            f"make it for {found.notes + 1}"
        )
    (count,) = field.shape
    return -(-most // count) if most and count else HOP


def _split(sounds, most, names, hop, fields):
    audio, lengths = padded([sound.wave.samples for sound in sounds], most)
    arrays = {"audio": audio, "length": lengths}
    for field, known in names.items():
        if known:
            number = {each: k for k, each in enumerate(known)}
            arrays[field] = np.array([number.get(getattr(sound, field), -1) for sound in sounds], np.int32)
    if "notes" in fields:
        (count,) = fields["notes"].shape if most else (None,)
        count = count or -(-audio.shape[1] // hop)
        arrays["notes"] = np.stack([_sounding(sound, count, hop) for sound in sounds])
    return Split(arrays, scaled={"audio": FULL}, lengths={"audio": lengths})


def _sounding(sound, count, hop):
    """The note in the middle of each of so many hops, int32 [count]."""
    part = np.searchsorted(sound.ends, np.arange(count) * hop + hop // 2, "right")
    return np.append(sound.notes, 0)[part].astype(np.int32)


def _coverage(sounds, most):
    rows = coverage([sound.wave.samples for sound in sounds], most, "samples")
    clipped, total = (sum(getattr(sound.wave, what) for sound in sounds) for what in ("clipped", "total"))
    return SoundCoverage(**dataclasses.asdict(rows), clipped_share=clipped / total)


def pieces(size, hop):
    """A draw that cuts `size` samples out of every sound, anywhere, and the notes to them.

    A sound that is shorter is filled up with zeros; of sounds with notes a piece begins where a note's hop does.
    """

    def draw(batch, seed):
        audio, length = batch["audio"], batch["length"]
        room = tf.maximum(length - size, 0)
        u = tf.random.stateless_uniform(tf.shape(length), seed)
        start = tf.minimum(tf.cast(u * tf.cast(room + 1, tf.float32), tf.int32), room)
        if "notes" in batch:
            start = start // hop * hop
            batch = batch | {"notes": _cut(batch["notes"], start // hop, -(-size // hop))}
        return batch | {"audio": _cut(audio, start, size), "length": tf.minimum(length - start, size)}

    return draw


def _cut(rows, start, size):
    """[B, size] of rows [B, L], from start [B] on, zeros behind their ends."""
    return tf.gather(tf.pad(rows, [[0, 0], [0, size]]), start[:, None] + tf.range(size), batch_dims=1)
