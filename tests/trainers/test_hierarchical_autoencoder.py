import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from trainers import hierarchical_autoencoder as trainer
from trainers.declare.task import Searching, Shown
from zoo import catalogue
from zoo.data.split import Split

TEXT = np.int32(
    [
        [[2, 3, 4, 9, 0], [5, 6, 0, 0, 0], [7, 8, 2, 0, 0]],
        [[8, 2, 3, 9, 0], [0] * 5, [0] * 5],
        [[3, 4, 2, 1, 0], [6, 5, 9, 0, 0], [0] * 5],
        [[7, 5, 9, 6, 0], [2, 8, 0, 0, 0], [0] * 5],
    ]
)


def built(kind="attention"):
    config = catalogue.preset("hierarchical_autoencoder", "smoke").model
    config = dataclasses.replace(config, kind=kind, vocabulary=10, sentences=3, text_length=5, layers=2)
    model = catalogue.build("hierarchical_autoencoder", config)
    model.words.learn(["a", "cat", "dog", "sat", "ran", "it", "rains", "."])
    return model


@pytest.fixture
def model():
    return built()


def figures(model, back, texts=TEXT):
    """Where a model gives `back` of every text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "reconstruct", lambda text: {"text": back(text)})
        sets = types.SimpleNamespace(splits={"test": Split({"text": texts}, lengths={"text": np.full(len(texts), 3)})})
        trainer.writer.cache_clear()  # of what was traced with another one
        return trainer.figures(model, sets, "test", 0)


def test_figures_of_copies_are_the_best(model):
    found = figures(model, lambda text: text)
    assert {"bleu4", "rouge_1", "rouge_2", "rouge_l", "rouge_l_recall", "coherence"} <= found.keys()
    for name, figure in found.items():
        best = 0.0 if name == "coherence" else 1.0
        assert figure.value == best and figure.measure.better == ("lower" if name == "coherence" else "higher")
        assert figure.examples == (3 if name == "coherence" else 4)  # one document has no order


def test_figures_see_what_is_lost(model):
    other_way = figures(model, lambda text: tf.reverse(text, [1]))
    assert other_way["rouge_1"].value == 1 and other_way["rouge_l"].value < 1
    assert other_way["coherence"].value == pytest.approx((8 / 3 + 2 + 2) / 3)  # pairs: 2, 2, 4 of three; 2 of two
    first = figures(model, lambda text: text * tf.constant([1, 0, 0])[:, None])
    assert first["rouge_1_precision"].value == 1 and first["rouge_1_recall"].value < 1 and first["coherence"].value == 0


def test_figures_are_of_the_first_documents_of_a_split(model):
    many = np.tile(TEXT, (100, 1, 1))
    assert figures(model, lambda text: text, many)["bleu1"].examples == trainer.SCORED


def test_an_exhibit_has_a_document_and_what_came_back(model):
    said = {"text": tf.constant(TEXT[[0, 2]]), "attention": tf.one_hot([[0, 2, 1], [0, 0, 2]], 3)}
    lines = "\n\n".join(trainer.both(model, TEXT[[1, 0]], said)).split("\n")
    assert lines[0] == "rains a cat ." and lines[1:4] == ["> a cat dog .", "> sat ran  [3]", "> it rains a  [2]"]
    assert lines[-2:] == ["> cat dog a <unk>", "> ran sat .  [1]"]
    shown = Shown({"text": tf.constant(TEXT)}, {}, None, None)
    assert trainer.exhibits(model, shown)["reconstructions"].words.startswith("a cat dog .\nsat ran\n")


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("kind", ["flat", "attention"])
def test_a_document_of_yours_comes_back(width, kind):
    model = built(kind)
    made = trainer.sample(model, ["A cat sat. It rains.", "a zebra"], Searching(width=width))
    assert made.lines[:2] == ["a cat sat .", "it rains ."] and made.lines[2].startswith("> ")
    assert made.lines[-1] == "unknown words: zebra"
    ids = tf.constant([[[2, 3, 5, 9, 0], [7, 8, 9, 0, 0], [0] * 5], [[2, 1, 0, 0, 0], [0] * 5, [0] * 5]], tf.int32)
    said = model.reconstruct(ids, "beam" if width > 1 else "greedy", width)
    np.testing.assert_array_equal(made.arrays["text"], said["text"])
    np.testing.assert_allclose(made.arrays["vector"], model.encode(ids)["vector"], atol=1e-6)


@pytest.mark.parametrize("text", ["", "A. B c. D e. F g.", "a cat a cat a cat"])
def test_a_document_that_does_not_fit_is_named(model, text):
    with pytest.raises(ValueError, match=r"inputs: got .*, expected 1 to 3 sentences of at most 4 words each"):
        trainer.sample(model, ["a cat", text], Searching())


def test_nothing_is_written_of_nothing(model):
    with pytest.raises(ValueError, match="inputs: got none, expected documents"):
        trainer.sample(model, [], Searching())
    with pytest.raises(ValueError, match="width: got 0, expected 1 to 100 beams"):
        Searching(width=0)
