import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.nn import filterbank as module
from zoo.nn.filterbank import Window, filterbank, filters, look, paint, window

ways = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)
quick = settings(max_examples=25, deadline=None, derandomize=True)
# A width of 0.4 pixels or more: a filter between two pixels still sees both.
variances = st.floats(0.16, 4)


def batch_of_one(*values):
    return [np.float32([v]) for v in values]


def papers_double_loop(centre, delta, variance, length, n):
    """Eq. 19 and 25 with the paper's own indices, which start at 1."""
    f = np.zeros([n, length])
    for i, a in itertools.product(range(1, n + 1), range(1, length + 1)):
        mu = centre + (i - n / 2 - 0.5) * delta
        f[i - 1, a - 1] = np.exp(-((a - mu) ** 2) / (2 * variance))
    return f / f.sum(1, keepdims=True)


@ways
def test_filterbank_is_the_papers_double_loop(run):
    centre, delta, variance = np.float32([[4.2, 1.0, 6.0], [1.5, 0.3, 2.0], [0.7, 2.0, 1.1]])
    got = run(lambda *at: filterbank(*at, 7, 4))(centre, delta, variance)
    want = [papers_double_loop(*at, 7, 4) for at in zip(centre, delta, variance, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-7)


def golden_window():
    """On an image 6 wide and 5 high, with a grid of 3 x 3."""
    at = Window(*batch_of_one(3.2, 2.7, 1.4, 0.8, 1.5))
    return at, *filters(at, 5, 6, 3)


def test_filters_have_the_golden_numbers():
    _, f_y, f_x = golden_window()
    assert f_y.shape == (1, 3, 5) and f_x.shape == (1, 3, 6)
    want_x = [
        [0.3188302872, 0.4638953307, 0.1933803445, 0.0230959885, 0.0007903013, 0.0000077478],
        [0.0216756841, 0.1814882810, 0.4353677535, 0.2992235893, 0.0589206182, 0.0033240738],
        [0.0001371038, 0.0066060310, 0.0911934453, 0.3606770728, 0.4087006671, 0.1326856800],
    ]
    want_y = [
        [0.5091942166, 0.3965608547, 0.0884846870, 0.0056566368, 0.0001036049],
        [0.0736571098, 0.3301082639, 0.4238674010, 0.1559321026, 0.0164351227],
        [0.0011554318, 0.0297989779, 0.2201863191, 0.4661344412, 0.2827248301],
    ]
    np.testing.assert_allclose(f_x[0], want_x, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(f_y[0], want_y, rtol=1e-5, atol=1e-9)


def test_look_has_the_golden_numbers():
    at, f_y, f_x = golden_window()
    image = np.arange(1, 31, dtype=np.float32).reshape(1, 5, 6, 1) / 30
    want = [
        [0.2734315641, 0.3373842375, 0.4057371280],
        [0.6095711559, 0.6735238293, 0.7418767198],
        [0.9959994745, 1.0599521479, 1.1283050384],
    ]
    np.testing.assert_allclose(look(image, f_y, f_x, at.gamma)[0, :, :, 0], want, rtol=1e-5)


def test_paint_has_the_golden_numbers():
    at, f_y, f_x = golden_window()
    patch = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1) / 10
    want = [
        [0.0192927090, 0.0428709113, 0.0630200742, 0.0767037712, 0.0594724208, 0.0178236007],
        [0.0448361458, 0.0935164812, 0.1235747720, 0.1391469200, 0.1043251164, 0.0310115349],
        [0.0765870286, 0.1540439731, 0.1897680505, 0.2012501882, 0.1466352739, 0.0432748721],
        [0.0893114933, 0.1773316163, 0.2126684130, 0.2199390677, 0.1582198843, 0.0465393886],
        [0.0468770618, 0.0927688008, 0.1104728537, 0.1134729203, 0.0813409644, 0.0239036917],
    ]
    np.testing.assert_allclose(paint(patch, f_y, f_x, at.gamma)[0, :, :, 0], want, rtol=1e-5)


@ways
def test_look_and_paint_are_the_papers_products_channel_by_channel(run):
    rng = np.random.default_rng(0)
    image, patch = rng.normal(size=(3, 5, 7, 2)), rng.normal(size=(3, 4, 4, 2))
    f_y, f_x, gamma = rng.uniform(size=(3, 4, 5)), rng.uniform(size=(3, 4, 7)), np.array([0.5, 1.0, 3.0])
    glimpse, ink = run(lambda *a: (look(a[0], *a[2:]), paint(a[1], *a[2:])))(
        *(tf.constant(v, tf.float32) for v in (image, patch, f_y, f_x, gamma))
    )
    assert glimpse.shape == (3, 4, 4, 2) and ink.shape == (3, 5, 7, 2)
    for b, c in itertools.product(range(3), range(2)):
        want = gamma[b] * f_y[b] @ image[b, :, :, c] @ f_x[b].T
        np.testing.assert_allclose(glimpse[b, :, :, c], want, rtol=1e-4, atol=1e-5)
        want = f_y[b].T @ patch[b, :, :, c] @ f_x[b] / gamma[b]
        np.testing.assert_allclose(ink[b, :, :, c], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "n", "want"),
    [
        (28, 28, 5, (15.95, 11.6, 4.5246603107, 1.3498588076, 1.6487212707)),
        (5, 6, 3, (3.85, 2.4, 1.6758001151, 1.3498588076, 1.6487212707)),
    ],
)
def test_window_has_the_golden_numbers(height, width, n, want):
    """(g_x, g_y, delta, variance, gamma) of the parameters (.1, -.2, .3, -.4, .5)."""
    at = window(tf.constant([[0.1, -0.2, 0.3, -0.4, 0.5]]), height, width, n)
    np.testing.assert_allclose(tf.concat(at, 0), want, rtol=1e-6)


def test_a_neutral_window_spans_the_longer_side_from_the_middle():
    """Five zeros: five points on 28 pixels at 1, 7.75, 14.5, 21.25, 28; three points 8 apart on a side of 11."""
    at = window(tf.zeros([1, 5]), 11, 28, 5)
    assert [v.numpy().item() for v in at] == [14.5, 6.0, 6.75, 1.0, 1.0]
    f_y, f_x = filters(at, 11, 28, 5)
    want = [papers_double_loop(mu, 0, 1, 28, 1)[0] for mu in (1, 7.75, 14.5, 21.25, 28)]
    np.testing.assert_allclose(f_x[0], want, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(f_y[0, 2], papers_double_loop(6, 0, 1, 11, 1)[0], rtol=1e-4, atol=1e-7)


def test_one_point_reads_at_the_centre_whatever_its_stride():
    parameters = tf.constant([[0.1, -0.2, 0.3, -4.0, 0.5], [0.1, -0.2, 0.3, 4.0, 0.5]])
    at = window(parameters, 5, 7, 1)
    f_y, f_x = filters(at, 5, 7, 1)
    assert np.isfinite(at.delta).all()
    for b in range(2):
        np.testing.assert_allclose(f_x[b], papers_double_loop(4.4, 0, np.exp(0.3), 7, 1), rtol=1e-4)
        np.testing.assert_allclose(f_y[b], papers_double_loop(2.4, 0, np.exp(0.3), 5, 1), rtol=1e-4)


@quick
@given(st.floats(-60, 80), st.floats(0.01, 40), variances, st.integers(1, 5), st.integers(1, 20))
def test_a_row_is_never_negative_and_sums_to_one_or_less_and_to_one_inside(centre, delta, variance, n, length):
    f = filterbank(*batch_of_one(centre, delta, variance), length, n).numpy()[0]
    total = f.sum(1)
    assert (f >= 0).all() and (total <= 1 + 1e-5).all()
    mu = centre + (np.arange(n) - (n - 1) / 2) * delta
    inside = (mu >= 0.5) & (mu <= length + 0.5)
    np.testing.assert_allclose(total[inside], 1, rtol=1e-5)


@quick
@given(st.floats(8, 14), st.floats(0.01, 1), variances.map(lambda v: v / 4), st.integers(1, 4))
def test_a_centre_one_pixel_on_shifts_the_row_by_one_pixel(centre, delta, variance, n):
    here = filterbank(*batch_of_one(centre, delta, variance), 22, n)
    there = filterbank(*batch_of_one(centre + 1, delta, variance), 22, n)
    # The centre is rounded to float32, which a narrow filter amplifies.
    np.testing.assert_allclose(there[..., 1:], here[..., :-1], atol=1e-4)


@quick
@given(st.floats(2, 5), st.floats(2, 6), st.floats(0.01, 0.5), variances, st.floats(0.1, 5), st.floats(-3, 3))
def test_a_glimpse_of_a_constant_image_is_gamma_times_it(g_y, g_x, delta, variance, gamma, constant):
    at = Window(*batch_of_one(g_x, g_y, delta, variance, gamma))
    glimpse = look(np.full([1, 6, 7, 2], constant, np.float32), *filters(at, 6, 7, 3), at.gamma)
    np.testing.assert_allclose(glimpse, np.full([1, 3, 3, 2], gamma * constant), rtol=1e-5, atol=1e-6)


@quick
@given(st.floats(-3, 10), st.floats(-3, 10), st.floats(0.01, 5), variances, st.floats(0.3, 3), st.integers(0, 99))
def test_paint_is_the_adjoint_of_look_up_to_gamma_squared(g_x, g_y, delta, variance, gamma, seed):
    """<look(x), p> = gamma <F_y x F_x', p> = gamma^2 <x, paint(p)>."""
    rng = np.random.default_rng(seed)
    x, p = np.float32(rng.normal(size=(1, 5, 7, 2))), np.float32(rng.normal(size=(1, 3, 3, 2)))
    at = Window(*batch_of_one(g_x, g_y, delta, variance, gamma))
    f_y, f_x = filters(at, 5, 7, 3)
    left = np.sum(look(x, f_y, f_x, at.gamma) * p)
    right = gamma**2 * np.sum(x * paint(p, f_y, f_x, at.gamma))
    np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


@ways
def test_far_outside_the_window_is_dark_and_its_gradient_finite(run):
    """Parameters that a network may well ask for in its first steps must not end in 0 / 0."""
    asked = [[50, 50, -3, 3, 3], [-50, 0, 3, -3, -3], [0, 0, -8, 0, 8], [0, 0, 12, 8, 0], [0.3, 0, -90, -1, 0]]
    parameters = tf.constant(asked, tf.float32)

    def both(parameters):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            at = window(parameters, 5, 7, 3)
            f_y, f_x = filters(at, 5, 7, 3)
            glimpse = look(tf.ones([5, 5, 7, 1]), f_y, f_x, at.gamma)
            total = tf.reduce_sum(glimpse) + tf.reduce_sum(paint(glimpse, f_y, f_x, at.gamma))
        return glimpse, tape.gradient(total, parameters)

    glimpse, gradient = run(both)(parameters)
    assert np.isfinite(glimpse).all() and np.isfinite(gradient).all()
    np.testing.assert_array_equal(glimpse[:2], np.zeros([2, 3, 3, 1]))


def test_products_and_sums_are_the_same_window(monkeypatch):
    """Large windows go through products of matrices, small ones through sums."""
    rng = np.random.default_rng(0)
    image, patch = (np.float32(rng.normal(size=shape)) for shape in ((2, 9, 7, 3), (2, 4, 4, 3)))
    at = window(np.float32(rng.normal(size=(2, 5))), 9, 7, 4)
    banks = filters(at, 9, 7, 4)
    found = []
    for small in (True, False):
        monkeypatch.setattr(module, "_small", lambda *_, small=small: small)
        found.append((look(image, *banks, at.gamma), paint(patch, *banks, at.gamma)))
    for sums, products in zip(*found, strict=True):
        assert sums.shape == products.shape
        np.testing.assert_allclose(products, sums, rtol=1e-4, atol=1e-5)
