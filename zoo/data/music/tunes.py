"""Piano rolls: binary [N, S, D], S steps of D notes; column 0 is MIDI note `lowest_note(D)`."""

import gzip
import json

import numpy as np

from zoo.data.reading import reading

# Eight chords each, in semitones above the root.
PATTERNS = {
    "scale up": [(0,), (2,), (4,), (5,), (7,), (9,), (11,), (12,)],
    "scale down": [(12,), (11,), (9,), (7,), (5,), (4,), (2,), (0,)],
    "arpeggio": [(0,), (4,), (7,), (12,), (16,), (12,), (7,), (4,)],
    "alberti bass": [(0,), (7,), (4,), (7,), (0,), (9,), (5,), (9,)],
    "thirds": [(0, 4), (2, 5), (4, 7), (5, 9), (7, 11), (9, 12), (11, 14), (12, 16)],
    "chords": [(0, 4, 7), (0, 4, 7), (5, 9, 12), (5, 9, 12), (7, 11, 14), (7, 11, 14), (0, 4, 7), (0, 4, 7)],
}
PARTS = {"train": "train", "validation": "valid", "test": "test"}  # of a file of chorales
SPAN = 17  # rows the widest pattern needs
TEMPI = (1, 2, 3)  # steps a chord lasts


def lowest_note(notes: int) -> int:
    """MIDI number of column 0: the piano's 88 keys start at 21 (A0); fewer notes are its middle."""
    return 21 + (88 - notes) // 2


def values(notes: int, step: str) -> str:
    """What the numbers of a roll of so many notes are, to whoever has to make one."""
    return (
        f"1 where a note sounds and 0 where it does not; column 0 is the MIDI note {lowest_note(notes)}, "
        f"every column a semitone more; a step is {step}"
    )


def tunes(steps: int, notes: int):
    """Every pattern x root x tempo x starting point once: uint8 [N, S, D] (0, 255) and the pattern [N]."""
    if notes < SPAN:
        raise ValueError(f"data: tunes need at least {SPAN} notes, the model's sequence has {notes}; widen it")
    roots = min(12, notes - SPAN + 1)
    lowest_root = (notes - SPAN - roots + 1) // 2  # the octave in the middle
    rolls, labels = [], []
    for label, chords in enumerate(PATTERNS.values()):
        pattern = np.zeros([len(chords), SPAN], np.uint8)
        for i, chord in enumerate(chords):
            pattern[i, list(chord)] = 255
        for tempo in TEMPI:
            for start in range(tempo * len(chords)):
                played = pattern[(np.arange(steps) + start) // tempo % len(chords)]  # [S, SPAN]
                for root in range(lowest_root, lowest_root + roots):
                    rolls.append(np.pad(played, [(0, 0), (root, notes - SPAN - root)]))
                    labels.append(label)
    return np.stack(rolls), np.array(labels, np.int32)


def read_pieces(path):
    """JSON(.gz) of train/valid/test -> pieces -> steps -> MIDI notes: {split: [[[note, ...], ...], ...]}."""
    form = "JSON of train, valid and test, each a list of pieces, these of steps, and these of MIDI notes"
    with reading(path, form), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        held = json.loads(file.read())
        return {
            split: [[[int(n) for n in step] for step in piece] for piece in held[key]] for split, key in PARTS.items()
        }


def roll_of(piece, notes: int, where) -> np.ndarray:
    """Steps of MIDI notes as a roll, uint8 (0, 255) [S, D]. where: the piece comes from, for errors."""
    low = lowest_note(notes)
    roll = np.zeros([len(piece), notes], np.uint8)
    for s, chord in enumerate(piece):
        for note in chord:
            if not low <= note < low + notes:
                raise ValueError(f"data: {where} holds note {note}, expected {low} to {low + notes - 1} (88 notes)")
            roll[s, note - low] = 255
    return roll


def read_chorales(path, steps: int, notes: int) -> dict[str, dict[str, np.ndarray]]:
    """What `read_pieces` reads, as rolls of S steps, rests dropped."""
    splits = {}
    for split, pieces in read_pieces(path).items():
        cut = [piece[i : i + steps] for piece in pieces for i in range(0, len(piece) - steps + 1, steps)]
        if not cut:
            raise ValueError(
                f"data: no {PARTS[split]} piece of {path} is {steps} steps long; shorten the model's sequence"
            )
        splits[split] = {"sequence": np.stack([roll_of(piece, notes, path) for piece in cut])}
    return splits
