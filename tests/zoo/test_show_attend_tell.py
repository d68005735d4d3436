import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import show_attend_tell
from zoo.configs.show_attend_tell import PRESETS, ShowAttendTellConfig
from zoo.nn import decoding
from zoo.nn.words import END, UNKNOWN
from zoo.show_attend_tell import State

ODD = ShowAttendTellConfig(
    annotations=(5, 3),
    vocabulary=7,
    caption_length=6,
    embedding=4,
    hidden=8,
    attention_size=2,
    attention_layers=1,
    init_layers=1,
    dropout=0.0,
    penalty=0.7,
    reinforce=0.3,
    entropy=0.2,
)
DEEP = dataclasses.replace(ODD, attention_layers=2, init_layers=2, dropout=0.4)
HARD = dataclasses.replace(ODD, attention="hard")
UNIFORM = dataclasses.replace(ODD, attention="uniform", dropout=0.25)
CNN = dataclasses.replace(ODD, encoder="cnn", image_shape=(7, 10, 2), channels=(4, 3), strides=(2, 2))
configs = pytest.mark.parametrize(
    "config", [ODD, DEEP, HARD, UNIFORM, CNN], ids=["soft", "layers and dropout", "hard", "uniform", "cnn"]
)


def filled(config):
    """The model with distinct weights, all of a size that counts."""
    model = show_attend_tell.build(config)
    for seed, v in enumerate(model.trainable_variables):
        v.assign(np.random.default_rng(seed).normal(0, 0.7, v.shape))
    return model


def batch_of(config, batch_size=4, seed=0):
    """Captions of unequal lengths, the first one empty, the second one full."""
    rng = np.random.default_rng(seed)
    name = "image" if config.encoder == "cnn" else config.encoder
    shape = config.image_shape if config.encoder == "cnn" else config.annotations
    caption = rng.integers(2, config.vocabulary, (batch_size, config.caption_length))
    for row, length in zip(caption, itertools.cycle([0, config.caption_length - 1, 2, 3]), strict=False):
        row[length:] = END
    return {name: np.float32(rng.uniform(size=(batch_size, *shape))), "caption": np.int32(caption)}


def total(model, batch, noise, training=True):
    terms = model.training_terms(batch, noise if training else {}, 0)
    return sum(terms.values())


# ---------------------------------------------------------------- golden numbers


def sine(offset, *shape, size=0.1):
    return np.float32(size * np.sin(offset + np.arange(1, np.prod(shape) + 1)).reshape(shape))


def test_one_look_has_the_golden_numbers():
    model = show_attend_tell.build(dataclasses.replace(ODD, annotations=(3, 4), hidden=2, attention_size=3))
    model.keys[0].set_weights([sine(21200, 4, 3)])
    model.maps["query"].set_weights([sine(21300, 2, 3), np.zeros(3)])
    model.maps["beta"].set_weights([sine(21500, 2, 1, size=1), np.zeros(1)])
    model.v.assign(sine(21400, 3, size=1))
    _, (annotations, keys) = model.start(sine(21000, 1, 3, 4, size=1))
    state = State(sine(21100, 1, 2, size=1), tf.zeros([1, 2]))
    _, look = model.step(state, tf.zeros([1, 4]), model.maps, annotations, keys, model.v)
    np.testing.assert_allclose(look.alpha[0], [0.3514370058, 0.3459869495, 0.3025760447], rtol=1e-6)
    np.testing.assert_allclose(look.beta[0], [0.5024677804], rtol=1e-6)
    np.testing.assert_allclose(look.z[0], [0.0051336421, -0.0348208609, -0.0427612250, -0.0113871160], rtol=1e-5)


def test_the_penalty_has_the_golden_number_and_leaves_out_padding():
    alpha = np.float32([[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.9, 0.1, 0]]] * 2)
    kept = np.float32([[1, 1, 0], [1, 1, 1]])
    # Of the second, places are seen 1.5, 0.6 and 0.9 times.
    np.testing.assert_allclose(show_attend_tell.doubly_stochastic(alpha, kept), [0.42, 0.25 + 0.16 + 0.01], rtol=1e-5)


def test_the_authors_sizes_have_the_specified_number_of_parameters():
    """35,333,450, but for the scalar c."""
    model = show_attend_tell.build(PRESETS["coco"].model)
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 35_333_450 - 1


# ---------------------------------------------------------------- the paper, example by example in float64


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def papers_pass(model, a, caption, noise, baseline):
    """Section 3 for one image's annotations a: [L, D]; caption: [T]. noise: of this example, {} for none."""
    config = model.config

    def w(layer, x):
        kernel, *bias = (np.float64(v) for v in layer.get_weights())
        return x @ kernel + (bias[0] if bias else 0)

    def drop(x, uniforms):
        return x if uniforms is None else x * (uniforms >= config.dropout) / (1 - config.dropout)

    mean = a.mean(0)
    if config.init_layers == 2:
        mean = drop(np.maximum(w(model.init_hidden, mean), 0), noise.get("init"))
    h, c = np.tanh(w(model.init_h, mean)), np.tanh(w(model.init_cell, mean))
    embedding = np.float64(model.embedding)
    y, kept = np.zeros(config.embedding), {"alpha": [], "beta": [], "z": [], "chosen": []}
    nats = log_s = entropy = 0.0
    for t, word in enumerate(caption):
        e = np.zeros(len(a))
        for i, a_i in enumerate(a):
            if config.attention != "uniform":
                key = w(model.keys[0], a_i)
                if config.attention_layers == 2:  # pctx_ = tanh(pctx_ W_att + b_att) in the authors' code
                    key = np.tanh(w(model.keys[1], key))
                e[i] = np.float64(model.v) @ np.tanh(key + w(model.maps["query"], h))
        alpha = softmax(e)
        s = alpha
        if "locations" in noise and noise["expectation"] == 0:
            s = np.eye(len(a))[np.argmax(np.log(alpha) + noise["locations"][t])]
        beta = sigmoid(w(model.maps["beta"], h))
        z = beta * sum(s_i * a_i for s_i, a_i in zip(s, a, strict=True))
        i, f, g, o = np.split(w(model.maps["gates"], np.concatenate([y, z, h])), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        seen = drop(h, noise["hidden"][t] if "hidden" in noise else None)
        deep = np.tanh(y + w(model.deep_h, seen) + w(model.deep_z, z))
        p = softmax(w(model.out, drop(deep, noise["deep"][t] if "deep" in noise else None)))
        nats -= np.log(p[word])
        log_s += np.log(alpha[np.argmax(s)])
        entropy -= alpha @ np.log(alpha)
        for name, value in (("alpha", alpha), ("beta", beta), ("z", z), ("chosen", s)):
            kept[name].append(value)
        y = embedding[word]
        if word == END:
            break
    seen = np.sum(kept["alpha"], 0)
    terms = {"distortion": nats, "penalty": config.penalty * np.sum((1 - seen) ** 2)}
    if "locations" in noise:
        reinforce = (1 - noise["expectation"]) * config.reinforce * (nats - baseline * (t + 1)) * log_s
        terms["estimator"] = reinforce - config.entropy * entropy
    return terms, {name: np.array(v) for name, v in kept.items()}


@configs
@pytest.mark.parametrize("training", [False, True], ids=["scoring", "training"])
@pytest.mark.parametrize("coin", [0.0, 1.0])
def test_a_pass_is_the_papers(config, training, coin):
    model, batch = filled(config), batch_of(config)
    noise = {name: np.asarray(values) for name, values in model.training_noise(4, (1, 2)).items()}
    if config.attention == "hard":
        noise["expectation"] = np.float32([coin] * 4)
    annotations = model.annotations(batch)
    got = model.training_terms(batch, noise if training else {}, 0, baseline=3.0)
    logits, looks = model.read(annotations, batch["caption"], noise if training else {})
    assert logits.shape == (4, 6, 7)
    for b in range(4):
        mine = {name: np.float64(values[b]) for name, values in noise.items()} if training else {}
        terms, kept = papers_pass(model, np.float64(annotations[b]), batch["caption"][b], mine, 3.0)
        assert set(terms) == set(got)
        for name, value in terms.items():
            np.testing.assert_allclose(got[name][b], value, rtol=1e-4, atol=1e-5, err_msg=name)
        for name, value in kept.items():
            np.testing.assert_allclose(getattr(looks, name)[b, : len(value)], value, rtol=1e-4, atol=1e-5)


@configs
def test_a_compiled_pass_is_the_eager_one(config):
    model, batch = filled(config), batch_of(config)
    noise = model.training_noise(4, (1, 2))
    want = model.training_terms(batch, noise, 0)
    for jit in (False, True):
        got = tf.function(model.training_terms, jit_compile=jit)(batch, noise, 0)
        for name, values in want.items():
            np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


@configs
def test_padding_changes_no_number(config):
    model, batch = filled(config), batch_of(config)
    batch = {name: values[[0, 2, 3]] for name, values in batch.items()}  # at most 3 words and END
    noise = model.training_noise(3, (1, 2))
    want = model.training_terms(batch, noise, 0)
    got = model.training_terms({**batch, "caption": batch["caption"][:, :4]}, noise, 0)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5, err_msg=name)


@configs
def test_a_word_does_not_hear_of_later_ones(config):
    model, batch = filled(config), batch_of(config)
    annotations = model.annotations(batch)
    want, _ = model.read(annotations, batch["caption"])
    for t in range(6):
        caption = batch["caption"].copy()
        caption[1, t] = 6 if caption[1, t] != 6 else 5
        moved = np.abs(model.read(annotations, caption)[0] - want)[1].max(-1) > 1e-6
        np.testing.assert_array_equal(moved, np.arange(6) > t)


@configs
def test_an_example_does_not_see_the_others(config):
    model, batch, order = filled(config), batch_of(config), [3, 0, 2]
    noise = model.training_noise(4, (1, 2))
    want = total(model, batch, noise).numpy()
    got = total(model, *({k: np.asarray(v)[order] for k, v in d.items()} for d in (batch, noise)))
    np.testing.assert_allclose(got, want[order], rtol=1e-5)


def test_an_unknown_words_number_is_that_of_unknown():
    model, batch = filled(ODD), batch_of(ODD)
    beyond, unknown = batch["caption"].copy(), batch["caption"].copy()
    beyond[1, 2], unknown[1, 2] = ODD.vocabulary, UNKNOWN
    got, want = (total(model, {**batch, "caption": caption}, {}) for caption in (beyond, unknown))
    np.testing.assert_array_equal(got, want)


# ---------------------------------------------------------------- gradient


def gradients(model, batch, noise):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(total(model, batch, noise))
    return tape.gradient(loss, [v.value for v in model.trainable_variables])


@configs
def test_the_gradient_reaches_every_variable_of_a_fresh_model(config):
    keras.utils.set_random_seed(0)  # of three ReLU units all may be dead
    model, batch = show_attend_tell.build(config), batch_of(config, 9)
    noise = model.training_noise(9, (0, 0))
    for v, g in zip(model.trainable_variables, gradients(model, batch, noise), strict=True):
        assert g is not None and np.isfinite(tf.convert_to_tensor(g)).all(), v.path
        assert np.abs(tf.convert_to_tensor(g)).max() > 0, v.path


@pytest.mark.parametrize(
    "config", [ODD, CNN, dataclasses.replace(ODD, attention_layers=2)], ids=["soft", "cnn", "two layers"]
)
def test_the_gradient_is_the_slope_of_the_loss(config):
    model, batch = filled(config), batch_of(config)
    for v, g in zip(model.trainable_variables, gradients(model, batch, {}), strict=True):
        direction = np.random.default_rng(0).normal(size=v.shape).astype(np.float32)
        at, values = v.numpy(), []
        for step in (1e-2, -1e-2):
            v.assign(at + step * direction)
            values.append(np.float64(total(model, batch, {})).sum())
        v.assign(at)
        slope = (values[0] - values[1]) / 2e-2
        # The curve's third derivative and float32 both count at this step.
        np.testing.assert_allclose(np.sum(tf.convert_to_tensor(g) * direction), slope, rtol=0.02, atol=0.03)


def every_way_of_looking(model, batch):
    """The batch, of one example, once for each sequence of places; and the noise that chooses them."""
    places, words = model.config.annotations[0], batch["caption"].shape[1]
    ways = np.array(list(itertools.product(range(places), repeat=words)))
    many = {name: np.repeat(values, len(ways), 0) for name, values in batch.items()}
    locations = np.float32(1e4 * np.eye(places)[ways])  # [ways, T, L]
    return many, {"locations": tf.constant(locations), "expectation": tf.zeros(len(ways))}


@pytest.mark.parametrize("baseline", [0.0, 7.5])
def test_hard_attention_is_in_expectation_the_gradient_of_the_expected_cost(baseline):
    """Over all 3^3 ways of looking, each with its probability; whatever the baseline is."""
    config = dataclasses.replace(HARD, annotations=(3, 2), caption_length=3, reinforce=1.0, entropy=0.0)
    model = filled(config)
    batch = {"vgg19": np.float32(np.random.default_rng(3).normal(size=(1, 3, 2))), "caption": [[4, 2, END]]}
    batch["caption"] = np.int32(batch["caption"])
    many, noise = every_way_of_looking(model, batch)

    def probability():
        _, looks = model.read(model.annotations(many), many["caption"], noise)
        return tf.reduce_prod(tf.reduce_sum(looks.alpha * noise["locations"] / 1e4, -1), 1)

    variables = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        p = probability()
        np.testing.assert_allclose(tf.reduce_sum(p), 1, rtol=1e-5)
        exact = tf.reduce_sum(p * model.training_terms(many, noise, 0)["distortion"])
    want = tape.gradient(exact, variables)
    with tf.GradientTape() as tape:
        terms = model.training_terms(many, noise, 0, baseline=baseline)
        expected = tf.reduce_sum(tf.stop_gradient(p) * (terms["distortion"] + terms["estimator"]))
    got = tape.gradient(expected, variables)
    for v, g, w in zip(model.trainable_variables, got, want, strict=True):
        g, w = (tf.convert_to_tensor(x).numpy() for x in (g, w))
        np.testing.assert_allclose(g, w, rtol=1e-3, atol=1e-4 * max(1, np.abs(w).max()), err_msg=v.path)
    # Without the estimator it would be another gradient.
    with tf.GradientTape() as tape:
        biased = tf.reduce_sum(tf.stop_gradient(probability()) * model.loss_terms(many, noise)["distortion"])
    key = next(i for i, v in enumerate(model.trainable_variables) if v is model.v)
    assert np.abs(tape.gradient(biased, variables)[key] - want[key]).max() > 1e-3


@pytest.mark.parametrize(("baseline", "sign"), [(0.0, -1), (100.0, 1)])
def test_places_that_cost_more_than_the_baseline_become_less_likely(baseline, sign):
    config = dataclasses.replace(HARD, entropy=0.0)
    model, batch = filled(config), {k: v[:1] for k, v in batch_of(config).items()}
    batch["caption"] = np.int32([[END]])  # one look
    noise = {"locations": np.float32([[[0, 1e4, 0, 0, 0]]]), "expectation": np.zeros(1, np.float32)}

    def chance():
        return model.read(model.annotations(batch), batch["caption"], noise)[1].alpha.numpy()[0, 0, 1]

    before = chance()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.training_terms(batch, noise, 0, baseline=baseline)["estimator"])
    model.v.assign_sub(0.01 * tape.gradient(loss, model.v.value))
    assert sign * (chance() - before) > 0


def test_a_baseline_per_word_leaves_less_excess_where_batches_are_sorted_by_length(monkeypatch):
    """Half of what one baseline for all captions leaves, or less: these words cost much the same each."""
    config = dataclasses.replace(HARD, caption_length=20, vocabulary=30)
    model, rng, excesses = filled(config), np.random.default_rng(0), []
    monkeypatch.setattr(model, "estimator", lambda excess, *_: excesses.append(excess) or 0 * excess)
    per_word = per_caption = 0.0
    squares = []
    for i in range(60):
        words = rng.integers(1, 20)  # of the whole batch, besides END
        caption = np.pad(rng.integers(2, 30, (8, words)), [[0, 0], [0, 20 - words]], constant_values=END)
        batch = {"vgg19": np.float32(rng.uniform(size=(8, 5, 3))), "caption": np.int32(caption)}
        noise = {**model.training_noise(8, (0, i)), "expectation": tf.zeros(8)}
        cost = model.training_terms(batch, noise, 0, baseline=per_word)["distortion"].numpy()
        np.testing.assert_allclose(excesses[-1], cost - per_word * (words + 1), rtol=1e-4, atol=1e-4)
        squares.append([np.mean(np.square(excesses[-1])), np.mean((cost - per_caption) ** 2)])
        per_word = show_attend_tell.moving_average(per_word, cost.mean() / (words + 1))
        per_caption = show_attend_tell.moving_average(per_caption, cost.mean())
    ours, scalar = np.mean(squares[20:], 0)  # the averages begin at 0
    assert ours < scalar / 2


def test_more_entropy_is_cheaper():
    model, batch = filled(dataclasses.replace(HARD, reinforce=0.0)), batch_of(HARD)
    noise = model.training_noise(4, (1, 2))
    sure = model.training_terms(batch, noise, 0)["estimator"].numpy()
    model.v.assign(tf.zeros(model.v.shape))  # all places alike
    unsure = model.training_terms(batch, noise, 0)["estimator"]
    lengths = np.array([1, 6, 3, 4])
    np.testing.assert_allclose(unsure, -0.2 * lengths * np.log(5), rtol=1e-5)
    assert (unsure.numpy() < sure).all()


# ---------------------------------------------------------------- noise


def test_noise_is_the_seeds_and_every_number_is_another():
    config = dataclasses.replace(DEEP, attention="hard")
    model = show_attend_tell.build(config)
    noise = model.training_noise(4, (3, 4))
    shapes = {"hidden": (4, 6, 8), "deep": (4, 6, 4), "init": (4, 3), "locations": (4, 6, 5), "expectation": (4,)}
    assert {name: tuple(v.shape) for name, v in noise.items()} == shapes
    again, other = model.training_noise(4, (3, 4)), model.training_noise(4, (3, 5))
    for name in noise:
        np.testing.assert_array_equal(noise[name], again[name])
    drawn, others = (np.concatenate([np.ravel(v) for k, v in n.items() if k != "expectation"]) for n in (noise, other))
    assert len(np.unique(drawn)) == drawn.size and not np.isin(drawn, others).any()
    assert show_attend_tell.build(ODD).training_noise(4, (3, 4)) == {}


def test_the_coin_is_one_for_the_batch_and_fair():
    model = show_attend_tell.build(dataclasses.replace(HARD, caption_length=1))
    coins = np.stack([model.training_noise(3, (0, seed))["expectation"] for seed in range(300)])
    assert set(np.unique(coins)) == {0, 1} and (coins == coins[:, :1]).all()
    assert abs(coins[:, 0].mean() - 0.5) < 4 * 0.5 / np.sqrt(300)


def test_places_are_drawn_as_often_as_attention_says():
    """4 standard errors of each frequency."""
    alpha, n = np.float32([0.5, 0.3, 0.15, 0.05]), 20_000
    drawn = show_attend_tell.place(np.tile(alpha, (n, 1)), decoding.gumbel([n, 4], (1, 2)))
    np.testing.assert_array_equal(tf.reduce_sum(drawn, 1), np.ones(n))
    assert (np.abs(np.mean(drawn, 0) - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / n)).all()
    np.testing.assert_array_equal(show_attend_tell.place(alpha[None], 0.0), [[1, 0, 0, 0]])


def test_dropout_keeps_the_mean():
    model = show_attend_tell.build(DEEP)
    x = tf.ones([3, 6, 8])
    dropped = np.concatenate([model.dropout(x, model.training_noise(3, (0, seed)), "hidden") for seed in range(100)])
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.6], rtol=1e-6)
    assert abs(dropped.mean() - 1) < 4 * np.sqrt(0.4 / 0.6 / dropped.size)


# ---------------------------------------------------------------- the encoder


def test_places_are_the_images_row_by_row():
    model = filled(dataclasses.replace(CNN, image_shape=(16, 24, 2), channels=(4, 3), strides=(4, 2)))
    assert model.config.grid == (2, 3)
    image = np.float32(np.random.default_rng(0).uniform(size=(1, 16, 24, 2)))
    before = model.annotations({"image": image}).numpy()
    assert before.shape == (1, 6, 3)
    for row, column in itertools.product(range(2), range(3)):
        changed = image.copy()
        changed[:, 8 * row + 4 : 8 * row + 6, 8 * column + 4 : 8 * column + 6] += 20
        moved = np.abs(model.annotations({"image": changed}) - before).max((0, 2))
        assert np.argmax(moved) == 3 * row + column


def test_middle_gray_is_zero_to_the_encoder():
    keras.utils.set_random_seed(1)  # of a few rectified units all may be dead
    model = show_attend_tell.build(CNN)  # fresh biases are 0
    np.testing.assert_array_equal(model.annotations({"image": np.full((1, 7, 10, 2), 0.5)}), np.zeros((1, 6, 3)))
    for value in (0.0, 1.0):
        assert np.abs(model.annotations({"image": np.full((1, 7, 10, 2), value)})).max() > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_presets_places_are_those_of_its_encoder(preset):
    config = PRESETS[preset].model
    assert np.prod(config.grid) == config.places[0]
    if config.encoder == "cnn":
        model = show_attend_tell.build(config)
        annotations = model.annotations({"image": np.zeros((2, *config.image_shape), np.float32)})
        assert annotations.shape == (2, *config.places)


# ---------------------------------------------------------------- decoding


@configs
def test_greedy_captions_are_what_reading_them_would_say(config):
    model, batch = filled(config), batch_of(config)
    said = model.caption(batch)
    ids = said["ids"].numpy()
    logits, looks = model.read(model.annotations(batch), ids)
    logits = logits.numpy()
    log_probs = tf.nn.log_softmax(logits).numpy()
    logits[..., UNKNOWN] = -np.inf
    for b in range(4):
        count = min(list(ids[b]).index(END) + 1 if END in ids[b] else 6, 6)
        np.testing.assert_array_equal(logits[b, :count].argmax(-1), ids[b, :count])
        np.testing.assert_allclose(said["score"][b], log_probs[b, range(count), ids[b, :count]].sum(), rtol=1e-4)
        np.testing.assert_allclose(said["attention"][b, :count], looks.alpha[b, :count], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(said["beta"][b, :count], looks.beta[b, :count, 0], rtol=1e-4)
        assert not said["attention"][b, count:].numpy().any()
    assert not (ids == UNKNOWN).any()


@configs
@pytest.mark.parametrize("hardest", [False, True])
def test_one_step_at_a_time_is_greedy_search(config, hardest):
    model, batch = filled(config), batch_of(config)
    want = model.caption(batch, hardest=hardest)["ids"].numpy()
    state, context = model.start(model.annotations(batch))
    words, alive = tf.fill([4], decoding.FIRST), np.ones(4, bool)
    for t in range(6):
        log_probs, state, look = model.decode_step(words, state, *context, hardest=hardest)
        assert np.isneginf(log_probs[:, UNKNOWN]).all()
        if hardest:
            np.testing.assert_array_equal(tf.reduce_max(look.chosen, 1), np.ones(4))
        words = tf.argmax(log_probs, -1, tf.int32)
        np.testing.assert_array_equal(want[alive, t], words.numpy()[alive])
        alive &= words.numpy() != END


def test_beam_search_and_sampling_say_what_they_score():
    model, batch = filled(ODD), batch_of(ODD)
    noise = decoding.gumbel([4, 6, 7], (1, 2))
    said = {
        "greedy": model.caption(batch),
        "beam": model.caption(batch, "beam", width=7),
        "longer": model.caption(batch, "beam", width=7, length_norm=3.0),
        "sample": model.caption(batch, "sample", noise=noise),
    }
    for found in said.values():
        complete = found["ids"].numpy()[:, -1] == END
        cost = model.loss_terms({**batch, "caption": found["ids"]}, {})["distortion"].numpy()
        np.testing.assert_allclose(-found["score"].numpy()[complete], cost[complete], rtol=1e-4)
    ids = {name: found["ids"].numpy() for name, found in said.items()}
    assert (said["beam"]["score"] > said["sample"]["score"]).numpy().all()
    assert (ids["beam"] != ids["sample"]).any()
    assert ((ids["longer"] != END).sum() >= (ids["beam"] != END).sum()).all()
    with pytest.raises(ValueError, match="method: got 'beem', expected one of greedy, beam, sample"):
        model.caption(batch, "beem")


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_compiled_search_is_the_eager_one(method):
    model, batch = filled(CNN), batch_of(CNN)
    batch = {"image": tf.constant(batch["image"])}
    want = model.caption(batch, method)
    for jit in (False, True):
        got = tf.function(lambda batch: model.caption(batch, method), jit_compile=jit)(batch)
        for name, values in want.items():
            np.testing.assert_allclose(got[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


# ---------------------------------------------------------------- the model as a whole


def test_weights_that_were_saved_give_the_same_bound(tmp_path):
    model, batch = filled(HARD), batch_of(HARD)
    model.words.learn(["a", "red", "ring"])
    model.save_weights(tmp_path / "model.weights.h5")
    other = show_attend_tell.build(HARD)
    other.load_weights(tmp_path / "model.weights.h5")
    noise = model.training_noise(4, (1, 2))
    np.testing.assert_array_equal(total(other, batch, noise), total(model, batch, noise))
    assert other.words.known == ["a", "red", "ring"]


def test_products_in_bfloat16_leave_the_bound_within_a_few_percent():
    want, batch = filled(CNN), batch_of(CNN)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = filled(CNN)
        got, found = total(low, batch, {}), gradients(low, batch, {})
    finally:
        keras.config.set_dtype_policy("float32")
    assert got.dtype == tf.float32 and all(v.dtype == "float32" for v in low.trainable_variables)
    difference = np.abs(got / total(want, batch, {}) - 1)
    assert (difference < 0.05).all() and (difference > 0).any()
    assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in found)


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_training_learns_to_read_out_where_the_light_is(attention):
    """The words are the place of the one lit pixel, then of the other; guessing costs 2 log 4 = 2.8 nats."""
    keras.utils.set_random_seed(0)
    config = dataclasses.replace(
        ODD, annotations=(4, 3), hidden=24, attention_size=12, embedding=8, caption_length=3, attention=attention
    )
    model, rng = (
        show_attend_tell.build(dataclasses.replace(config, penalty=0.1, entropy=0.01)),
        np.random.default_rng(0),
    )
    lit = rng.integers(0, 4, (64, 2))
    a = np.zeros((64, 4, 3), np.float32)
    a[range(64), lit[:, 0], 0] = a[range(64), lit[:, 1], 1] = 1
    a[..., 2] = np.arange(4) / 4  # which place it is
    batch = {"vgg19": a, "caption": np.int32(np.pad(lit + 2, [[0, 0], [0, 1]]))}
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train(baseline=0.0):
        for i in tf.range(500):
            with tf.GradientTape() as tape:
                terms = model.training_terms(batch, model.training_noise(64, [0, i]), 0, baseline=baseline)
                loss = tf.add_n([tf.reduce_mean(term) for term in terms.values()])
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            baseline = show_attend_tell.moving_average(baseline, tf.reduce_mean(terms["distortion"]) / 3)

    train()
    assert np.mean(model.loss_terms(batch, {})["distortion"]) < 1.0
    assert np.mean((model.caption(batch)["ids"] == batch["caption"]).numpy().all(1)) > 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "best"}, "method: got 'best', expected one of greedy, beam, sample"),
        ({"method": "sample"}, "noise: got None"),
        ({"method": "beam", "width": 0}, "width: got 0"),
        ({"method": "beam", "length_norm": -0.1}, "length_norm: got -0.1"),
    ],
)
def test_a_search_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        filled(ODD).caption(batch_of(ODD), **arguments)


def test_a_network_may_learn_from_where_it_stood(monkeypatch, tmp_path):
    """With a stand-in of a size that tests can afford."""

    def stand_in(name, trainable=False):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Conv2D(3, 32, 32), keras.layers.Reshape((49, 3))]
        network = keras.Sequential([keras.Input((224, 224, 3)), *layers])
        network.trainable = trainable
        return network

    monkeypatch.setattr(show_attend_tell.extractors, "extractor", stand_in)
    config = dataclasses.replace(ODD, encoder="efficientnet-lite0", annotations=(49, 3), fine_tune=True)
    model, frozen = (show_attend_tell.build(one) for one in (config, dataclasses.replace(config, fine_tune=False)))
    assert {name: field.shape for name, field in model.fields.items()} == {"image": (224, 224, 3), "caption": (6,)}
    image = np.random.default_rng(0).uniform(size=(2, 224, 224, 3)).astype(np.float32)
    with pytest.raises(ValueError, match=r"model.annotations: got \(7, 21\), expected \(49, 3\)"):
        show_attend_tell.build(dataclasses.replace(config, annotations=(7, 21)))
    found = stand_in("")(image)
    np.testing.assert_allclose(model.annotations({"image": image}), found, rtol=1e-5)
    assert len(model.trainable_variables) == len(frozen.trainable_variables) + 2
    with tf.GradientTape() as tape:
        cost = total(
            model, {"image": image, "caption": np.int32([[2, 3, END], [4, END, END]])}, model.training_noise(2, (0, 0))
        )
    (network,) = model.encoder
    assert all(np.abs(g).max() > 0 for g in tape.gradient(cost, [v.value for v in network.variables]))
    network.variables[0].assign(2 * network.variables[0])  # as if it had learned
    model.save_weights(tmp_path / "model.weights.h5")
    again = show_attend_tell.build(config)
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(again.annotations({"image": image}), model.annotations({"image": image}), rtol=1e-6)


CHANGES = {
    "encoder": "cnn",
    "annotations": (4, 3),
    "image_shape": (7, 9, 2),
    "channels": (5, 3),
    "strides": (2, 1),
    "vocabulary": 9,
    "caption_length": 5,
    "embedding": 5,
    "hidden": 7,
    "attention": "uniform",
    "attention_size": 3,
    "attention_layers": 2,
    "init_layers": 2,
    "dropout": 0.5,
    "penalty": 0.1,
    "reinforce": 0.9,
    "entropy": 0.9,
}


@pytest.mark.parametrize(
    "field", [field.name for field in dataclasses.fields(ShowAttendTellConfig) if field.name != "fine_tune"]
)
def test_each_field_of_the_config_changes_the_loss(field):
    base = {"annotations": HARD, "encoder": dataclasses.replace(HARD, channels=(4, 3), strides=(2, 2))}.get(field, CNN)
    base = dataclasses.replace(base, attention="hard")

    def seen(config):
        model, batch = filled(config), batch_of(config)
        noise = {**model.training_noise(4, (0, 0))}
        if "expectation" in noise:
            noise["expectation"] = tf.zeros(4)
        return float(tf.reduce_sum(total(model, batch, noise)))

    assert abs(seen(base) - seen(dataclasses.replace(base, **{field: CHANGES[field]}))) > 1e-4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attention": "sof"}, r"^model\.attention: got 'sof', expected one of soft, hard, uniform$"),
        ({"encoder": "vgg"}, r"^model\.encoder: got 'vgg', expected one of cnn, vgg19, .*$"),
        ({"channels": (4,)}, r"^model\.channels: got \(4,\), expected 2 positive numbers$"),
        ({"dropout": 1.0}, r"^model\.dropout: got 1\.0, expected a rate in \[0, 1\)$"),
        ({"fine_tune": True}, r"^model\.fine_tune: got True, expected an encoder other than cnn, "),
        ({"vocabulary": 2}, r"^model\.vocabulary: got 2, expected at least 3: "),
        ({"init_layers": 3}, r"^model\.init_layers: got 3, expected 1 or 2$"),
    ],
)
def test_a_wrong_size_is_refused_in_one_line(change, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(CNN, **change)
