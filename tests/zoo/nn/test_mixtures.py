import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from zoo.nn import mixtures, recurrence

LIKELIHOODS = {
    "gaussian": mixtures.Gaussian(2),
    "mixture": mixtures.Mixture(2, 3),
    "strokes": mixtures.Strokes(3),
    "shared_rho": mixtures.Strokes(3, shared_rho=True),
    "bernoulli": mixtures.Bernoulli(3),
}
every = pytest.mark.parametrize("name", LIKELIHOODS)


def parameters(likelihood, seed=0):
    return np.random.default_rng(seed).normal(0, 0.7, (1, likelihood.size)).astype(np.float32)


def noise_of(likelihood, count):
    numbers = np.random.default_rng(1)

    def draw(name, shape):
        made = numbers.random if name in likelihood.uniform else numbers.standard_normal
        return made((count, *shape), np.float32)

    return {name: draw(name, shape) for name, shape in likelihood.noise.items()}


def grid(side, half=9.0):
    """Places [N, 2] of a square, and the area that each stands for."""
    at = np.linspace(-half, half, side, dtype=np.float32)
    return np.stack(np.meshgrid(at, at), -1).reshape(-1, 2), (at[1] - at[0]) ** 2


@every
def test_densities_sum_to_one(name):
    likelihood, (places, area) = LIKELIHOODS[name], grid(181)
    if name == "bernoulli":
        places, area = np.float32(list(itertools.product((0, 1), repeat=3))), 1
    elif isinstance(likelihood, mixtures.Strokes):
        places = np.concatenate([np.insert(places, 0, pen, 1) for pen in (0, 1)])
    told = np.repeat(parameters(likelihood), len(places), 0)
    total = np.exp(likelihood.log_prob(told, places).numpy().astype("f8")).sum() * area
    assert total == pytest.approx(1, abs=1e-3)


@every
def test_draws_have_the_moments_that_the_density_has(name):
    """Means and second moments over 100,000 draws, within four standard errors of the sums over a grid."""
    likelihood, count, (places, area) = LIKELIHOODS[name], 100_000, grid(181)
    if name == "bernoulli":
        places, area = np.float32(list(itertools.product((0, 1), repeat=3))), 1
    elif isinstance(likelihood, mixtures.Strokes):
        places = np.concatenate([np.insert(places, 0, pen, 1) for pen in (0, 1)])
    told = parameters(likelihood)
    x = likelihood.draw(np.repeat(told, count, 0), noise_of(likelihood, count)).numpy()
    weight = np.exp(likelihood.log_prob(np.repeat(told, len(places), 0), places).numpy().astype("f8")) * area
    for i, j in itertools.combinations_with_replacement(range(x.shape[1]), 2):
        for drawn, exact in ((x[:, i], places[:, i]), (x[:, i] * x[:, j], places[:, i] * places[:, j])):
            expected = (weight * exact).sum()
            assert abs(drawn.mean() - expected) < 4 * drawn.std() / math.sqrt(count) + 1e-3


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_what_is_not_real_is_integrated_out(name):
    likelihood, told = LIKELIHOODS[name], parameters(LIKELIHOODS[name])
    second = np.linspace(-12, 12, 2001, dtype=np.float32)
    x = np.stack([np.full_like(second, 0.4), second], 1)
    whole = np.exp(likelihood.log_prob(np.repeat(told, len(x), 0), x)).sum() * (second[1] - second[0])
    half = likelihood.log_prob(told, np.float32([[0.4, 7.0]]), np.float32([[1, 0]]))
    assert float(half[0]) == pytest.approx(math.log(whole), abs=1e-4)


def test_a_correlation_is_that_of_a_full_covariance():
    likelihood = mixtures.Strokes(1)
    told = np.float32([[0.3, -0.2, 0.1, 0.5, 1.0, 0.7, 0.8]])  # means, scales, weight, pen, rho
    scale, rho = np.log1p(np.exp(told[0, 2:4])) + 1e-4, np.tanh(told[0, 6])
    cov = np.diag(scale**2) + rho * np.prod(scale) * np.array([[0, 1], [1, 0]])
    apart = np.array([1.1, -0.6]) - told[0, :2]
    expected = -0.5 * (apart @ np.linalg.solve(cov, apart) + np.linalg.slogdet(2 * np.pi * cov)[1])
    expected += math.log(1 / (1 + math.exp(-0.7)))
    assert float(likelihood.log_prob(told, np.float32([[1, 1.1, -0.6]]))[0]) == pytest.approx(expected, rel=1e-5)


def test_extreme_parameters_leave_finite_numbers():
    for likelihood in LIKELIHOODS.values():
        for value in (-1e4, 1e4):
            told = tf.fill([1, likelihood.size], value)
            x = tf.zeros([1, 3 if isinstance(likelihood, mixtures.Strokes | mixtures.Bernoulli) else 2])
            with tf.GradientTape() as tape:
                tape.watch(told)
                log_p = likelihood.log_prob(told, x)
            assert np.isfinite(log_p).all() and np.isfinite(tape.gradient(log_p, told)).all()


def test_a_choice_has_its_weight():
    log_weight = np.log(np.float32([[0.2, 0.5, 0.3]]))
    uniform = np.float32([0.0, 0.1999, 0.2001, 0.6999, 0.7001, 0.99999994])
    found = mixtures.choice(np.repeat(log_weight, 6, 0), uniform)
    assert np.argmax(found, -1).tolist() == [0, 0, 1, 1, 2, 2] and (np.sum(found, -1) == 1).all()


def test_an_exported_scale_is_the_same_and_finite():
    x = np.float32([-200, -3, 0, 0.6, 5, 100, 300])
    with recurrence.only_forward():
        found = mixtures.positive(x).numpy()
    np.testing.assert_allclose(found, mixtures.positive(x), rtol=1e-6)
    np.testing.assert_allclose(found, np.log1p(np.exp(x.astype("f8"))) + 1e-4, rtol=1e-6)


def test_a_head_starts_its_scales_at_their_bias():
    head = mixtures.head({"mean": 2, "scale": 3, "weight": 1}, "head")
    head.build((None, 4))
    np.testing.assert_allclose(head.bias, [0, 0, 0.6, 0.6, 0.6, 0])
