"""Piano rolls as MIDI files."""

import pathlib

import mido
import numpy as np

TEMPO, TICKS = 500_000, 480  # microseconds and ticks of a beat


def save_midi(path, roll, lowest=21, seconds=0.25):
    """Writes a tune. roll: [S, D]; a note sounds where it is 1/2 or more, without a break from step to step.

    lowest: MIDI number of the first column (21 is the lowest key of a piano of 88); seconds: a step's length.
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or not 0 <= lowest <= 128 - roll.shape[1]:
        raise ValueError(f"roll: got shape {roll.shape} from note {lowest}, expected (steps, notes) up to note 127")
    silence = np.zeros((1, roll.shape[1]), int)
    change = np.diff(np.concatenate([silence, roll >= 0.5, silence]).astype(int), axis=0)  # [S + 1, D]
    track, waited, step = mido.MidiTrack(), 0, round(mido.second2tick(seconds, TICKS, TEMPO))
    track.append(mido.MetaMessage("set_tempo", tempo=TEMPO))
    for row in change:
        for kind, sign in (("note_off", -1), ("note_on", 1)):
            for note in np.flatnonzero(row == sign):
                track.append(mido.Message(kind, note=int(lowest + note), velocity=64, time=waited))
                waited = 0
        waited += step
    track.append(mido.MetaMessage("end_of_track", time=waited - step))  # silent steps at the end count
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(path)
