import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from zoo.nn.classes import cross_entropy


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
def test_value_and_gradient_are_those_of_softmax(shape, jit):
    numbers = np.random.default_rng(0)
    logits, upstream = numbers.normal(0, 30, (*shape, 7)).astype("f4"), numbers.normal(size=shape).astype("f4")
    ids = numbers.integers(0, 7, shape, "i4")

    @tf.function(jit_compile=jit)
    def run(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            nats = cross_entropy(logits, tf.constant(ids))
        return nats, tape.gradient(nats, logits, upstream)

    nats, gradient = run(tf.constant(logits))
    hot = np.eye(7)[ids]
    expected = -(hot * scipy.special.log_softmax(np.float64(logits), -1)).sum(-1)
    np.testing.assert_allclose(nats, expected, rtol=1e-6, atol=1e-6)
    softmax = scipy.special.softmax(np.float64(logits), -1)
    np.testing.assert_allclose(gradient, upstream[..., None] * (softmax - hot), rtol=1e-5, atol=1e-7)


def test_what_is_nearly_certain_costs_as_little_as_it_should():
    """Far from 0, where a difference of large numbers would have no digit left."""
    nats = cross_entropy(tf.constant([[1000.0, 988.0]]), tf.constant([0]))
    np.testing.assert_allclose(nats, np.log1p(np.exp([-12.0])), rtol=1e-2)
