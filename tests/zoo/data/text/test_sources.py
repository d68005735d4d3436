import gzip
import json
import lzma
import os
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.data import load
from zoo.data.pictures import sources as pictures
from zoo.data.request import Request
from zoo.data.text import sources
from zoo.data.text.files import LONGEST_LINE
from zoo.data.text.lanes import stream
from zoo.data.text.sources import Text, parted
from zoo.declare import Field

TEXT = {"text": Field((None,), "int32", ragged=True)}
CLASSES = {**TEXT, "label": Field((), "int32", classes=20)}


def written(data, split):
    """(text, class) of a split's examples, of the numbers that a model sees."""
    words = ("", "<unk>", *data.vocabularies["text"])
    arrays = data.splits[split].arrays
    texts = [" ".join(words[i] for i in row if i) for row in arrays["text"]]
    if "label" not in data.vocabularies:
        return texts
    names = [*data.vocabularies["label"], None]
    return list(zip(texts, [names[k] for k in arrays["label"]], strict=True))


def test_parts_are_by_hash_and_of_their_shares():
    texts = [Text([str(i)]) for i in range(3000)]
    found = parted(texts, 0, {"a": 0.5, "b": 0.3, "c": 0.2})
    assert sorted(text for part in found.values() for text in part) == sorted(texts)
    for part, share in zip(found.values(), (0.5, 0.3, 0.2), strict=True):
        assert abs(len(part) - 3000 * share) < 4 * np.sqrt(3000 * share * (1 - share))  # standard errors
    fewer = parted(texts[::3], 0, {"a": 0.5, "b": 0.3, "c": 0.2})
    assert all(text in found[name] for name in found for text in fewer[name])
    assert parted(texts, 1, {"a": 0.5, "b": 0.5})["a"] != parted(texts, 0, {"a": 0.5, "b": 0.5})["a"]


def test_ptb(tmp_path):
    texts = {
        "train": " the <unk> fell N \n no it was n't u.s. \n",
        "valid": " the u.s. fell \n",
        "test": " no zebra \n",
    }
    (tmp_path / "ptb.train.txt.gz").write_bytes(gzip.compress(texts["train"].encode()))
    for part in ("valid", "test"):
        (tmp_path / f"ptb.{part}.txt").write_text(texts[part])
    data = load("ptb", fields=TEXT, data_dir=tmp_path)
    assert written(data, "train") == ["the <unk> fell n", "no it was n't u.s."]
    assert written(data, "validation") == ["the u.s. fell"] and written(data, "test") == ["no <unk>"]
    assert "<unk>" not in data.vocabularies["text"] and data.told("text") == "ptb (sentences, words)"
    with pytest.raises(ValueError, match="data: ptb has no labels, the model needs one an example; choose other data"):
        load("ptb", fields=CLASSES, data_dir=tmp_path)


def jsonl(path, rows):
    path.write_bytes(lzma.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def test_imdb(tmp_path):
    rows = [
        {"label": ("neg", "pos")[i % 2], "id": i, "text": f"Film {i}. It was fine.<br /><br />really"}
        for i in range(90)
    ]
    jsonl(tmp_path / "imdb_some_train.jsonl.xz", rows[:80])
    jsonl(tmp_path / "imdb_some_test.jsonl.xz", rows[80:])
    data = load("imdb", fields=CLASSES, data_dir=tmp_path, part="documents")
    train, validation = written(data, "train"), written(data, "validation")
    want = [(f"film {i} . it was fine . really", ("negative", "positive")[i % 2]) for i in range(90)]
    assert sorted(train + validation) != train + validation and written(data, "test")[-1][1] == "positive"
    assert len(train) + len(validation) == 80 and 4 <= len(validation) <= 25 and len(written(data, "test")) == 10
    named = [(text.replace("<unk>", "?"), label) for text, label in train]
    assert named == [pair for pair in want[:80] if pair in named]
    apart = load("imdb", fields=TEXT, data_dir=tmp_path)  # sentences
    assert apart.train.size + apart.validation.size == 240 and "it was fine ." in written(apart, "test")
    jsonl(tmp_path / "imdb_some_train.jsonl.xz", [{**rows[0], "label": "unsup"}])
    with pytest.raises(
        ValueError, match=r"line 1 of .*imdb_some_train.jsonl.xz has the label 'unsup', expected one of neg"
    ):
        load("imdb", fields=CLASSES, data_dir=tmp_path)


def prepare(folder, name, features, examples):
    """A prepared TFDS set of this name, as the real builder would find it: examples {split: [dict]}."""
    builder = tfds.builder(name, data_dir=folder)
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=str(builder.version),
        config=builder.builder_config and builder.builder_config.name,
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: enumerate(rows) for split, rows in examples.items()},
        data_dir=folder,
    )


def test_imdb_of_tfds(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_answers", lambda host: False)
    with pytest.raises(
        FileNotFoundError, match=r"found no imdb_.*train.jsonl.xz or prepared TFDS imdb_reviews .* docstrings"
    ):
        load("imdb", fields=TEXT, data_dir=tmp_path)
    rows = [{"text": f"Number {i}.", "label": i % 2} for i in range(50)]
    features = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=["neg", "pos"])}
    prepare(tmp_path, "imdb_reviews", features, {"train": rows[:40], "test": rows[40:]})
    data = load("imdb", fields=CLASSES, data_dir=tmp_path)
    assert data.train.size + data.validation.size == 40 and data.test.size == 10
    assert all(label == ("negative", "positive")[int(text.split()[1]) % 2] for text, label in written(data, "train"))


def test_lm1b_is_as_much_of_tfds_as_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "LM1B", {"train": "train[:4]", "validation": "train[4:6]", "test": "test[:1]"})
    rows = [{"text": f"The U.S. won {i} ."} for i in range(12)]
    prepare(tmp_path, "lm1b", {"text": tfds.features.Text()}, {"train": rows[:8], "test": rows[8:]})
    data = load("lm1b", fields=TEXT, data_dir=tmp_path)
    assert [split.size for split in data.splits.values()] == [4, 2, 1] and "train[:4]" in data.origin
    assert all(text.startswith("the u.s. won ") for text in written(data, "train"))


def test_yelp_trains_on_the_published_test_files(tmp_path):
    for part, count in (("dev", 40), ("test", 10)):
        for label in (0, 1):
            lines = [f"{part} says {('no', 'yes')[label]} {i} .\n" for i in range(count)]
            (tmp_path / f"sentiment.{part}.{label}").write_text("".join(lines))
    data = load("yelp", fields=CLASSES, data_dir=tmp_path)
    assert written(data, "train") == [
        (f"test says {word} {i} .", label)
        for word, label in (("no", "negative"), ("yes", "positive"))
        for i in range(10)
    ]
    assert data.validation.size + data.test.size == 80 and min(data.validation.size, data.test.size) > 20
    assert not any(text in data.test.source.texts for text in data.validation.source.texts)
    assert "the published test files train" in data.origin


def test_sst_of_two_and_of_five_classes(tmp_path):
    with zipfile.ZipFile(tmp_path / "sst.zip", "w") as archive:
        for part in ("train", "dev", "test"):
            archive.writestr(f"stsa.binary.{part}", f"1 good {part} .\n0 bad {part} .\n")
            archive.writestr(f"stsa.fine.{part}", f"4 best {part}\n2 so so\n0 worst\n")
    data = load("sst", fields=CLASSES, data_dir=tmp_path)
    assert written(data, "train") == [("good train .", "positive"), ("bad train .", "negative")]
    assert data.train.arrays["label"].tolist() == [1, 0] and data.train.arrays["label"].dtype == np.int32
    fine = load("sst-fine", fields=CLASSES, data_dir=tmp_path)
    assert fine.test.arrays["label"].tolist() == [4, 2, 0] and written(fine, "test")[1] == ("so so", "neutral")
    for part in ("train", "dev", "test"):
        (tmp_path / f"stsa.binary.{part}").write_text("2 odd .\n")
    with pytest.raises(
        ValueError, match=r"line 1 of .*stsa.binary.train has the label '2', expected one of 0, 1; mend"
    ):
        load("sst", fields=CLASSES, data_dir=tmp_path)


def test_movie_reviews_are_latin_1_lines_split_by_seed(tmp_path):
    for name in ("pos", "neg"):
        lines = [f"{name} caf\xe9 \x85 {i} \n" for i in range(50)]
        (tmp_path / f"rt-polarity.{name}").write_bytes("".join(lines).encode("latin-1"))
    data, other = (load("movie-reviews", fields=CLASSES, data_dir=tmp_path, seed=seed) for seed in (0, 1))
    assert [split.size for split in data.splits.values()] == [80, 10, 10]
    texts = [text for split in data.splits.values() for text in split.source.texts]
    assert {(text.sentences[0].split()[0], text.label) for text in texts} == {("pos", "positive"), ("neg", "negative")}
    assert len(set(map(str, texts))) == 100 and "caf\xe9" in data.vocabularies["text"]
    assert data.test.source.texts != other.test.source.texts


def test_20_newsgroups_have_a_subject_and_a_text(tmp_path):
    def row(i):
        return {
            "label": ("sci.med", "alt.x")[i % 2],
            "id": i,
            "subject": f"Re: S{i}",
            "text": "" if i == 3 else "A b. C d.",
        }

    jsonl(tmp_path / "20news-bydate-train.jsonl.xz", map(row, range(60)))
    jsonl(tmp_path / "20news-bydate-test.jsonl.xz", map(row, range(60, 70)))
    fields = {"text": Field((4, 8), "int32", ragged=True), "label": Field((), "int32", classes=20)}
    data = load("20newsgroups", fields=fields, data_dir=tmp_path, part="documents")
    assert data.vocabularies["label"] == ("alt.x", "sci.med") and data.told("text") == "20newsgroups (documents, words)"
    told = {text.sentences[0]: text for split in data.splits.values() for text in split.source.texts}
    assert len(told) == 70 and told["Re: S3"] == Text(["Re: S3"], "alt.x")
    assert told["Re: S4"] == Text(["Re: S4", "A b.", "C d."], "sci.med")
    assert data.test.size == 10 and 1 <= data.validation.size <= 15


# What is published, where it lies


REAL = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def real(name, file, fields=CLASSES, **options):
    if not any(REAL.glob(file)):
        pytest.skip(f"no {file} in {REAL}")
    return load(name, fields=fields, data_dir=REAL, **options)


def sizes(data):
    return [split.size for split in data.splits.values()]


def test_the_published_ptb_has_the_published_counts():
    data = real("ptb", "ptb.train.txt*", TEXT)
    assert sizes(data) == [42068, 3370, 3761]
    assert [covered.tokens for covered in data.coverage.values()] == [887521, 70390, 78669]
    assert [len(stream(split)) for split in data.splits.values()] == [929589, 73760, 82430]  # as papers count
    assert len(data.vocabularies["text"]) == 9998  # 10,000 with <unk> and the end
    unknown = [round(covered.unknown_share * covered.tokens) for covered in data.coverage.values()]
    assert unknown == [45020, 3485, 4794]


@pytest.mark.parametrize(
    "name, file, want",
    [
        ("sst", "sst.zip", [6920, 872, 1821]),
        ("sst-fine", "sst.zip", [8544, 1101, 2210]),
        ("movie-reviews", "rt-polarity.zip", [8529, 1066, 1067]),
    ],
)
def test_published_sentences_have_the_published_counts(name, file, want):
    assert sizes(real(name, file)) == want


@pytest.mark.parametrize(
    "name, file, learned, test",
    [
        ("20newsgroups", "20news-bydate-train.jsonl*", 11314, 7532),
        ("imdb", "imdb_subset_train.jsonl*", 5000, 5000),
    ],
)
def test_published_documents_have_the_published_counts(name, file, learned, test):
    data = real(name, file, {**CLASSES, "text": Field((100,), "int32", ragged=True)}, part="documents")
    assert data.train.size + data.validation.size == learned and data.test.size == test


def test_the_published_yelp_files_have_the_published_counts():
    data = real("yelp", "yelp_sentiment_dev_test.tar.xz")
    assert np.bincount(data.train.arrays["label"]).tolist() == [50278, 76392]
    counts = np.bincount(data.validation.arrays["label"]) + np.bincount(data.test.arrays["label"])
    assert counts.tolist() == [25278, 38205]


# Your own


def test_a_file_of_your_own_is_split_by_hash(tmp_path):
    lines = [f"Line {i}. It stays one text.\n" for i in range(200)]
    (tmp_path / "mine.txt").write_text("\n".join(lines))
    with gzip.open(tmp_path / "mine.txt.gz", "wt") as file:
        file.writelines(lines)
    plain, packed = (load(str(tmp_path / name), fields=TEXT) for name in ("mine.txt", "mine.txt.gz"))
    assert sum(sizes(plain)) == 200 and 140 < plain.train.size < 180 and min(sizes(plain)) > 8
    assert [split.source for split in plain.splits.values()] == [split.source for split in packed.splits.values()]
    assert "mine.txt, your own texts; a tenth of train each for validation and test, by hash" in plain.origin
    assert plain.about["text"].description == {"part": "lines", "units": "words"}
    nested = load(str(tmp_path / "mine.txt"), fields={"text": Field((3, 9), "int32", ragged=True)}, part="documents")
    assert nested.train.arrays["text"].shape[1:] == (3, 9) and (nested.train.lengths["text"] == 2).all()


def test_a_folder_of_your_own_has_a_file_a_split(tmp_path):
    (tmp_path / "train.txt").write_text("good\tA fine day\nbad\tA tab\there\n\tNobody knows\n" + "bad\tfiller\n" * 3)
    (tmp_path / "validation.txt").write_text("bad\tA day\n")
    with gzip.open(tmp_path / "test.txt.gz", "wt") as file:
        file.write("good\tfine\n")
    data = load(str(tmp_path), fields=CLASSES)
    assert written(data, "train")[:3] == [("a fine day", "good"), ("a tab here", "bad"), ("nobody knows", None)]
    assert data.train.arrays["label"].tolist() == [1, 0, -1, 0, 0, 0] and data.vocabularies["label"] == ("bad", "good")
    assert written(data, "test") == [("fine", "good")] and "by hash" not in data.origin
    again = load(str(tmp_path), fields=CLASSES, known={"label": ("new", "good", "bad"), "text": ("day", "fine")})
    assert again.train.arrays["label"].tolist() == [1, 2, -1, 2, 2, 2]
    assert again.vocabularies == {"text": ("day", "fine"), "label": ("new", "good", "bad")}
    (tmp_path / "test.txt.gz").unlink()
    (tmp_path / "train.txt").write_text("".join(f"good\tday {i}\n" for i in range(100)) + "bad\tday\n")
    fewer = load(str(tmp_path), fields=CLASSES)
    assert fewer.validation.size == 1 and 2 <= fewer.test.size <= 25 and fewer.train.size + fewer.test.size == 101
    assert "a tenth of train each for test, by hash" in fewer.origin


def refused(path, fields=TEXT, error=ValueError, **options):
    """The one line that loading raises."""
    with pytest.raises(error) as caught:
        load(str(path), fields=fields, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_text_of_your_own_is_refused_with_file_and_line(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"fine\n\xff\n")
    assert refused(path).startswith(f"data: line 2 of {path} is no text in UTF-8")
    path.write_bytes(b"\n")
    assert refused(path).startswith(f"data: {path} holds no text")
    path.write_bytes(b"word " * (LONGEST_LINE // 5 + 1))
    assert refused(path).startswith(f"data: line 1 of {path} has 1,048,580 bytes, expected one text a line")
    path.write_text("bad\tyes\na line without one that goes on and on and on\n")
    said = refused(path, CLASSES)
    assert said.startswith(
        f"data: line 2 of {path} is 'a line without one that goes on and on a...', expected label<TAB>"
    )
    path.write_text("bad\tyes\nugly\tno\n")
    said = refused(path, CLASSES, known={"label": ("good", "bad")})
    assert said == f"data: line 2 of {path} has the label 'ugly', expected one of good, bad; mend the line"
    path.write_text("".join(f"\t{i}\n" for i in range(100)))
    assert "has no labels" in refused(path, CLASSES)
    path.write_text("just one\n")
    assert "of 1 texts, 1 of them different, none is for" in refused(path)
    path.write_text("the same\n" * 400)
    assert "of 400 texts, 1 of them different, none is for" in refused(path)
    path.write_text("".join(f"a\t{i}\n" for i in range(100)))
    assert "has one class, a, expected two or more" in refused(path, CLASSES)
    path.write_text("".join(f"c{i % 21}\t{i}\n" for i in range(210)))
    assert "has 21 classes, the model tells 20 apart; make it for as many" in refused(path, CLASSES)
    assert f"found no {tmp_path / 'no.txt'}" in refused(tmp_path / "no.txt", error=FileNotFoundError)
    assert "holds pictures or rolls alone" in refused("digits", TEXT)


def test_a_folder_with_other_names_is_refused(tmp_path):
    assert f"data: {tmp_path} holds no text, expected train.txt" in refused(tmp_path)
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "valid.txt").write_text("a\n")
    assert "holds train.txt, valid.txt, expected train.txt and perhaps validation.txt" in refused(tmp_path)
    (tmp_path / "valid.txt").rename(tmp_path / "train.txt.gz")
    assert "holds train.txt, train.txt.gz, expected" in refused(tmp_path)


def test_a_label_that_training_does_not_have_is_refused(tmp_path):
    (tmp_path / "train.txt").write_text("a\tone\nb\ttwo\n")
    (tmp_path / "test.txt").write_text("a\tone\nc\tthree\n")
    assert f"line 2 of {tmp_path / 'test.txt'} has the label 'c', expected one of a, b" in refused(tmp_path, CLASSES)


def test_a_request_for_a_name_reads_the_folder_that_is_given(tmp_path):
    request = Request("sst", CLASSES, tmp_path, 0, {})
    with pytest.raises(
        FileNotFoundError, match=rf"found no stsa.binary.train, .* in {tmp_path}; .* or sst.zip; name the"
    ):
        sources.sst(request)
