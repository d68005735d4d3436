"""The bound of pairs, retrieval and likeness, against brute force and on models whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from trainers.judges import matching
from zoo.data.captioned.captions import Pictures
from zoo.data.split import Split


def test_ranks_against_sorting():
    scores = np.random.default_rng(0).normal(size=(40, 40))
    ranks = np.array([1 + list(np.argsort(-row)).index(k) for k, row in enumerate(scores)])
    found = matching.ranks_of(scores)
    for k in (1, 5, 10, 50):
        assert found[f"R@{k}"] == np.mean(ranks <= k)
    assert found["median_rank"] == np.median(ranks)


def test_a_ranker_that_knows_nothing_is_in_the_middle():
    assert matching.ranks_of(np.zeros((99, 99)))["median_rank"] == 50
    assert matching.ranks_of(np.eye(10))["R@1"] == 1


def split(count):
    """Picture k is gray k / count, its caption is the word k + 2."""
    image = np.zeros((count, 12, 12, 1), np.uint8) + np.uint8(np.arange(count) * 255 // count)[:, None, None, None]
    captions = np.arange(count, dtype=np.int32)[:, None] + np.array([[2, 0]], np.int32) * [[1, 0]]
    captions[:, 1] = 0
    return Split({"caption": captions}, source=Pictures(image, [[""]] * count))


class Knowing:
    """log p(x | y) = -scale * |x - the gray that y names| - ease(x), without latent variables; paints that gray."""

    def __init__(self, count, scale=100.0):
        self.count, self.scale = count, scale
        self.config = SimpleNamespace(steps=1)

    def noise(self, size, seed):
        return tf.random.stateless_uniform([size, 1], seed)

    def loss_terms(self, batch, noise):
        gray = tf.floor(tf.cast(batch["caption"][:, 0] - 2, tf.float32) * 255 / self.count) / 255
        x = tf.cast(batch["image"][:, 0, 0, 0], tf.float32)
        return {"distortion": self.scale * tf.abs(x - gray) + 50 * x, "rate": 0.01 * noise[:, 0]}

    def log_weights(self, batch, noise):
        return -self.loss_terms(batch, noise)["distortion"]

    def decode(self, noise, caption):
        gray = tf.cast(caption[:, 0] - 2, tf.float32) / self.count
        return {"image": tf.broadcast_to(gray[:, None, None, None], [len(caption), 12, 12, 1])}


def test_a_model_that_knows_ranks_every_picture_first_though_some_are_easy():
    found = matching.retrieval(Knowing(50), split(50), seed=0, samples=2, pool=50)
    assert found["R@1"] == 1 and found["median_rank"] == 1 and found["pool"] == 50
    raw = Knowing(50)
    raw.scale = 0.0  # no picture is nearer to its caption: the easy ones must not win
    assert matching.retrieval(raw, split(50), seed=0, samples=2, pool=50)["median_rank"] > 20


def test_the_gap_is_the_mean_cost_of_the_neighbours_caption():
    mean, error = matching.gap(Knowing(100), split(100), seed=0)
    want = 100 * np.abs(np.diff(np.floor(np.arange(100) * 2.55), append=0) / 255).mean()
    assert mean == pytest.approx(want, rel=0.02) and error > 0
    assert matching.gap(Knowing(100, 0.0), split(100), seed=0)[0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("count", [30, 130])
def test_the_gap_is_that_of_all_pictures_however_many(count):
    want = 100 * np.abs(np.diff(np.floor(np.arange(count) * 255 / count), append=0) / 255).mean()
    assert matching.gap(Knowing(count), split(count), seed=0)[0] == pytest.approx(want, rel=0.05)


def test_one_picture_has_no_other_caption():
    with pytest.raises(ValueError, match="data: got 1 test picture, expected at least 2"):
        matching.gap(Knowing(1), split(1), seed=0)


def test_likeness_is_structural_similarity():
    """The golden number of the field's definition: a 16 x 16 pattern and its noisy copy."""
    y, x = np.mgrid[:16, :16]
    u = ((x + y) % 8) / 7
    v = np.clip(0.8 * u + 0.1 * np.sin(0.7 * x), 0, 1)
    model = SimpleNamespace(
        noise=lambda n, seed: tf.zeros([n, 1]),
        decode=lambda noise, ids: {"image": tf.constant(np.float32(v)[None, ..., None]) + 0 * noise[:, :, None, None]},
    )
    pictures = Pictures(np.rint(255 * u).astype(np.uint8)[None, ..., None].repeat(2, 0), [[""]] * 2)
    pairs = Split({"caption": np.zeros((2, 3), np.int32)}, source=pictures)
    mean, _ = matching.likeness(model, pairs, seed=0, samples=1)
    assert mean == pytest.approx(0.9109017922, abs=2e-3)  # the real picture is rounded to bytes


def test_attended_words_are_those_with_the_largest_mean_weight():
    ids = np.int32([[2, 3, 0], [3, 2, 0], [4, 2, 3]])
    weights = np.float32([[[0.9, 0.1, 0]], [[0.2, 0.8, 0]], [[0.4, 0.5, 0.1]]])  # [M, T = 1, L]
    model = SimpleNamespace(
        noise=lambda n, seed: None,
        decode=lambda noise, ids: {"word_weights": tf.constant(weights)},
        words=SimpleNamespace(lines=["<end>", "<unknown>", "red", "circle", "blue"]),
    )
    pictures = Pictures(np.zeros((3, 1, 1, 1), np.uint8), [[""]] * 3)
    ((first, second, third),) = matching.attended_words(model, Split({"caption": ids}, source=pictures), 0, count=3)
    assert first == ("red", round((0.9 + 0.8 + 0.5) / 3, 3)) and second == ("blue", 0.4)
    assert third == ("circle", round((0.1 + 0.2 + 0.1) / 3, 3))
