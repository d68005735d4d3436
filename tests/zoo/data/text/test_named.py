import numpy as np
import pytest

from zoo.data import batches, in_order, load
from zoo.data.split import STEP, fingerprint
from zoo.data.text import named
from zoo.data.text.coverage import CoverageOfKept
from zoo.data.text.lanes import stream
from zoo.data.text.sources import Found, Text
from zoo.declare import Field
from zoo.nn.words import END, PAD, UNKNOWN

DOCUMENTS = [  # sentences, class
    (["One two three.", "Four!"], "a"),
    (["Five six."], "b"),
    (["...", "Seven eight nine ten.", "Two.", "Three."], "a"),
    (["One one one."], None),
]
SPLITS = ("train", "validation", "test")


@pytest.fixture
def found(monkeypatch):
    """What the set `docstrings` is said to hold; change it by keyword."""

    def give(texts=DOCUMENTS, holds="documents", classes=("b", "a"), tokenised=False):
        whole = [Text(*text) for text in texts]
        splits = dict.fromkeys(SPLITS, whole)
        monkeypatch.setitem(named.SOURCES, "docstrings", lambda r: Found(splits, "made", holds, classes, tokenised))

    give()
    return give


def fields(*shape, classes=None, label=False, units="words"):
    text = {"text": Field(shape, "int32", classes=classes, ragged=True, units=units)}
    return {**text, "label": Field((), "int32", classes=2)} if label else text


def spelled(data, between=" ", split="train"):
    """Examples as text, sentences behind |."""
    words = ("", "<unk>", *data.vocabularies["text"])
    ids = data.splits[split].arrays["text"]
    ids = ids[:, None] if ids.ndim == 2 else ids
    return ["|".join(between.join(words[i] for i in row if i) for row in each).rstrip("|") for each in ids]


def test_an_example_is_a_sentence_or_a_document_of_one_axis_or_of_two(found):
    sentences = load("docstrings", fields=fields(6, label=True))
    assert spelled(sentences) == [
        *("one two three .", "four !", "five six .", ". . .", "seven eight nine ten .", "two .", "three ."),
        "one one one .",
    ]
    assert sentences.train.arrays["label"].tolist() == [1, 1, 0, 1, 1, 1, 1, -1]
    whole = load("docstrings", fields=fields(99, label=True), part="documents")
    assert spelled(whole)[0] == "one two three . four !" and whole.train.arrays["label"].tolist() == [1, 0, 1, -1]
    nested = load("docstrings", fields=fields(5, 7), part="documents")
    assert nested.train.arrays["text"].shape == (4, 5, 7) and nested.train.arrays["text"].dtype == np.int32
    assert spelled(nested) == [
        *("one two three .|four !", "five six .", ". . .|seven eight nine ten .|two .|three .", "one one one ."),
    ]
    assert nested.vocabularies["text"] == sentences.vocabularies["text"] == whole.vocabularies["text"]
    assert nested.vocabularies["text"][:2] == (".", "one") and "label" not in nested.vocabularies
    assert sentences.vocabularies["label"] == ("b", "a")
    assert nested.train.lengths["text"].tolist() == [2, 1, 4, 1] and sentences.train.lengths["text"].max() == 5


def test_sentences_and_lines_are_examples_whatever_part_says(found):
    for holds in ("sentences", "lines"):
        found([([" ".join(several)], label) for several, label in DOCUMENTS], holds, tokenised=True)
        one, other = (load("docstrings", fields=fields(20), part=part) for part in ("sentences", "documents"))
        assert spelled(one) == spelled(other) and one.train.size == 4
        assert spelled(one)[:2] == ["one two three. four!", "five six."]  # words are between blanks
        assert one.about["text"].description == {"part": holds, "units": "words"}


def in_a_row(length=None):
    return {"text": Field((length,), "int32", ragged=True, pad=PAD)}


def test_sentences_in_a_row_each_with_its_end(found):
    data = load("docstrings", fields=in_a_row(), part="documents")
    ids = data.train.arrays["text"]
    assert data.train.lengths["text"].tolist() == [8, 4, 16, 5] and ids.shape == (4, 16)
    words = ["|", "<unk>", *data.vocabularies["text"], ""]
    assert " ".join(words[i] for i in ids[0]).rstrip() == "one two three . | four ! |"
    assert (ids[1][4:] == PAD).all() and (ids == END).sum(1).tolist() == [2, 1, 4, 1]
    cut = load("docstrings", fields=in_a_row(6), part="documents")
    np.testing.assert_array_equal(cut.train.arrays["text"], ids[:, :6])
    assert cut.coverage["train"].cut_share == 0.5 and cut.train.source.lost == 2
    dropped = load("docstrings", fields=in_a_row(6), part="documents", fit="drop")
    np.testing.assert_array_equal(dropped.train.arrays["text"], ids[[1, 3], :6])


def test_sentences_of_a_set_without_documents_make_some_together(found):
    found([([f"word{i} end"], None) for i in range(7)], "sentences")
    data = load("docstrings", fields=in_a_row(), together=3)
    words = ["|", "<unk>", *data.vocabularies["text"], ""]
    said = [" ".join(words[i] for i in row).rstrip() for row in data.train.arrays["text"]]
    assert said == ["word0 end | word1 end | word2 end |", "word3 end | word4 end | word5 end |", "word6 end |"]
    assert data.told("text") == "docstrings (3 sentences, words)"
    assert spelled(load("docstrings", fields=fields(20), together=7)) == [" ".join(f"word{i} end" for i in range(7))]
    with pytest.raises(ValueError, match="together: got 3, expected 1, since the model takes their labels"):
        load("docstrings", fields=fields(9, label=True), together=3)
    found()
    with pytest.raises(ValueError, match="together: got 3, expected 1, since docstrings holds documents"):
        load("docstrings", fields=in_a_row(), together=3)


def test_a_label_that_no_model_takes_is_there_to_look_at(found):
    plain, labelled = (load("docstrings", fields=fields(6, label=label)) for label in (False, True))
    np.testing.assert_array_equal(plain.train.arrays["label"], labelled.train.arrays["label"])
    assert "label" not in plain.vocabularies and "label" not in plain.about
    found(classes=())
    assert "label" not in load("docstrings", fields=fields(6)).train.arrays


def test_documents_of_few_sentences_may_be_left_out(found):
    whole, longer = (load("docstrings", fields=fields(5, 7), part="documents", shortest=n) for n in (1, 2))
    assert spelled(longer) == [text for text in spelled(whole) if "|" in text] and len(spelled(longer)) == 2
    assert longer.told("text") == "docstrings (documents, words, 2 sentences or more)"
    with pytest.raises(ValueError, match="shortest: got 2, the model takes text int32"):
        load("docstrings", fields=fields(5), part="documents", shortest=2)
    with pytest.raises(ValueError, match="shortest: got 9; no train document of docstrings has as many sentences"):
        load("docstrings", fields=fields(5, 7), part="documents", shortest=9)


def test_a_share_of_the_labels_of_training_is_not_told(found):
    found([([f"word{i} ."], "ab"[i % 2]) for i in range(40)])
    whole, some, again, none = (
        load("docstrings", fields=fields(6, label=True), labelled=share) for share in (1.0, 0.25, 0.25, 0.0)
    )
    label, rest = whole.train.arrays["label"], some.train.arrays["label"]
    assert (rest >= 0).sum() == 10 and (rest[rest >= 0] == label[rest >= 0]).all()
    np.testing.assert_array_equal(rest, again.train.arrays["label"])
    assert (none.train.arrays["label"] == -1).all() and (some.test.arrays["label"] == whole.test.arrays["label"]).all()
    assert some.told("text") == "docstrings (sentences, words, 10 labelled)" and whole.told("text")[-7:] == " words)"
    with pytest.raises(ValueError, match=r"^labelled: got 1.5, expected a share in \[0, 1\]"):
        load("docstrings", fields=fields(6, label=True), labelled=1.5)


def test_characters_keep_their_case(found):
    data = load("docstrings", fields=fields(None, units="characters"), part="documents")
    assert spelled(data, "")[0] == "One two three. Four!" and data.told("text") == "docstrings (documents, characters)"
    assert data.train.arrays["text"].shape[1] == 1 + max(len(text) for text in spelled(data, ""))


def test_what_does_not_fit_is_cut_or_dropped_and_counted(found):
    """With their ends sentences take 5, 3, 4, 4, 6, 3, 3 and 5."""
    cut, dropped = (load("docstrings", fields=fields(4), fit=fit) for fit in ("cut", "drop"))
    assert spelled(cut)[0] == "one two three ." and (cut.train.arrays["text"][[0, 4, 7]] != END).all()
    assert cut.coverage["test"].cut_share == 3 / 8 and cut.coverage["test"].tokens == 25
    assert spelled(dropped) == ["four !", "five six .", ". . .", "two .", "three ."]
    assert dropped.coverage["train"] == CoverageOfKept(12, 0.0, 0.0, 3)
    assert str(dropped.coverage["train"]).endswith("; 3 texts dropped, which do not fit")
    nested = load("docstrings", fields=fields(2, 5), part="documents", fit="drop")  # 4 sentences do not fit in 2
    assert spelled(nested) == ["one two three .|four !", "five six .", "one one one ."]
    assert load("docstrings", fields=fields(2, 5), part="documents").coverage["train"].cut_share == 1 / 4
    with pytest.raises(ValueError, match=r"docstrings has 8 texts to split off as train and none that fits into int32"):
        load("docstrings", fields=fields(2), fit="drop")


def test_an_axis_of_any_length_cuts_nothing(found):
    data = load("docstrings", fields=fields(None, None), part="documents")
    assert data.train.arrays["text"].shape == (4, 4, 6) and data.coverage["train"].cut_share == 0
    assert load("docstrings", fields=fields(None)).train.arrays["text"].shape == (8, 6)


def test_texts_without_a_word_are_no_examples(found):
    found([([" ", "\xa0"], "a"), (["yes", " "], "a")])
    data = load("docstrings", fields=fields(3, 3, label=True), part="documents")
    assert spelled(data) == ["yes"] and data.train.lengths["text"].tolist() == [1]


def test_words_and_classes_that_a_model_knows_are_kept(found):
    known = {"text": ("four", "one"), "label": ("a", "b", "z")}
    data = load("docstrings", fields=fields(6), known=known)
    assert data.vocabularies["text"] == ("four", "one") and data.train.arrays["text"].max() == 3
    assert data.coverage["train"].unknown_share == 20 / 25
    of_three = {**fields(6), "label": Field((), "int32", classes=3)}
    assert load("docstrings", fields=of_three, known=known).train.arrays["label"][:3].tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="data: docstrings has the class b, the model knows a, z; train another"):
        load("docstrings", fields=of_three, known={"label": ("a", "z")})
    untrained = load("docstrings", fields=fields(6, label=True), known={"text": (), "label": ()})
    assert untrained.vocabularies == load("docstrings", fields=fields(6, label=True)).vocabularies
    small = load("docstrings", fields=fields(6, classes=4))  # room for two words
    assert small.coverage["train"].unknown_share == pytest.approx(1 - (9 + 4) / 25)
    assert small.vocabularies["text"] == (".", "one") and small.train.arrays["text"].max() == 3


def test_literal_unknown_words_are_unknown(found):
    found([(["the <unk> fell"], "a")], "sentences", tokenised=True)
    data = load("docstrings", fields=fields(5))
    assert sorted(data.vocabularies["text"]) == ["fell", "the"] and data.train.arrays["text"][0, 1] == UNKNOWN


def test_data_say_what_their_numbers_are(found):
    data = load("docstrings", fields=fields(6, label=True))
    assert data.about["label"].values == "0 b, 1 a; -1 not known"
    assert "0 ends the text" in data.about["text"].values
    assert data.about["label"].description == data.about["text"].description == {"part": "sentences", "units": "words"}
    assert data.origin == "made"


@pytest.mark.parametrize(
    "takes, options, message",
    [
        (fields(3), {"part": "words"}, "part: got 'words', expected one of sentences, documents"),
        (fields(3), {"fit": "pad"}, "fit: got 'pad', expected one of cut, drop"),
        (fields(2, 3), {}, r"part: got sentences, the model takes text int32 \[up to 2, 3\]; use documents"),
        ({"image": Field((2, 2, 1))}, {}, "docstrings holds texts, the model takes image .*; choose other data"),
        ({**fields(3), "image": Field((2, 2, 1))}, {}, "docstrings holds texts, the model takes text .* and image"),
    ],
)
def test_what_does_not_go_together_is_refused(found, takes, options, message):
    with pytest.raises(ValueError, match=message):
        load("docstrings", fields=takes, **options)


def test_a_fingerprint_sees_texts_and_classes_and_not_the_words_that_a_model_knows(found):
    first = fingerprint(load("docstrings", fields=fields(6)).train)
    assert fingerprint(load("docstrings", fields=fields(6), known={"text": ("one",)}).train) == first
    for other in ((["One two three.", "Five!"], "a"), (["One two three.", "Four!"], "b")):
        found([other, *DOCUMENTS[1:]])
        assert fingerprint(load("docstrings", fields=fields(6)).train) != first


# Batches


def many(count):
    rng = np.random.default_rng(0)
    return [
        ([" ".join(["w"] * n) + f" n{i}." for n in rng.integers(1, 30, rng.integers(1, 20))], "a") for i in range(count)
    ]


def lengths_of(ids):
    return (ids != END).sum(1) if ids.ndim == 2 else (ids != END).any(2).sum(1)


@pytest.mark.parametrize("shape", [(None,), (20, 40)])
def test_a_batch_has_texts_of_like_length_and_an_epoch_has_all(found, shape):
    found(many(320))
    split = load("docstrings", fields=fields(*shape, label=True), part="documents").train
    seen, sides = [], []
    for _, batch in batches(split, 20, 0).take(16):
        ids, n = batch["text"].numpy(), lengths_of(batch["text"].numpy())
        assert ids.shape[1] - 2 * STEP < n.max() + 1 <= ids.shape[1] or ids.shape[1] == split.arrays["text"].shape[1]
        assert ids.shape[2:] == split.arrays["text"].shape[2:] and batch["label"].shape == (20,)
        sides.append(ids.shape[1])
        seen += [row[row != END].tobytes() for row in ids]
    assert sorted(seen) == sorted(row[row != END].tobytes() for row in split.arrays["text"])
    assert len(set(sides)) > 1 and np.mean(sides) < split.arrays["text"].shape[1] * 0.8


@pytest.mark.parametrize("shape", [(None,), (20, 40)])
def test_in_order_every_text_comes_whole_and_once(found, shape):
    found(many(33))
    split = load("docstrings", fields=fields(*shape, label=True), part="documents").test
    parts = [{key: value.numpy()[:n] for key, value in batch.items()} for batch, n in in_order(split, 8)]
    for key in ("text", "label"):
        np.testing.assert_array_equal(np.concatenate([part[key] for part in parts]), split.arrays[key])


def test_a_stream_is_the_texts_each_with_its_end(found):
    data = load("docstrings", fields=fields(None))
    words = ("|", "<unk>", *data.vocabularies["text"])
    got = stream(data.train)
    assert got.dtype == np.int32 and len(got) == data.coverage["train"].tokens + data.train.size
    text = "one two three . | four ! | five six . | . . . | seven eight nine ten . | two . | three . | one one one . |"
    assert " ".join(words[i] for i in got) == text
    for options in ({"fit": "cut"}, {"fit": "drop"}):
        with pytest.raises(
            ValueError, match=r"text: got texts of \(4,\), of which 3 did not fit, expected .* let the model"
        ):
            stream(load("docstrings", fields=fields(4), **options).train)
    with pytest.raises(ValueError, match=r"texts of \(9, 9\), of which 0 did not fit, expected one axis"):
        stream(load("docstrings", fields=fields(9, 9), part="documents").train)
