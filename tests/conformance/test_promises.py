"""What every model promises, over zoo.catalogue.MODELS: a model that is listed is tested here without a line more.

Each is built from as few presets as have all its classes of config and all their choices.
"""

import dataclasses
import functools
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from trainers.declare.task import task_of
from trainers.learn import command, loop, start
from trainers.learn.learner import Learner, learner_of
from trainers.score import figures as scored
from trainers.score import scoring
from zoo import catalogue, data
from zoo.configs.base import from_dict, to_dict
from zoo.data.captioned import captions
from zoo.data.parallel import generated
from zoo.data.split import SPLITS
from zoo.data.text import docstrings
from zoo.store import runs

SIZE = 3  # examples; odd and unequal to other sizes

EVERY_PRESET = [(name, preset) for name in catalogue.MODELS for preset in catalogue.presets(name)]


def variants():
    """(model, preset): of every model as few as have all its classes of config and all choices, small ones if equal."""
    for name in catalogue.MODELS:
        configs = {preset: settings.model for preset, settings in catalogue.presets(name).items()}
        configs = dict(sorted(configs.items(), key=lambda item: parameters(item[1])))
        has = {
            preset: {type(config)} | {choice for choice in vars(config).items() if isinstance(choice[1], str | bool)}
            for preset, config in configs.items()
        }
        missing = set().union(*has.values())
        while missing:
            preset = max(has, key=lambda preset: len(has[preset] & missing))
            yield name, preset
            missing -= has[preset]


def parameters(config):
    """About how many, as far as sizes tell."""
    return sum(np.sum(value) for value in vars(config).values() if not isinstance(value, str))


@pytest.fixture(scope="module", params=list(variants()), ids="/".join)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def name(variant):
    return variant[0]


@pytest.fixture(scope="module")
def settings(variant):
    """The preset's, with a model as small as it can be."""
    settings = catalogue.preset(*variant)
    model = small(settings.model)
    pieces = {"piece": min(settings.piece, model.length)} if hasattr(model, "length") else {}
    return dataclasses.replace(settings, model=model, **pieces)


def small(config):
    """A config with the same choices and smaller sizes."""
    most = {"steps": 3, "hidden": 8, "z_size": 3, "embedding": 8, "attention_size": 8, "align_size": 8, "language": 8}
    most |= (
        {"encoder_hidden": 8, "vocabulary": 99, "text_length": 12, "sentences": 3}
        if hasattr(config, "text_length")
        else {}
    )
    changes = {name: size for name, size in most.items() if type(getattr(config, name, None)) is int}
    if hasattr(config, "dilations") and hasattr(config, "length"):
        changes |= {"length": min(config.length, 2000), "dilations": (1, 2, 4), "skip": 8}
    if getattr(config, "hidden", None) == (400,) or isinstance(getattr(config, "hidden", None), tuple):
        changes["hidden"] = (8,)
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope="module")
def model(name, settings):
    """With weights that are all different and away from 0, so that nothing is neutral by accident."""
    model = catalogue.build(name, settings.model)
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(v + numbers.normal(0, 0.1, v.shape).astype(v.dtype))
    return model


def batch_of(model, size=SIZE):
    """Examples of a model's fields, no two alike."""
    numbers = np.random.default_rng(1)
    return {name: tf.constant(field.random(size, numbers)) for name, field in model.fields.items()}


def training_terms(model):
    """Loss terms as training takes them before its first step: of some models only these are random."""
    return functools.partial(model.training_terms, step=0)


def noise_of(model, size=SIZE, seed=(5, 7)):
    return model.training_noise(size, tf.constant(seed))


def is_random(model):
    return bool(tf.nest.flatten(noise_of(model)))


def assert_equal(a, b):
    tf.nest.map_structure(np.testing.assert_array_equal, a, b)


def take(structure, index):
    return tf.nest.map_structure(lambda x: tf.gather(x, index), structure)


# 1. Built from its config alone


def test_all_variables_are_there_after_build(model, settings):
    names = {v.path for v in model.variables}
    assert model.built and names
    model.loss_terms(batch_of(model), noise_of(model))
    assert {v.path for v in model.variables} == names
    assert model.config == settings.model


@pytest.mark.parametrize(("name", "preset"), EVERY_PRESET)
def test_a_config_comes_back_from_json(name, preset):
    settings = catalogue.preset(name, preset)
    assert from_dict(settings, json.loads(json.dumps(to_dict(settings)))) == settings
    with pytest.raises(ValueError, match=r"stepz: no such setting .* \(did you mean 'steps'"):
        from_dict(settings, {"stepz": 3})


def test_two_builds_with_one_seed_are_the_same_model(name, settings):
    built = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        built.append(catalogue.build(name, settings.model))
    for a, b in zip(*(model.variables for model in built), strict=True):
        assert_equal(a, b)


# 2. Randomness is an argument


def test_a_seed_means_the_same_numbers_eagerly_and_in_a_graph(model):
    assert_equal(noise_of(model), noise_of(model))
    graph = tf.function(lambda seed: model.training_noise(SIZE, seed))
    assert_equal(graph(tf.constant([5, 7])), noise_of(model))


def test_every_example_step_and_run_has_noise_of_its_own(model):
    if not is_random(model):
        pytest.skip("nothing is random in this model")
    seeds = [(5, 7), (5, 8), (6, 7)]
    rows = [x.numpy() for seed in seeds for x in tf.nest.flatten(noise_of(model, seed=seed))]
    assert all(len(x) == SIZE for x in rows)
    numbers = np.concatenate([x.ravel() for x in rows])
    assert len(np.unique(numbers)) > 0.99 * numbers.size  # two uniform numbers of 23 bits may be equal


def test_nothing_else_is_random(model):
    batch, noise, terms = batch_of(model), noise_of(model), training_terms(model)
    assert_equal(terms(batch, noise), terms(batch, noise))


def test_noise_is_used(model):
    if not is_random(model):
        pytest.skip("nothing is random in this model")
    batch = batch_of(model)
    terms, others = (training_terms(model)(batch, noise_of(model, seed=seed)) for seed in ((5, 7), (5, 8)))
    assert (sum(terms.values()) != sum(others.values())).numpy().all()


# 3, 4. Loss terms are per example, in nats, float32; their sum is the training loss


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_terms_are_per_example_and_the_same_however_they_run(model, how):
    run = {"eager": lambda f: f, "graph": tf.function, "xla": tf.function(jit_compile=True)}[how]
    batch, noise = batch_of(model), noise_of(model)
    terms = run(training_terms(model))(batch, noise)
    assert terms
    expected = training_terms(model)(batch, noise)
    for key, term in terms.items():
        assert term.shape == (SIZE,) and term.dtype == tf.float32 and np.isfinite(term).all()
        np.testing.assert_allclose(term, expected[key], rtol=1e-4, atol=1e-4)
    if "rate" in terms:
        assert (terms["rate"].numpy() >= 0).all()  # a KL divergence


def test_an_example_knows_nothing_of_its_neighbours(model):
    """Permuted, doubled or alone: its terms stay what they are. No mean over the batch in secret."""
    batch, noise = batch_of(model), noise_of(model)
    terms = training_terms(model)(batch, noise)
    for index in ([2, 0, 1], [0, 0, 1, 1, 2, 2], [1]):
        found = training_terms(model)(take(batch, index), take(noise, index))
        for key, term in found.items():
            np.testing.assert_allclose(term, tf.gather(terms[key], index), rtol=1e-4, atol=1e-4)


def test_the_sum_of_the_terms_is_what_training_descends(name, settings):
    size = 4
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = catalogue.build(name, settings.model)
        batch, noise = batch_of(model, size), noise_of(model, size)
        changed = dataclasses.replace(settings, batch_size=size)
        learner = learner_of(task_of(name, settings.model), model, changed, strategy, False)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(sum(training_terms(model)(batch, noise).values()))
    expected = tape.gradient(loss, [v.value for v in model.trainable_variables])
    if type(learner).batches is not Learner.batches:
        pytest.skip("its batches are its own, and tested with it")
    sums, gradients, _ = learner.sharded(batch, noise, tf.constant(0))
    assert float(sum(sums.values())) == pytest.approx(float(loss), rel=1e-5)
    for g, e in zip(gradients, expected, strict=True):
        e = np.zeros(g.shape) if e is None else tf.convert_to_tensor(e)
        scale = np.abs(e).max()
        np.testing.assert_allclose(g, e, rtol=1e-3, atol=1e-5 + 1e-4 * scale)


def test_bfloat16_products_leave_float32_weights_and_terms(name, settings):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = catalogue.build(name, settings.model)
        terms = training_terms(model)(batch_of(model), noise_of(model))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert all(term.dtype == tf.float32 and np.isfinite(term).all() for term in terms.values())


# 5. Honest scores; 1, 2 after a run


FEW = 40  # examples of a split at most


@pytest.fixture(scope="module", autouse=True)
def few():
    """A few examples of every split alone: what is promised does not depend on how many there are."""

    def load(*args, whole=data.load, **options):
        found = whole(*args, **options)
        return dataclasses.replace(found, **{split: thinned(getattr(found, split)) for split in SPLITS})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", load)
        texts = docstrings.documents()[::10]
        patch.setattr(docstrings, "documents", lambda: texts)
        for where, what in ((captions, "SCENES"), (captions, "DIGIT_CAPTIONS"), (generated, "COUNTS")):
            patch.setattr(where, what, dict.fromkeys(getattr(where, what), FEW))  # not to make what nobody looks at
        yield


def thinned(split):
    """FEW of a split's examples or fewer, one as far from the other as the next."""
    nth = -(-split.size // FEW)
    few = {of: {name: each[::nth] for name, each in getattr(split, of).items()} for of in ("arrays", "lengths")}
    return dataclasses.replace(split, **few)


@pytest.fixture(scope="module")
def trained(name, variant, settings, tmp_path_factory):
    """A run of three steps: its directory. Skipped where the data must be brought."""
    folder = tmp_path_factory.mktemp(name) / "run"
    changed = dataclasses.replace(settings, steps=3, batch_size=4)
    options = command.Options(changed, variant[1], workdir=folder, xla=False)  # compiled in tests of promise 3
    try:
        assert loop.train(task_of(name, settings.model), options) == 0
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return folder


def test_three_steps_end_with_figures_pictures_and_weights(name, trained):
    figures = json.loads((trained / "metrics.json").read_text())
    measures = zoo.load(trained).measures
    assert figures[0]["name"] == next(iter(measures)) and measures.keys() <= {figure["name"] for figure in figures}
    for figure in figures:
        assert math.isfinite(figure["value"]) and figure["examples"] > 1
        assert figure["standard_error"] is None or figure["standard_error"] >= 0  # None: a figure of the whole split
        known = {"unit", "definition", "split", "data", "better", "signature", "seed", "minutes", "trained_by"}
        assert known <= figure.keys() and figure["split"] == "test"
    terms = {figure["name"]: figure["value"] for figure in figures}
    for name_of, measure in measures.items():
        if measure.terms and not measure.per and measure.terms[0] in terms:
            assert terms[name_of] == pytest.approx(sum(terms[term] for term in measure.terms), rel=1e-5)
    assert list((trained / "pictures").iterdir())
    assert runs.open_run(trained).model == name


def test_a_loaded_model_gives_the_same_numbers(trained):
    """Twice from the disk, and into a model that was built anew with other weights."""
    one, two = zoo.load(trained), zoo.load(trained)
    batch, noise = batch_of(one), noise_of(one)
    assert_equal(noise, noise_of(two))
    assert_equal(one.loss_terms(batch, noise), two.loss_terms(batch, noise))


def test_a_score_is_the_mean_over_the_examples_of_the_split_or_over_what_they_count(trained):
    run, model = runs.open_run(trained), zoo.load(trained)
    sets = scored.sets_of(run, model)
    terms = scoring.scorer(model)(sets.test, (0, 0))
    name, measure = next(iter(model.measures.items()))
    each = sum(terms[term] for term in measure.terms or (name,))
    assert len(each) == sets.test.size == run.figures[0]["examples"]
    value = np.sum(each, dtype="f8") / (np.sum(terms[measure.per], dtype="f8") if measure.per else len(each))
    assert run.figures[0]["value"] == pytest.approx(float(np.exp(value) if measure.exp else value), rel=1e-6)


# 7. Sampling and decoding live in the model and run in a graph


def test_what_a_model_samples_runs_in_a_graph_and_lies_in_its_range(model):
    if model.decode is None:
        pytest.skip("this model generates nothing")
    z, given = noise_of(model), {key: x for key, x in batch_of(model).items() if key == "caption"}
    made, again = model.decode(z, **given), tf.function(model.decode)(z, **given)
    observed, field = next(iter(model.fields.items()))
    assert made[observed].shape == (SIZE, *field.shape)
    least, most = field.interval or (0, field.classes - 1)
    assert (made[observed].numpy() >= least).all() and (made[observed].numpy() <= most).all()
    for key in made:
        np.testing.assert_allclose(made[key], again[key], rtol=1e-4, atol=1e-4)
    if not given:
        np.testing.assert_allclose(model.sample(SIZE, (5, 7)), made[observed], rtol=1e-5, atol=1e-6)


def test_a_posterior_sample_weighs_what_the_bound_says_on_average(model):
    """The mean of log p(x, z) - log q(z | x) is minus the bound: rate and distortion are of the same model."""
    if model.log_weights is None:
        pytest.skip("this model has no latent variables")
    many = 2000
    batch = {key: tf.repeat(x[:1], many, 0) for key, x in batch_of(model).items()}
    noise = noise_of(model, many)
    log_w = model.log_weights(batch, noise).numpy()
    terms = model.loss_terms(batch, noise)
    bound = (terms["distortion"] + terms["rate"]).numpy()
    difference = log_w + bound  # the closed rate in place of the sampled one: mean 0
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(many) + 1e-3


# 9. A clear error


def test_data_of_another_shape_is_refused_by_name(model, tmp_path):
    key, field = next(iter(model.fields.items()))
    shape = [side + 1 for side in field.shape]
    splits = ("train", "validation", "test")
    arrays = {f"{split}_{key}": np.zeros([2, *shape], "u1") for split in splits}
    arrays |= {f"{split}_label": np.arange(2) for split in splits}
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(ValueError, match=f"data: .*{key}.*(expected|takes)|data: .* the model takes .*{key}"):
        data.load(str(tmp_path / "mine.npz"), fields=model.fields)


@pytest.mark.parametrize("value", [0, -1])
def test_no_size_of_a_config_may_be_nothing(name, settings, value):
    """But for those that are 0 unless told."""
    fields = [f for f in dataclasses.fields(settings.model) if type(getattr(settings.model, f.name)) is int]
    sizes = [f.name for f in fields if f.default != 0 or value < 0]
    assert sizes
    for field in sizes:
        with pytest.raises(ValueError, match=rf"model\.{field}: got {value}, expected"):
            dataclasses.replace(settings.model, **{field: value})


def test_weights_of_another_size_are_refused(name, settings, trained):
    sizes = [
        f.name for f in dataclasses.fields(settings.model) if f.name in ("hidden", "z_size", "embedding", "residual")
    ]
    larger = {field: bigger(getattr(settings.model, field)) for field in sizes}
    other = catalogue.build(name, dataclasses.replace(settings.model, **larger))
    with pytest.raises(ValueError, match=r"init_from: the weights of .* do not fit \(.* there, .* here"):
        start.start_from(str(trained), "", other)


def bigger(size):
    return tuple(n + 1 for n in size) if isinstance(size, tuple) else size + 1
