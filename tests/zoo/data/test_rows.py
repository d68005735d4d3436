import numpy as np
import pytest

from zoo.data.rows import Coverage, coverage, padded

ROWS = [np.arange(1, 4), np.arange(1, 9), np.arange(1, 2)]


@pytest.mark.parametrize(("most", "longest"), [(None, 8), (5, 5), (99, 8)])
def test_rows_are_cut_and_filled_up_with_zeros(most, longest):
    array, lengths = padded(ROWS, most)
    assert array.tolist() == [[each + 1 if each < len(row) else 0 for each in range(longest)] for row in ROWS]
    assert lengths.tolist() == [min(len(row), longest) for row in ROWS] and lengths.dtype == np.int32


def test_rows_of_vectors_keep_them():
    array, lengths = padded([np.ones([2, 3], np.uint8), np.ones([4, 3], np.uint8)])
    assert array.shape == (2, 4, 3) and array.dtype == np.uint8 and array.sum() == 18 and lengths.tolist() == [2, 4]


def test_what_is_cut_is_told_and_warned_of():
    found = coverage(ROWS, 2, "steps")
    assert found == Coverage("steps", 12, 2 / 3, 1 - 5 / 12)
    assert str(found) == "12 steps; 66.7% of the examples cut, 58.3% of the steps lost"
    assert "58.3% of the steps are cut off (let the model read longer" in found.warning
    whole = coverage(ROWS, None, "steps")
    assert str(whole) == "12 steps" and whole.warning == "" and coverage(ROWS, 8, "steps") == whole
