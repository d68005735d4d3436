import numpy as np
import pytest

from zoo.data.split import Split
from zoo.data.windows import windows

LENGTHS = np.int64([7, 1, 12, 3, 0, 6])
T, B = 3, 2  # 3 + 1 + 4 + 1 + 1 + 2 windows: 12, of which each row has 6 in an epoch


def numbered(lengths=LENGTHS):
    """Sequences whose entries say which and where they are: 100 n + i, and -1 for padding."""
    at = np.arange(12)
    roll = np.where(at < lengths[:, None], 100 * np.arange(len(lengths))[:, None] + at, -1)
    arrays = {"sequence": np.repeat(roll[..., None], 2, -1), "label": np.arange(len(lengths)), "length": lengths}
    return Split(arrays, lengths={"sequence": lengths})


def taken(steps, start=0, split=None, **changes):
    settings = {"name": "sequence", "length": T, "batch_size": B, "seed": 3} | changes
    return [
        (int(step), {name: value.numpy() for name, value in batch.items()})
        for step, batch in windows(split or numbered(), start_step=start, **settings).take(steps)
    ]


def test_an_epoch_is_all_of_every_sequence_in_windows_that_follow_each_other():
    for epoch in range(3):
        batches = [batch for _, batch in taken(6, 6 * epoch)]
        seen = []
        for b in range(B):
            before, rest = None, 0
            for t, batch in enumerate(batches):
                row, n = int(batch["label"][b]), int(batch["length"][b])
                real = batch["sequence"][b, :n]
                first = int(real[0, 0]) if n else 100 * row
                np.testing.assert_array_equal(real, first + np.repeat(np.arange(n)[:, None], 2, 1))
                assert first // 100 == row and batch["sequence"].shape == (B, T, 2)
                place = first % 100
                assert batch["fresh"][b] == (t == 0 or place == 0) and n == min(T, LENGTHS[row] - place)
                assert place == 0 or t == 0 or (before == row and place == rest)  # right behind the one before
                before, rest = row, place + T
                seen += [int(x) for x in real[:, 0]]
        assert sorted(seen) == [100 * n + i for n, length in enumerate(LENGTHS) for i in range(length)]


def test_epochs_and_seeds_have_different_orders():
    orders = {
        tuple(int(n) for _, batch in taken(6, start, seed=seed) for n in batch["label"])
        for seed, start in ((3, 0), (3, 6), (4, 0))
    }
    assert len(orders) == 3


def test_a_batch_is_a_function_of_its_step():
    whole = taken(20)
    for start in (1, 7, 13):
        for (step, batch), (expected, other) in zip(taken(20 - start, start), whole[start:], strict=True):
            assert step == expected and all(np.array_equal(batch[name], other[name]) for name in other)


def test_windows_that_there_are_not():
    with pytest.raises(ValueError, match="window: got sequence of one length, expected whole sequences"):
        windows(Split(numbered().arrays), "sequence", T, B, 0)
    with pytest.raises(ValueError, match=r"window: got 3, which cuts sequence into 12 windows, .* rows, 13"):
        windows(numbered(), "sequence", T, 13, 0)
