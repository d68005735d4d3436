"""MIDI files as piano rolls."""

import mido
import numpy as np

from zoo.data.music.tunes import lowest_note
from zoo.data.reading import reading

ENDINGS = (".mid", ".midi")
STEPS = 4  # of a beat: a step is a sixteenth note
LONGEST = 100_000  # steps of a file that is read: five hours
PERCUSSION = 9  # the channel, from 0, whose notes are drums


def read(path, notes):
    """(roll uint8 (0, 255) [S, D], how many notes lie beyond its D) of a MIDI file, on a grid of its own beat.

    A note sounds from the step nearest to its start up to the one nearest to its end, in one step at least. Tempo,
    loudness and pedals are no part of a roll, percussion is left out, and all instruments are one.
    Raises ValueError, naming the file, if it is no MIDI file, plays nothing, or counts otherwise than in beats.
    """
    with reading(path, "MIDI file that can be read", "replace it"):
        file = mido.MidiFile(path)
        if file.type == 2 or file.ticks_per_beat <= 0:
            raise ValueError("its tracks are played apart, or it counts frames in place of beats")
        spans = sorted(_spans(mido.merge_tracks(file.tracks)))
    low, grid = lowest_note(notes), file.ticks_per_beat / STEPS
    played = [(note - low, round(start / grid), round(end / grid)) for start, end, note in spans]
    inside = [(column, first, max(last, first + 1)) for column, first, last in played if 0 <= column < notes]
    if not inside:
        raise ValueError(f"data: {path} plays no note from {low} to {low + notes - 1}; leave it out")
    steps = max(last for _, _, last in inside)
    if steps > LONGEST:
        raise ValueError(f"data: {path} lasts {steps:,} sixteenth notes, expected at most {LONGEST:,}; cut it")
    roll = np.zeros([steps, notes], np.uint8)
    for column, first, last in inside:
        roll[first:last, column] = 255
    return roll, len(played) - len(inside)


def _spans(track):
    """(start, end, note) of all notes, in ticks; one that never ends lasts as long as the track."""
    now, begun, found = 0, {}, []
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == PERCUSSION:
            continue
        key = message.channel, message.note
        if key in begun:  # a note that is struck again ends first
            found.append((begun.pop(key), now, message.note))
        if message.type == "note_on" and message.velocity:
            begun[key] = now
    return found + [(start, now, note) for (_, note), start in begun.items()]
