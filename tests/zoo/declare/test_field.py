import numpy as np

from zoo.declare import Field

SERIES = Field((40, 3), interval=(0, 1), ragged=True, pad=0)
LENGTH = Field((), "int32", classes=41, counts="series")


def test_random_lengths_count_what_is_no_padding():
    numbers = np.random.default_rng(0)
    series, lengths = SERIES.random(60, numbers), LENGTH.random(60, numbers)
    assert series.shape == (60, 40, 3) and lengths.dtype == np.int32
    np.testing.assert_array_equal((series != 0).all(2).sum(1), lengths)
    assert 2 == lengths.min() < lengths.max() < LENGTH.classes
