import numpy as np
import pytest
import tensorflow as tf

from zoo.nn import particles


def weights(*rows):
    return np.log(np.float32(rows))


def test_particles_take_places_by_their_weight():
    log_w = weights([0.5, 0.25, 0.25, 1e-9], [0.05, 0.05, 0.05, 0.85])
    found = particles.ancestors(log_w, np.float32([0.5, 0.5]))
    np.testing.assert_array_equal(found, [[0, 0, 1, 2], [2, 3, 3, 3]])


def test_each_has_on_average_as_many_places_as_its_weight_says():
    log_w, uniform = weights([0.13, 0.4, 0.02, 0.3, 0.15]), (np.arange(2000) + 0.5) / 2000
    found = particles.ancestors(np.repeat(log_w, 2000, 0), uniform.astype(np.float32)).numpy()
    counts = np.stack([(found == n).sum(1) for n in range(5)], 1)
    np.testing.assert_allclose(counts.mean(0), 5 * np.exp(log_w[0]), atol=2e-3)
    assert (np.abs(counts - 5 * np.exp(log_w[0])) < 1 + 1e-4).all()  # never more than rounding apart


def test_the_effective_sample_size():
    found = particles.effective(weights([0.25] * 4, [1, 1e-12, 1e-12, 1e-12], [0.5, 0.5, 1e-12, 1e-12]))
    np.testing.assert_allclose(found, [4, 1, 2], rtol=1e-5)


@pytest.mark.parametrize("always", [False, True])
def test_particles_stay_while_enough_of_them_count(always):
    log_w = tf.constant(weights([0.3, 0.2, 0.3, 0.2], [0.97, 0.01, 0.01, 0.01]))
    with tf.GradientTape() as tape:
        tape.watch(log_w)
        chosen, after = particles.resample(log_w, np.float32([0.5, 0.5]), always)
    gradient = tape.gradient(after, log_w, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    np.testing.assert_allclose(after[1], np.log([0.25] * 4), rtol=1e-6)
    np.testing.assert_array_equal(chosen[1], [0, 0, 0, 0])
    np.testing.assert_array_equal(gradient, [[1 - always] * 4, [0] * 4])  # none through the choice
    if not always:
        np.testing.assert_array_equal(chosen[0], [0, 1, 2, 3])
        np.testing.assert_array_equal(after[0], log_w[0])


def test_the_last_place_is_someones_whatever_rounding_says():
    log_w = np.float32([[-50, -1e-7]])  # they sum to a little less than 1
    assert particles.ancestors(log_w, np.float32([0.99999994])).numpy().tolist() == [[1, 1]]


def test_states_follow_their_particles():
    state = tf.reshape(tf.range(12.0), [6, 2])  # two sequences of three particles
    found = particles.taken(state, tf.constant([[2, 2, 0], [1, 0, 1]]))
    np.testing.assert_array_equal(found[:, 0], [4, 4, 0, 8, 6, 8])
