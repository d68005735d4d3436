import mido
import numpy as np
import pytest

from trainers.show.midi import save_midi


def heard(path):
    """(note, start, end) in seconds of every note of a file, in the order of their ends."""
    now, sounding, notes = 0.0, {}, []
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "note_on":
            assert message.note not in sounding
            sounding[message.note] = now
        elif message.type == "note_off":
            notes.append((message.note, sounding.pop(message.note), now))
    assert not sounding
    return notes


def test_a_tune_is_heard_as_it_was_written(tmp_path):
    """A held note, a chord, a rest, and a note that sounds to the end."""
    roll = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [0.2, 0.7, 0.5]])
    save_midi(tmp_path / "new" / "tune.mid", roll, lowest=60)
    assert heard(tmp_path / "new" / "tune.mid") == [
        (60, 0, 0.5),
        (62, 0.25, 0.5),
        (61, 0.75, 1),
        (62, 0.75, 1),
    ]


def test_the_file_is_as_long_as_the_roll(tmp_path):
    save_midi(tmp_path / "tune.mid", np.eye(6, 88)[:, ::-1], seconds=0.1)
    assert heard(tmp_path / "tune.mid")[0] == pytest.approx((108, 0, 0.1), abs=1e-3)
    assert mido.MidiFile(tmp_path / "tune.mid").length == pytest.approx(0.6, abs=1e-2)
    save_midi(tmp_path / "silence.mid", np.zeros((4, 88)))
    assert mido.MidiFile(tmp_path / "silence.mid").length == pytest.approx(1)


@pytest.mark.parametrize(("shape", "lowest"), [((4,), 21), ((4, 88), 60)])
def test_what_is_no_piano_roll_is_refused(tmp_path, shape, lowest):
    with pytest.raises(ValueError, match="roll: got shape"):
        save_midi(tmp_path / "tune.mid", np.zeros(shape), lowest)
