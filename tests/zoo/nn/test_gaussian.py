from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.metrics.bounds import importance_weighted
from zoo.nn.gaussian import GaussianHead, GaussianVAE, bernoulli, gaussian

tfd = tfp.distributions


def test_rate_is_the_closed_form():
    """Golden numbers; the second also by the general formula of two diagonal Gaussians."""
    q = gaussian(np.float32([0.3, -0.7]), np.exp(np.float32([-0.5, 0.2])))
    p = gaussian(np.float32([0.1, 0.4]), np.exp(np.float32([0.25, -0.1])))
    standard = gaussian(tf.zeros(2), tf.ones(2))
    np.testing.assert_allclose(tfd.kl_divergence(q, p), 1.2237037622, rtol=1e-6)
    np.testing.assert_allclose(tfd.kl_divergence(q, standard), 0.5198520694, rtol=1e-6)
    assert tfd.kl_divergence(standard, standard) == 0


def test_the_head_means_log_variance():
    head = GaussianHead(2)
    head.build((None, 3))
    head.log_variance.bias.assign(np.log([4.0, 9.0]))
    head.log_variance.kernel.assign(np.zeros((3, 2)))
    mean, scale = head(np.zeros((5, 3), np.float32))
    np.testing.assert_allclose(scale, np.tile([2.0, 3.0], (5, 1)), rtol=1e-6)
    np.testing.assert_array_equal(mean, np.zeros((5, 2)))


def test_grey_values_as_numpy_are_not_truncated():
    """Golden number of x = (1, 0, 1, 1/4), whatever array holds it."""
    x, logits = np.float32([[1, 0, 1, 0.25]]), np.float32([[2, -1, -0.5, 0.3]])
    for values in (x, tf.constant(x)):
        np.testing.assert_allclose(-bernoulli(logits).log_prob(values), [2.1936219272], rtol=1e-6)
    assert bernoulli(np.zeros((5, 2, 3), np.float32)).log_prob(np.zeros((5, 2, 3))).shape == (5,)


class Linear(GaussianVAE):
    """x = W z + b + s eps, whose likelihood is known; q is its exact posterior, or blurred and shifted."""

    observed = "x"

    def __init__(self, blur):
        super().__init__(SimpleNamespace(z_size=2), "linear")
        rng = np.random.default_rng(0)
        self.w, self.b, self.s, self.blur = rng.normal(size=(5, 2)), rng.normal(size=5), 0.7, blur
        q, r = np.linalg.qr(self.w)  # orthogonal columns: the exact posterior is diagonal
        self.w = q * np.diag(r)
        self.variance = 1 / (1 + (self.w**2).sum(0) / self.s**2)

    def posterior(self, x):
        mean = (np.asarray(x) - self.b) @ self.w / self.s**2 * self.variance
        scale = np.sqrt(self.variance) * np.ones_like(mean)
        return tf.constant(mean + 0.1 * (self.blur - 1), tf.float32), tf.constant(scale * self.blur, tf.float32)

    def likelihood(self, z):
        mean = z @ tf.constant(self.w.T, tf.float32) + tf.constant(self.b, tf.float32)
        return tfd.Independent(tfd.Normal(mean, self.s), 1)

    def exact(self, x):
        covariance = self.w @ self.w.T + self.s**2 * np.eye(5)
        d = x - self.b
        quadratic = np.einsum("bi,ij,bj->b", d, np.linalg.inv(covariance), d)
        return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])


X = np.float32(np.random.default_rng(1).normal(size=(6, 5)))


def estimate(model, x, samples, seed):
    batch = {"x": x}
    return importance_weighted(lambda seed: model.log_weights(batch, model.noise(len(x), seed)), samples, seed).numpy()


def test_with_the_exact_posterior_every_sample_gives_the_likelihood():
    model = Linear(blur=1.0)
    for samples in (1, 7):
        np.testing.assert_allclose(estimate(model, X, samples, [0, 1]), model.exact(X), rtol=1e-5)
    terms = model.loss_terms({"x": X}, model.noise(6, [0, 1]))  # the bound is tight as well, but only on average
    assert np.all(terms["rate"] > 0)


def test_with_another_posterior_the_estimate_is_within_its_error():
    """20 estimates of K = 400 an example; the mean of their exponentials is unbiased: 4 standard errors."""
    model = Linear(blur=1.5)
    repeated = np.repeat(X, 20, 0)
    ratio = np.exp(estimate(model, repeated, 400, [2, 3]) - model.exact(repeated)).reshape(6, 20)
    error = ratio.std(1, ddof=1) / np.sqrt(20)
    assert np.all(np.abs(ratio.mean(1) - 1) < 4 * error)
    assert np.all(error < 0.02)


def test_the_bound_is_below_the_likelihood_by_the_posteriors_divergence():
    """log p(x) - bound = KL(q || exact posterior), a closed form here; k = 4 standard errors over draws."""
    model, exact, n = Linear(blur=1.5), Linear(blur=1.0), 4000
    x = np.repeat(X[:1], n, 0)
    terms = model.loss_terms({"x": x}, model.noise(n, [4, 5]))
    bound = -(terms["distortion"] + terms["rate"]).numpy()
    gap = tfd.kl_divergence(gaussian(*model.posterior(X[:1])), gaussian(*exact.posterior(X[:1]))).numpy()[0]
    assert gap > 0.1
    assert abs(bound.mean() - (exact.exact(X[:1])[0] - gap)) < 4 * bound.std() / np.sqrt(n)


def test_more_samples_never_lower_the_bound():
    """L_K for K = 1, 2, 8, 64 on average over 3000 draws."""
    model, x = Linear(blur=2.0), np.repeat(X[:1], 3000, 0)
    means, errors = [], []
    for samples in (1, 2, 8, 64):
        values = estimate(model, x, samples, [6, samples])
        means.append(values.mean())
        errors.append(values.std() / np.sqrt(len(x)))
    assert np.all(np.diff(means) > 0) and means[-1] < model.exact(X[:1])[0] + 4 * errors[-1]
