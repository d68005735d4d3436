import numpy as np
import pytest

from trainers.show import writing
from zoo import catalogue
from zoo.data import Data, Split


@pytest.fixture
def sets():
    """Two classes one after the other, of words of their own."""
    numbers = np.random.default_rng(0)
    ids = np.where(np.arange(400)[:, None] < 200, 2, 50) + numbers.integers(0, 40, (400, 12))
    ids[:, -1] = 0
    split = Split({"text": ids.astype(np.int32), "label": np.repeat(np.int32([0, 1]), 200)})
    return Data("t", split, split, split, "t")


def test_codes_are_looked_at_all_over_the_split(sets, monkeypatch):
    """A probe that learned from the first class alone could say no other."""
    model = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    model.encoder.table.rows.assign(np.where(np.arange(101)[:, None] < 43, -1.0, 1.0) * np.ones((1, 8)))
    monkeypatch.setattr(writing, "EMBEDDED", 100)
    found = writing.separation(model, sets, "test")
    assert found["linear_probe"].value == found["nearest_neighbours"].value == 1.0
    assert found["linear_probe"].examples == 100 and found["linear_probe"].error == 0.0
    means, label = writing.embedded(model, sets.test, 100)
    assert means.shape == (100, 4) and 20 < label.sum() < 80


def test_no_label_no_separation(sets):
    texts = Data("t", *[Split({"text": sets.test.arrays["text"]})] * 3, "t")
    assert writing.separation(None, texts, "test") == {}


@pytest.fixture
def model():
    found = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    found.words.learn(["a", "b"])
    return found


def test_what_is_not_read_of_a_text_is_said(model):
    length = model.config.text_length
    assert writing.lost(model, ["a b", "b " * (length - 1)]) == []
    lines = writing.lost(model, ["a b", "b c " * length])
    assert lines == [f"cut: 1 of 2 texts, after {length} words", f"unknown words: {', '.join(['c'] * length)}"]


def test_what_is_no_text_is_refused(model, tmp_path):
    (tmp_path / "mine.txt").write_text("a\n")
    assert writing.numbered(model, ["a b", "b" * 5000])[:, 0].numpy().tolist() == [2, 1]
    for text, said in (("", "got '', expected a text of one or more words"), (str(tmp_path / "mine.txt"), "a file")):
        with pytest.raises(ValueError, match=said):
            writing.numbered(model, ["a", text])


def test_labels_that_leave_nothing_to_tell_apart_end_no_training(sets):
    model = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    few, alike = ({name: x[part] for name, x in sets.test.arrays.items()} for part in (np.s_[::100], np.s_[:50]))
    for train, test in ((sets.test.arrays, few), (alike, sets.test.arrays)):
        found = Data("t", *[Split(each) for each in (train, test, test)], "t")
        assert writing.separation(model, found, "test") == {}
