import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainers.learn import learner as step
from trainers.learn.learner import Learner
from zoo import catalogue
from zoo.nn.model import Model


class Line(Model):
    """Predicts y = w x + b, squared error as distortion, and a penalty that is no part of the bound."""

    def __init__(self):
        super().__init__(None, "line")
        self.w = self.add_weight(name="w", shape=(3, 2), initializer="ones")
        self.b = self.add_weight(name="b", shape=(2,), initializer="zeros")
        self.unused = self.add_weight(name="unused", shape=(), initializer="ones")
        self.built = True

    def loss_terms(self, batch, noise):
        error = tf.reduce_sum((batch["x"] @ self.w + self.b + noise - batch["y"]) ** 2, 1)
        return {"distortion": error, "rate": 2 * error, "penalty": 0.5 * error}


@pytest.fixture
def batch():
    numbers = np.random.default_rng(0)
    return {"x": numbers.normal(size=[12, 3]).astype("f4"), "y": numbers.normal(size=[12, 2]).astype("f4")}


@pytest.fixture
def noise():
    return np.random.default_rng(1).normal(size=[12, 2]).astype("f4")


@pytest.fixture
def learner(settings):
    """(xla=, **changes of the settings) -> a Learner of Line with plain gradient descent."""

    def make(xla=False, **changes):
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        with strategy.scope():
            made = Learner(Line(), settings(**{"batch_size": 12, "clip_norm": 1e9, **changes}), strategy, xla)
            made.grouped = [(keras.optimizers.SGD(1.0), made.model.trainable_variables)]
            made.optimizers[0].build(made.model.trainable_variables)
        return made

    return make


def run(learner, *arguments):
    step = tf.constant(0)
    values = tf.function(lambda: learner.strategy.run(learner.step, (*arguments, step)))()
    return {name: value.numpy() for name, value in values.items()}


def descent(batch, noise):
    """The three variables of Line after one step by hand, and the mean squared error before."""
    error = batch["x"] @ np.ones([3, 2]) + noise - batch["y"]
    w, b = 3.5 * 2 * batch["x"].T @ error / 12, 3.5 * 2 * error.sum(0) / 12
    return 1 - w, -b, np.float32(1), (error**2).sum(1).mean()


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_a_step_descends_the_sum_of_all_terms_averaged_over_the_batch(learner, batch, noise, xla):
    one = learner(xla)
    values = run(one, batch, noise)
    *weights, error = descent(batch, noise)
    for v, expected in zip(one.model.variables, weights, strict=True):
        np.testing.assert_allclose(v, expected, rtol=1e-4)
    assert values["distortion"] == pytest.approx(error, rel=1e-5)
    assert values["rate"] == pytest.approx(2 * error, rel=1e-5)
    assert values["penalty"] == pytest.approx(0.5 * error, rel=1e-5)


def test_every_optimiser_moves_its_own_variables_and_no_other(learner, batch, noise):
    one = learner()
    w, b, *_ = one.model.trainable_variables
    with one.strategy.scope():
        one.grouped = [(keras.optimizers.SGD(0.5), [b]), (keras.optimizers.SGD(0.25), [w])]  # in an order of their own
        for optimizer, variables in one.grouped:
            optimizer.build(variables)
    expected_w, expected_b, *_ = descent(batch, noise)
    run(one, batch, noise)
    np.testing.assert_allclose(b, 0.5 * expected_b, rtol=1e-4)
    np.testing.assert_allclose(w, 1 + 0.25 * (expected_w - 1), rtol=1e-4)
    assert one.model.unused.numpy() == 1
    assert [optimizer.iterations.numpy() for optimizer in one.optimizers] == [1, 1]


@pytest.mark.parametrize("shards", [2, 3, 12])
def test_the_number_of_cores_changes_nothing_beyond_rounding(learner, batch, noise, shards):
    one, many = learner(), learner()
    one.shards, many.shards = 1, shards
    expected, values = run(one, batch, noise), run(many, batch, noise)
    for name in expected:
        assert values[name] == pytest.approx(expected[name], rel=1e-5)
    for v, expected in zip(many.model.variables, one.model.variables, strict=True):
        np.testing.assert_allclose(v, expected, rtol=1e-5)


@pytest.mark.parametrize("shards", [1, 4])
def test_the_whole_gradient_is_scaled_to_clip_norm_and_its_own_norm_reported(learner, batch, noise, shards):
    one = learner(clip_norm=0.5)
    one.shards = shards
    before = [v.numpy() for v in one.model.trainable_variables]
    values = run(one, batch, noise)
    moved = [v.numpy() - old for v, old in zip(one.model.trainable_variables, before, strict=True)]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(0.5, rel=1e-5)
    w, b, *_ = descent(batch, noise)
    assert values["norm/gradient"] == pytest.approx(np.sqrt(((1 - w) ** 2).sum() + (b**2).sum()), rel=1e-5)


@pytest.mark.parametrize(("batch_size", "cores", "shards"), [(12, 8, 4), (7, 2, 1), (16, 2, 2), (16, 1, 1)])
def test_a_batch_is_cut_into_equal_parts_only(monkeypatch, batch_size, cores, shards):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert step.cores_for(batch_size, tf.distribute.MirroredStrategy(["CPU:0"])) == shards


def test_a_structure_is_cut_into_parts_with_all_its_names():
    parts = step.cut({"a": tf.range(6), "b": (tf.zeros([6, 2]), {})}, 3)
    assert [part["a"].numpy().tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert all(part["b"][0].shape == (2, 2) and part["b"][1] == {} for part in parts)
    assert step.cut({}, 2) == [{}, {}]  # a model without noise


def test_averages_are_the_decayed_sum_and_the_weights_come_back_bit_for_bit(learner, batch, noise):
    one = learner(ema=0.9)
    with one.strategy.scope():
        one.grouped = [(keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.9), one.model.trainable_variables)]
        one.optimizers[0].build(one.model.trainable_variables)
    average = None
    for _ in range(3):
        run(one, batch, noise)
        w = one.model.w.numpy()
        average = w if average is None else 0.9 * average + 0.1 * w
    with one.averaged():
        np.testing.assert_allclose(one.model.w, average, rtol=1e-5)
        assert abs(average - w).max() > 1e-3
    assert one.model.w.numpy().tobytes() == w.tobytes()
    with pytest.raises(KeyError), one.averaged():
        raise KeyError
    assert one.model.w.numpy().tobytes() == w.tobytes()


def test_the_averages_of_every_optimiser_come_and_go(learner, batch, noise):
    one = learner(ema=0.9)
    w, b, *_ = one.model.trainable_variables
    with one.strategy.scope():
        one.grouped = [(keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.9), [v]) for v in (w, b)]
        for optimizer, variables in one.grouped:
            optimizer.build(variables)
    run(one, batch, noise)
    first = w.numpy(), b.numpy()
    run(one, batch, noise)
    last = w.numpy(), b.numpy()
    with one.averaged():
        for v, before, after in zip((w, b), first, last, strict=True):
            np.testing.assert_allclose(v, 0.9 * before + 0.1 * after, rtol=1e-5)
    assert [v.numpy().tobytes() for v in (w, b)] == [v.tobytes() for v in last]


def test_without_averages_the_weights_are_their_own(learner):
    one = learner(ema=0.0)
    before = [v.numpy() for v in one.model.variables]
    with one.averaged():
        assert all((v.numpy() == old).all() for v, old in zip(one.model.variables, before, strict=True))


def test_the_state_holds_every_variable_of_model_and_optimiser_once(settings):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = catalogue.build("vae", settings().model)
        learner = Learner(model, settings(ema=0.5), strategy)
    held = list(learner.variables.values())
    assert {id(v) for v in held} == {id(v) for v in [*model.variables, *learner.optimizers[0].variables]}
    # Adam's two moments and the average of each weight, the count of steps and the learning rate.
    assert len(held) == len(model.variables) + 3 * len(model.trainable_variables) + 2
    assert list(learner.variables) == sorted(learner.variables)


def test_adam_is_what_the_settings_say(settings):
    constant = step.optimizer(settings(learning_rate=3e-4, optimizer="adam(beta_1=0.5)"))
    assert float(constant.learning_rate) == pytest.approx(3e-4) and constant.beta_1 == 0.5 and not constant.use_ema
    cosine = step.optimizer(settings(schedule="cosine", steps=100, learning_rate=1.0, ema=0.99))
    rate = cosine._learning_rate  # the schedule; `learning_rate` is its value now
    assert [round(float(rate(i)), 3) for i in (0, 50, 100, 200)] == [1.0, 0.505, 0.01, 0.01]
    assert cosine.use_ema and cosine.ema_momentum == 0.99


def test_any_optimiser_of_keras_is_made_with_its_arguments(settings):
    made = step.optimizer(settings(learning_rate=0.1, optimizer="RMSprop(rho=0.95, momentum=0.5)"))
    assert isinstance(made, keras.optimizers.RMSprop) and (made.rho, made.momentum) == (0.95, 0.5)
    for name, message in (("adamm", "did you mean 'adam'"), ("sgd(beta_1=0.5)", "Keras refuses")):
        with pytest.raises(ValueError, match=f"optimizer: got .*{message}"):
            step.optimizer(settings(optimizer=name))


def test_gradients_are_clipped_in_the_way_asked_for(settings):
    gradients = [tf.constant([3.0, 4.0]), tf.constant([[0.3]])]
    norm = np.sqrt(25 + 0.09)
    wanted = {
        "global_norm": [np.array([3, 4]) / norm, [[0.3 / norm]]],
        "norm": [[0.6, 0.8], [[0.3]]],
        "value": [[1, 1], [[0.3]]],
        "none": [[3, 4], [[0.3]]],
    }
    for clip, want in wanted.items():
        found, before = step.clipped(gradients, settings(clip=clip, clip_norm=1.0))
        assert float(before) == pytest.approx(norm)
        for g, w in zip(found, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-6)


def test_bfloat16_products_keep_float32_weights(settings):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = catalogue.build("vae", dataclasses.replace(settings().model, hidden=(8,)))
    assert {v.dtype for v in model.variables} == {"float32"}
    assert model.encoder[1].compute_dtype == "bfloat16"
