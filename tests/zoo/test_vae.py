import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import vae
from zoo.configs.vae import PRESETS, VAEConfig

ODD = VAEConfig(image_shape=(5, 7, 2), hidden=(6, 4), activation="tanh", z_size=3)
ODD_CONV = VAEConfig(image_shape=(4, 8, 3), network="conv", filters=(2, 3), hidden=(5,), z_size=3)
ways = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)
configs = pytest.mark.parametrize("config", [ODD, ODD_CONV], ids=["mlp", "conv"])


def ramped(config):
    """The model with distinct weights, so that a swapped or transposed one shows."""
    model = vae.build(config)
    for offset, v in enumerate(model.variables):
        v.assign(0.4 * np.sin(100 * offset + np.arange(1, np.prod(v.shape) + 1)).reshape(v.shape))
    return model


def binary(config, batch_size, seed=0):
    shape = (batch_size, *config.image_shape)
    return {"image": np.float32(np.random.default_rng(seed).integers(0, 2, shape))}


@pytest.mark.parametrize(("preset", "count"), [("mnist", 652_824), ("mnist-2d", 788_788), ("mnist-conv", 134_165)])
def test_the_presets_have_the_specified_number_of_parameters(preset, count):
    assert vae.build(PRESETS[preset].model).count_params() == count


def test_the_conv_encoder_and_decoder_have_the_specified_layers():
    model = vae.build(PRESETS["mnist-conv"].model)
    count = sum(layer.count_params() for layer in [*model.encoder, model.head])
    assert (count, model.count_params() - count) == (69_076, 65_089)


@ways
def test_a_pass_of_the_mlp_is_the_papers(run):
    """Against float64 NumPy in the notation of appendix C."""
    model, batch, noise = ramped(ODD), binary(ODD, 4), np.random.default_rng(1).normal(size=(4, 3))
    w = [np.float64(v.numpy()) for v in model.variables]
    (w3, b3), (w3b, b3b), (w1, b1), (w1b, b1b), (w2, b2), (w4, b4), (w5, b5) = zip(w[::2], w[1::2], strict=True)
    assert w4.shape == w5.shape == (4, 3)  # the order above is the order of the variables
    x = np.float64(batch["image"]).reshape(4, -1)
    h = np.tanh(np.tanh(x @ w3 + b3) @ w3b + b3b)
    mu, log_sigma2 = h @ w4 + b4, h @ w5 + b5
    z = mu + np.exp(0.5 * log_sigma2) * noise
    logits = np.tanh(np.tanh(z @ w1 + b1) @ w1b + b1b) @ w2 + b2
    distortion = np.sum(np.logaddexp(0, logits) - x * logits, 1)
    rate = 0.5 * np.sum(mu**2 + np.exp(log_sigma2) - log_sigma2 - 1, 1)
    log_q = np.sum(-0.5 * np.log(2 * np.pi) - 0.5 * log_sigma2 - 0.5 * noise**2, 1)
    log_p = np.sum(-0.5 * np.log(2 * np.pi) - 0.5 * z**2, 1)

    terms = run(model.loss_terms)(batch, tf.constant(noise, tf.float32))
    assert set(terms) == {"distortion", "rate"}
    np.testing.assert_allclose(terms["distortion"], distortion, rtol=1e-5)
    np.testing.assert_allclose(terms["rate"], rate, rtol=1e-4)
    log_weights = run(model.log_weights)(batch, tf.constant(noise, tf.float32))
    np.testing.assert_allclose(log_weights, log_p - log_q - distortion, rtol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct(batch["image"], noise)["image"],
        1 / (1 + np.exp(-logits.reshape(4, 5, 7, 2))),
        rtol=1e-5,
    )
    code = model.encode(batch["image"], noise)
    for name, want in (("z", z), ("mean", mu), ("scale", np.exp(0.5 * log_sigma2))):
        np.testing.assert_allclose(code[name], want, rtol=1e-4, atol=1e-6)


def test_distortion_of_grey_pixels_is_the_cross_entropy():
    model, grey = ramped(ODD), np.float32(np.random.default_rng(0).uniform(size=(2, 5, 7, 2)))
    noise = model.noise(2, [0, 1])
    p = np.float64(model.reconstruct(grey, noise)["image"])
    want = -np.sum(grey * np.log(p) + (1 - grey) * np.log(1 - p), (1, 2, 3))
    np.testing.assert_allclose(model.loss_terms({"image": grey}, noise)["distortion"], want, rtol=1e-5)


@configs
def test_eager_graph_and_jit_agree(config):
    model, batch = ramped(config), binary(config, 3)
    noise = model.noise(3, [1, 2])
    want = model.loss_terms(batch, noise)
    for run in (tf.function, tf.function(jit_compile=True)):
        got = run(model.loss_terms)(batch, noise)
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4)


@configs
def test_an_example_does_not_see_the_others(config):
    model, batch = ramped(config), binary(config, 5)
    noise, order = model.noise(5, [1, 2]), [3, 0, 4, 1, 2]
    want = model.log_weights(batch, noise).numpy()
    got = model.log_weights({"image": batch["image"][order]}, tf.gather(noise, order))
    np.testing.assert_allclose(got, want[order], rtol=1e-5)
    changed = batch["image"].copy()
    changed[1] = 1 - changed[1]
    got = model.log_weights({"image": changed}, noise).numpy()
    np.testing.assert_allclose(np.delete(got, 1), np.delete(want, 1), rtol=1e-6)
    assert abs(got[1] - want[1]) > 1e-3


@configs
def test_the_gradient_reaches_every_variable(config):
    keras.utils.set_random_seed(0)  # some weights let both of its two rectifiers be silent
    model, batch = vae.build(config), binary(config, 8)
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_mean(term) for term in model.loss_terms(batch, model.noise(8, [0, 0])).values())
    for v, g in zip(model.variables, tape.gradient(loss, model.trainable_variables), strict=True):
        assert g is not None and np.abs(g).max() > 0, v.path


def test_noise_is_the_seeds_and_each_examples_own():
    model = vae.build(ODD)
    noise = model.noise(6, [3, 4]).numpy()
    np.testing.assert_array_equal(noise, model.noise(6, [3, 4]))
    assert len(np.unique(noise)) == noise.size
    assert not np.isin(noise, model.noise(6, [3, 5])).any()


def test_a_seed_repeats_its_samples():
    model = vae.build(ODD)
    images = model.sample(3, (1, 2)).numpy()
    assert images.shape == (3, 5, 7, 2) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images, model.sample(3, (1, 2)))
    assert np.abs(images - model.sample(3, (1, 3))).max() > 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": (8, 8, 3)},
        {"network": "conv"},
        {"hidden": (6,)},
        {"filters": (4, 3)},
        {"activation": "relu"},
        {"z_size": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_field_of_the_config_changes_the_model(change):
    base = dataclasses.replace(ODD_CONV, activation="tanh", network="conv" if "filters" in change else "mlp")

    def seen(config):
        model = ramped(config)
        return [v.shape for v in model.variables], model.sample(2).numpy().mean()

    assert set(change) <= {field.name for field in dataclasses.fields(VAEConfig)}
    assert seen(base) != seen(dataclasses.replace(base, **change))


def test_every_field_of_the_config_is_among_the_changes():
    assert {f.name for f in dataclasses.fields(VAEConfig)} == {
        "image_shape",
        "network",
        "hidden",
        "filters",
        "activation",
        "z_size",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_shape": (28, 28)}, "model.image_shape: got"),
        ({"network": "resnet"}, "'mlp' or 'conv'"),
        ({"hidden": ()}, "model.hidden: got"),
        ({"z_size": 0}, "model.z_size: got 0"),
        ({"network": "conv", "image_shape": (30, 28, 1)}, "2 halvings"),
        ({"activation": "gelu"}, "model.activation: got 'gelu'"),
    ],
)
def test_a_wrong_config_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        VAEConfig(**change)
