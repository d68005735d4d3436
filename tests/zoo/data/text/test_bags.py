import os
import pathlib

import numpy as np
import pytest

from zoo.data import batches, load
from zoo.data.text.bags import NEWSGROUPS
from zoo.declare import Field

REAL = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
LABEL = {"label": Field((), "int32", classes=20)}


def fields(size):
    return {"bag": Field((size,))}


@pytest.fixture
def folder(tmp_path):
    """40 documents to learn from, of 3 words; document i has word 1 i times, of class 1 + i % 20."""
    (tmp_path / "vocab.new").write_text("who 60\nout 5\nrare 1\n")
    (tmp_path / "train.feat").write_text("".join(f"{1 + i % 20} 1:{i} 3:2\n" for i in range(40)))
    (tmp_path / "test.feat").write_text("20 2:300\n1 1:1 2:2 3:3\n")
    return tmp_path


def test_bags_are_the_counts_of_the_file(folder):
    data = load("20newsgroups-bow", fields=fields(3) | LABEL, data_dir=folder)
    assert data.vocabularies == {"bag": ("who", "out", "rare"), "label": NEWSGROUPS}
    assert data.test.arrays["bag"].tolist() == [[0, 300, 0], [1, 2, 3]]
    assert data.test.arrays["label"].tolist() == [19, 0] and data.about["label"].values.startswith("0 alt.atheism, 1 ")
    both = np.concatenate([data.train.arrays["bag"], data.validation.arrays["bag"]])
    assert sorted(both.tolist()) == [[i, 0, 2] for i in range(40)] and 1 <= data.validation.size <= 12
    np.testing.assert_array_equal(data.train.arrays["bag"][:, 0] % 20, data.train.arrays["label"])
    batch = next(iter(batches(data.train, 5, 0)))[1]
    assert batch["bag"].dtype == np.float32 and batch["bag"].numpy()[:, 2].tolist() == [2] * 5
    assert "label" not in load("20newsgroups-bow", fields=fields(3), data_dir=folder).train.arrays


@pytest.mark.parametrize("line", ["21 1:1", "0 1:1", "1 1:1 x:2", "1 4:1", "1 0:1", "1 -1:1", "1", "1 1"])
def test_what_is_no_bag_is_refused_with_its_line(folder, line):
    (folder / "test.feat").write_text(f"1 1:1\n{line}\n")
    with pytest.raises(ValueError, match=r"data: line 2 of .*test.feat is no document of words from 1 to 3 in a class"):
        load("20newsgroups-bow", fields=fields(3), data_dir=folder)


@pytest.mark.parametrize(
    ("takes", "known", "message"),
    [
        (fields(4), {}, r"has 3 words, the model takes bag float32 \[4\]; make it for as many"),
        ({"picture": Field((4,), "int32")}, {}, "holds bags of words, the model takes picture"),
        (fields(3), {"bag": ("out", "who", "rare")}, "has other words than the model has learned; train another"),
    ],
)
def test_bags_for_another_model_are_refused(folder, takes, known, message):
    with pytest.raises(ValueError, match=message):
        load("20newsgroups-bow", fields=takes, data_dir=folder, known=known)


def test_the_published_bags_have_the_published_counts():
    if not (REAL / "20news_nvdm_bow.tar.xz").is_file():
        pytest.skip(f"no 20news_nvdm_bow.tar.xz in {REAL}")
    data = load("20newsgroups-bow", fields=fields(2000) | LABEL, data_dir=REAL)
    assert data.train.size + data.validation.size == 11268 and data.test.size == 7505
    assert data.train.arrays["bag"].sum() + data.validation.arrays["bag"].sum() == 1128881
    assert data.test.arrays["bag"].sum() == 720898
    words = data.vocabularies["bag"]
    of_hockey = data.test.arrays["bag"][data.test.arrays["label"] == NEWSGROUPS.index("rec.sport.hockey")].sum(0)
    others = data.test.arrays["bag"].sum(0) - of_hockey
    assert of_hockey[words.index("hockey")] > others[words.index("hockey")]


TEXT = {"text": Field((6,), "int32", classes=5, ragged=True)}


def test_bags_are_texts_without_order_to_them(folder):
    data, bags = (load("20newsgroups-bow", fields=takes, data_dir=folder) for takes in (TEXT, fields(3) | LABEL))
    assert data.vocabularies == {"text": ("who", "out", "rare")}
    for split in ("train", "validation", "test"):
        text, counts = data.splits[split].arrays["text"], bags.splits[split].arrays["bag"]
        found = np.stack([(text == 2 + word).sum(1) for word in range(3)], 1)
        short = counts.sum(1) <= 6
        assert short.any()
        np.testing.assert_array_equal(found[short], counts[short])
        assert (found <= counts).all() and (found[~short].sum(1) == 6).all()  # of more words a sample
        np.testing.assert_array_equal(data.splits[split].lengths["text"], found.sum(1))
        np.testing.assert_array_equal(data.splits[split].arrays["label"], bags.splits[split].arrays["label"])
        assert data.coverage[split].tokens == counts.sum() and data.coverage[split].cut_share == (~short).mean()
    batch = next(iter(batches(data.train, 4, 0)))[1]["text"].numpy()
    assert batch.shape[0] == 4 and batch.min() >= 0 and batch.max() <= 4
    again = load("20newsgroups-bow", fields=TEXT, data_dir=folder)
    np.testing.assert_array_equal(again.train.arrays["text"], data.train.arrays["text"])


def test_a_sample_of_a_bag_has_its_words_by_how_often_they_are_there(folder):
    """100 words of 900, a third of which are the first: within four deviations."""
    (folder / "test.feat").write_text("1 1:300 2:600\n" * 50)
    takes = {"text": Field((100,), "int32", classes=5, ragged=True)}
    text = load("20newsgroups-bow", fields=takes, data_dir=folder).test.arrays["text"]
    found = (text == 2).sum(1)
    assert np.ptp(found) > 3 and abs(found.mean() - 100 / 3) < 4 * np.sqrt(100 * 2 / 9 / 50)


def test_a_text_of_any_length_has_all_words(folder):
    data = load("20newsgroups-bow", fields={"text": Field((None,), "int32", ragged=True)}, data_dir=folder)
    assert (data.test.arrays["text"][0] == 3).sum() == 300 and data.coverage["test"].cut_share == 0


@pytest.mark.parametrize(
    ("takes", "known", "message"),
    [
        (Field((6,), "int32", classes=6), {}, "has 3 words, the model takes text .* make it for as many"),
        (Field((2, 6), "int32", classes=5), {}, "holds bags of words, the model takes text"),
        (TEXT["text"], {"text": ("out", "who", "rare")}, "has other words than the model has learned; train another"),
    ],
)
def test_bags_for_another_model_of_texts_are_refused(folder, takes, known, message):
    with pytest.raises(ValueError, match=message):
        load("20newsgroups-bow", fields={"text": takes}, data_dir=folder, known=known)
