import dataclasses
import functools
import itertools
import json
import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf

from zoo import rnnsearch
from zoo.configs.rnnsearch import PRESETS, RNNSearchConfig
from zoo.nn.decoding import FIRST
from zoo.nn.words import END, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "rnnsearch.json").read_text())
EXPECTED, TRAPS, WEIGHTS, VARIANTS = (GOLDEN[key] for key in ("expected", "traps", "weights", "variants"))
V, M, N, L, T = 7, 3, 4, 3, 4
THEIRS = np.array([3, 1, 4, 5, 6, 0, 2])  # their </s>, <unk>, words, <pad> and <bos> by the numbers inside our model
OURS = {theirs: ours for ours, theirs in enumerate(THEIRS.tolist())}
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def ids(rows, length=T):
    found = np.full((len(rows), length), END, np.int32)
    for row, words in zip(found, rows, strict=True):
        row[: len(words)] = [OURS[word] for word in words]
    return found


def texts(length=T):
    return {name: ids(rows, length) for name, rows in GOLDEN["inputs"].items()}


def weigh(unit, given):
    given = {name: np.float32(value) for name, value in given.items()}
    unit.entry.set_weights([np.concatenate([given[f"{k}{g}"] for g in ("_z", "_r", "")], -1) for k in "Wb"])
    unit.maps["gates"].set_weights([np.concatenate([given["U_z"], given["U_r"]], 1)])
    unit.maps["candidate"].set_weights([given["U"]])


def golden(length=T):
    """The model with the weights of the golden numbers."""
    sizes = {"source_vocabulary": V, "target_vocabulary": V, "embedding": M, "hidden": N, "align_size": 3, "maxout": L}
    model = rnnsearch.build(RNNSearchConfig(units="words", source_length=length, target_length=length, **sizes))
    w = {name: np.float32(value) for name, value in WEIGHTS.items() if isinstance(value, list)}
    model.source_table.assign(w["E_x"][THEIRS])
    model.target_table.assign(w["E_y"][THEIRS])
    for unit, name in zip((*model.readers, model.decoder), ("forward", "backward", "decoder"), strict=True):
        weigh(unit, WEIGHTS[name])
    model.first.set_weights([w["W_s"], w["b_s"]])
    model.context.set_weights([np.concatenate([np.float32(WEIGHTS["decoder"][f"C{g}"]) for g in ("_z", "_r", "")], 1)])
    model.query.set_weights([w["W_a"]])
    model.keys.set_weights([w["U_a"]])
    model.v.assign(w["v_a"])
    model.deep.set_weights([np.concatenate([w["U_o"], w["V_o"], w["C_o"]]), w["b_o"]])
    model.out.set_weights([w["W_o"][:, THEIRS], w["b_y"][THEIRS]])
    return model


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


# ------------------------------------------------------------------------------------------------------ golden numbers


@runs
@pytest.mark.parametrize("length", [4, 7])
def test_every_equation(run, length):
    model, batch = golden(length), texts(length)
    close(-run(model.loss_terms)(batch, {})["negative_log_likelihood"], EXPECTED["log_p_sentence"])
    h = run(model.annotate)(batch["source"])
    logits, alpha = run(model.read)(batch["source"], batch["target"])
    close(run(model.start)(batch["source"])[0], EXPECTED["s_0"])
    for b, (source, target) in enumerate(zip(*GOLDEN["inputs"].values(), strict=True)):
        close(h[b, : len(source)], EXPECTED["annotations"][b])
        close(alpha[b, : len(target), : len(source)], EXPECTED["alpha"][b])
        assert np.abs(alpha[b, :, len(source) :]).sum() == 0
        close(logits[b, : len(target)], np.array(EXPECTED["logits"][b])[:, THEIRS])


@pytest.mark.parametrize("name", [*TRAPS, "readout_state_new", "authors_code", "y0_is_bos"])
def test_other_readings_are_others(name):
    found = -golden().loss_terms(texts(), {})["negative_log_likelihood"]
    other = TRAPS[name]["value"] if name in TRAPS else VARIANTS[name]["log_p_sentence"]
    assert not np.allclose(found, other, rtol=1e-3)


def test_one_word_at_a_time_is_the_whole_reading():
    model, batch = golden(), texts()
    s, context = model.start(batch["source"])
    before, never = np.full(2, FIRST, np.int32), [UNKNOWN, END]
    for t in range(T):
        log_p, s, alpha = model.decode_step(s, before, *context)
        for b, row in enumerate(EXPECTED["alpha"]):
            if t < len(row):
                close(alpha[b, : len(row[t])], row[t])
                at = np.delete(np.arange(V), never[: 2 if t == 0 else 1])
                logits = np.array(EXPECTED["logits"][b][t])[THEIRS]
                close(log_p.numpy()[b, at], (logits - np.log(np.exp(logits).sum()))[at])
        assert np.isneginf(log_p.numpy()[:, UNKNOWN]).all() and np.isneginf(log_p.numpy()[:, END]).all() == (t == 0)
        before = batch["target"][:, t]


def test_a_wide_beam_finds_what_a_search_through_everything_does():
    model = golden()
    step = model.decode_step

    def of_words(s, words, *context):  # neither <pad> nor <bos>
        log_p, s, alpha = step(s, words, *context)
        return log_p + tf.constant([0.0] * 5 + [-np.inf] * 2), s, alpha

    model.decode_step = of_words
    source = texts()["source"]
    for norm, best, score in ((0.0, "best", "log_p"), (1.0, "best_by_log_p_per_token", "log_p_per_token")):
        said = model.translate(source, "beam", 40, norm)
        words = (said["target"].numpy() != END).sum(1) + 1
        for b, pair in enumerate(EXPECTED["search"]["pairs"]):
            assert said["target"][b].numpy().tolist() == ids([pair[best]])[0].tolist()
            assert float(said["score"][b]) / words[b] ** norm == pytest.approx(pair[score], rel=1e-5)
    greedy = model.translate(source)["target"].numpy().tolist()
    assert greedy == ids(EXPECTED["search"]["greedy"]).tolist()


# ---------------------------------------------------------------------------------------------------- any weights


def random(attention=True, **changes):
    config = dataclasses.replace(PRESETS["smoke"].model, attention=attention, source_length=9, target_length=8)
    model = rnnsearch.build(dataclasses.replace(config, **changes))
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.5, v.shape).astype(np.float32))
    return model


def some(model, size=5):
    numbers = np.random.default_rng(1)
    return {name: field.random(size, numbers) for name, field in model.fields.items()}


def cell(unit, x, h, more=0.0):
    """The printed equations of the hidden unit, one vector at a time in double precision."""
    w, b = (value.astype("f8") for value in unit.entry.get_weights())
    (u_zr,), (u,) = (unit.maps[name].get_weights() for name in ("gates", "candidate"))
    n = len(h)
    heard = x @ w + b + more
    z, r = (1 / (1 + np.exp(-(heard[k * n : (k + 1) * n] + h @ u_zr[:, k * n : (k + 1) * n]))) for k in range(2))
    return (1 - z) * h + z * np.tanh(heard[2 * n :] + (r * h) @ u)


@runs
def test_the_encoder_decoder_is_the_papers_double_loop(run):
    """p(y | x) of RNNencdec: c is the state after the END of the source, and stands in every step."""
    model = random(attention=False)
    assert len(model.readers) == 1 and not model.translate(some(model)["source"]).keys() & {"attention"}
    batch, config = some(model), model.config
    w_s, b_s = model.first.get_weights()
    (c_all,), (deep, b_o), (w_o, b_y) = (layer.get_weights() for layer in (model.context, model.deep, model.out))
    terms = -run(model.loss_terms)(batch, {})["negative_log_likelihood"]
    for source, target, found in zip(*batch.values(), terms, strict=True):
        c = np.zeros(config.hidden)
        for word in source[: (source != END).sum() + 1]:
            c = cell(model.readers[0], model.source_table.numpy()[word], c)
        s, e, log_p = np.tanh(c @ w_s + b_s), np.zeros(config.embedding), 0.0
        for word in target[: (target != END).sum() + 1]:
            t = (np.concatenate([s, e, c]) @ deep + b_o).reshape(-1, 2).max(1)
            logits = t @ w_o + b_y
            log_p += logits[word] - np.log(np.exp(logits).sum())
            s = cell(model.decoder, e, s, c @ c_all)
            e = model.target_table.numpy()[word]
        assert float(found) == pytest.approx(log_p, rel=1e-4)


@runs
@pytest.mark.parametrize("attention", [True, False])
def test_padding_changes_no_number(run, attention, request):
    """Compiled, to the last bit; else TensorFlow adds up rows of another width in another order."""
    model, batch, exact = random(attention), some(random(attention)), request.node.callspec.id.endswith("jit")
    terms = run(model.loss_terms)(batch, {})["negative_log_likelihood"].numpy()
    for k in range(len(terms)):
        fitting = {name: row[k : k + 1, : (row[k] != END).sum() + 1] for name, row in batch.items()}
        alone = run(model.loss_terms)(fitting, {})["negative_log_likelihood"].numpy()
        wide = {name: row[k : k + 1] for name, row in batch.items()}
        padded = run(model.loss_terms)(wide, {})["negative_log_likelihood"]
        np.testing.assert_allclose(alone, padded, rtol=0 if exact else 1e-6)
        np.testing.assert_allclose(alone, terms[k], rtol=1e-5)


def test_a_later_word_changes_no_earlier_one():
    model, batch = random(), some(random())
    logits, alpha = model.read(**batch)
    changed = np.where(np.arange(8) >= 4, (batch["target"] + 3) % model.config.target_vocabulary, batch["target"])
    others, looks = model.read(batch["source"], changed)
    np.testing.assert_array_equal(logits[:, :5], others[:, :5])
    np.testing.assert_array_equal(alpha[:, :6], looks[:, :6])  # the printed alignment knows y_{i-2}
    assert np.abs(logits[:, 5] - others[:, 5]).max() > 1e-3 and np.abs(alpha[:, 6] - looks[:, 6]).max() > 1e-4


@pytest.mark.parametrize("attention", [True, False])
def test_a_search_scores_what_the_model_gives_the_translation(attention):
    model = random(attention)
    source = some(model)["source"]
    for how in ({"method": "greedy"}, {"method": "beam", "width": 3}):
        said = tf.function(lambda how=how: model.translate(source, **how), autograph=False)()
        target = said["target"].numpy()
        assert (target[:, 0] != END).all() and (target != UNKNOWN).all()
        log_p = -model.loss_terms({"source": source, "target": target}, {})["negative_log_likelihood"]
        np.testing.assert_allclose(said["score"], log_p, rtol=1e-4, atol=1e-4)
        if attention:
            _, alpha = model.read(source, target)
            real = np.cumsum(target == END, 1) - (target == END) == 0
            np.testing.assert_allclose(said["attention"] * np.ones(1), alpha * real[..., None], atol=1e-5)


def test_the_likeliest_words_are_drawn_most():
    model = random()
    source = np.repeat(some(model)["source"][:1], 2000, 0)
    gumbel = np.random.default_rng(0).gumbel(size=(2000, 8, model.config.target_vocabulary)).astype("f4")
    first = model.translate(source, "sample", noise=gumbel)["target"].numpy()[:, 0]
    s, context = model.start(source[:1])
    p = np.exp(model.decode_step(s, np.int32([FIRST]), *context)[0].numpy()[0])
    p /= p.sum()
    share = np.bincount(first, minlength=len(p)) / 2000
    assert np.abs(share - p).max() < 4 * np.sqrt(p.max() / 2000)


def test_a_beam_of_five_takes_at_most_ten_times_as_long_as_one_word_after_the_other():
    """Captions' sizes, 32 at once, of a model that never says END: every word is searched for."""
    model = rnnsearch.build(PRESETS["multi30k-en-de"].model)
    model.out.bias.assign(tf.where(tf.range(model.out.units) == END, -1e3, model.out.bias))
    source = tf.random.stateless_uniform([32, 16], [0, 1], 2, 6000, tf.int32)
    words, found = 32 * model.config.target_length, {}
    for method in ("greedy", "beam"):
        search = tf.function(functools.partial(model.translate, method=method), autograph=False)
        assert (search(source)["target"] != END).numpy().all()  # traces, too
        found[method] = min(seconds(search, source) for _ in range(3))
    print(", ".join(f"{words / each:,.0f} words a second {method}" for method, each in found.items()))
    assert found["beam"] < 10 * found["greedy"]


def seconds(function, *arguments):
    began = time.perf_counter()
    function(*arguments)["target"].numpy()
    return time.perf_counter() - began


def test_dropout_is_of_both_tables_and_of_the_maxout_layer():
    model = random(dropout=0.5)
    batch, noise = some(model), model.training_noise(5, tf.constant([3, 4]))
    plain, nothing = model.training_terms(batch, {}, 0), {name: tf.ones_like(x) for name, x in noise.items()}
    assert noise.keys() == {"source", "target", "maxout"}
    for name in noise:
        dropped = model.training_terms(batch, {name: noise[name]}, 0)["negative_log_likelihood"]
        assert (np.abs(dropped - plain["negative_log_likelihood"]) > 1e-4).all()
    kept = model.training_terms(batch, nothing, 0)["negative_log_likelihood"]  # everything kept, and twice as large
    assert (np.abs(kept - plain["negative_log_likelihood"]) > 1e-4).all()
    assert (model.loss_terms(batch, noise)["negative_log_likelihood"] == plain["negative_log_likelihood"]).numpy().all()


def test_recurrent_weights_start_orthogonal():
    model = rnnsearch.build(PRESETS["smoke"].model)
    for unit in (*model.readers, model.decoder):
        (gates,), (candidate,) = (unit.maps[name].get_weights() for name in ("gates", "candidate"))
        for block in (*np.split(gates, 2, 1), candidate):
            np.testing.assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-5)
        assert np.abs(gates[:, :16] - gates[:, 16:]).max() > 0.1


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"method": "best"}, "method: got 'best', expected one of greedy, beam, sample"),
        ({"method": "sample"}, "noise: got None"),
        ({"method": "beam", "width": 0}, "width: got 0"),
        ({"method": "beam", "length_norm": -1}, "length_norm: got -1"),
    ],
)
def test_what_cannot_be_searched_is_refused(how, expected):
    with pytest.raises(ValueError, match=expected):
        random().translate(np.zeros([1, 9], np.int32), **how)


def test_sizes_that_cannot_be_are_refused():
    for wrong in ({"target_vocabulary": 2}, {"dropout": 1.0}, {"hidden": 0}, {"units": "letters"}):
        ((name, _),) = wrong.items()
        with pytest.raises(ValueError, match=f"model.{name}: got"):
            RNNSearchConfig(**wrong)


def test_presets_name_sets_and_the_encoder_decoder_is_the_same_but_for_attention():
    pairs = [(PRESETS[name], PRESETS[f"{name}-encdec"]) for name in PRESETS if f"{name}-encdec" in PRESETS]
    assert len(pairs) == 8
    for one, other in pairs:
        assert dataclasses.replace(other.model, attention=True) == one.model and one.model.attention
    directions = {(s.source, s.target) for s in PRESETS.values() if s.data == "multi30k"}
    assert directions == {*itertools.permutations(("en", "de"), 2), *itertools.permutations(("en", "fr"), 2)}
