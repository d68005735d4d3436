import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import topic_rnn
from zoo.configs.topic_rnn import TopicRNNConfig
from zoo.nn.words import END, PAD, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "topic_rnn.json").read_text())
EXPECTED, TRAPS, WEIGHTS, INPUTS = (GOLDEN[name] for name in ("expected", "traps", "weights", "inputs"))
THEIRS = np.array([3, 1, 0, 2, 4, 5, 6, 7])  # their </s>, <unk>, <pad> and <bos> by our numbers; the words are alike
SIZES = {"vocabulary": 8, "text_length": 9, "embedding": 3, "hidden": 4, "topics": 2, "inference": (3,), "window": 4}
NOISE = {"theta": np.float32(INPUTS["eps"])}
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def in_rows(documents, length):
    rows = np.full((len(documents), length), PAD, np.int32)
    for row, document in zip(rows, documents, strict=True):
        row[: len(document)] = document
    return rows


TEXT = in_rows([[*document, END] for document in INPUTS["documents"]], 6)


def stopping(model, words=(4, 5)):
    """The model with END, UNKNOWN and these as its stop words."""
    model.stop.assign(np.isin(np.arange(model.config.vocabulary), [END, UNKNOWN, *words]))
    return model


@pytest.fixture(scope="module")
def golden():
    """The model with the weights of the golden numbers."""
    model, w = stopping(topic_rnn.build(TopicRNNConfig(**SIZES, cell="rnn"))), WEIGHTS
    emb = np.array(w["emb"])
    model.table.rows.assign(np.concatenate([emb[2:3], emb[THEIRS]]))
    weigh(model.cell.maps["gates"], np.concatenate([w["W"], w["U"]]), w["b"])
    model.out.assign(np.concatenate([w["V_out"], w["B"]])[:, THEIRS])
    weigh(model.switch, w["Gamma"])
    model.bag.rows.assign(np.concatenate([np.zeros((7, 3)), w["W_g"]]))  # of what is no content word nothing counts
    model.bag_bias.assign(w["b_g"])
    weigh(model.head.mean, w["W1"], w["a1"])
    weigh(model.head.log_variance, 2 * np.array(w["W2"]), 2 * np.array(w["a2"]))  # theirs is of the deviation
    return model


def weigh(layer, *values):
    layer.set_weights([np.float32(value) for value in values])


def filled(scale=1.0, **changes):
    """A model of random weights with all words known."""
    model = stopping(topic_rnn.build(TopicRNNConfig(**{**SIZES, **changes})))
    numbers = np.random.default_rng(2)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, scale, v.shape))
    if model.config.context == "lda":
        model.shares.assign(numbers.dirichlet(np.ones(model.config.topics), model.config.vocabulary))
    model.words.learn([f"w{i}" for i in range(2, model.config.vocabulary)])
    return model


@runs
def test_the_bound_and_its_three_terms(run, golden):
    mean, scale = run(golden.posterior)(TEXT)
    np.testing.assert_allclose(mean, EXPECTED["mu"], atol=2e-6)
    np.testing.assert_allclose(np.log(scale), EXPECTED["log_sigma"], atol=2e-6)
    np.testing.assert_allclose(mean + scale * NOISE["theta"], EXPECTED["theta"], atol=2e-6)
    for terms in (run(golden.loss_terms)({"text": TEXT}, NOISE), run(golden.training_terms)({"text": TEXT}, NOISE, 0)):
        np.testing.assert_allclose(-terms["distortion"], EXPECTED["word_term"], rtol=1e-5)
        np.testing.assert_allclose(-terms["stops"], EXPECTED["stop_term"], rtol=1e-5)
        np.testing.assert_allclose(terms["rate"], EXPECTED["kl"], rtol=1e-5)
        bound = -sum(terms[name] for name in golden.measures["bound"].terms)
        np.testing.assert_allclose(bound, EXPECTED["bound"], rtol=1e-5)
        for trap in TRAPS.values():
            name = {"word_term": "distortion", "kl": "rate"}.get(trap["instead_of"].split(".")[1])
            found = bound if name is None else terms["rate"] if name == "rate" else -terms["distortion"]
            assert (np.abs(found - np.float32(trap["value"])) > 1e-2).all()


def test_theta_may_be_its_mean(golden):
    terms = golden.bound_terms(TEXT, {"theta": tf.zeros([2, 2])})
    np.testing.assert_allclose(-terms["distortion"], EXPECTED["theta_equals_mu_word_term"], rtol=1e-5)


@runs
def test_the_switch_is_summed_over(run, golden):
    h, _ = golden.read(np.pad(TEXT, ((0, 0), (1, 0)), constant_values=-1)[:, :-1])
    theta = np.repeat(np.float32(EXPECTED["theta"])[:, None], 6, 1)
    log_p = run(golden.log_probs)(h, theta)
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, atol=1e-5)
    found = golden.of_words(log_p, TEXT).numpy()
    for row, want in zip(found, EXPECTED["marginal_log_p"], strict=True):
        np.testing.assert_allclose(row[: len(want)], want, rtol=1e-5)
    np.testing.assert_allclose(found.sum(1), EXPECTED["marginal_sum"], rtol=1e-5)


def test_theta_is_told_by_the_window_of_words_before(golden):
    past, eye = INPUTS["past"], np.zeros((9, 3), np.float32)
    eye[7, 0] = eye[8, 1] = 1  # the bag itself
    bag, bias = golden.bag.rows.numpy(), golden.bag_bias.numpy()
    golden.bag.rows.assign(eye)
    golden.bag_bias.assign(np.zeros(3))
    weigh(golden.head.mean, np.eye(3, 2), np.zeros(2))
    try:
        found = golden.past(np.int32([past["stream"]]))[0]
    finally:
        golden.bag.rows.assign(bag)
        golden.bag_bias.assign(bias)
        weigh(golden.head.mean, WEIGHTS["W1"], WEIGHTS["a1"])
    assert golden.config.window == past["window"]
    np.testing.assert_array_equal(found[:: past["every"]], past["X"])
