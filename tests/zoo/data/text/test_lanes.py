import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.text.lanes import in_order, lanes, left_out, windows

SIZES = [(9, 1, 8), (9, 8, 1), (10, 3, 3), (100, 4, 7), (101, 4, 25), (1000, 7, 13)]  # N, B, T


def brute_force(tokens, batch_size, length):
    """An epoch's (input, target), written as one would say it."""
    usable = len(tokens) - 1
    while usable % (batch_size * length):
        usable -= 1
    each = usable // batch_size
    rows = [[(tokens[b * each + i], tokens[b * each + i + 1]) for i in range(each)] for b in range(batch_size)]
    for start in range(0, each, length):
        yield np.array([row[start : start + length] for row in rows]).transpose(2, 0, 1)


@pytest.mark.parametrize("size, batch_size, length", SIZES)
def test_two_epochs_against_a_loop(size, batch_size, length):
    tokens = np.random.default_rng(0).integers(0, 50, size)
    want = list(brute_force(tokens, batch_size, length))
    assert len(want) == windows(size, batch_size, length)
    for k, (step, batch) in enumerate(lanes(tokens, batch_size, length).take(2 * len(want))):
        assert step == k and batch["input"].dtype == batch["target"].dtype == tf.int32
        assert batch["input"].shape == batch["target"].shape == (batch_size, length)
        np.testing.assert_array_equal([batch["input"], batch["target"]], want[k % len(want)])
        assert batch["fresh"].numpy().tolist() == [k % len(want) == 0] * batch_size


@pytest.mark.parametrize("size, batch_size, length", SIZES)
def test_every_token_but_the_first_and_the_tail_is_predicted_once_an_epoch(size, batch_size, length):
    tokens = np.arange(size)
    epoch = lanes(tokens, batch_size, length).take(windows(size, batch_size, length))
    seen = np.concatenate([batch["target"].numpy().ravel() for _, batch in epoch])
    tail = left_out(size, batch_size, length)
    assert sorted(seen) == list(range(1, size - tail)) and 0 <= tail < batch_size * length


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 10**9), st.integers(1, 500), st.integers(1, 500))
def test_the_tail_is_shorter_than_a_batch(size, batch_size, length):
    if size <= batch_size * length:
        with pytest.raises(ValueError, match="tokens: got"):
            windows(size, batch_size, length)
    else:
        assert left_out(size, batch_size, length) == (size - 1) % (batch_size * length)


def test_a_lane_goes_on_where_it_stopped_unless_it_is_fresh():
    steps = [batch for _, batch in lanes(np.arange(101), 4, 7).take(10)]
    for before, now in itertools.pairwise(steps):
        goes_on = now["input"].numpy()[:, 0] == before["target"].numpy()[:, -1]
        np.testing.assert_array_equal(goes_on, ~now["fresh"].numpy())


def test_a_resumed_stream_equals_the_uninterrupted_one():
    tokens = np.random.default_rng(0).integers(0, 9, 101)
    whole = list(lanes(tokens, 4, 7).take(10))
    for start in range(10):
        for (step, batch), (want_step, want) in zip(lanes(tokens, 4, 7, start), whole[start:], strict=False):
            assert step == want_step
            for key in want:
                assert batch[key].numpy().tobytes() == want[key].numpy().tobytes()


def test_a_far_step_costs_no_more_than_the_first():
    (step, batch), *_ = lanes(np.arange(101), 4, 7, 10**12).take(1)  # 3 windows; 10^12 % 3 = 1
    assert step == 10**12 and batch["input"].numpy()[:, 0].tolist() == [7, 28, 49, 70] and not batch["fresh"][0]


def test_replicas_take_disjoint_lanes():
    """A replica takes a block of a batch's rows: its tokens are in no other replica's, in any step."""
    owners = collections.defaultdict(set)
    for _, batch in lanes(np.arange(101), 4, 5).take(10):
        for replica, rows in enumerate(np.split(batch["target"].numpy(), 2)):
            for token in rows.ravel():
                owners[token].add(replica)
    assert len(owners) == 100 and all(len(each) == 1 for each in owners.values())


@pytest.mark.parametrize("size, length", [(2, 1), (2, 5), (9, 8), (10, 8), (100, 7), (99, 7)])
def test_one_lane_scores_every_token_once(size, length):
    tokens, seen = np.arange(size) + 1, []
    for k, (batch, n) in enumerate(in_order(tokens, length)):
        inputs, targets = batch["input"].numpy(), batch["target"].numpy()
        assert inputs.shape == targets.shape == (1, length) and inputs.dtype == targets.dtype == np.int32
        assert batch["fresh"].numpy().tolist() == [k == 0] and n >= 1
        np.testing.assert_array_equal(inputs[0, :n] + 1, targets[0, :n])
        assert not targets[0, n:].any()
        seen += targets[0, :n].tolist()
    assert seen == list(range(2, size + 1))


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: lanes(np.arange(12), 4, 3),
            "tokens: got 12, expected more than 12, .* fewer lanes or shorter windows",
        ),
        (lambda: lanes(np.arange(12), 0, 3), "lanes: got 0 lanes and windows of 3 tokens, expected at least 1 of both"),
        (lambda: next(in_order(np.arange(1), 3)), "tokens: got 1, expected at least 2"),
    ],
)
def test_too_few_tokens_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
