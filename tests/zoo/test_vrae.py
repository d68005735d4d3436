import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import vrae
from zoo.configs.vrae import PRESETS, VRAEConfig

ODD = VRAEConfig(sequence_shape=(4, 3), hidden=5, z_size=2)
INFERENCE, DECODERS = ("nn", "rnn", "lstm", "gru"), ("mlp", "rnn", "lstm", "gru")
pairs = pytest.mark.parametrize(
    "config",
    [
        dataclasses.replace(ODD, inference=inference, decoder=decoder)
        for inference, decoder in zip(INFERENCE, DECODERS, strict=True)
    ],
    ids=lambda config: f"{config.inference}-{config.decoder}",
)


def sine(offset, *shape, scale=0.5):
    return scale * np.sin(offset + 1.0 + np.arange(np.prod(shape)).reshape(shape))


def ramped(config):
    """The model with distinct weights, so that a swapped or transposed one shows."""
    model = vrae.build(config)
    for offset, v in enumerate(model.variables):
        v.assign(sine(100 * offset, *v.shape))
    return model


def binary(config, batch_size, seed=0):
    shape = (batch_size, *config.sequence_shape)
    return {"sequence": np.float32(np.random.default_rng(seed).integers(0, 2, shape))}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)
def test_golden_numbers(run):
    """Three steps of two features, three units, two latents, by the equations of the paper."""
    model = vrae.build(VRAEConfig(sequence_shape=(3, 2), hidden=3, z_size=2))
    x = np.float32([[[1, 0], [0, 1], [1, 1]], [[0, 0], [1, 0], [0, 1]]])
    noise = np.float32([[0.8414709848, 0.9092974268], [0.1411200081, -0.7568024953]])
    encoder, decoder = model.encoder.maps["gates"], model.decoder.maps["gates"]
    encoder.kernel.assign(np.concatenate([sine(0, 2, 3), sine(100, 3, 3)]))
    encoder.bias.assign(sine(200, 3, scale=0.1))
    model.start.kernel.assign(sine(500, 2, 3))
    model.start.bias.assign(sine(550, 3, scale=0.1))
    decoder.kernel.assign(np.concatenate([sine(700, 2, 3), sine(600, 3, 3)]))
    decoder.bias.assign(sine(800, 3, scale=0.1))
    for layer, offset, width in (
        (model.head.mean, 300, 2),
        (model.head.log_variance, 400, 2),
        (model.output_head, 900, 2),
    ):
        layer.kernel.assign(sine(offset, 3, width))
        layer.bias.assign(sine(offset + 50, width, scale=0.1))

    code = run(model.encode)(x, noise)
    np.testing.assert_allclose(code["mean"], [[-0.0640817476, 0.0148974334], [-0.1473377254, -0.1549884534]], rtol=1e-5)
    np.testing.assert_allclose(
        2 * np.log(code["scale"]), [[-0.0850587482, -0.0305593082], [-0.0816903206, -0.171919819]], rtol=1e-5
    )
    np.testing.assert_allclose(code["z"], [[0.7423523326, 0.9104067174], [-0.011865656, -0.8494538981]], rtol=1e-5)
    terms = run(model.loss_terms)({"sequence": x}, noise)
    np.testing.assert_allclose(terms["distortion"], [4.0983928779, 4.2007632425], rtol=1e-5)
    np.testing.assert_allclose(terms["rate"], [0.0041538463, 0.0314719770], rtol=1e-4)
    np.testing.assert_allclose(
        run(model.reconstruct)(x, noise)["sequence"][:, -1],
        [[0.527099994, 0.498314896], [0.527096558, 0.4982607679]],
        rtol=1e-5,
    )


def keras_cell(name, cell):
    """The library's cell with our weights, as (x, state) -> state."""
    kinds = {"rnn": keras.layers.SimpleRNNCell, "lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}
    theirs = kinds[name](cell.units)
    theirs.build((None, 3))
    if name == "gru":
        kernel, bias = cell.maps["input"].get_weights()
        recurrent, recurrent_bias = cell.maps["recurrent"].get_weights()
        theirs.set_weights([kernel, recurrent, np.stack([bias, recurrent_bias])])
    else:
        kernel, bias = cell.maps["gates"].get_weights()
        theirs.set_weights([kernel[:3], kernel[3:], bias])
    return lambda x, state: theirs(x, list(state))[1]


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_a_pass_is_the_librarys_cell_in_a_plain_loop(name):
    model = ramped(dataclasses.replace(ODD, inference=name, decoder=name))
    batch, noise = binary(ODD, 3), np.float32(np.random.default_rng(1).normal(size=(3, 2)))
    encoder, decoder = keras_cell(name, model.encoder), keras_cell(name, model.decoder)
    states = 2 if name == "lstm" else 1
    state = [np.zeros((3, 5), np.float32)] * states
    for t in range(4):
        state = encoder(batch["sequence"][:, t], state)
    mean, scale = model.head(state[0])
    z = mean + scale * noise

    kernel, bias = model.start.get_weights()
    state = np.split(np.tanh(z @ kernel + bias), states, -1)
    kernel, bias = model.output_head.get_weights()
    x_hat, probs = np.zeros((3, 3), np.float32), []
    for _ in range(4):
        state = decoder(x_hat, state)
        x_hat = sigmoid(np.asarray(state[0]) @ kernel + bias)
        probs.append(x_hat)
    np.testing.assert_allclose(model.reconstruct(batch["sequence"], noise)["sequence"], np.stack(probs, 1), rtol=1e-4)


def test_the_plain_networks_are_the_ones_of_the_experiment():
    model = ramped(dataclasses.replace(ODD, inference="nn", decoder="mlp"))
    batch, noise = binary(ODD, 3), np.random.default_rng(1).normal(size=(3, 2))
    by_name = {v.path: np.float64(v.numpy()) for v in model.variables}
    assert len(by_name) == 10
    (w, b), (w_1, b_1), (w_2, b_2) = (
        [np.float64(v) for v in layer.get_weights()] for layer in (model.encoder[1], model.decoder[0], model.decoder[1])
    )
    h = np.tanh(batch["sequence"].reshape(3, 12) @ w + b)
    mean, scale = (np.asarray(v) for v in model.head(np.float32(h)))
    z = mean + scale * noise
    logits = (np.tanh(z @ w_1 + b_1) @ w_2 + b_2).reshape(3, 4, 3)
    np.testing.assert_allclose(
        model.reconstruct(batch["sequence"], np.float32(noise))["sequence"], sigmoid(logits), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("mnist-nn", 784 * 500 + 500 + 2 * (500 + 1) * 2 + 2 * 500 + 500 + 500 * 784 + 784),
        ("mnist-lstm", 4 * 500 * (28 + 500 + 1) + 2 * (500 + 1) * 2 + 2 * 500 + 500 + 500 * 784 + 784),
        ("mnist-gru", 3 * 500 * (28 + 500 + 2) + 2 * (500 + 1) * 2 + 2 * 500 + 500 + 500 * 784 + 784),
    ],
)
def test_the_presets_have_the_specified_number_of_parameters(preset, count):
    assert vrae.build(PRESETS[preset].model).count_params() == count


@pairs
def test_eager_graph_and_jit_agree(config):
    model, batch = ramped(config), binary(config, 3)
    noise = model.noise(3, [1, 2])
    want = {**model.loss_terms(batch, noise), "log_weights": model.log_weights(batch, noise)}

    def both(batch, noise):
        return {**model.loss_terms(batch, noise), "log_weights": model.log_weights(batch, noise)}

    for run in (tf.function, tf.function(jit_compile=True)):
        got = run(both)(batch, noise)
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4, err_msg=name)


@pairs
def test_log_weight_and_bound_agree_on_average(config):
    """E[log w] is minus distortion minus rate; the tolerance is four standard errors of the difference."""
    model, n = ramped(config), 4000
    batch = {"sequence": np.repeat(binary(config, 1)["sequence"], n, 0)}
    noise = model.noise(n, [5, 6])
    terms = model.loss_terms(batch, noise)
    difference = model.log_weights(batch, noise) + terms["distortion"] + terms["rate"]
    assert abs(np.mean(difference)) < 4 * np.std(difference) / np.sqrt(n)


@pairs
def test_an_example_does_not_see_the_others(config):
    model, batch = ramped(config), binary(config, 5)
    noise, order = model.noise(5, [1, 2]), [3, 0, 4, 1, 2]
    want = model.log_weights(batch, noise).numpy()
    got = model.log_weights({"sequence": batch["sequence"][order]}, tf.gather(noise, order))
    np.testing.assert_allclose(got, want[order], rtol=1e-5)


@pairs
def test_the_gradient_reaches_every_variable(config):
    model, batch = vrae.build(config), binary(config, 8)
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_mean(term) for term in model.loss_terms(batch, model.noise(8, [0, 0])).values())
    for v, g in zip(model.variables, tape.gradient(loss, model.trainable_variables), strict=True):
        assert g is not None and np.abs(g).max() > 0, v.path


@pytest.mark.parametrize("inference", ["rnn", "lstm", "gru"])
def test_the_order_of_the_steps_matters_to_a_recurrent_network(inference):
    model, batch = ramped(dataclasses.replace(ODD, inference=inference)), binary(ODD, 2)
    mean, _ = model.posterior(batch["sequence"])
    backwards, _ = model.posterior(batch["sequence"][:, ::-1])
    assert np.abs(mean - backwards).max() > 1e-4


@pytest.mark.parametrize("decoder", ["rnn", "lstm", "gru"])
def test_the_decoder_hears_its_own_probabilities_and_nothing_later(decoder):
    """Forgetting what was heard changes every step but the first."""
    model = ramped(dataclasses.replace(ODD, decoder=decoder))
    z = model.noise(2, [0, 1])
    want = model.decode(z)["sequence"].numpy()
    kernel = model.decoder.maps["input" if decoder == "gru" else "gates"].kernel
    kernel.assign(np.concatenate([np.zeros((3, kernel.shape[1])), kernel.numpy()[3:]]))
    got = model.decode(z)["sequence"].numpy()
    np.testing.assert_allclose(got[:, 0], want[:, 0], rtol=1e-6)
    assert np.abs(got[:, 1:] - want[:, 1:]).max((0, 2)).min() > 1e-5


def test_reweighting_changes_the_loss_and_not_the_bound():
    config = dataclasses.replace(ODD, kl_weight=0.01, reduce_time="mean")
    plain, weighted, batch = ramped(ODD), ramped(config), binary(ODD, 3)
    noise = plain.noise(3, [0, 1])
    want, got = plain.training_terms(batch, noise, 0), weighted.training_terms(batch, noise, 0)
    assert set(want) == {"distortion", "rate"}
    assert set(weighted.loss_terms(batch, noise)) == {"distortion", "rate"}
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-6)
    np.testing.assert_allclose(sum(got.values()), want["distortion"] / 4 + 0.01 * want["rate"], rtol=1e-4)
    np.testing.assert_allclose(weighted.log_weights(batch, noise), plain.log_weights(batch, noise))


CHANGES = {
    "sequence_shape": (5, 3),
    "inference": "gru",
    "decoder": "gru",
    "hidden": 6,
    "z_size": 3,
    "kl_weight": 0.5,
    "reduce_time": "mean",
}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(VRAEConfig)])
def test_each_field_of_the_config_changes_something(name):
    def seen(config):
        model = ramped(config)
        loss = sum(model.training_terms(binary(config, 2), model.noise(2, [0, 1]), 0).values())
        return [v.shape for v in model.variables], loss.numpy().tolist()

    assert seen(ODD) != seen(dataclasses.replace(ODD, **{name: CHANGES[name]}))


def test_noise_is_the_seeds_and_each_examples_own():
    model = vrae.build(ODD)
    noise = model.noise(6, [3, 4]).numpy()
    np.testing.assert_array_equal(noise, model.noise(6, [3, 4]))
    assert len(np.unique(noise)) == noise.size


def test_every_pair_of_networks_builds_and_samples():
    for inference, decoder in itertools.product(INFERENCE, DECODERS):
        model = vrae.build(dataclasses.replace(ODD, inference=inference, decoder=decoder))
        assert model.sample(2, (0, 1)).shape == (2, 4, 3)


def test_bfloat16_products_leave_float32_likelihoods():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        models = [
            vrae.build(dataclasses.replace(ODD, inference=inference, decoder=decoder))
            for inference, decoder in zip(INFERENCE, DECODERS, strict=True)
        ]
    finally:
        keras.config.set_dtype_policy("float32")
    for model in models:
        for term in tf.function(model.loss_terms)(binary(ODD, 2), model.noise(2, [0, 1])).values():
            assert term.dtype == tf.float32 and np.isfinite(term).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sequence_shape": (4,)}, "model.sequence_shape: got"),
        ({"inference": "mlp"}, "one of nn, rnn, lstm, gru"),
        ({"decoder": "nn"}, "one of mlp, rnn, lstm, gru"),
        ({"hidden": 0}, "model.hidden: got 0"),
        ({"kl_weight": -1.0}, "model.kl_weight: got -1.0"),
        ({"reduce_time": "max"}, "'sum' or 'mean'"),
    ],
)
def test_a_wrong_config_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        VRAEConfig(**change)
