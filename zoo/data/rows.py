"""Examples of unequal length as arrays, and how much of them a model reads."""

import dataclasses

import numpy as np

MANY = 0.05  # share of what there is that is lost, above which a figure needs a warning


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Of the examples of a split, before any cut."""

    counted: str  # what an example is a row of, such as steps
    total: int  # of these, in all examples
    cut_share: float  # of the examples, those that are longer than the model reads
    lost_share: float  # of the total, what lies behind the cuts

    def __str__(self):
        said = f"{self.total:,} {self.counted}"
        if self.cut_share:
            said += f"; {self.cut_share:.1%} of the examples cut, {self.lost_share:.1%} of the {self.counted} lost"
        return said

    @property
    def warning(self):
        """What to tell the user, or "" if little is lost."""
        if self.lost_share <= MANY:
            return ""
        lost = f"{self.lost_share:.1%} of the {self.counted} are cut off (let the model read longer examples)"
        return f"{lost}: the model's figures are of what is left"


def coverage(rows, most, counted):
    """The Coverage of rows, of which a model reads the first `most` entries, or all (None)."""
    lengths = np.array([len(row) for row in rows])
    kept = lengths if most is None else np.minimum(lengths, most)
    total = int(lengths.sum())
    return Coverage(counted, total, float((kept < lengths).mean()), float(1 - kept.sum() / total))


def padded(rows, most=None):
    """(array [N, L, ...], lengths int32 [N]) of rows [l, ...], zeros behind them; most: l from which they are cut."""
    longest = min(max(map(len, rows)), most or 2**31)
    array = np.zeros([len(rows), longest, *rows[0].shape[1:]], rows[0].dtype)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row[:longest]
    return array, np.array([min(len(row), longest) for row in rows], np.int32)
