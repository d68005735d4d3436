import numpy as np
import pytest
import tensorflow as tf

from zoo.data import Split, batches, in_order
from zoo.data.captioned.captions import Pictures
from zoo.data.pictures.transforms import bernoulli
from zoo.data.split import BLOCK, SHORT, STEP, fingerprint, frozen


def numbered(n, draw=None):
    """Examples that show their own number in every pixel."""
    image = np.broadcast_to(np.float32(np.arange(n) / 1000)[:, None, None, None], [n, 3, 5, 1])
    return Split({"image": np.ascontiguousarray(image), "label": np.arange(n, dtype=np.int32)}, draw)


def labels(split, batch_size, seed, start, steps):
    return [batch["label"].numpy() for _, batch in batches(split, batch_size, seed, start).take(steps)]


@pytest.mark.parametrize("size", [1, 2, 13, 300])
def test_every_epoch_holds_every_example_once(size):
    epochs = np.concatenate(labels(numbered(size), size, 7, 0, 3)).reshape(3, size)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(size), (3, 1)))


def test_batches_that_do_not_divide_an_epoch_run_on_into_the_next():
    stream = np.concatenate(labels(numbered(13), 5, 7, 0, 13)).reshape(5, 13)  # 65 examples, five epochs
    np.testing.assert_array_equal(np.sort(stream), np.tile(np.arange(13), (5, 1)))


def test_epochs_and_seeds_have_different_orders():
    orders = [labels(numbered(101), 101, seed, epoch, 1)[0].tolist() for seed in (0, 1) for epoch in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 6
    assert sorted(orders[0]) != orders[0]


def test_the_order_does_not_depend_on_the_batch_size():
    a, b = labels(numbered(23), 4, 3, 0, 15), labels(numbered(23), 6, 3, 0, 10)
    np.testing.assert_array_equal(np.concatenate(a), np.concatenate(b))


def test_a_resumed_stream_equals_the_uninterrupted_one_bit_for_bit():
    split = numbered(17, bernoulli)
    whole = list(batches(split, 5, 3).take(30))
    for start in (1, 11, 29):
        for (step, batch), (want_step, want) in zip(batches(split, 5, 3, start), whole[start:], strict=False):
            assert step == want_step
            for key in want:
                assert batch[key].numpy().tobytes() == want[key].numpy().tobytes()


def test_examples_stay_with_their_labels():
    for _, batch in batches(numbered(17), 5, 3).take(4):
        np.testing.assert_allclose(batch["image"][:, 2, 4, 0] * 1000, batch["label"], rtol=1e-5)


def test_a_far_step_costs_no_more_than_the_first():
    (step, batch), *_ = batches(numbered(17), 5, 3, 10**12).take(1)
    assert step == 10**12 and batch["image"].shape == (5, 3, 5, 1)


def test_bytes_arrive_as_floats_from_0_to_1():
    split = Split({"image": np.uint8([0, 51, 255]).reshape(3, 1, 1, 1)}, scaled={"image": 255})
    batch, n = next(in_order(split, 3, 0))
    assert n == 3 and batch["image"].dtype == tf.float32
    np.testing.assert_array_equal(batch["image"].numpy().ravel(), np.float32([0, 0.2, 1]))


def test_each_visit_draws_anew():
    split = Split({"image": np.full([3, 4, 5, 1], 0.5, np.float32)}, bernoulli)
    seen = [batch["image"].numpy() for _, batch in batches(split, 3, 0).take(20)]
    assert len({image.tobytes() for batch in seen for image in batch}) == 60  # of 2^20 equally likely pictures


def test_seeds_draw_differently():
    split = Split({"image": np.full([3, 4, 5, 1], 0.5, np.float32)}, bernoulli)
    (_, a), (_, b) = (next(iter(batches(split, 3, seed))) for seed in (0, 1))
    assert a["image"].numpy().tobytes() != b["image"].numpy().tobytes()


@pytest.mark.parametrize("batch_size", [1, 4, 7, 13, 20])
def test_in_order_gives_every_example_once_and_fills_the_last_batch(batch_size):
    seen = []
    for batch, n in in_order(numbered(13), batch_size, 0):
        assert batch["image"].shape == (batch_size, 3, 5, 1)
        assert set(batch["label"].numpy()[n:]) <= set(batch["label"].numpy()[:n])
        seen += batch["label"].numpy()[:n].tolist()
    assert seen == list(range(13))


def test_what_in_order_draws_does_not_depend_on_the_batch_size():
    n = BLOCK + 13  # more than one block is drawn
    split = Split({"image": np.full([n, 3, 2, 1], 0.5, np.float32)}, bernoulli)
    drawn = [np.concatenate([b["image"].numpy()[:n] for b, n in in_order(split, size, 5)]) for size in (7, 100, 400)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert (drawn[0][:13] != drawn[0][BLOCK:]).any()  # blocks have their own draws


def test_frozen_is_what_in_order_draws():
    split = numbered(BLOCK + 13, bernoulli)
    still = frozen(split, 5)
    assert still.draw is None and still.arrays["image"].dtype == np.float32
    want = np.concatenate([b["image"].numpy()[:n] for b, n in in_order(split, 100, 5)])
    np.testing.assert_array_equal(still.arrays["image"], want)
    np.testing.assert_array_equal(still.arrays["label"], split.arrays["label"])


def test_what_came_as_bytes_is_frozen_as_bytes():
    gray = np.random.default_rng(0).integers(0, 256, [9, 3, 5, 1], np.uint8)
    still = frozen(Split({"image": gray, "class": np.arange(9, dtype=np.uint8)}, bernoulli, {"image": 255}), 5)
    assert still.arrays["image"].dtype == np.uint8 and set(np.unique(still.arrays["image"])) == {0, 255}
    np.testing.assert_array_equal(still.arrays["class"], np.arange(9))  # bytes that are no brightness stay bytes


@pytest.mark.parametrize(("most", "step"), [(41, STEP), (5, SHORT), (10_000, 40 * STEP)])
def test_a_batch_of_ragged_rows_holds_no_more_padding_than_its_longest_needs(most, step):
    lengths = np.random.default_rng(0).integers(0, most - 1, 200)
    rows = np.where(np.arange(most) < lengths[:, None], 7, -1)  # 0 is a value like any other
    split = Split({"rows": rows, "length": lengths}, lengths={"rows": lengths})
    seen = []
    for _, batch in batches(split, 8, 0).take(25):
        width, longest = batch["rows"].shape[1], batch["length"].numpy().max()
        assert longest < width <= longest + step or width == most
        np.testing.assert_array_equal((batch["rows"].numpy() == 7).sum(1), batch["length"])
        seen += batch["length"].numpy().tolist()
    assert len(seen) == 200


def test_rows_of_two_lengths_lie_with_their_like_in_both():
    """Without order among rows of one first length, most batches would hold the longest second one."""
    numbers = np.random.default_rng(0)
    lengths = {name: numbers.integers(1, 30, 800) for name in ("first", "second")}
    rows = {name: (np.arange(32) < each[:, None]).astype(np.int32) for name, each in lengths.items()}
    widths = [
        (batch["first"].shape[1], batch["second"].shape[1])
        for _, batch in batches(Split(rows, lengths=lengths), 16, 0).take(50)
    ]
    cells = sum(first + second for first, second in widths)
    needed = sum(STEP * (each // STEP + 1) for each in lengths.values()).sum() / 16
    assert needed <= cells < 1.2 * needed


def captioned(ids, text="a red circle", size=4):
    pictures = Pictures(np.zeros([2, size, size, 3], np.uint8), [[text], ["two"]], {"colour": np.int32([1, 2])})
    arrays = {"caption": np.int32(ids), "picture": np.int32([0, 1])}
    return Split(arrays, lengths={"caption": np.ones(len(ids), int)}, source=pictures)


def test_a_fingerprint_sees_every_change_and_nothing_else():
    image = np.arange(60, dtype=np.uint8).reshape(5, 3, 4)
    plain = fingerprint(Split({"image": image, "label": np.arange(5)}))
    assert plain == fingerprint(Split({"label": np.arange(5), "image": image.copy()}, draw=lambda batch, seed: batch))
    one_pixel = image.copy()
    one_pixel[4, 2, 3] ^= 1
    changed = [one_pixel, image[:4], image[::-1], image.reshape(5, 4, 3), image.astype(np.float32), image.view(np.int8)]
    found = {fingerprint(Split({"image": array, "label": np.arange(5)})) for array in changed}
    assert len(found | {plain}) == 1 + len(changed)
    assert plain != fingerprint(Split({"image": image, "digit": np.arange(5)}))

    words = fingerprint(captioned([[2, 3, 4, 0], [5, 0, 0, 0]]))
    assert words == fingerprint(captioned([[1, 2, 1, 0], [1, 0, 0, 0]]))  # a smaller vocabulary knows fewer words
    assert len({words, fingerprint(captioned([[2]], "a red square")), fingerprint(captioned([[2]], size=5))}) == 3


def test_of_a_large_array_a_fingerprint_reads_rows_from_all_over(monkeypatch):
    monkeypatch.setattr("zoo.data.split.HASHED", 100)
    large = np.arange(350, dtype=np.uint8).reshape(70, 5)
    before = fingerprint(Split({"image": large}))
    seen = 0
    for row in range(70):
        changed = large.copy()
        changed[row] += 1
        seen += fingerprint(Split({"image": changed})) != before
    assert seen == 18  # every fourth
    assert fingerprint(Split({"image": large[:69]})) != before
