"""Sequences of unequal length in one array: sentences, documents."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """M sequences of N tokens in all; sequence i is values[splits[i] : splits[i + 1]].

    Raises ValueError for splits that do not cut the values from 0 to N.
    """

    values: np.ndarray  # int32 [N]
    splits: np.ndarray  # int64 [M + 1]

    def __post_init__(self):
        ends = self.splits[[0, -1]].tolist() if len(self.splits) else None
        if ends != [0, len(self.values)] or (np.diff(self.splits) < 0).any():
            raise ValueError(
                f"splits: got {np.array2string(self.splits, threshold=6)} of {len(self.values)} values, "
                f"expected places that rise from 0 to {len(self.values)}"
            )

    def __len__(self):
        return len(self.splits) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        """Sequence i, int32 [n]; a view."""
        if not 0 <= i < len(self):
            raise IndexError(f"sequence: got {i}, expected 0 to {len(self) - 1}")
        return self.values[self.splits[i] : self.splits[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence, int64 [M]."""
        return np.diff(self.splits)


def ragged(sequences: Iterable) -> Ragged:
    """A Ragged of sequences of integers."""
    parts = [np.asarray(sequence, np.int32) for sequence in sequences]
    splits = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return Ragged(np.concatenate([np.zeros(0, np.int32), *parts]), splits)
