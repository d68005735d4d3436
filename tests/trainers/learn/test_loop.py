import dataclasses
import json
import math
import socket
import sys
import threading
import types
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainers import vae
from trainers.declare.task import Figure, Task
from trainers.learn import learner, loop, steps
from trainers.learn.learner import Learner
from trainers.learn.strategy import agreed, is_chief, leave_last
from trainers.show.board import Board
from trainers.show.exhibits import Picture
from zoo import catalogue, data
from zoo.configs.base import Settings
from zoo.configs.kinds import Pictures
from zoo.declare import Field, Measure
from zoo.nn.model import Model
from zoo.store import runs

SMOKE = ("--preset", "smoke", "--steps", "6", "--every", "3")


# Steps

(VAE,) = vae.TASKS.values()


@pytest.fixture
def make_learner(settings):
    """(**changes) -> a Learner of the smoke VAE on one replica."""

    def make(learner=Learner, xla=False, **changes):
        changed = settings(**changes)
        keras.utils.set_random_seed(0)
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        with strategy.scope():
            return learner(catalogue.build("vae", changed.model), changed, strategy, xla)

    return make


@pytest.fixture
def sets(settings):
    return data.load("digits", fields={"image": Field((28, 28, 1))}, regime="static")


def updates(learner, sets, counts, start=0):
    """Runs calls of so many updates each; returns {name: [all of them]}."""
    run = steps.step_function(learner)
    iterator = iter(steps.distributed(learner, sets, start))
    calls = [run(iterator, tf.constant(n)) for n in counts]
    return {name: np.concatenate([call[name] for call in calls]) for name in calls[0]}


def test_how_many_updates_a_call_makes_changes_no_bit(make_learner, sets):
    one, many = make_learner(), make_learner()
    expected, values = updates(one, sets, [1] * 6), updates(many, sets, [1, 5])
    for name in expected:
        assert values[name].tobytes() == expected[name].tobytes(), name
    for a, b in zip(one.model.variables, many.model.variables, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_every_step_has_noise_of_its_own(make_learner, sets):
    """The learner sees, in place of noise, what the model was asked for: another seed in every step and run."""

    class Looking(Learner):
        def step(self, batch, noise, step):
            return {str(i): number for i, number in enumerate(tf.unstack(tf.reshape(noise, [-1])))}

    runs = ((0, 0), (2, 0), (0, 1))
    seen = [updates(make_learner(Looking, seed=seed), sets, [1, 2], start) for start, seed in runs]
    # What every step tells beside, the norm of the weights, is left out.
    seen = np.concatenate([np.stack([told[str(i)] for i in range(16 * 3)], 1) for told in seen])  # [9, B Z]
    rows = seen.reshape(9 * 16, -1)
    assert rows.shape[1] == 3
    # Step 2 of the first run is step 0 of the one that starts there; every other row is met once.
    assert (seen[2] == seen[3]).all()
    assert len(np.unique(rows, axis=0)) == 8 * 16
    assert len(np.unique(rows)) > 0.99 * 8 * 16 * 3


def test_values_are_those_of_the_models_terms_on_the_global_batch(make_learner, sets):
    learner = make_learner()
    _, batch = next(iter(data.batches(sets.train, 16, 0)))
    noise = learner.model.training_noise(16, tf.random.fold_in(tf.constant([0, steps.NOISE]), 0))
    terms = {name: term.numpy().mean() for name, term in learner.model.loss_terms(batch, noise).items()}
    values = updates(learner, sets, [1])
    for name in ("distortion", "rate"):
        assert values[name][0] == pytest.approx(terms[name], rel=1e-5)
    norms = [np.square(v.numpy()).sum() for v in learner.model.trainable_variables]
    assert values["norm/weights"][0] == pytest.approx(np.sqrt(sum(norms)), rel=1e-5)


# Runs


def test_a_call_ends_where_something_is_due():
    training = SimpleNamespace(
        settings=Settings(None, steps=230, every=70), step=0, learner=SimpleNamespace(phases=(0, 120))
    )
    stops = []
    while training.step < 230:
        training.step = loop.Training.next_stop(training)
        stops.append(training.step)
    assert stops == [50, 70, 100, 120, 140, 200, 210, 230]  # pictures at 50, 100, 200, another phase from 120 on


@pytest.mark.parametrize("changes", ["--dtype bfloat16", "--no-xla"])
def test_it_learns_with(train, quick, tmp_path, state, changes):
    code, *_ = train(*SMOKE, "--steps", "30", "--learning-rate", "0.01", *changes.split())
    found = state(tmp_path / "run")
    assert code == 0 and found["step"] == 30 and found["best"] < 400  # 546 at the start
    assert all(array.dtype in ("float32", "int64", "int32", "float64") for array in found.values())


def test_the_scores_of_a_bfloat16_run_are_those_of_evaluate(train, tmp_path):
    import json

    import zoo
    from trainers.score import figures as scored

    assert train(*SMOKE, "--dtype", "bfloat16", "--steps", "3")[0] == 0
    keras.config.set_dtype_policy("float32")
    run, model = runs.open_run(tmp_path / "run"), zoo.load(tmp_path / "run")
    again = scored.measure(VAE, run, model, scored.sets_of(run, model))
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [figure["value"] for figure in figures] == [figure["value"] for figure in again]


def test_validation_and_saved_weights_are_the_averages(train, quick, tmp_path, state):
    """Training goes on from the weights themselves: an averaged run and a plain one take the same steps."""
    import zoo

    folders = {"0": tmp_path / "plain", "0.5": tmp_path / "averaged"}
    for ema, folder in folders.items():
        assert train(*SMOKE, "--ema", ema, workdir=folder)[0] == 0
    plain, averaged = (state(folder) for folder in folders.values())
    weights = [name for name in plain if name.startswith("model/")]
    assert all(plain[name].tobytes() == averaged[name].tobytes() for name in weights)
    assert plain["best"] != averaged["best"]
    # Keras keeps the averages before Adam's moments, after the count of steps and the learning rate.
    kept = [averaged[f"optimizer0/{2 + i:04d}"] for i in range(len(weights))]
    for v, average, name in zip(zoo.load(folders["0.5"]).variables, kept, weights, strict=True):
        assert v.numpy().tobytes() == average.tobytes() != averaged[name].tobytes()
    for v, name in zip(zoo.load(folders["0"]).variables, weights, strict=True):
        assert v.numpy().tobytes() == plain[name].tobytes()


def test_training_ends_when_validations_are_no_better(train, quick, monkeypatch, tmp_path, state):
    values = {3: 5.0, 6: 4.0, 9: 6.0, 12: 4.5}
    monkeypatch.setattr(loop.Training, "validate", lambda self: values[self.step])
    code, said, _ = train(*SMOKE, "--steps", "30", "--patience", "2")
    found = state(tmp_path / "run")
    assert (code, found["step"], found["best"], found["best_step"]) == (0, 12, 4, 6)
    assert "ended at step 12: the last 2 validations were no better" in said
    assert train(*SMOKE, "--steps", "30", "--patience", "2")[0] == 0  # there is nothing left to do
    assert state(tmp_path / "run")["step"] == 12


def test_a_task_may_pick_the_weights_by_a_figure(train, quick, tmp_path, state):
    scores, higher = iter([0.2, 0.5, 0.3]), Measure("", "", better="higher")
    task = dataclasses.replace(VAE, figures=lambda *_: {"bleu4": Figure(next(scores), higher)}, best="bleu4")
    assert train("--preset", "smoke", "--steps", "9", "--every", "3", task=task)[0] == 0
    found = state(tmp_path / "run")
    assert (found["best"], found["best_step"]) == (-0.5, 6)


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        (["worker"], ("worker", 0), True),
        (["worker"], ("worker", 1), False),
        (["chief", "worker"], ("chief", 0), True),
        (["chief", "worker"], ("worker", 0), False),
    ],
)
def test_one_process_writes(cluster, task, expected, monkeypatch):
    cluster = {job: ["localhost:1", "localhost:2"] for job in cluster}
    config = {"cluster": cluster, "task": {"type": task[0], "index": task[1]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert is_chief(SimpleNamespace(cluster_resolver=SimpleNamespace())) == expected
    assert is_chief(SimpleNamespace(cluster_resolver=None))


def test_training_is_told_in_the_models_measures():
    """Of means over the steps of a call: a perplexity is the exponential of the ratio of two of them."""
    measures = {
        "perplexity": Measure("", "", terms=("nats", "more"), per="words", exp=True),
        "bound": Measure("nats", "", terms=("nats", "more")),
        "rate": Measure("nats", "", terms=("rate",), per="letters"),
        "nats": Measure("nats", ""),
    }
    training = types.SimpleNamespace(model=types.SimpleNamespace(measures=measures))
    told = loop.Training.with_measures(training, {"nats": 5.0, "more": 1.0, "words": 4.0, "norm/weights": 3.0})
    assert told == {"perplexity": pytest.approx(math.exp(6 / 4)), "bound": 6, "nats": 5, "more": 1, "norm/weights": 3}
    assert next(iter(told)) == "perplexity"


def test_the_learning_curve_is_over_minutes_of_training(tmp_path):
    with Board(tmp_path, {}) as board:
        for step, speed, bound in ((30, 16, 9), (60, 8, 5), (90, 8, 4)):
            board.scalars(step, {"speed/examples_per_second": speed, "loss/bound": bound})
        board.scalars(60, {"loss/bound": 6}, "validation")
    training = SimpleNamespace(workdir=tmp_path, settings=SimpleNamespace(batch_size=32), headline="bound")
    Board(tmp_path / "emptied", {}).close()
    assert loop.Training.curves(SimpleNamespace(workdir=tmp_path / "emptied", headline="bound")) == {}
    curves = loop.Training.curves(training)
    # Thirty steps take one minute at 16 examples a second, two at 8. What lies above all of validation is left out.
    np.testing.assert_allclose(curves["train"], [[3, 5], [5, 4]])
    np.testing.assert_allclose(curves["validation"], [[3], [6]])


def test_the_first_worker_leaves_when_the_others_have_gone(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        workers = ["127.0.0.1:1", f"127.0.0.1:{other.getsockname()[1]}"]
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        gone = threading.Timer(0.5, other.close)
        gone.start()
        leave_last(SimpleNamespace(cluster_resolver=SimpleNamespace()))
        assert other.fileno() == -1
    gone.join()


def test_workers_that_see_other_directories_are_refused(train, monkeypatch):
    monkeypatch.setattr(loop, "agreed", lambda strategy, numbers: [number + 1.0 for number in numbers])
    code, _, err = train(*SMOKE)
    assert code == 2 and "is at step 0 here, elsewhere for other workers" in err and err.count("\n") == 1


def test_workers_decide_by_the_mean():
    assert agreed(tf.distribute.MirroredStrategy(["CPU:0"]), [1.5, True]) == [1.5, True]


# A step of one's own: a generative adversarial network of numbers, two optimisers in alternation


@dataclasses.dataclass(frozen=True)
class GANConfig:
    hidden: int = 8


class GAN(Model):
    """x = w z + b against a critic with one hidden layer."""

    def __init__(self, config):
        super().__init__(config, "toy_gan")
        self.generator = keras.layers.Dense(1)
        self.critic = [keras.layers.Dense(config.hidden, "tanh"), keras.layers.Dense(1)]
        self.generator.build((None, 1))
        self.critic[0].build((None, 1))
        self.critic[1].build((None, config.hidden))
        self.built = True

    @property
    def fields(self):
        return {"image": Field((1, 1, 1))}

    @property
    def measures(self):
        return {"gap": Measure("", "how far an example is from the mean of what is generated")}

    def noise(self, batch_size, seed):
        return tf.random.stateless_normal([batch_size, 1], seed)

    def criticise(self, x):
        return self.critic[1](self.critic[0](x))

    def loss_terms(self, batch, noise):
        x = tf.reshape(batch["image"], [-1, 1])
        return {"gap": tf.abs(tf.reduce_mean(self.generator(noise)) - x)[:, 0]}


class Adversaries(Learner):
    """First the critic descends, then the generator."""

    def __init__(self, model, settings, strategy, xla=True):
        self.model, self.settings, self.strategy = model, settings, strategy
        critic = [v for layer in model.critic for v in layer.trainable_variables]
        self.players = [(keras.optimizers.Adam(0.02, beta_1=0.5), critic)]
        self.players += [(keras.optimizers.RMSprop(0.005), model.generator.trainable_variables)]
        for optimizer, variables in self.players:
            optimizer.build(variables)

    @property
    def optimizers(self):
        return [optimizer for optimizer, _ in self.players]

    def losses(self, batch, noise):
        real = self.model.criticise(tf.reshape(batch["image"], [-1, 1]))
        false = self.model.criticise(self.model.generator(noise))
        critic = tf.nn.softplus(-real) + tf.nn.softplus(false)
        return [tf.reduce_sum(x) / self.settings.batch_size for x in (critic, tf.nn.softplus(-false))]

    def step(self, batch, noise, step):
        losses = []
        for player, (optimizer, variables) in enumerate(self.players):
            with tf.GradientTape() as tape:
                loss = self.losses(batch, noise)[player]
            gradients = tape.gradient(loss, [v.value for v in variables])
            loss, gradients = learner.all_sum((loss, gradients))
            learner.apply(optimizer, gradients, variables)
            losses.append(loss)
        gap = tf.reduce_mean(self.model.loss_terms(batch, noise)["gap"])
        return {"gap": gap, "critic": losses[0], "generator": losses[1]}


@pytest.fixture
def gan(monkeypatch, tmp_path):
    """The Task of the toy, listed like any model; its data lies around 0.7."""
    numbers = np.random.default_rng(0).normal(0.7, 0.05, [3, 500, 1, 1, 1]).clip(0, 1).astype("f4")
    splits = dict(zip(("train_image", "validation_image", "test_image"), numbers, strict=True))
    np.savez(tmp_path / "numbers.npz", **splits)
    settings = Pictures(GANConfig(), data=str(tmp_path / "numbers.npz"), regime="gray", batch_size=50, every=100)
    picture = Picture(np.zeros([4, 4, 3], "u1"))
    task = Task("toy_gan", lambda model, shown: {"none": picture}, learner=Adversaries)
    monkeypatch.setattr(catalogue, "MODELS", (*catalogue.MODELS, "toy_gan"))
    for package, module in (
        ("zoo.configs.toy_gan", {"PRESETS": {"toy": dataclasses.replace(settings, steps=600)}}),
        ("zoo.toy_gan", {"build": GAN}),
        ("trainers.toy_gan", {"TASKS": {GANConfig: task}}),
    ):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        sys.modules[package].__dict__.update(module)
    return task


def test_two_optimisers_learn_under_the_same_loop(train, gan, tmp_path, state):
    code, _, err = train(model="toy_gan")
    assert code == 0, err
    found = state(tmp_path / "run")
    generated = found["model/0001"]  # the generator's bias is the mean of what it makes
    assert generated == pytest.approx(0.7, abs=0.1)
    assert found["optimizer0/0000"] == found["optimizer1/0000"] == 600  # both iterations
    assert {name.split("/")[0] for name in found} == {"model", "optimizer0", "optimizer1", "step", "best", "best_step"}
    assert (tmp_path / "run" / "metrics.json").exists()


def test_two_optimisers_resume_bit_for_bit(train, quick, gan, tmp_path, state, same):
    assert train("--steps", "130", model="toy_gan")[0] == 0
    assert train("--steps", "260", model="toy_gan")[0] == 0
    assert train("--steps", "260", model="toy_gan", workdir=tmp_path / "at once")[0] == 0
    at_once = state(tmp_path / "at once")
    same(state(tmp_path / "run"), at_once | {"best": state(tmp_path / "run")["best"]})
