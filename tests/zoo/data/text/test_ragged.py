import numpy as np
import pytest

from zoo.data.text.ragged import Ragged, ragged


@pytest.mark.parametrize("rows", [[], [[]], [[1, 2], [], [3]], [[], [5] * 9, []]])
def test_sequences_come_back_as_they_were(rows):
    found = ragged(rows)
    assert len(found) == len(rows) and [row.tolist() for row in found] == rows
    assert found.lengths.tolist() == [len(row) for row in rows]
    assert found.values.dtype == np.int32 and found.splits.dtype == np.int64


@pytest.mark.parametrize("splits", [[], [0], [1, 3], [0, 2], [0, 4], [0, 2, 1, 3]])
def test_splits_that_cut_other_values_are_refused(splits):
    with pytest.raises(ValueError, match=r"splits: got .* of 3 values, expected places that rise from 0 to 3"):
        Ragged(np.int32([1, 2, 3]), np.int64(splits))


def test_there_is_no_sequence_beyond_the_last():
    for i in (-1, 2):
        with pytest.raises(IndexError, match=f"sequence: got {i}, expected 0 to 1"):
            ragged([[1], [2]])[i]
