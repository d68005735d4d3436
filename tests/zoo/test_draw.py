import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import draw
from zoo.configs.draw import PRESETS, DRAWConfig
from zoo.draw import DRAW, State
from zoo.nn.recurrence import lstm_gates

ODD = DRAWConfig(image_shape=(5, 7, 3), steps=4, hidden=6, z_size=2, read_n=3, write_n=2)
BLIND = dataclasses.replace(ODD, attention=False)
TINY = DRAWConfig(image_shape=(3, 4, 1), steps=2, hidden=3, z_size=2, read_n=2, write_n=3)
configs = pytest.mark.parametrize("config", [ODD, BLIND], ids=["attention", "no attention"])


def filled(config):
    """The model with distinct weights, all of a size that counts."""
    model = draw.build(config)
    for seed, v in enumerate(model.variables):
        v.assign(np.random.default_rng(seed).normal(0, 0.3, v.shape))
    return model


def images(config, batch_size, seed=0):
    """Binary ones."""
    return np.float32(np.random.default_rng(seed).integers(0, 2, (batch_size, *config.image_shape)))


def bound(model, x, noise):
    return sum(model.loss_terms({"image": x}, noise).values())


# ---------------------------------------------------------------- golden numbers


def sine(offset, *shape):
    return np.float32(0.1 * np.sin(offset + np.arange(1, np.prod(shape) + 1)).reshape(shape))


def golden(attention):
    """A model with an encoder of 3 units and a decoder of 2, its images and noise [B, T, Z]."""
    model = DRAW(dataclasses.replace(TINY, attention=attention))
    model.maps["decoder"] = lstm_gates(2, "decoder")
    read, area = (8, 9) if attention else (24, 12)

    def rows(*blocks):  # one kernel of [input; h] from the kernels of each
        return np.concatenate([sine(offset, *shape) for offset, shape in blocks])

    weights = {
        "encoder": (rows((0, (read + 2, 12)), (1000, (3, 12))), sine(2000, 12)),
        "posterior": (
            np.concatenate([sine(3000, 3, 2), sine(4000, 3, 2)], 1),
            np.concatenate([sine(3500, 2), sine(4500, 2)]),
        ),
        "decoder": (rows((5000, (2, 8)), (6000, (2, 8))), sine(7000, 8)),
        "write": (sine(8000, 2, area), sine(8500, area)),
    }
    if attention:
        weights["read_window"] = (sine(9000, 2, 5), sine(9500, 5))
        weights["write_window"] = (sine(10000, 2, 5), sine(10500, 5))
    assert set(weights) == set(model.maps)
    for name, layer in model.maps.items():
        layer.build((None, len(weights[name][0])))
        layer.set_weights(weights[name])
    model.initial = State(
        *map(tf.constant, (sine(11000, 3, 4, 1), sine(11300, 3), sine(11400, 3), sine(11100, 2), sine(11200, 2)))
    )
    model.built = True
    x = np.stack([np.arange(12) % 2 == 0, np.arange(12) % 3 == 0]).astype(np.float32).reshape(2, 3, 4, 1)
    noise = np.sin(np.arange(1, 9, dtype=np.float32)).reshape(2, 2, 2)  # [T, B, Z]
    return model, x, noise.transpose(1, 0, 2)


GOLDEN_LOSS = {
    True: {"distortion": (8.3721499355, 8.4010499214), "rate": (0.0281819165, 0.0273513043)},
    False: {"distortion": (8.3630648510, 8.3926870590), "rate": (0.0239171939, 0.0235671154)},
}
# After each glimpse: h_enc, mean, log sigma, z, h_dec, first row of the canvas, rate; of the first example.
GOLDEN_STEPS = {
    True: (
        (
            (-0.0013723979, -0.0066232954, -0.0062265786),
            (0.0950943858, 0.0762454776),
            (0.0779136723, -0.0100852907),
            (1.0047492023, 0.9764184643),
            (-0.0758493922, -0.0410128266),
            (-0.0743767232, 0.0272117780, 0.1215809569, 0.1202584978),
            0.0139277261,
        ),
        (
            (0.0064936731, 0.0154260471, 0.0098278157),
            (0.0953615527, 0.0775636322),
            (0.0792173708, -0.0089066702),
            (-0.9426160434, -0.1993742543),
            (-0.0371530698, 0.0119359070),
            (-0.0736719816, 0.0396455905, 0.1518177740, 0.1562437999),
            0.0142541905,
        ),
    ),
    False: (
        (
            (0.0176032056, -0.0303676317, -0.0520279034),
            (0.0900334039, 0.0707632426),
            (0.0723673547, -0.0111058634),
            (0.9946569513, 0.9700180059),
            (-0.0755790653, -0.0406966710),
            (-0.0988248462, 0.0912183406, 0.1973958057, 0.1220884774),
            0.0121782648,
        ),
        (
            (0.0322684665, -0.0206072768, -0.0573258089),
            (0.0881282529, 0.0696533260),
            (0.0712167753, -0.0104472341),
            (-0.9415780361, -0.2068582485),
            (-0.0368591719, 0.0120228121),
            (-0.1148100382, 0.1679176001, 0.2962625712, 0.1522251006),
            0.0117389292,
        ),
    ),
}


@pytest.mark.parametrize("attention", [True, False])
def test_the_bound_has_the_golden_numbers(attention):
    model, x, noise = golden(attention)
    terms = model.loss_terms({"image": x}, noise)
    for name, want in GOLDEN_LOSS[attention].items():
        np.testing.assert_allclose(terms[name], want, rtol=2e-6)


@pytest.mark.parametrize("attention", [True, False])
def test_every_glimpse_has_the_golden_numbers(attention):
    model, x, noise = golden(attention)
    state = model.start(2)
    for t, want in enumerate(GOLDEN_STEPS[attention]):
        state, found = model.infer_step(x, state, noise[:, t], model.maps)
        seen = (state.h_enc, found.mean, found.log_scale, found.z, state.h_dec, state.canvas[:, 0, :, 0])
        for got, numbers in zip((*seen, model.rates(found)), want, strict=True):
            np.testing.assert_allclose(got[0], numbers, rtol=1e-5, atol=1e-7)


def test_reading_has_the_golden_numbers():
    """Of the image, then of the error, row by row; the second example."""
    model, x, _ = golden(True)
    start = model.start(2)
    r, _ = model.read(x, x - tf.sigmoid(start.canvas), start.h_dec, model.maps)
    want = (0.3306639540, 0.4299457192, 0.2909854654, 0.1373342022)
    want += (-0.1134007545, -0.0264688035, -0.1674778546, -0.3059340958)
    np.testing.assert_allclose(r[1], want, rtol=1e-5)


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("mnist", 961_275),
        ("mnist-noattention", 2_751_208),
        ("svhn", 11_297_390),
        ("cifar10", 2_682_357),
    ],
)
def test_the_presets_have_the_specified_number_of_parameters(preset, count):
    assert draw.build(PRESETS[preset].model).count_params() == count


def test_a_fresh_model_reads_in_the_middle_on_half_the_image_and_writes_on_all_of_it():
    model = draw.build(dataclasses.replace(ODD, hidden=64))
    film = model.reconstruct(images(ODD, 3), model.noise(3, (0, 0)))
    # (g_x, g_y, delta, variance, gamma): 3 points half of 6 pixels apart, and 2 points on the 6.
    for name, want in (("read_windows", (4, 3, 1.5, 1, 1)), ("windows", (4, 3, 6, 1, 1))):
        np.testing.assert_allclose(film[name], np.broadcast_to(want, (3, 4, 5)), rtol=0.1)


# ---------------------------------------------------------------- the paper, example by example in float64


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def papers_bank(g, delta, variance, length, n):
    f = np.zeros((n, length))
    for i in range(1, n + 1):
        for a in range(1, length + 1):
            f[i - 1, a - 1] = np.exp(-((a - g - (i - n / 2 - 0.5) * delta) ** 2) / (2 * variance))
    return f / np.maximum(f.sum(1, keepdims=True), 1e-8)  # 0 where a filter has left the image


def papers_pass(model, x, eps):
    """Section 2 and 3 for one image x: [B, A, C] (the paper's height and width); eps: [T, Z]."""
    config = model.config
    height, width, channels = config.image_shape

    def w(name, h):
        kernel, bias = model.maps[name].get_weights()
        return h @ np.float64(kernel) + bias

    def rnn(name, inputs, h, cell):
        i, f, g, o = np.split(w(name, np.concatenate([*inputs, h])), 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(cell), cell

    def attend(name, h, n):
        gx, gy, log_variance, log_delta, log_gamma = w(name, h)
        gx, gy = (width + 1) / 2 * (gx + 1), (height + 1) / 2 * (gy + 1)
        delta = (max(width, height) - 1) / (n - 1) * np.exp(log_delta)
        variance, gamma = np.exp(log_variance), np.exp(log_gamma)
        bank_x = papers_bank(gx, delta, variance, width, n)
        bank_y = papers_bank(gy, delta, variance, height, n)
        return bank_x, bank_y, gamma, (gx, gy, delta, variance, gamma)

    canvas, h_enc, cell_enc, h_dec, cell_dec = (np.float64(v.numpy()) for v in model.initial)
    kept = {k: [] for k in ("canvases", "read_windows", "windows", "mean", "scale", "z")}
    rate = log_ratio = 0.0
    for t in range(config.steps):
        x_hat = x - sigmoid(canvas)
        if config.attention:
            bank_x, bank_y, gamma, at = attend("read_window", h_dec, config.read_n)
            n = range(channels)
            both = [np.stack([gamma * bank_y @ v[..., c] @ bank_x.T for c in n], -1) for v in (x, x_hat)]
            kept["read_windows"].append(at)
        else:
            both = [x, x_hat]
        h_enc, cell_enc = rnn("encoder", [both[0].ravel(), both[1].ravel(), h_dec], h_enc, cell_enc)
        mu, log_sigma = np.split(w("posterior", h_enc), 2)
        z = mu + np.exp(log_sigma) * eps[t]
        for d in range(config.z_size):
            sigma = np.exp(log_sigma[d])
            rate += 0.5 * (mu[d] ** 2 + sigma**2 - np.log(sigma**2)) - 0.5
            log_ratio += -0.5 * z[d] ** 2 + 0.5 * ((z[d] - mu[d]) / sigma) ** 2 + np.log(sigma)
        h_dec, cell_dec = rnn("decoder", [z], h_dec, cell_dec)
        patch = w("write", h_dec)
        if config.attention:
            bank_x, bank_y, gamma, at = attend("write_window", h_dec, config.write_n)
            patch = patch.reshape(config.write_n, config.write_n, channels)
            ink = np.stack([bank_y.T @ patch[..., c] @ bank_x / gamma for c in range(channels)], -1)
            kept["windows"].append(at)
        else:
            ink = patch.reshape(height, width, channels)
        canvas = canvas + ink
        for name, value in (("canvases", sigmoid(canvas)), ("mean", mu), ("scale", np.exp(log_sigma)), ("z", z)):
            kept[name].append(value)
    p = sigmoid(canvas)
    distortion = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p))
    values = {name: np.array(v) for name, v in kept.items() if v}
    return {**values, "image": p, "distortion": distortion, "rate": rate, "log_weights": log_ratio - distortion}


@configs
def test_a_pass_is_the_papers(config):
    """Everything a pass returns; the images are grey ones, in colour."""
    model, rng = filled(config), np.random.default_rng(1)
    x, eps = np.float32(rng.uniform(size=(3, 5, 7, 3))), np.float32(rng.normal(size=(3, 4, 2)))
    each = [papers_pass(model, *example) for example in zip(np.float64(x), np.float64(eps), strict=True)]
    want = {name: np.stack([one[name] for one in each]) for name in each[0]}

    code = model.encode(x, eps)
    terms = model.loss_terms({"image": x}, eps)
    log_weights = model.log_weights({"image": x}, eps)
    got = {**terms, "log_weights": log_weights, **model.reconstruct(x, eps), **code}
    assert set(got) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    decoded = model.decode(code["z"])
    assert set(decoded) == set(want) & {"image", "canvases", "windows"}
    for name, values in decoded.items():
        np.testing.assert_allclose(values, want[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("config", "jit"), [(ODD, True), (BLIND, False)], ids=["attention, jit", "no attention, graph"]
)
def test_a_compiled_pass_is_the_eager_one(config, jit):
    model, x = filled(config), tf.constant(images(config, 3))
    noise = model.noise(3, (1, 2))

    def everything(x, noise):
        return model.loss_terms({"image": x}, noise) | model.reconstruct(x, noise)

    got, want = tf.function(everything, jit_compile=jit)(x, noise), everything(x, noise)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


# ---------------------------------------------------------------- gradient


@configs
def test_the_gradient_of_the_bound_is_that_of_a_plain_loop(config):
    model, x = filled(config), images(config, 3)
    noise = model.noise(3, (1, 2))
    with tf.GradientTape() as tape:
        state, glimpses = model.start(3), []
        for t in range(config.steps):
            state, found = model.infer_step(x, state, noise[:, t], model.maps)
            glimpses.append(found)
        distortion = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, state.canvas))
        loss = distortion + sum(tf.reduce_sum(model.rates(found)) for found in glimpses)
    want = tape.gradient(loss, model.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(bound(model, x, noise))
    got = tape.gradient(loss, model.trainable_variables)
    for v, g, w in zip(model.trainable_variables, got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-3, atol=1e-4 * np.abs(w).max(), err_msg=v.path)


@configs
def test_the_gradient_reaches_every_variable_of_a_fresh_model(config):
    model, x = draw.build(config), images(config, 5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(bound(model, x, model.noise(5, (0, 0))))
    assert len(model.trainable_variables) == len(model.variables)
    for v, g in zip(model.variables, tape.gradient(loss, model.variables), strict=True):
        assert g is not None and np.isfinite(g).all() and np.abs(g).max() > 0, v.path


def test_one_point_has_a_gradient_but_for_its_stride():
    model = filled(dataclasses.replace(ODD, read_n=1, write_n=1))
    x = images(ODD, 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(bound(model, x, model.noise(2, (0, 0))))
    kernels = [model.maps[name].kernel.value for name in ("read_window", "write_window")]
    for g in tape.gradient(loss, kernels):
        assert np.isfinite(g).all()
        np.testing.assert_array_equal(np.abs(g).max(0) > 0, [True, True, True, False, True])


# ---------------------------------------------------------------- noise, prior, bound


def test_noise_is_another_number_for_every_glimpse_example_and_seed():
    model = draw.build(ODD)
    noise = model.noise(6, (3, 4)).numpy()
    assert noise.shape == (6, 4, 2)
    np.testing.assert_array_equal(noise, model.noise(6, (3, 4)))
    assert len(np.unique(noise)) == noise.size
    assert not np.isin(noise, model.noise(6, (3, 5))).any() and not np.isin(noise, model.noise(6, (4, 4))).any()
    many = model.noise(2000, (0, 1)).numpy()  # 16,000 numbers
    assert abs(many.mean()) < 4 / np.sqrt(many.size) and abs(many.std() - 1) < 4 / np.sqrt(2 * many.size)


@configs
def test_each_glimpse_hears_its_own_noise_and_no_later_one(config):
    model, x = filled(config), images(config, 2)
    noise = model.noise(2, (1, 2)).numpy()
    want = model.encode(x, noise)["z"].numpy()
    for t in range(config.steps):
        other = noise.copy()
        other[:, t] += 1
        moved = np.abs(model.encode(x, other)["z"] - want).max((0, 2)) > 1e-6
        np.testing.assert_array_equal(moved, np.arange(config.steps) >= t)


@configs
def test_an_example_does_not_see_the_others(config):
    model, x = filled(config), images(config, 5)
    noise, order = model.noise(5, (1, 2)), [3, 0, 4, 1, 2]
    want = model.log_weights({"image": x}, noise).numpy()
    got = model.log_weights({"image": x[order]}, tf.gather(noise, order))
    np.testing.assert_allclose(got, want[order], rtol=1e-5)
    changed = x.copy()
    changed[1] = 1 - changed[1]
    got = model.log_weights({"image": changed}, noise).numpy()
    np.testing.assert_allclose(np.delete(got, 1), np.delete(want, 1), rtol=1e-6)
    assert abs(got[1] - want[1]) > 1e-3


@configs
def test_the_rate_is_positive_and_zero_where_the_posterior_is_the_prior(config):
    model, x = filled(config), images(config, 3)
    noise = model.noise(3, (1, 2))
    _, glimpses = model.infer(x, noise)
    rates = model.rates(glimpses).numpy()
    assert rates.shape == (4, 3) and (rates > 0).all()
    for v in model.maps["posterior"].variables:
        v.assign(tf.zeros(v.shape))
    terms = model.loss_terms({"image": x}, noise)
    np.testing.assert_array_equal(terms["rate"], np.zeros(3))
    np.testing.assert_allclose(model.log_weights({"image": x}, noise), -terms["distortion"], rtol=1e-6)
    np.testing.assert_allclose(model.encode(x, noise)["z"], noise, rtol=1e-6)


def test_one_importance_sample_is_in_expectation_the_bound():
    """4,000 draws, each with the bound of the same noise; 4 standard errors of the difference."""
    model, n = filled(ODD), 4000
    x = np.repeat(images(ODD, 1), n, 0)
    noise = model.noise(n, (1, 2))
    difference = np.float64(model.log_weights({"image": x}, noise) + bound(model, x, noise))
    assert difference.std() > 0.1  # sampled and closed rates do differ draw by draw
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n)


def test_distortion_of_grey_pixels_is_the_cross_entropy_whatever_array_holds_them():
    model, grey = filled(ODD), np.random.default_rng(0).uniform(size=(2, 5, 7, 3)).astype(np.float32)
    noise = model.noise(2, (0, 1))
    p = np.float64(model.reconstruct(grey, noise)["image"])
    want = -np.sum(grey * np.log(p) + (1 - grey) * np.log(1 - p), (1, 2, 3))
    for x in (grey, tf.constant(grey)):
        np.testing.assert_allclose(model.loss_terms({"image": x}, noise)["distortion"], want, rtol=1e-5)


def test_sure_pixels_cost_what_their_logits_say():
    """A probability clipped near 0 or 1 would cap the cost near 18 nats a pixel."""
    canvas = tf.constant([[[[100.0]], [[-100.0]]]])
    np.testing.assert_allclose(-draw.pixels(canvas).log_prob(np.float32([[[[0]], [[1]]]])), [200], rtol=1e-6)
    np.testing.assert_allclose(-draw.pixels(canvas).log_prob(np.float32([[[[1]], [[0]]]])), [0], atol=1e-6)


@configs
def test_samples_are_the_seeds_and_come_from_the_prior(config):
    model = filled(config)
    seen = model.sample(3, (1, 2)).numpy()
    assert seen.shape == (3, 5, 7, 3) and seen.min() >= 0 and seen.max() <= 1
    np.testing.assert_array_equal(seen, model.sample(3, (1, 2)))
    assert np.abs(seen - model.sample(3, (1, 3))).max() > 1e-4
    np.testing.assert_array_equal(seen, model.decode(model.noise(3, (1, 2)))["image"])


# ---------------------------------------------------------------- the model as a whole


def test_products_in_bfloat16_leave_the_bound_within_a_percent():
    x, want = images(ODD, 3), filled(ODD)
    noise = want.noise(3, (1, 2))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = filled(ODD)
        with tf.GradientTape() as tape:
            got = bound(low, x, noise)
        gradients = tape.gradient(got, low.variables)
    finally:
        keras.config.set_dtype_policy("float32")
    assert got.dtype == tf.float32 and all(v.dtype == "float32" for v in low.variables)
    difference = np.abs(got / bound(want, x, noise) - 1)
    assert (difference < 0.01).all() and (difference > 0).any()
    assert all(np.isfinite(g).all() for g in gradients)


@configs
def test_weights_that_were_saved_give_the_same_bound(config, tmp_path):
    model, x = filled(config), images(config, 3)
    model.save_weights(tmp_path / "model.weights.h5")
    other = draw.build(config)
    noise = model.noise(3, (1, 2))
    want = bound(model, x, noise).numpy()
    assert np.abs(bound(other, x, noise) - want).max() > 1e-3
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(bound(other, x, noise), want)


def test_training_learns_sixteen_images_by_heart():
    """A code of log 16 = 2.8 nats would do; 20 pixels at the odds of each cost 13.2."""
    keras.utils.set_random_seed(0)
    model = draw.build(DRAWConfig(image_shape=(4, 5, 1), steps=2, hidden=32, z_size=4, read_n=4, write_n=5))
    row, column = np.divmod(np.arange(16), 4)
    x = np.zeros((16, 4, 5, 1), np.float32)
    x[np.arange(16), row] = 1
    x[np.arange(16), :, column] = 1
    optimizer = keras.optimizers.Adam(0.005, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train():
        for i in tf.range(1500):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(bound(model, x, model.noise(16, [0, i])))
            optimizer.apply(tape.gradient(loss, model.trainable_variables))

    def score():
        terms = model.loss_terms({"image": x}, model.noise(16, [1, 0]))
        return [float(tf.reduce_mean(term)) for term in terms.values()]

    assert sum(score()) > 12
    train()
    distortion, rate = score()
    assert distortion < 4 and distortion + rate < 8, (distortion, rate)


CHANGES = {
    "image_shape": (7, 5, 3),
    "steps": 3,
    "hidden": 5,
    "z_size": 3,
    "attention": False,
    "read_n": 2,
    "write_n": 3,
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(DRAWConfig)])
def test_each_field_of_the_config_changes_the_bound(field):
    x = np.float32(np.arange(105) % 4 == 0)

    def seen(config):
        model = filled(config)
        return bound(model, x.reshape(1, *config.image_shape), model.noise(1, (0, 0))).numpy().item()

    assert abs(seen(ODD) - seen(dataclasses.replace(ODD, **{field: CHANGES[field]}))) > 1e-4
