"""The classifier of zoo/draw.py, which reads through DRAW's window and paints nothing."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import draw
from zoo.configs.draw import PRESETS, ClassifierConfig

ODD = ClassifierConfig(image_shape=(5, 7, 3), steps=3, hidden=6, read_n=2, classes=4)
ways = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)


def filled(config):
    """The model with distinct weights, all of a size that counts."""
    model = draw.build(config)
    for seed, v in enumerate(model.variables):
        v.assign(np.random.default_rng(seed).normal(0, 0.3, v.shape))
    return model


def images(batch_size, seed=0):
    return np.float32(np.random.default_rng(seed).uniform(size=(batch_size, *ODD.image_shape)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def papers_pass(model, x):
    """(logits, windows) of one image x: [height, width, C], in float64."""
    config = model.config
    height, width, channels = config.image_shape
    n = config.read_n

    def w(layer, h):
        kernel, bias = layer.get_weights()
        return h @ np.float64(kernel) + bias

    def bank(g, delta, variance, length):
        i, a = np.mgrid[1 : n + 1, 1 : length + 1]
        f = np.exp(-((a - g - (i - n / 2 - 0.5) * delta) ** 2) / (2 * variance))
        return f / np.maximum(f.sum(1, keepdims=True), 1e-8)

    h, cell = (np.float64(v.numpy()) for v in model.initial)
    windows = []
    for _ in range(config.steps):
        gx, gy, log_variance, log_delta, log_gamma = w(model.maps["window"], h)
        gx, gy = (width + 1) / 2 * (gx + 1), (height + 1) / 2 * (gy + 1)
        delta = (max(height, width) - 1) / (n - 1) * np.exp(log_delta)
        variance, gamma = np.exp(log_variance), np.exp(log_gamma)
        bank_y, bank_x = bank(gy, delta, variance, height), bank(gx, delta, variance, width)
        glimpse = np.stack([gamma * bank_y @ x[..., c] @ bank_x.T for c in range(channels)], -1)
        i, f, g, o = np.split(w(model.maps["gates"], np.concatenate([glimpse.ravel(), h])), 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        windows.append((gx, gy, delta, variance, gamma))
    return w(model.class_head, h), np.array(windows)


@ways
def test_a_pass_is_the_papers(run):
    model, x, label = filled(ODD), images(3), np.int32([2, 0, 3])
    logits, windows = map(np.stack, zip(*(papers_pass(model, one) for one in np.float64(x)), strict=True))
    distortion = np.log(np.exp(logits).sum(1)) - logits[range(3), label]
    seen, terms = run(lambda x, label: (model.classify(x), model.loss_terms({"image": x, "label": label}, {})))(
        tf.constant(x), tf.constant(label)
    )
    assert seen["windows"].shape == (3, 3, 5)
    np.testing.assert_allclose(seen["logits"], logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen["windows"], windows, rtol=1e-4)
    assert set(terms) == {"cross_entropy", "error"}
    np.testing.assert_array_equal(terms["error"], logits.argmax(1) != label)
    np.testing.assert_allclose(terms["cross_entropy"], distortion, rtol=1e-4)


def test_a_fresh_model_looks_at_the_whole_image():
    """(g_x, g_y, delta, variance, gamma): 2 points on the 6 pixels of the longer side."""
    windows = draw.build(dataclasses.replace(ODD, hidden=64)).classify(images(2))["windows"]
    np.testing.assert_allclose(windows, np.broadcast_to((4, 3, 6, 1, 1), (2, 3, 5)), rtol=0.1)


def test_nothing_is_random():
    assert draw.build(ODD).noise(3, (1, 2)) == {}


def test_the_preset_has_the_papers_sizes_and_so_many_parameters():
    """LSTM of 144 + 256 inputs, window, 10 classes, two learned starts."""
    config = PRESETS["cluttered"].model
    assert (config.image_shape, config.steps, config.hidden, config.read_n) == ((100, 100, 1), 8, 256, 12)
    want = 1024 * (144 + 256 + 1) + 257 * 5 + 257 * 10 + 2 * 256
    assert draw.build(config).count_params() == want == 414_991


def test_an_example_does_not_see_the_others():
    model, x, order = filled(ODD), images(5), [3, 0, 4, 1, 2]
    want = model.classify(x)["logits"].numpy()
    np.testing.assert_allclose(model.classify(x[order])["logits"], want[order], rtol=1e-5)
    changed = x.copy()
    changed[1] = 1 - changed[1]
    got = model.classify(changed)["logits"].numpy()
    np.testing.assert_allclose(np.delete(got, 1, 0), np.delete(want, 1, 0), rtol=1e-5)
    assert np.abs(got[1] - want[1]).max() > 1e-3


def test_the_gradient_reaches_every_variable_of_a_fresh_model():
    model = draw.build(ODD)
    with tf.GradientTape() as tape:
        loss = model.loss_terms({"image": images(4), "label": np.arange(4)}, {})["cross_entropy"]
    for v, g in zip(model.variables, tape.gradient(loss, model.trainable_variables), strict=True):
        assert g is not None and np.isfinite(g).all() and np.abs(g).max() > 0, v.path


def test_weights_that_were_saved_give_the_same_logits(tmp_path):
    model, other, x = filled(ODD), draw.build(ODD), images(3)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.classify(x)["logits"], model.classify(x)["logits"])


def test_it_learns_in_which_quarter_a_spot_lies():
    keras.utils.set_random_seed(0)
    config = ClassifierConfig(image_shape=(8, 9, 1), steps=2, hidden=16, read_n=3, classes=4)
    model, rng = draw.build(config), np.random.default_rng(0)
    label = np.arange(64) % 4
    x = np.zeros((64, 8, 9, 1), np.float32)
    rows, columns = label // 2 * 4 + rng.integers(0, 4, 64), label % 2 * 5 + rng.integers(0, 4, 64)
    x[np.arange(64), rows, columns] = 1
    x += np.roll(x, 1, 1) + np.roll(x, 1, 2)  # three pixels, so that neighbours resemble each other
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train():
        for _ in tf.range(200):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model.loss_terms({"image": x, "label": label}, {})["cross_entropy"])
            optimizer.apply(tape.gradient(loss, model.trainable_variables))

    train()
    assert np.mean(np.argmax(model.classify(x)["logits"], 1) == label) > 0.9


CHANGES = {"image_shape": (7, 5, 3), "steps": 1, "hidden": 5, "read_n": 3, "classes": 3}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ClassifierConfig)])
def test_each_field_of_the_config_changes_the_loss(field):
    x = np.float32(np.arange(105) % 4 == 0)

    def seen(config):
        batch = {"image": x.reshape(1, *config.image_shape), "label": np.int32([1])}
        return filled(config).loss_terms(batch, {})["cross_entropy"].numpy().item()

    assert abs(seen(ODD) - seen(dataclasses.replace(ODD, **{field: CHANGES[field]}))) > 1e-4
