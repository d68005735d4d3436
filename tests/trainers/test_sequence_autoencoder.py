import re

import numpy as np
import pytest
import tensorflow as tf

import zoo
from trainers import sample, sequence_autoencoder
from trainers.declare.task import Sampling, Shown
from zoo.configs.sequence_autoencoder import ClassifierConfig, PretrainingConfig
from zoo.data.split import Split
from zoo.sequence_autoencoder import build
from zoo.store import runs

SIZES = {"vocabulary": 9, "text_length": 6, "embedding": 4, "hidden": 5}
FLAGS = [f"--model.{name.replace('_', '-')}={size}" for name, size in SIZES.items()]
KNOWN = ["good", "bad", "film", "the", "a", "very", "."]


def built(kind, **changes):
    """With words, and weights away from 0."""
    model = build(kind(**SIZES, **changes))
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape))
    model.words.learn(KNOWN)
    return model


@pytest.fixture
def classifier():
    model = built(ClassifierConfig, classes=3)
    model.names.learn(["negative", "positive"])
    return model


def shown(model, **label):
    ids = model.words.ids(tf.constant(["the good film .", "a bad film", "very very bad", "good"]), 6).numpy()
    split = Split({"text": ids, **label})
    return Shown({name: tf.constant(array) for name, array in split.arrays.items()}, {}, split, split)


def test_what_comes_back_of_texts():
    model = built(PretrainingConfig)
    found = sequence_autoencoder.exhibits(model, shown(model))
    back = model.words.texts(model.reconstruct(shown(model).batch["text"])["text"]).numpy()
    lines = found["reconstructions"].words.splitlines()
    assert lines[0] == "the good film ." and [line[2:].encode() for line in lines[1::3]] == list(back)


def test_a_language_model_goes_on_after_the_first_words():
    model = built(PretrainingConfig, task="language")
    lines = sequence_autoencoder.exhibits(model, shown(model))["continuations"].words.splitlines()
    assert lines[::3] == ["the good film", "a bad film", "very very bad", "good"]
    several = sequence_autoencoder.sample(model, ["the", "a good"], sequence_autoencoder.Writing(count=3)).lines
    assert [line.splitlines()[0] for line in several] == ["the", "a good"]
    said = several[0].splitlines()[1:]
    assert len(said) == 3 and len(set(said)) > 1 and all(line.startswith("> ") for line in said)
    again = sequence_autoencoder.sample(model, ["the", "a good"], sequence_autoencoder.Writing(count=3, seed=1)).lines
    assert again != several


def test_classes_that_are_found_and_those_that_are_right(classifier):
    logits = classifier.classify(shown(classifier).batch["text"])["logits"].numpy()
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    best, names = probs.argmax(-1), ["negative", "positive", ""]
    label = np.int32([best[0], best[1], (best[2] + 1) % 2, best[3]])
    found = sequence_autoencoder.classified(classifier, shown(classifier, label=label))
    lines = found["classes"].words.splitlines()[1::3]
    want = [f"> {names[k]} {row[k]:.2f}" for k, row in zip(best, probs, strict=True)]
    want[2] += f", but is {names[label[2]]}"
    assert lines == want
    table = [line[len("right, found") :].split() for line in found["confusion"].words.splitlines()]
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (label, best), 1)
    assert table[0] == ["negative", "positive"] and np.array(table[1:], int).tolist() == counts.tolist()


def test_inputs_are_answered_by_classes_the_likeliest_first(classifier):
    made = sequence_autoencoder.name(classifier, ["a good film", "a strange film"], Sampling())
    row = made.arrays["probabilities"][0]
    text, answer = made.lines[0].splitlines()
    assert text == "a good film" and made.lines[-1] == "unknown words: strange"
    numbers = [float(part.split()[-1]) for part in answer.removeprefix("> ").split(",")]
    np.testing.assert_allclose(numbers, sorted(row, reverse=True), atol=0.0051)
    assert ("positive" in answer.split(",")[0]) == (row.argmax() == 1)


def test_without_an_input_there_is_nothing_to_answer(classifier):
    with pytest.raises(ValueError, match="inputs: got none, expected one text or more; a text_classifier begins"):
        sequence_autoencoder.name(classifier, (), Sampling())


@pytest.fixture
def texts(tmp_path):
    """Files: one without labels, and one with labels and other words, some of which are more frequent there."""
    plain, labelled = tmp_path / "plain.txt", tmp_path / "labelled.txt"
    plain.write_text("".join(f"the film {i} .\nbad the {i}\nthe bad bad film {i}\n" for i in range(40)))
    labelled.write_text("".join(f"yes\tgood plot {i} good\nno\tplot {i} bad film\n" for i in range(60)))
    return plain, labelled


@pytest.mark.parametrize("task", ["autoencoder", "language"])
def test_a_classifier_begins_at_what_was_learned_without_labels(train, texts, tmp_path, task, capfd):
    common = [*FLAGS, "--steps=2", "--every=2", "--batch-size=4", "--part=sentences", "--no-xla"]
    plain, labelled = (["--data", str(path), *common] for path in texts)
    first = tmp_path / "first"
    sampled = [f"--model.task={task}", "--model.candidates=3"]
    code, _, err = train(*sampled, *plain, model="sequence_autoencoder", workdir=first)
    assert code == 0, err
    assert (first / "pictures" / "curve.png").exists()  # of validation, since candidates give no likelihood
    arguments = ("--preset=docstrings-classes", *labelled, "--init-from", f"{first}:reader", "--learning-rate=1e-9")
    code, _, err = train(*arguments, "--model.classes=2", model="sequence_autoencoder", workdir=tmp_path / "then")
    assert code == 0, err

    before, after = zoo.load(first), zoo.load(tmp_path / "then")
    assert {*before.words.known[:2]} == {"bad", "the"}
    assert after.words.known == before.words.known  # not those of its own data: the vectors are of these
    np.testing.assert_allclose(after.reader.table.rows.numpy(), before.reader.table.rows.numpy(), atol=1e-6)
    kernels = (model.reader.cell.maps["gates"].kernel.numpy() for model in (before, after))
    np.testing.assert_allclose(*kernels, atol=1e-6)
    assert sorted(after.names.known) == ["no", "yes"]
    assert {path.name for path in (tmp_path / "then" / "pictures").iterdir()} >= {"classes.txt", "confusion.txt"}
    (error,) = (figure for figure in runs.open_run(tmp_path / "then").figures if figure["name"] == "error")
    assert 0 <= error["value"] <= 1

    with pytest.raises(SystemExit, match="0"):
        sample.main([str(tmp_path / "then"), "good plot"])
    assert "> yes" in capfd.readouterr().out.replace("> no", "> yes")


def test_another_number_of_words_is_one_line(train, texts, tmp_path, quick):
    arguments = ["--data", str(texts[0]), *FLAGS, "--steps=1", "--part=sentences", "--no-xla"]
    assert train(*arguments, model="sequence_autoencoder", workdir=tmp_path / "first")[0] == 0
    arguments = ["--preset=docstrings-classes", "--data", str(texts[1]), *FLAGS, "--model.vocabulary=8"]
    code, _, err = train(*arguments, "--init-from", f"{tmp_path / 'first'}:reader", model="sequence_autoencoder")
    assert code == 2 and "do not fit" in err and "vocabulary is 9 there, 8 here" in err and err.count("\n") == 1


def test_a_run_says_what_its_data_are_and_lack(train, texts, quick):
    """Of three classes the texts have two; a dry run tells how much is read, too."""
    common = ["--preset=docstrings-classes", "--data", str(texts[1]), *FLAGS, "--model.classes=3", "--batch-size=4"]
    code, out, err = train(*common, "--steps=1", "--part=sentences", "--no-xla", model="sequence_autoencoder")
    assert code == 0 and "\nlabelled.txt, your own texts; a tenth of train each" in out
    assert "warning: label: the model tells 3 apart, the data have 2" in err
    code, out, _ = train(*common, "--dry-run", "--part=sentences", "--no-xla", model="sequence_autoencoder")
    assert code == 0 and re.search(r"^train: \d+ words, \d+\.\d% unknown", out, re.MULTILINE)
