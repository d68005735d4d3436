import mido
import numpy as np
import pytest

from zoo.data.music import midi

TICKS = 480  # of a beat


def write(path, tracks, kind=1, ticks=TICKS):
    """A file of tracks, lists of (ticks from the message before, note, velocity, channel)."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for each in tracks:
        file.tracks.append(mido.MidiTrack())
        for wait, note, velocity, channel in each:
            message = mido.Message("note_on", note=note, velocity=velocity, channel=channel, time=wait)
            file.tracks[-1].append(message)
    file.save(path)
    return path


def notes_of(roll, low=21):
    return [(np.flatnonzero(step) + low).tolist() for step in roll]


def test_notes_sound_on_a_grid_of_sixteenths(tmp_path):
    melody = [(0, 60, 90, 0), (230, 60, 0, 0), (10, 64, 90, 0), (120, 64, 0, 0)]  # of two steps, then of one
    bass = [(120, 40, 50, 1), (240, 40, 0, 1)]
    roll, beyond = midi.read(write(tmp_path / "a.mid", [melody, bass]), 88)
    assert notes_of(roll) == [[60], [40, 60], [40, 64]] and beyond == 0
    assert roll.dtype == np.uint8 and set(np.unique(roll)) == {0, 255}


def test_a_short_note_has_a_step_and_one_struck_again_goes_on(tmp_path):
    track = [(0, 60, 90, 0), (5, 60, 0, 0), (235, 62, 90, 0), (120, 62, 90, 0), (120, 62, 0, 0)]
    assert notes_of(midi.read(write(tmp_path / "a.mid", [track]), 88)[0]) == [[60], [], [62], [62]]


def test_a_note_that_never_ends_lasts_as_long_as_the_track(tmp_path):
    track = [(0, 60, 90, 0), (0, 62, 90, 0), (240, 62, 0, 0)]
    assert notes_of(midi.read(write(tmp_path / "a.mid", [track]), 88)[0]) == [[60, 62], [60, 62]]


def test_drums_are_left_out_and_notes_beyond_the_roll_are_counted(tmp_path):
    track = [(0, 35, 90, 9), (0, 12, 90, 0), (0, 70, 90, 0), (0, 96, 90, 0), (120, 12, 0, 0), (0, 70, 0, 0)]
    path = write(tmp_path / "a.mid", [[*track, (0, 96, 0, 0)]])
    roll, beyond = midi.read(path, 88)
    assert notes_of(roll) == [[70, 96]] and beyond == 1
    roll, beyond = midi.read(path, 20)  # notes 55 to 74
    assert notes_of(roll, 55) == [[70]] and beyond == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"RIFF????WAVE"), "no MIDI file that can be read .*; replace it"),
        (lambda path: path.write_bytes(b""), "no MIDI file"),
        (lambda path: path.write_bytes(write(path, [[(0, 60, 9, 0), (9, 60, 0, 0)]]).read_bytes()[:-7]), "no MIDI"),
        (lambda path: write(path, [[(0, 60, 90, 9)]]), "no note from 21 to 108; leave it out"),
        (lambda path: write(path, [[(0, 60, 90, 0), (9, 60, 0, 0)]], kind=2), "its tracks are played apart"),
        (lambda path: write(path, [[(0, 60, 90, 0), (9, 60, 0, 0)]], ticks=-6360), "frames in place of beats"),
        (lambda path: write(path, [[(2**27, 60, 90, 0), (9, 60, 0, 0)]]), "1,118,482 sixteenth notes"),
    ],
)
def test_a_broken_or_strange_file_is_one_line(tmp_path, make, message):
    make(tmp_path / "a.mid")
    with pytest.raises(ValueError, match=rf"^data: \S*a\.mid .*{message}"):
        midi.read(tmp_path / "a.mid", 88)
