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


def step(cell, x, h, c):
    """One step of the golden LSTM, in NumPy."""
    cell = {name: np.array(value) for name, value in WEIGHTS[cell].items()}
    i, f, g, o = np.split(x @ cell["W"] + h @ cell["U"] + cell["b"], 4)
    c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(c) / (1 + np.exp(-o)), c


def greedy(first, h, c, cell="lstm"):
    """(words, log p of them) that are likeliest one after the other, UNKNOWN never, in NumPy."""
    vectors, kernel, bias = (np.array(WEIGHTS[name]) for name in ("emb", "W_o", "b_o"))
    word, words, score = first, [], 0.0
    while len(words) < SIZES["text_length"] and (not words or word != 0):
        h, c = step(cell, vectors[THEIRS[word]], h, c)
        logits = (h @ kernel + bias)[THEIRS]
        log_p = logits - np.log(np.exp(logits).sum())
        word = int(np.argmax(np.where(np.arange(8) == 1, -np.inf, log_p)))
        words, score = [*words, word], score + log_p[word]
    return words + [0] * (SIZES["text_length"] - len(words)), score


@pytest.mark.parametrize("tie", [True, False])
@runs
def test_what_is_written_again_is_the_likeliest_word_each_time(run, tie):
    model = pretraining(tie=tie)
    said = run(model.reconstruct)(tf.constant(TEXT))
    want = [
        greedy(0, h, c, "lstm" if tie else "lstm_untied") for h, c in zip(EXPECTED["h"], EXPECTED["c"], strict=True)
    ]
    assert said["text"].numpy().tolist() == [words for words, _ in want]
    np.testing.assert_allclose(said["score"], [score for _, score in want], rtol=1e-5)


def test_the_code_of_a_text_is_the_state_after_its_last_word():
    code = pretraining().encode(tf.constant(TEXT))
    for name in "hc":
        np.testing.assert_allclose(code[name], EXPECTED[name], atol=2e-6)


@runs
def test_a_language_model_goes_on_after_the_words_that_are_given(run):
    said = run(pretraining(task="language").extend)(tf.constant(TEXT))
    vectors = np.array(WEIGHTS["emb"])[THEIRS]
    for row, words, score in zip(TEXT, *said.values(), strict=True):
        h = c = np.zeros(4)
        *before, last = row[row > 0]
        for word in before:
            h, c = step("lstm", vectors[word], h, c)
        want = greedy(last, h, c)
        assert words.numpy().tolist() == want[0] and float(score) == pytest.approx(want[1], rel=1e-5)


@pytest.mark.parametrize("task", ["autoencoder", "language"])
def test_training_compares_with_candidates_and_scores_with_all_words(task):
    """Candidates of uniform numbers 0 are all END: what is left is the choice between END and the right word."""
    full, sampled = pretraining(task=task), pretraining(task=task, candidates=3)
    noise = sampled.training_noise(3, (1, 2))
    assert {name: x.shape for name, x in noise.items()} == {"candidates": (3, 3)} and not full.training_noise(3, (1, 2))
    scores = (model.loss_terms({"text": TEXT}, {})["negative_log_likelihood"].numpy() for model in (full, sampled))
    np.testing.assert_array_equal(*scores)
    terms = sampled.training_terms({"text": TEXT}, {"candidates": tf.zeros([3, 3])}, 0)
    assert terms.keys() == {"sampled_softmax"}

    state = sampled.summary_of(TEXT)[0] if task == "autoencoder" else None
    before = np.pad(TEXT[:, :-1], ((0, 0), (1, 0)))
    _, h = sampled.reader.read(before, state) if task == "autoencoder" else sampled.reader.read(TEXT[:, :-1])
    logits = h.numpy() @ sampled.out.kernel.numpy() + sampled.out.bias.numpy()
    p = np.log((np.arange(8) + 2) / (np.arange(8) + 1)) / np.log(9)
    logits -= np.log(1 - (1 - p) ** 3)
    ids = TEXT if task == "autoencoder" else TEXT[:, 1:]
    right = np.take_along_axis(logits, ids[..., None], 2)[..., 0]
    nats = np.log1p(np.exp(logits[..., 0] - right)) * (ids > 0)  # of END itself there is no choice
    np.testing.assert_allclose(terms["sampled_softmax"], nats.sum(1), rtol=1e-5)


def test_joint_training_may_sample_too():
    model, full = classifier(joint=0.1, candidates=3), classifier(joint=0.1)
    batch = {"text": TEXT, "label": LABEL}
    noise = model.training_noise(3, (1, 2))
    sampled, terms = model.training_terms(batch, noise, 0), full.training_terms(batch, {}, 0)
    np.testing.assert_array_equal(sampled["cross_entropy"], terms["cross_entropy"])
    assert (sampled["joint"] < terms["joint"]).numpy().all()  # a choice among fewer words
    assert not classifier(candidates=3).training_noise(3, (1, 2))


def test_noise_is_that_of_the_passes_that_are_made():
    shapes = {
        model: {name: tuple(x.shape) for name, x in model.training_noise(3, (1, 2)).items()}
        for model in (
            sequence_autoencoder.build(dataclasses.replace(kind(**SIZES, **more), dropout=0.5))
            for kind, more in (
                (PretrainingConfig, {}),
                (PretrainingConfig, {"task": "language"}),
                (ClassifierConfig, {}),
                (ClassifierConfig, {"joint": 0.1}),
            )
        )
    }
    one, both = {"read": (3, 7, 3)}, {"read": (3, 7, 3), "write": (3, 7, 3)}
    assert list(shapes.values()) == [both, one, one, both]


def test_the_words_are_part_of_the_reader():
    """Whoever takes over its vectors knows what they stand for."""
    model = pretraining(tie=False)
    paths = {v.path.partition("/")[2] for v in model.variables}
    assert "reader/words/letters" in paths and "writer/words/letters" not in paths
    assert {path.partition("/")[2] for path in paths if path.startswith("writer/")} == {
        path.partition("/")[2] for path in paths if path.startswith("reader/")
    } - {"words/letters"}


@pytest.mark.parametrize("task", ["autoencoder", "language"])
def test_an_unknown_word_is_never_written(task):
    model = pretraining(task=task)
    model.out.bias.assign(tf.one_hot([1], 8)[0] * 50.0)
    said = (model.reconstruct if task == "autoencoder" else model.extend)(tf.constant(TEXT))
    assert (said["text"].numpy() != 1).all() and (said["score"].numpy() < -40).all()  # log p as it is


@pytest.mark.parametrize("gain", ["none", "linear"])
def test_a_text_without_a_label_is_none_to_classify(gain):
    model = classifier(gain=gain)
    known, some = np.int32(LABEL), np.int32([LABEL[0], -1, *LABEL[2:]])
    whole, part = (
        {**model.loss_terms({"text": TEXT, "label": label}, {}), **model.counts({"text": TEXT, "label": label})}
        for label in (known, some)
    )
    expected = np.float32([1, 0, *[1] * (len(LABEL) - 2)])
    for name in ("cross_entropy", "error", "labels"):
        np.testing.assert_allclose(part[name], expected * whole[name].numpy())
    training = model.training_terms({"text": TEXT, "label": some}, {}, 0)["cross_entropy"].numpy()
    assert training[1] == 0 and (np.delete(training, 1) > 0).all()
