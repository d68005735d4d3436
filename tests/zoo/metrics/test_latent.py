import numpy as np
import pytest

from zoo.metrics.latent import knn_accuracy, manifold


def test_knn_leaves_the_point_itself_out():
    """By brute force; with itself counted the accuracy of one neighbour would be 1."""
    rng = np.random.default_rng(0)
    latent, labels = rng.normal(size=(40, 2)), rng.integers(0, 3, 40)
    distance = np.linalg.norm(latent[:, None] - latent[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    for neighbours in (1, 5):
        votes = [np.bincount(labels[np.argsort(row)[:neighbours]], minlength=3).argmax() for row in distance]
        assert knn_accuracy(latent, labels, neighbours) == np.mean(votes == labels)


def test_knn_of_separate_classes_is_one():
    labels = np.repeat([0, 1], 10)
    assert knn_accuracy(labels[:, None] * 100 + np.random.default_rng(0).normal(size=(20, 2)), labels) == 1


def test_knn_needs_more_points_than_neighbours():
    with pytest.raises(ValueError, match="latent: got 5 points"):
        knn_accuracy(np.zeros((5, 2)), np.zeros(5))


def test_manifold_is_the_normal_quantiles_with_the_largest_second_coordinate_on_top():
    z = [-1.1503493804, -0.3186393640, 0.3186393640, 1.1503493804]
    grid = manifold(4)
    np.testing.assert_allclose(grid[0], [[first, z[3]] for first in z], rtol=1e-6)
    np.testing.assert_allclose(grid[:, 0], [[z[0], second] for second in reversed(z)], rtol=1e-6)
