"""Texts by name: embedded, from files as published, from TFDS, your own.

Every reader takes a request (zoo.data.request.Request) and returns Found.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zoo.data.pictures.sources import prepared
from zoo.data.split import SPLITS
from zoo.data.text import docstrings as installed
from zoo.data.text.files import File, published, read
from zoo.data.text.sentences import sentences

POLARITY = ("negative", "positive")
TAB = "\t"
LM1B = {"train": "train[:300000]", "validation": "train[300000:310000]", "test": "test[:10000]"}


class Text(NamedTuple):
    """A document."""

    sentences: list[str]
    label: str | None = None  # the name of its class, if that is known


class Found(NamedTuple):
    splits: dict[str, list[Text]]  # "train", "validation", "test"
    origin: str
    holds: str  # "documents"; or "sentences" or "lines", each of which is an example as it is
    classes: tuple[str, ...] = ()  # in their order; none where texts have no labels
    tokenised: bool = False  # words are what stands between blanks


def parted(texts, seed, shares, key=lambda text: " ".join(text.sentences)):
    """{split: texts} by the hash of each one's key, so that a new text moves no other. shares: of 1, {split: share}.

    Raises ValueError where a split is left without any.
    """
    found = {split: [] for split in shares}
    ends = np.cumsum(list(shares.values()))[:-1]
    for text in texts:
        digest = hashlib.sha256(f"{seed} {key(text)}".encode()).digest()
        found[list(shares)[np.searchsorted(ends, int.from_bytes(digest[:8], "big") / 2**64, "right")]].append(text)
    for split, several in found.items():
        if not several:
            different = len(set(map(key, texts)))
            raise ValueError(
                f"data: of {len(texts):,} texts, {different:,} of them different, none is for {split} by its hash; "
                "give more of them, a line each, or a file for each split"
            )
    return found


# Embedded


def docstrings(request):
    """What docstrings of installed packages say (`zoo.data.text.docstrings`). Class: the package."""
    tenths = {"train": 0.8, "validation": 0.1, "test": 0.1}
    splits = parted(installed.documents(), request.seed, tenths, lambda each: each[1])
    versions = ", ".join(f"{name} {version}" for name, version in installed.versions().items())
    origin = f"docstrings of the installed {versions}: with other versions other texts (PSF-2.0, BSD-3, Apache-2.0)"
    texts = {split: [Text(kept, package) for package, _, kept in part] for split, part in splits.items()}
    return Found(texts, f"{origin}; split by the hash of the names", "documents", installed.PACKAGES)


# Files as published


def ptb(request):
    """Penn Treebank as Mikolov prepared it: 42,068, 3,370 and 3,761 sentences in 9,999 words, with <unk> and N."""
    files = published(request.folder, [f"ptb.{part}.txt" for part in ("train", "valid", "test")])
    splits = {split: _lines(file) for split, file in zip(SPLITS, files.values(), strict=True)}
    origin = "Penn Treebank as Mikolov prepared it (LDC, research), published splits"
    return Found(splits, origin, "sentences", tokenised=True)


def imdb(request):
    """Film reviews (Maas et al. 2011), of files imdb_*_train.jsonl[.xz] and _test, else TFDS's imdb_reviews."""
    classes = {"neg": "negative", "pos": "positive"}
    if paths := sorted(request.folder.glob("imdb_*_train.jsonl*")):
        name = paths[0].name.partition("_train.jsonl")[0]
        files = published(request.folder, [f"{name}_{part}.jsonl" for part in ("train", "test")])
        train, test = (
            [(text, _class(where, label, classes)) for where, text, label in file.records("text", "label")]
            for file in files.values()
        )
    else:
        builder = prepared("imdb_reviews", request.folder, "imdb_*_train.jsonl.xz", "ai.stanford.edu", "docstrings")
        train, test = (
            [(r["text"].decode(), POLARITY[r["label"]]) for r in builder.as_dataset(split=part).as_numpy_iterator()]
            for part in ("train", "test")
        )
        name = "imdb_reviews"
    train, test = ([Text(_review(text), label) for text, label in part] for part in (train, test))
    splits = {**parted(train, request.seed, {"train": 0.85, "validation": 0.15}), "test": test}
    origin = f"{name} (Maas et al. 2011, research): of the published training reviews 15 % validate, by hash"
    return Found(splits, origin, "documents", POLARITY)


def _review(text):
    return sentences(re.sub(r"<br ?/?>", "\n\n", text))


def yelp(request):
    """Sentences of restaurant reviews (Shen et al. 2017). Their training files are large: train on the test files."""
    names = [f"sentiment.{part}.{label}" for part in ("dev", "test") for label in (0, 1)]
    files = published(request.folder, names, "yelp_sentiment_dev_test.tar.xz")
    dev, test = (
        [text for k, label in enumerate(POLARITY) for text in _lines(files[f"sentiment.{part}.{k}"], label)]
        for part in ("dev", "test")
    )
    splits = {"train": test, **parted(dev, request.seed, {"validation": 0.5, "test": 0.5})}
    origin = (
        "sentences of Yelp reviews (Shen et al. 2017; Yelp's terms, academic use): the published test files train, "
    )
    return Found(splits, f"{origin}the dev files validate and test, half and half by hash", "sentences", POLARITY, True)


def sst(request):
    """Stanford Sentiment Treebank, whole sentences of two classes: 6,920, 872 and 1,821."""
    return _sst(request, "binary", POLARITY)


def sst_fine(request):
    """Stanford Sentiment Treebank, whole sentences of five classes: 8,544, 1,101 and 2,210."""
    return _sst(request, "fine", ("very negative", "negative", "neutral", "positive", "very positive"))


def _sst(request, which, classes):
    files = published(request.folder, [f"stsa.{which}.{part}" for part in ("train", "dev", "test")], "sst.zip")
    known = {str(k): name for k, name in enumerate(classes)}
    splits = {split: _labelled(file, " ", known) for split, file in zip(SPLITS, files.values(), strict=True)}
    origin = f"Stanford Sentiment Treebank (Socher et al. 2013), {len(classes)} classes, sentences, published splits"
    return Found(splits, origin, "sentences", classes, True)


def movie_reviews(request):
    """Sentences of film reviews (Pang & Lee 2005), 5,331 of each class, 80/10/10 by seed."""
    files = published(request.folder, ["rt-polarity.neg", "rt-polarity.pos"], "rt-polarity.zip")
    texts = [
        text for label, file in zip(POLARITY, files.values(), strict=True) for text in _lines(file, label, "latin-1")
    ]
    order = np.random.default_rng(request.seed).permutation(len(texts))
    cuts = np.split(order, [len(texts) * 8 // 10, len(texts) * 9 // 10])
    splits = {split: [texts[i] for i in index] for split, index in zip(SPLITS, cuts, strict=True)}
    origin = "rt-polarity (Pang & Lee 2005), split 80/10/10 by seed; no split is published"
    return Found(splits, origin, "sentences", POLARITY, True)


def newsgroups(request):
    """20 Newsgroups, split by date; subject and text."""
    files = published(request.folder, [f"20news-bydate-{part}.jsonl" for part in ("train", "test")])
    train, test = (list(file.records("id", "subject", "text", "label")) for file in files.values())
    parts = {**parted(train, request.seed, {"train": 0.9, "validation": 0.1}, lambda each: each[1]), "test": test}
    splits = {
        split: [Text(sentences(f"{subject}\n\n{text}"), label) for *_, subject, text, label in part]
        for split, part in parts.items()
    }
    origin = "20 Newsgroups by date (Lang, Rennie; research), subject and text: a tenth of training validates, by hash"
    return Found(splits, origin, "documents", tuple(sorted({label for *_, label in train + test})))


def lm1b(request):
    """The first sentences of the One Billion Word benchmark (Chelba et al. 2013)."""
    builder = prepared("lm1b", request.folder, None, "www.statmt.org", "docstrings")
    splits = {
        split: [Text([r["text"].decode()]) for r in builder.as_dataset(split=part).as_numpy_iterator()]
        for split, part in LM1B.items()
    }
    origin = f"One Billion Word benchmark (Chelba et al. 2013), TFDS lm1b: {', '.join(LM1B.values())}"
    return Found(splits, origin, "sentences", tokenised=True)


def _lines(file: File, label=None, encoding="utf-8"):
    return [Text([line], label) for _, line in file.lines(encoding)]


def _labelled(file, between, known):
    """Lines "label<between>text". known: {what stands in the file: class}, empty for any; "" there is no label."""
    found = []
    for where, line in file.lines():
        label, mark, text = line.partition(between)
        if not mark:
            expected = f"label{'<TAB>' if between == TAB else between}text"
            raise ValueError(f"data: {where} is {_short(line)}, expected {expected}; put the label before it")
        found.append(Text([text], _class(where, label.strip(), known)))
    return found


def _class(where, label, known):
    if not known or not label:
        return label or None
    if label not in known:
        expected = f"one of {', '.join(known)}"
        raise ValueError(f"data: {where} has the label {_short(label)}, expected {expected}; mend the line")
    return known[label]


def _short(text):
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


# Your own

OWN = {split: (f"{split}.txt", f"{split}.txt.gz") for split in SPLITS}  # in a folder


def own(request):
    """A text a line in UTF-8, for a model of classes behind label<TAB>: a file, or a folder with one of each split.

    What is missing of validation.txt and test.txt is split off train.txt by hash, a tenth each. Raises ValueError, with
    file and line, for what is no such text.
    """
    path = Path(os.path.expanduser(request.name))
    files = _own_files(path)
    classes, given = request.known.get("label", ()), {}
    for split, file in files.items():  # the first is train, which tells what classes there are
        if "label" in request.fields:
            given[split] = _labelled(read(file), TAB, {name: name for name in classes})
            classes = classes or tuple(sorted({text.label for text in given[split] if text.label}))
        else:
            given[split] = _lines(read(file))
    missing = [split for split in SPLITS if split not in given]
    shares = {"train": 1 - 0.1 * len(missing), **dict.fromkeys(missing, 0.1)}
    splits = given | parted(given["train"], request.seed, shares)
    how = f"; a tenth of train each for {' and '.join(missing)}, by hash" if missing else ""
    found = {split: [Text(sentences(text.sentences[0]), text.label) for text in splits[split]] for split in SPLITS}
    return Found(found, f"{path.name}, your own texts{how} (licence: yours to state)", "lines", classes)


def _own_files(path):
    if path.is_file():
        return {"train": path}
    if not path.is_dir():
        raise FileNotFoundError(f"data: found no {path}; give the path of a .txt or .txt.gz, or of a folder of them")
    held = [file.name for file in sorted(path.iterdir()) if file.name.endswith((".txt", ".txt.gz"))]
    files = {split: path / name for split, names in OWN.items() for name in names if name in held}
    if "train" not in files or len(files) < len(held):  # another name, or one split twice
        raise ValueError(
            f"data: {path} holds {', '.join(held) or 'no text'}, expected train.txt and perhaps validation.txt and "
            "test.txt, each plain or .gz; rename or remove the others"
        )
    return files
