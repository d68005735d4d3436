import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import align_draw
from zoo.align_draw import AlignDRAW
from zoo.configs.align_draw import PRESETS, AlignDRAWConfig, CaptionVAEConfig
from zoo.nn.attention import align, blend
from zoo.nn.captions import Language
from zoo.nn.recurrence import lstm_gates

ODD = AlignDRAWConfig(
    vocabulary=9,
    caption_length=6,
    image_shape=(5, 7, 3),
    language=4,
    steps=3,
    hidden=6,
    z_size=2,
    read_n=3,
    write_n=2,
    align_size=5,
)
LAST, VECTOR = (dataclasses.replace(ODD, variant=variant) for variant in ("last", "vector"))
DENSE = CaptionVAEConfig(vocabulary=9, caption_length=6, image_shape=(4, 8, 3), language=4, hidden=10, z_size=2)
CONV = dataclasses.replace(DENSE, kind="conv", filters=(3, 5))
variants = pytest.mark.parametrize("config", [ODD, LAST, VECTOR], ids=["align", "last", "vector"])
baselines = pytest.mark.parametrize("config", [DENSE, CONV], ids=["dense", "conv"])
everyone = pytest.mark.parametrize(
    "config", [ODD, LAST, VECTOR, DENSE, CONV], ids=["align", "last", "vector", "dense", "conv"]
)
CAPTIONS = np.int32([[4, 2, 8, 3, 5, 0], [7, 0, 0, 0, 0, 0], [3, 3, 6, 0, 0, 0]])


def filled(config):
    """The model with distinct weights, all of a size that counts."""
    model = align_draw.build(config)
    for seed, v in enumerate(model.trainable_variables):
        v.assign(np.random.default_rng(seed).normal(0, 0.3, v.shape))
    return model


def batch_of(config, captions=CAPTIONS, seed=0):
    """Binary images."""
    shape = (len(captions), *config.image_shape)
    return {"image": np.float32(np.random.default_rng(seed).integers(0, 2, shape)), "caption": captions}


def bound(model, batch, noise):
    return sum(model.loss_terms(batch, noise).values())


# ---------------------------------------------------------------- golden numbers


def sine(offset, *shape, scale=0.1):
    return np.float32(scale * np.sin(offset + np.arange(1, np.prod(shape) + 1)).reshape(shape))


def test_align_has_the_golden_numbers():
    h_lang, h_gen = sine(20000, 1, 3, 4, scale=1), sine(20100, 1, 2, scale=1)
    query = h_gen @ sine(20300, 2, 3) + sine(20400, 3)
    alpha = align(h_lang @ sine(20200, 4, 3), query, sine(20500, 3, scale=1))
    np.testing.assert_allclose(alpha[0], (0.3416522267, 0.3305964569, 0.3277513165), rtol=1e-5)
    want = (0.0740441073, -0.0255394517, -0.1016421565, -0.0842955314)
    np.testing.assert_allclose(blend(alpha, h_lang)[0], want, rtol=1e-5)


def golden():
    """A model with 3 units for inference and 2 for generation, its batch and noise [B, T, Z].

    Word 0 is the end here, so the golden words 0 to 4 are 1 to 5.
    """
    config = AlignDRAWConfig(6, 4, (3, 4, 1), language=2, steps=2, hidden=3, z_size=2, read_n=2, write_n=2)
    config = dataclasses.replace(config, align_size=3)
    model = AlignDRAW(config)
    model.maps["generative"] = lstm_gates(2, "generative")
    weights = {
        "prior": (sine(2400, 2, 4, scale=0.7), sine(2500, 4)),
        "inference": (np.concatenate([sine(4000, 10, 12), sine(4300, 3, 12)]), sine(4600, 12)),
        "posterior": (
            np.concatenate([sine(5000, 3, 2), sine(5200, 3, 2)], 1),
            np.concatenate([sine(5100, 2), sine(5300, 2)]),
        ),
        "generative": (np.concatenate([sine(3000, 6, 8, scale=0.7), sine(3300, 2, 8, scale=0.7)]), sine(3600, 8)),
        "write": (sine(6400, 2, 4), sine(6500, 4)),
        "read_window": (sine(6000, 2, 5), sine(6100, 5)),
        "write_window": (sine(6200, 2, 5), sine(6300, 5)),
        "align": (sine(2100, 2, 3, scale=2), sine(2200, 3)),
    }
    assert set(weights) == set(model.maps)
    for name, layer in model.maps.items():
        layer.build((None, len(weights[name][0])))
        layer.set_weights(weights[name])
    model.language.build()
    for name, offset in (("forward", 0), ("backward", 1000)):
        words = np.concatenate([np.ones((1, 8)), sine(offset, 5, 8, scale=0.7)])
        model.language.tables[name].assign(words)
        model.language.maps[name].set_weights([sine(offset + 300, 2, 8, scale=0.7), sine(offset + 600, 8)])
    model.language.h_0.assign(sine(1900, 2))
    model.keys.build((None, 4))
    model.keys.set_weights([sine(2000, 4, 3, scale=2)])
    model.v = tf.constant(sine(2300, 3, scale=2))
    model.initial = [tf.constant(v) for v in (sine(7200, 3, 4, 1), sine(7100, 3), sine(7000, 2))]
    model.built = True
    x = np.stack([np.arange(12) % 2 == 0, np.arange(12) % 3 == 0]).astype(np.float32).reshape(2, 3, 4, 1)
    noise = np.sin(np.arange(1, 9, dtype=np.float32)).reshape(2, 2, 2)  # [T, B, Z]
    return model, {"image": x, "caption": np.int32([[2, 5, 3, 0], [4, 1, 3, 0]])}, noise.transpose(1, 0, 2)


def test_the_bound_has_the_golden_numbers():
    model, batch, noise = golden()
    terms = model.loss_terms(batch, noise)
    np.testing.assert_allclose(terms["distortion"], (8.3419136292, 8.3458914396), rtol=2e-6)
    np.testing.assert_allclose(terms["rate"], (0.0641120253, 0.0763943673), rtol=1e-5)


def test_every_word_has_the_golden_numbers():
    model, batch, _ = golden()
    h_lang, _, _, is_word = model.context(batch["caption"])
    np.testing.assert_array_equal(is_word, [[1, 1, 1, 0]] * 2)
    want = [
        [
            (0.1341792782, 0.0945413609, 0.1235375963, 0.0578337558),
            (-0.1056848254, 0.1015608898, 0.0803432207, 0.0367177495),
            (0.0400823956, 0.0459296909, 0.0083046813, -0.1309055067),
        ],
        [
            (-0.0522000252, -0.1761704311, -0.2103802963, -0.1155250519),
            (-0.1808443489, -0.1211179555, -0.0566713942, 0.0257450168),
            (0.0185588853, -0.0247957709, 0.0083046813, -0.1309055067),
        ],
    ]
    np.testing.assert_allclose(h_lang[:, :3], want, rtol=1e-5)


# After each glimpse of the first example: alpha, the prior's mean and log sigma, the posterior's, z, the canvas's
# first row, and the rate.
GOLDEN_STEPS = (
    (
        (0.2900973970, 0.3216836882, 0.3882189148, 0),
        (0, 0),
        (0, 0),
        (-0.0822673118, 0.0069310990),
        (-0.0934032560, -0.0858886281),
        (0.6841664490, 0.8413901024),
        (0.0020302325, 0.0741942332, 0.0369508772, -0.0648393125),
        0.0185853490,
    ),
    (
        (0.2902728779, 0.3243774952, 0.3853496269, 0),
        (0.0773474446, 0.1358972804),
        (0.0701477515, -0.0607417070),
        (-0.0829016112, 0.0074716066),
        (-0.0946289053, -0.0865866726),
        (-0.9552450548, -0.2487680698),
        (-0.0305552748, 0.0541351239, 0.0158418431, -0.0927158870),
        0.0455266764,
    ),
)


def test_every_glimpse_has_the_golden_numbers():
    model, batch, noise = golden()
    context, state = model.context(batch["caption"]), model.start(2)
    for t, want in enumerate(GOLDEN_STEPS):
        state, found = model.infer_step(batch["image"], state, (noise[:, t], float(t > 0)), context, model.maps)
        prior = found.prior_mean, found.prior_log_scale
        seen = (found.alpha, *prior, found.mean, found.log_scale, found.z, state.canvas[:, 0, :, 0])
        for got, numbers in zip((*seen, model.rates(found)), want, strict=True):
            np.testing.assert_allclose(got[0], numbers, rtol=2e-5, atol=1e-7)
        if t == 0:
            np.testing.assert_allclose(found.alpha[1], (0.3187833318, 0.3005913067, 0.3806253615, 0), rtol=1e-5)


# ---------------------------------------------------------------- the paper, example by example in float64


def variables_of(model):
    """{name: variable}, all that learn."""
    language, found = model.language, dict(zip(("canvas", "h_inf", "h_gen"), model.initial, strict=True))
    layers = dict(model.maps)
    if model.config.variant == "vector":
        found["word_vectors"] = language.table
    else:
        layers |= language.maps
        found |= {"h_lang": language.h_0, **{f"{name}_words": table for name, table in language.tables.items()}}
    if model.config.variant == "align":
        found |= {"U": model.keys.kernel, "v": model.v}
    for name, layer in layers.items():
        found |= {name: layer.kernel, f"{name}_bias": layer.bias}
    assert {id(v) for v in found.values()} == {id(v) for v in model.trainable_variables}
    return found


def weights_of(model):
    return {name: np.float64(v.numpy()) for name, v in variables_of(model).items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def bank(g, delta, variance, length, n):
    i, a = np.mgrid[1 : n + 1, 1 : length + 1]  # the paper's own indices, from 1
    f = np.exp(-((a - g - (i - n / 2 - 0.5) * delta) ** 2) / (2 * variance))
    return f / f.sum(1, keepdims=True)


def read_words(w, config, caption):
    """What a step can see of one caption: ([words, 2 K], None) or (None, the one vector)."""
    words = [word if word < config.vocabulary else 1 for word in caption[: list(caption).index(0)]]
    if config.variant == "vector":
        return None, np.mean([w["word_vectors"][word] for word in words], 0)

    def run(name, words):
        h, cell, hs = w["h_lang"], np.zeros(config.language), []
        for word in words:
            i, f, g, o = np.split(w[f"{name}_words"][word] + h @ w[name] + w[f"{name}_bias"], 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(cell)
            hs.append(h)
        return hs

    forward, backward = run("forward", words), run("backward", words[::-1])
    if config.variant == "last":
        return None, np.concatenate([forward[-1], backward[-1]])
    return np.concatenate([forward, backward[::-1]], 1), None


def papers_pass(w, config, x, caption, eps):
    """One image x: [H, W, C] of one caption [L]; eps: [T, Z]."""
    height, width, channels = config.image_shape
    h_lang, s = read_words(w, config, caption)

    def affine(name, *inputs):
        return np.concatenate(inputs) @ w[name] + w[f"{name}_bias"]

    def rnn(name, inputs, h, cell):
        i, f, g, o = np.split(affine(name, *inputs, h), 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(cell), cell

    def attend(name, h, n):
        gx, gy, log_variance, log_delta, log_gamma = affine(name, h)
        gx, gy = (width + 1) / 2 * (gx + 1), (height + 1) / 2 * (gy + 1)
        delta = (max(width, height) - 1) / (n - 1) * np.exp(log_delta)
        at = gx, gy, delta, np.exp(log_variance), np.exp(log_gamma)
        return bank(gx, delta, at[3], width, n), bank(gy, delta, at[3], height, n), at

    canvas, h_inf, h_gen = w["canvas"], w["h_inf"], w["h_gen"]
    cell_inf, cell_gen = np.zeros_like(h_inf), np.zeros_like(h_gen)
    kept = {k: [] for k in ("canvases", "read_windows", "windows", "word_weights", "rates")}
    log_ratio = 0.0
    for t in range(config.steps):
        prior_mu, prior_log_sigma = np.split(np.tanh(affine("prior", h_gen)), 2) if t else np.zeros((2, config.z_size))
        bank_x, bank_y, at = attend("read_window", h_gen, config.read_n)
        x_hat = x - sigmoid(canvas)
        r = [np.stack([at[4] * bank_y @ v[..., c] @ bank_x.T for c in range(channels)], -1) for v in (x, x_hat)]
        h_inf, cell_inf = rnn("inference", [r[0].ravel(), r[1].ravel(), h_gen], h_inf, cell_inf)
        mu, log_sigma = np.split(affine("posterior", h_inf), 2)
        z = mu + np.exp(log_sigma) * eps[t]
        if h_lang is not None:
            scores = [w["v"] @ np.tanh(h @ w["U"] + affine("align", h_gen)) for h in h_lang]
            s = softmax(np.array(scores)) @ h_lang
            kept["word_weights"].append(np.pad(softmax(np.array(scores)), [0, len(caption) - len(h_lang)]))
        rate = 0
        for d in range(config.z_size):
            m1, s1, m2, s2 = mu[d], np.exp(log_sigma[d]), prior_mu[d], np.exp(prior_log_sigma[d])
            rate += np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
            log_ratio += -((z[d] - m2) ** 2) / (2 * s2**2) - np.log(s2) + (z[d] - m1) ** 2 / (2 * s1**2) + np.log(s1)
        h_gen, cell_gen = rnn("generative", [z, s], h_gen, cell_gen)
        kept["read_windows"].append(at)
        bank_x, bank_y, at = attend("write_window", h_gen, config.write_n)
        patch = affine("write", h_gen).reshape(config.write_n, config.write_n, channels)
        canvas = canvas + np.stack([bank_y.T @ patch[..., c] @ bank_x / at[4] for c in range(channels)], -1)
        for name, value in (("windows", at), ("canvases", sigmoid(canvas)), ("rates", rate)):
            kept[name].append(value)
    p = sigmoid(canvas)
    distortion = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p))
    values = {name: np.array(v) for name, v in kept.items() if v}
    weight = {"log_weights": log_ratio - distortion}
    return {**values, "image": p, "distortion": distortion, "rate": values["rates"].sum(), **weight}


@variants
def test_a_pass_is_the_papers(config):
    """Everything a pass returns, of grey images in colour; the captions have 5, 1 and 3 words, one of them unknown."""
    model, rng = filled(config), np.random.default_rng(1)
    x, eps = np.float32(rng.uniform(size=(3, 5, 7, 3))), np.float32(rng.normal(size=(3, 3, 2)))
    captions = np.where(CAPTIONS == 8, 11, CAPTIONS)
    each = [papers_pass(weights_of(model), config, *e) for e in zip(np.float64(x), captions, eps, strict=True)]
    want = {name: np.stack([one[name] for one in each]) for name in each[0]}

    batch = {"image": x, "caption": captions}
    _, glimpses = model.infer(x, captions, eps)
    got = {**model.loss_terms(batch, eps), "log_weights": model.log_weights(batch, eps)}
    got |= {"rates": tf.transpose(model.rates(glimpses)), **model.reconstruct(x, captions, eps)}
    assert set(got) == set(want) and ("word_weights" in got) == (config.variant == "align")
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)

    # What is left of z without its prior is the noise that paints the same.
    noise = (glimpses.z - glimpses.prior_mean) / tf.exp(glimpses.prior_log_scale)
    decoded = model.decode(tf.transpose(noise, [1, 0, 2]), captions)
    assert set(decoded) == set(want) & {"image", "canvases", "windows", "word_weights"}
    for name, values in decoded.items():
        np.testing.assert_allclose(values, want[name], rtol=1e-4, atol=1e-5, err_msg=name)


@variants
def test_the_gradient_is_the_papers(config):
    """Central differences in float64 at the three largest numbers of every variable's gradient."""
    model, batch = filled(config), batch_of(config)
    noise, weights = model.noise(3, (1, 2)), weights_of(model)
    variables = variables_of(model)

    @tf.function
    def graph_gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(bound(model, batch, noise))
        return tape.gradient(loss, [v.value for v in variables.values()])

    gradients = graph_gradients()

    def papers_loss(name, at, change):
        moved = weights[name].copy()
        moved.flat[at] += change
        passes = (
            papers_pass(weights | {name: moved}, config, *example)
            for example in zip(np.float64(batch["image"]), CAPTIONS, np.float64(noise), strict=True)
        )
        return sum(one["distortion"] + one["rate"] for one in passes)

    for name, gradient in zip(variables, gradients, strict=True):
        assert isinstance(gradient, tf.Tensor), name  # slices could not leave what XLA compiles
        g = gradient.numpy().ravel()
        for at in np.argsort(-np.abs(g))[:3]:
            want = (papers_loss(name, at, 1e-4) - papers_loss(name, at, -1e-4)) / 2e-4
            np.testing.assert_allclose(g[at], want, rtol=2e-3, atol=1e-4, err_msg=name)


@everyone
def test_the_gradient_reaches_every_variable_of_a_fresh_model(config):
    model, batch = align_draw.build(config), batch_of(config)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(bound(model, batch, model.noise(3, (0, 0))))
    assert [v.path for v in model.non_trainable_variables] == [model.words.letters.path]
    variables = [v.value for v in model.trainable_variables]
    for v, g in zip(model.trainable_variables, tape.gradient(loss, variables), strict=True):
        assert g is not None and np.isfinite(g).all() and np.abs(g).max() > 0, v.path


@everyone
def test_a_compiled_pass_and_gradient_are_the_eager_ones(config):
    model, batch = filled(config), batch_of(config)
    batch, noise = {name: tf.constant(v) for name, v in batch.items()}, model.noise(3, (1, 2))

    def everything(batch, noise):
        with tf.GradientTape() as tape:
            terms = model.loss_terms(batch, noise)
            loss = tf.add_n([tf.reduce_sum(term) for term in terms.values()])
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return terms, gradients, model.reconstruct(batch["image"], batch["caption"], noise)

    results = [run(batch, noise) for run in (tf.function(everything, jit_compile=True), everything)]
    for got, want in zip(*map(tf.nest.flatten, results), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5 + 1e-4 * np.abs(want).max())


# ---------------------------------------------------------------- captions


@everyone
def test_an_example_does_not_see_the_others(config):
    model, batch = filled(config), batch_of(config)
    noise, order = model.noise(3, (1, 2)), [2, 0, 1]
    want = model.log_weights(batch, noise).numpy()
    got = model.log_weights({name: v[order] for name, v in batch.items()}, tf.gather(noise, order))
    np.testing.assert_allclose(got, want[order], rtol=1e-5)
    other = batch | {"caption": np.int32([CAPTIONS[0], [2, 5, 4, 6, 0, 0], CAPTIONS[2]])}
    got = model.log_weights(other, noise).numpy()
    np.testing.assert_array_equal(got[[0, 2]], want[[0, 2]])
    assert abs(got[1] - want[1]) > 1e-3


def test_the_two_directions_read_the_words_before_and_after():
    model, other = filled(ODD), CAPTIONS.copy()
    other[0, 2] = 5  # the third of five words
    want, got = (model.context(captions)[0].numpy() for captions in (CAPTIONS, other))
    moved = (got != want).reshape(3, 6, 2, 4).any(-1)
    np.testing.assert_array_equal(moved[0, :5, 0], [False, False, True, True, True])
    np.testing.assert_array_equal(moved[0, :5, 1], [True, True, True, False, False])
    assert not moved[1:].any()


@everyone
def test_padding_changes_no_number(config):
    """What follows the end, and how long it is."""
    model, batch = filled(config), batch_of(config)
    noise = model.noise(3, (1, 2))
    want = model.loss_terms(batch, noise), model.reconstruct(batch["image"], CAPTIONS, noise)
    rubbish = CAPTIONS.copy()
    rubbish[1, 2:], rubbish[2, 4] = (3, 8, 70, 2), 5
    longer = np.pad(CAPTIONS, [[0, 0], [0, 4]])
    for captions, rtol in ((rubbish, 0), (longer, 1e-6)):
        got = model.loss_terms(batch | {"caption": captions}, noise), model.reconstruct(batch["image"], captions, noise)
        for terms, like in zip(got, want, strict=True):
            for name, values in terms.items():
                values = values[..., :6] if name == "word_weights" else values
                np.testing.assert_allclose(values, like[name], rtol=rtol, atol=0.1 * rtol, err_msg=name)


def test_words_share_all_the_weight_and_padding_has_none():
    model, batch = filled(ODD), batch_of(ODD)
    weights = model.reconstruct(batch["image"], CAPTIONS, model.noise(3, (1, 2)))["word_weights"].numpy()
    np.testing.assert_allclose(weights.sum(-1), np.ones((3, 3)), rtol=1e-6)
    np.testing.assert_array_equal(weights > 0, np.broadcast_to(CAPTIONS[:, None] > 0, (3, 3, 6)))


@everyone
def test_a_word_out_of_the_vocabulary_is_the_unknown_word(config):
    model, batch = filled(config), batch_of(config)
    noise = model.noise(3, (1, 2))
    want, got = (
        bound(model, batch | {"caption": np.where(CAPTIONS == 3, word, CAPTIONS)}, noise) for word in (1, 1000)
    )
    np.testing.assert_array_equal(got, want)
    assert np.abs(got - bound(model, batch, noise)).max() > 1e-3


@everyone
def test_a_caption_without_words_says_nothing(config):
    model, empty = filled(config), np.zeros((3, 6), np.int32)
    batch, noise = batch_of(config, empty), model.noise(3, (1, 2))
    with tf.GradientTape() as tape:
        loss = bound(model, batch, noise)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables], unconnected_gradients="zero")
    assert np.isfinite(loss).all() and all(np.isfinite(g).all() for g in gradients)
    if config is ODD:
        assert not model.decode(noise, empty)["word_weights"].numpy().any()
    # Its words' weights have no say in it.
    reader = model.language if isinstance(model, AlignDRAW) else model.sentence
    for v in reader.trainable_variables:
        if "h_0" not in v.path:
            v.assign(v + 1)
    np.testing.assert_array_equal(bound(model, batch, noise), loss)


@everyone
def test_a_caption_of_strings_becomes_the_image_that_its_words_ask_for(config):
    model = filled(config)
    model.words.learn(["red", "dot", "blue"])  # 2, 3, 4
    got = model.sample(["A red dot", "blue"], (1, 2))
    want = model.decode(model.noise(2, (1, 2)), np.int32([[1, 2, 3, 0, 0, 0], [4, 0, 0, 0, 0, 0]]))
    assert set(got) == set(want) and got["image"].shape == (2, *config.image_shape)
    for name, values in want.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)
    assert got["image"].numpy().min() >= 0 and got["image"].numpy().max() <= 1
    other = model.decode(model.noise(2, (1, 2)), np.int32([[1, 4, 3, 0, 0, 0], [4, 0, 0, 0, 0, 0]]))["image"]
    assert np.abs(other[0] - got["image"][0]).max() > 1e-4  # one word, another image


# ---------------------------------------------------------------- noise, prior, bound


@everyone
def test_noise_is_another_number_for_every_place_and_seed(config):
    model = align_draw.build(config)
    noise = model.noise(6, (3, 4)).numpy()
    assert noise.shape == ((6, 3, 2) if isinstance(model, AlignDRAW) else (6, 2))
    np.testing.assert_array_equal(noise, model.noise(6, (3, 4)))
    assert len(np.unique(noise)) == noise.size and not np.isin(noise, model.noise(6, (3, 5))).any()


@variants
def test_the_first_prior_is_standard_and_the_others_are_the_states(config):
    model, batch = filled(config), batch_of(config)
    _, glimpses = model.infer(batch["image"], CAPTIONS, model.noise(3, (1, 2)))
    mean, log_scale = glimpses.prior_mean.numpy(), glimpses.prior_log_scale.numpy()
    assert not mean[0].any() and not log_scale[0].any()
    assert np.abs(mean[1:]).min() > 0 and np.abs(log_scale[1:]).max() < 1  # sigma in [1/e, e]
    other = model.noise(3, (1, 2)).numpy()
    other[:, 1] += 1  # the second z speaks in the third prior, not in its own
    _, moved = model.infer(batch["image"], CAPTIONS, other)
    np.testing.assert_array_equal(moved.prior_mean[:2], mean[:2])
    assert np.abs(moved.prior_mean[2] - mean[2]).min() > 1e-6


@variants
def test_the_rate_is_positive_and_zero_where_the_posterior_is_the_prior(config):
    model, batch = filled(config), batch_of(config)
    noise = model.noise(3, (1, 2))
    _, glimpses = model.infer(batch["image"], CAPTIONS, noise)
    rates = model.rates(glimpses).numpy()
    assert rates.shape == (3, 3) and (rates > 0).all()
    np.testing.assert_allclose(model.loss_terms(batch, noise)["rate"], rates.sum(0), rtol=1e-5)
    np.testing.assert_array_equal(
        model.rates(glimpses._replace(mean=glimpses.prior_mean, log_scale=glimpses.prior_log_scale)), np.zeros((3, 3))
    )
    for name in ("posterior", "prior"):
        for v in model.maps[name].variables:
            v.assign(tf.zeros(v.shape))
    terms = model.loss_terms(batch, noise)
    np.testing.assert_array_equal(terms["rate"], np.zeros(3))
    np.testing.assert_allclose(model.log_weights(batch, noise), -terms["distortion"], rtol=1e-6)


@everyone
def test_one_importance_sample_is_in_expectation_the_bound(config):
    """4,000 draws, each with the bound of the same noise; 4 standard errors of the difference."""
    model, n = filled(config), 4000
    batch = {name: np.repeat(v[:1], n, 0) for name, v in batch_of(config).items()}
    noise = model.noise(n, (1, 2))
    difference = np.float64(model.log_weights(batch, noise) + bound(model, batch, noise))
    assert difference.std() > 0.1  # sampled and closed rates do differ draw by draw
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(n)


# ---------------------------------------------------------------- the baselines


@baselines
def test_a_baseline_paints_what_its_bound_scores(config):
    model, batch = filled(config), batch_of(config)
    noise = model.noise(3, (1, 2))
    z, mean, scale = (np.float64(v) for v in model.infer(batch["image"], CAPTIONS, noise))
    np.testing.assert_allclose(z, mean + scale * noise, rtol=1e-5)
    p = np.float64(model.reconstruct(batch["image"], CAPTIONS, noise)["image"])
    np.testing.assert_array_equal(p, model.decode(np.float32(z), CAPTIONS)["image"])
    terms = model.loss_terms(batch, noise)
    x = batch["image"]
    want = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), (1, 2, 3))
    np.testing.assert_allclose(terms["distortion"], want, rtol=1e-4)
    rate = 0.5 * (mean**2 + scale**2 - 2 * np.log(scale) - 1).sum(-1)
    np.testing.assert_allclose(terms["rate"], rate, rtol=1e-4)


@baselines
def test_both_networks_of_a_baseline_see_the_caption(config):
    model, batch = filled(config), batch_of(config)
    noise, other = model.noise(3, (1, 2)), CAPTIONS[::-1]
    means = [model.infer(batch["image"], captions, noise)[1] for captions in (CAPTIONS, other)]
    images = [model.decode(noise, captions)["image"] for captions in (CAPTIONS, other)]
    for one, two in (means, images):
        assert np.abs(one - two)[[0, 2]].max() > 1e-3


# ---------------------------------------------------------------- the models as a whole


def lstm_count(inputs, units):
    return 4 * units * (inputs + units + 1)


@pytest.mark.parametrize("config", [ODD, PRESETS["scenes"].model, PRESETS["digit-captions-paper"].model])
@pytest.mark.parametrize("variant", ["align", "last", "vector"])
def test_parameters_are_as_many_as_the_equations_have(config, variant):
    c = dataclasses.replace(config, variant=variant)
    (height, width, channels), k, units, d = c.image_shape, c.language, c.hidden, c.align_size
    count = 2 * (units + 1) * 2 * c.z_size + 2 * (units + 1) * 5 + (units + 1) * channels * c.write_n**2
    count += lstm_count(2 * channels * c.read_n**2 + units, units) + lstm_count(c.z_size + 2 * k, units)
    count += height * width * channels + 2 * units
    count += c.vocabulary * 2 * k if variant == "vector" else 2 * lstm_count(c.vocabulary, k) + k
    count += 2 * k * d + units * d + d + d if variant == "align" else 0
    model = align_draw.build(c)
    assert sum(v.value.shape.num_elements() for v in model.trainable_variables) == count
    assert model.count_params() == count + 32 * c.vocabulary  # and the letters of the words


def test_parameters_of_the_baselines():
    s, hidden, z, pixels = 8, 10, 2, 4 * 8 * 3
    head, table = 2 * (hidden + 1) * z, 9 * s
    dense = table + (pixels + s + 1) * hidden + (hidden + 1) * hidden + head
    dense += (z + s + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * pixels
    small = 1 * 2 * 5  # two halvings, five filters
    conv = table + (9 * 3 + 1) * 3 + (9 * 3 + 1) * 5 + (small + s + 1) * hidden + head
    conv += (z + s + 1) * small + (9 * 5 + 1) * 5 + (9 * 5 + 1) * 3 + (9 * 3 + 1) * 3
    for config, count in ((DENSE, dense), (CONV, conv)):
        assert align_draw.build(config).count_params() == count + 32 * 9


@pytest.mark.parametrize("config", [ODD, DENSE], ids=["align", "dense"])
def test_products_in_bfloat16_leave_the_bound_within_a_percent(config):
    batch, want = batch_of(config), filled(config)
    noise = want.noise(3, (1, 2))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = filled(config)
        with tf.GradientTape() as tape:
            got = bound(low, batch, noise)
        gradients = tape.gradient(got, [v.value for v in low.trainable_variables])
    finally:
        keras.config.set_dtype_policy("float32")
    assert got.dtype == tf.float32 and all(v.dtype == "float32" for v in low.trainable_variables)
    difference = np.abs(got / bound(want, batch, noise) - 1)
    assert (difference < 0.01).all() and (difference > 0).any()
    assert all(np.isfinite(g).all() for g in gradients)


@everyone
def test_weights_that_were_saved_give_the_same_bound_and_words(config, tmp_path):
    model, batch = filled(config), batch_of(config)
    model.words.learn(["red", "dot"])
    model.save_weights(tmp_path / "model.weights.h5")
    other = align_draw.build(config)
    noise = model.noise(3, (1, 2))
    want = bound(model, batch, noise).numpy()
    assert np.abs(bound(other, batch, noise) - want).max() > 1e-3
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(bound(other, batch, noise), want)
    assert other.words.known == ["red", "dot"]


def test_training_learns_which_word_of_a_caption_says_where():
    """Eight captions of two words, a row and a column of 4 x 2: the image is in the caption, so z has nothing to say.

    Drawn without its caption a pixel of each would cost log 8 = 2.1 nats.
    """
    keras.utils.set_random_seed(0)
    config = AlignDRAWConfig(8, 3, (4, 2, 1), 8, steps=2, hidden=24, z_size=2, read_n=2, write_n=4, align_size=8)
    model = align_draw.build(config)
    row, column = np.divmod(np.arange(8), 2)
    captions = np.int32(np.stack([row + 2, column + 6, 0 * row], 1))
    image = np.zeros((8, 4, 2, 1), np.float32)
    image[np.arange(8), row, column] = 1
    batch = {"image": image, "caption": captions}
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True)
    def gradients(noise):
        variables = [v.value for v in model.trainable_variables]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(bound(model, batch, noise))
        return tape.gradient(loss, variables)

    @tf.function
    def train():
        for i in tf.range(400):
            optimizer.apply(gradients(model.noise(8, [0, i])), model.trainable_variables)

    train()
    assert np.mean(bound(model, batch, model.noise(8, [1, 0]))) < 0.7
    painted = model.decode(model.noise(8, [2, 0]), captions)["image"].numpy().reshape(8, 8)
    np.testing.assert_array_equal(painted.argmax(1), np.arange(8))


CHANGES = {
    "vocabulary": 7,
    "caption_length": 4,
    "image_shape": (7, 5, 3),
    "language": 3,
    "steps": 2,
    "hidden": 5,
    "z_size": 3,
    "read_n": 2,
    "write_n": 3,
    "align_size": 4,
    "variant": "last",
    "kind": "conv",
    "filters": (4,),
}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        *((ODD, field.name) for field in dataclasses.fields(AlignDRAWConfig) if field.name != "first_side"),
        *((DENSE, name) for name in ("kind", "hidden")),
        (CONV, "filters"),
    ],
)
def test_each_field_of_the_config_changes_the_bound(config, field):
    x = np.float32(np.arange(105) % 4 == 0)[: np.prod(config.image_shape)]

    def seen(config):
        model = filled(config)
        caption = np.int32([[*[4, 2, 8, 3, 5][: config.caption_length - 1], 0]])
        batch = {"image": x.reshape(1, *config.image_shape), "caption": caption}
        return bound(model, batch, model.noise(1, (0, 0))).numpy().item()

    value = 7 if field == "hidden" else CHANGES[field]
    assert abs(seen(config) - seen(dataclasses.replace(config, **{field: value}))) > 1e-4


@pytest.mark.parametrize("side", [1.0, 0.5])
def test_a_fresh_model_reads_and_writes_in_the_middle_on_the_share_that_first_side_says(side):
    model = align_draw.build(dataclasses.replace(ODD, hidden=64, first_side=side))
    batch = batch_of(ODD)
    film = model.reconstruct(batch["image"], batch["caption"], model.noise(3, (0, 0)))
    # (g_x, g_y, delta, variance, gamma): 3 points on 6 pixels, or half of them, to read; 2 points to write.
    for name, want in (("read_windows", (4, 3, 3 * side, 1, 1)), ("windows", (4, 3, 6 * side, 1, 1))):
        np.testing.assert_allclose(film[name], np.broadcast_to(want, (3, 3, 5)), rtol=0.1)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_of_sizes_that_fit(name):
    settings = PRESETS[name]
    assert settings.data == {"digit": "digit-captions", "coco": "coco_captions"}.get(name.split("-")[0], "scenes")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "first"}, "model.variant: got 'first'"),
        ({"vocabulary": 1}, "model.vocabulary: got 1"),
        ({"steps": 0}, "model.steps: got 0"),
        ({"image_shape": (4, 4)}, "model.image_shape"),
        ({"first_side": 0.0}, r"model.first_side: got 0.0, expected a share in \(0, 1\]"),
    ],
)
def test_a_wrong_size_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ODD, **changes)


def test_sides_that_halvings_do_not_leave_whole_are_refused():
    with pytest.raises(ValueError, match=r"model\.image_shape"):
        dataclasses.replace(CONV, image_shape=(4, 6, 3))


def test_the_language_model_says_the_same_in_graph_and_jit():
    language = Language(7, 3)
    language.build()
    ids = tf.constant([[2, 6, 3, 0], [5, 0, 0, 0]])
    want = language.read(ids, tf.cast(ids > 0, tf.float32))
    for jit in (True, False):
        got = tf.function(language.read, jit_compile=jit)(ids, tf.cast(ids > 0, tf.float32))
        for one, two in zip(got, want, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
