import numpy as np
import pytest

from zoo.metrics.latent import active_units, knn_accuracy, manifold, mutual_information, probe_accuracy


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


def test_a_probe_is_linear_and_whatever_the_scale():
    rng = np.random.default_rng(0)
    points, others = rng.normal(size=(2, 400, 2)) * [1.0, 1000.0]

    def side(x):
        return (x[:, 0] + x[:, 1] / 1000 > 0).astype(int)

    assert probe_accuracy(points, side(points), others, side(others)) > 0.97
    odd = [(x[:, 0] * x[:, 1] > 0).astype(int) for x in (points, others)]  # no line parts these
    assert probe_accuracy(points, odd[0], others, odd[1]) < 0.65


def test_manifold_is_the_normal_quantiles_with_the_largest_second_coordinate_on_top():
    z = [-1.1503493804, -0.3186393640, 0.3186393640, 1.1503493804]
    grid = manifold(4)
    np.testing.assert_allclose(grid[0], [[first, z[3]] for first in z], rtol=1e-6)
    np.testing.assert_allclose(grid[:, 0], [[z[0], second] for second in reversed(z)], rtol=1e-6)


MEANS = np.array(
    [
        [-0.0518, -0.0248, 0.5693],
        [-0.0347, -0.0126, 0.5466],
        [-0.9217, 0.0134, -0.0244],
        [-0.8738, 0.0255, -0.0683],
        [-1.2921, -0.0033, 0.6325],
        [1.2771, 0.0192, 0.3986],
    ]
)
LOG_VARIANCES = np.array(
    [
        [-1.3393, -0.113, -0.4],
        [-1.3374, 0.0348, -0.5909],
        [-1.2114, -0.048, -0.4712],
        [-1.3989, 0.1103, -0.48],
        [-1.3627, -0.1614, -0.5574],
        [-1.0288, 0.19, -0.4091],
    ]
)
NOISE = np.array(
    [
        [-1.4964, 0.2837, 1.1381],
        [-1.4949, 1.2263, -0.9496],
        [0.936, -1.1955, 1.4853],
        [-1.2135, -0.1287, 1.4711],
        [-0.3257, -1.4997, -0.7406],
        [0.4387, 1.1269, 1.3649],
    ]
)


def test_units_are_active_whose_means_vary():
    assert active_units(MEANS) == 2
    border = np.array([0.0, 0.1, 0.2, 0.1, 0.05, 0.27])[:, None]  # a variance of 0.0098, divided by N of 0.0082
    assert active_units(border) == 0 and active_units(border, 0.009) == 1


def test_mutual_information_against_a_float64_reference():
    scales = np.exp(LOG_VARIANCES / 2)
    found = mutual_information(MEANS, scales, MEANS + scales * NOISE)
    assert found == pytest.approx(0.5893657012, rel=1e-9)


@pytest.mark.parametrize(("means", "expected"), [([-600.0, -200, 200, 600], np.log(4)), ([0.0] * 4, 0.0)])
def test_mutual_information_lies_between_nothing_and_the_log_of_the_number(means, expected):
    means, scales = np.array(means)[:, None], np.ones((4, 1))
    rounds = [mutual_information(means, scales, np.random.default_rng(k).normal(means, 1)) for k in range(2000)]
    assert np.mean(rounds) == pytest.approx(expected, abs=0.05)
