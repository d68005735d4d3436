import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import sequence_autoencoder
from zoo.configs.sequence_autoencoder import ClassifierConfig, PretrainingConfig

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "sequence_autoencoder.json").read_text())
EXPECTED, TRAPS, WEIGHTS = GOLDEN["expected"], GOLDEN["traps"], GOLDEN["weights"]
THEIRS = np.array([3, 1, 0, 2, 4, 5, 6, 7])  # their </s>, <unk>, <pad> and <bos> by our numbers; the words are alike
SIZES = {"vocabulary": 8, "text_length": 7, "embedding": 3, "hidden": 4, "dropout": 0.0}
TEXT = np.zeros((3, 6), np.int32)
for row, sentence in zip(TEXT, GOLDEN["inputs"]["sentences"], strict=True):
    row[: len(sentence)] = sentence
LABEL = np.int32(GOLDEN["inputs"]["label"])
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def weigh(layer, kernel, bias):
    layer.set_weights([np.float32(kernel), np.float32(bias)])


def weigh_reading(reading, name="lstm"):
    reading.table.rows.assign(np.concatenate([np.zeros((1, 3)), np.array(WEIGHTS["emb"])[THEIRS]]))
    cell = WEIGHTS[name]
    weigh(reading.cell.maps["gates"], np.concatenate([cell["W"], cell["U"]]), cell["b"])


def pretraining(**changes):
    model = sequence_autoencoder.build(PretrainingConfig(**SIZES, **changes))
    weigh_reading(model.reader)
    if model.writer is not model.reader:
        weigh_reading(model.writer, "lstm_untied")
    weigh(model.out, np.array(WEIGHTS["W_o"])[:, THEIRS], np.array(WEIGHTS["b_o"])[THEIRS])
    return model


def classifier(**changes):
    model = sequence_autoencoder.build(ClassifierConfig(**SIZES, classes=3, layer=3, **changes))
    weigh_reading(model.reader)
    weigh(model.layer, WEIGHTS["W_h"], WEIGHTS["b_h"])
    weigh(model.class_head, WEIGHTS["W_c"], WEIGHTS["b_c"])
    if model.out:
        weigh(model.out, np.array(WEIGHTS["W_o"])[:, THEIRS], np.array(WEIGHTS["b_o"])[THEIRS])
    return model


@runs
def test_the_autoencoder(run):
    model = pretraining()
    (h, c), _ = run(model.summary_of)(TEXT)
    np.testing.assert_allclose(h, EXPECTED["h"], atol=2e-6)
    np.testing.assert_allclose(c, EXPECTED["c"], atol=2e-6)
    nats = run(model.loss_terms)({"text": TEXT}, {})["negative_log_likelihood"]
    np.testing.assert_allclose(nats, EXPECTED["rec"], rtol=2e-6)
    for name in ("bos_first", "zero_start", "cell_forgotten", "padded_state"):
        assert not np.allclose(nats, TRAPS[name], rtol=1e-3)


def test_weights_of_its_own_for_the_writer():
    nats = pretraining(tie=False).loss_terms({"text": TEXT}, {})["negative_log_likelihood"]
    np.testing.assert_allclose(nats, GOLDEN["untied"], rtol=2e-6)


@runs
def test_the_language_model(run):
    model = pretraining(task="language")
    nats = run(model.loss_terms)({"text": TEXT}, {})["negative_log_likelihood"]
    np.testing.assert_allclose(nats, EXPECTED["language_model_rec"], rtol=2e-6)
    assert model.counts({"text": TEXT})["words_and_end"].numpy().tolist() == [4, 2, 1]


@runs
def test_the_classifier(run):
    model, batch = classifier(), {"text": TEXT, "label": LABEL}
    np.testing.assert_allclose(run(model.classify)(TEXT)["logits"], EXPECTED["classifier_logits"], atol=2e-6)
    terms = run(model.loss_terms)(batch, {})
    np.testing.assert_allclose(terms["cross_entropy"], EXPECTED["classifier_ce"], rtol=2e-6)
    likeliest = np.argmax(EXPECTED["classifier_logits"], -1)
    assert terms["error"].numpy().tolist() == (likeliest != LABEL).tolist()


def test_joint_training_adds_the_autoencoders_nats():
    model, batch = classifier(joint=0.1), {"text": TEXT, "label": LABEL}
    terms = model.training_terms(batch, {}, 0)
    assert float(tf.reduce_mean(sum(terms.values()))) == pytest.approx(EXPECTED["joint_loss"], rel=2e-6)


def test_linear_gain_weighs_every_step():
    """With the layer as good as none, its classes are those of h itself."""
    model, batch = classifier(gain="linear"), {"text": TEXT, "label": LABEL}
    model = sequence_autoencoder.build(dataclasses.replace(model.config, layer=8))
    weigh_reading(model.reader)
    both_ways = np.concatenate([np.eye(4), -np.eye(4)], 1)  # relu(h), relu(-h)
    weigh(model.layer, both_ways, np.zeros(8))
    weigh(model.class_head, both_ways.T @ WEIGHTS["W_y"], WEIGHTS["b_y"])
    nats = model.training_terms(batch, {}, 0)["cross_entropy"]
    np.testing.assert_allclose(nats, EXPECTED["linear_gain_loss"], rtol=2e-6)
    for name in ("gain_not_normalised", "gain_uniform", "gain_by_padded_length"):
        assert not np.allclose(nats, TRAPS[name], rtol=1e-3)


@pytest.mark.parametrize("make", [pretraining, classifier])
def test_padding_changes_nothing_to_the_last_bit(make):
    model = make()
    short, long = (
        model.loss_terms({"text": text, "label": LABEL}, {}) for text in (TEXT, np.pad(TEXT, ((0, 0), (0, 1))))
    )
    for name in short:
        assert short[name].numpy().tobytes() == long[name].numpy().tobytes()
