import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.logistics import Companded, Logistics, cumulative

NUMBERS = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)


def logistic(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def levels(kind):
    return (np.arange(kind.levels) * 2 / kind.levels - 1).astype(np.float32)


@pytest.mark.parametrize("count", [2, 16])
def test_levels_are_as_likely_as_the_mixture_falls_into_them(count):
    kind = Logistics(count, 3)
    weights, means, scales = NUMBERS[:, :3], NUMBERS[:, 3:6], np.exp(NUMBERS[:, 6:])
    weights = np.exp(weights) / np.exp(weights).sum(1, keepdims=True)
    edges = np.concatenate([[-np.inf], levels(kind)[1:] - 1 / count, [np.inf]])
    below = np.stack([(weights * logistic((edge - means) / scales)).sum(1) for edge in edges], 1)
    found = kind.nats(NUMBERS[:, None], np.tile(levels(kind), (4, 1))).numpy()
    np.testing.assert_allclose(np.exp(-found), np.diff(below), rtol=1e-4, atol=1e-7)


def test_levels_of_16_bits_keep_their_digits():
    """A wide logistic, within whose least step a difference of two sigmoids in float32 is mostly rounding."""
    kind = Logistics(65_536, 1)
    numbers = np.float32([[0.0, 0.3, 2.0], [0.0, 0.3, -6.0]])
    x = kind.encode(np.float32([0.29, 0.3]))
    width, scale = 2 / 65_536, np.exp([2.0, -6.0])
    upper, lower = (logistic((np.float64(x) + side * width / 2 - np.float32(0.3)) / scale) for side in (1, -1))
    np.testing.assert_allclose(kind.nats(numbers, x), -np.log(upper - lower), rtol=1e-5)
    assert np.isfinite(kind.nats(np.float32([[0, 0.9, -30.0]] * 3), kind.encode(np.float32([-1, 0.2, 1])))).all()


def test_levels_are_whole_and_what_16_bits_hold_comes_back():
    kind, bits = Logistics(65_536, 1), np.arange(-32_768, 32_768)
    audio = (bits / 32_768).astype(np.float32)
    np.testing.assert_array_equal(kind.decode(kind.encode(audio)), audio)
    assert float(kind.encode(np.float32(1.0))) == 32_767 / 32_768


def test_rounding_does_not_choose_in_the_tail():
    """A uniform number of 1, which is none, is the last class, however the sum of all probabilities is rounded."""
    logits = np.random.default_rng(4).normal(0, 6, (500, 256)).astype(np.float32)
    drawn = Companded(256).draw(logits, np.ones([500, 1], np.float32), 1.0).numpy()
    assert (drawn == 255).all()
    below = np.full([500, 1], np.nextafter(np.float32(1), np.float32(0)))
    upto = np.cumsum(np.exp(np.float64(logits - logits.max(1, keepdims=True))), 1)
    least = (upto / upto[:, -1:] > 1 - 1e-6).argmax(1)
    assert (Companded(256).draw(logits, below, 1.0).numpy() >= least).all()


def test_draws_are_as_frequent_as_they_are_likely():
    many = 20_000
    uniforms = np.random.default_rng(1).uniform(size=(many, 2)).astype(np.float32)
    for kind, numbers in ((Logistics(8, 3), NUMBERS[1]), (Companded(9), 2 * NUMBERS[2])):
        for temperature in (1.0, 0.5):
            drawn = kind.draw(np.tile(numbers, (many, 1)), uniforms[:, : kind.draws], temperature).numpy()
            every = levels(kind) if kind.draws == 2 else np.arange(9, dtype=np.int32)
            share = (drawn[:, None] == every).mean(0)
            assert share.sum() == pytest.approx(1)
            if temperature == 1:
                p = np.exp(-kind.nats(np.tile(numbers, (len(every), 1)), every).numpy())
                np.testing.assert_allclose(share, p, atol=4 * np.sqrt(0.25 / many))
            elif kind.draws == 1:
                p = np.exp(2 * numbers - np.logaddexp.reduce(2 * numbers))
                np.testing.assert_allclose(share, p, atol=4 * np.sqrt(0.25 / many))


def test_what_is_read_is_rows_of_the_kernel():
    kernel = np.random.default_rng(2).normal(size=(5, 3)).astype(np.float32)
    kind, samples = Companded(5), np.int32([3, -1, 0])
    np.testing.assert_allclose(kind.read_by(kernel, samples), kind.read(samples) @ kernel, rtol=1e-6)
    np.testing.assert_array_equal(kind.read(samples)[1], np.zeros(5))
    scalar, audio = Logistics(16, 2), np.float32([0.5, 0.0])
    np.testing.assert_allclose(scalar.read_by(kernel[:1], audio), scalar.read(audio) @ kernel[:1], rtol=1e-6)


@pytest.mark.parametrize("count", [5, 16, 40, 256])
def test_sums_by_blocks_are_cumulative(count):
    p = np.random.default_rng(3).uniform(size=(3, count)).astype(np.float32)
    np.testing.assert_allclose(cumulative(tf.constant(p)), np.cumsum(p, 1), rtol=1e-5)
