import dataclasses
import itertools
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from trainers import docnade as trainer
from trainers import sample
from trainers.declare.task import Sampling, Shown
from trainers.judges import retrieval
from trainers.judges.options import Retrieving
from zoo import docnade
from zoo.configs.docnade import DocNADEConfig
from zoo.data.split import Split
from zoo.store import runs

KNOWN = ["the", "cat", "dog", "purrs", "barks", "ship", "sails"]
SIZES = {"vocabulary": 9, "text_length": 8, "first_word": 3, "hidden": (4,)}


def model_of(**changes):
    """With words, of which "the" does not count, and weights away from 0."""
    model, numbers = docnade.build(DocNADEConfig(**SIZES | changes)), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape))
    model.words.learn(KNOWN)
    return model


def split_of(model, texts, labels=None):
    ids = model.words.ids(tf.constant(texts), 8).numpy()
    arrays = {"text": ids} | ({} if labels is None else {"label": np.int32(labels)})
    return Split(arrays, lengths={"text": (ids > 0).sum(1)})


TEXTS = ["the cat purrs cat", "the dog barks", "ship sails ship the", "dog dog barks the dog"]


def test_topics_are_the_words_of_the_largest_weights():
    model = model_of()
    rows = model.rows.numpy()
    lines = trainer.topics(model, 4)
    for unit, line in enumerate(lines):
        assert line == f"{unit}: " + " ".join(KNOWN[1:][k] for k in np.argsort(-rows[:, unit]))
    assert len(trainer.topics(model, 2)) == 2


def test_nearest_words_by_hand():
    model = model_of()
    rows = model.rows.numpy() / np.linalg.norm(model.rows.numpy(), axis=1, keepdims=True)
    cosines = rows @ rows[2]
    order = [k for k in np.argsort(-cosines) if k != 2]
    (line,) = trainer.nearest(model, [2 + 3])
    assert line == "purrs: " + ", ".join(f"{KNOWN[1 + k]} {cosines[k]:.2f}" for k in order)


def test_a_document_finds_its_like():
    """Cosines, ties, shares of documents and labels as a person would count them."""
    queries, documents = np.float32([[2, 0], [0, 1]]), np.float32([[5, 0], [1, 1], [0, 3], [1, 1.1], [9, 1]])
    labels = np.array([0, 1, 1, 0, 1])
    # Of query 0: documents 0, 4, 1, 3, 2, hence right: 1 0 0 1 0; of query 1: 2, 3, 1, 4, 0, right: 1 0 1 1 0.
    found = retrieval.precisions(queries, np.array([0, 1]), documents, labels, (0.01, 0.2, 0.4, 0.6, 1.0))
    np.testing.assert_allclose(found, [1, 1, 0.5, (1 / 3 + 2 / 3) / 2, (2 / 5 + 3 / 5) / 2])


def test_tfidf_and_topics_look_at_the_words_that_count():
    model = model_of()
    texts, labels = [*TEXTS, "the the the the"], [0, 1, 2, 1, 0]
    split = split_of(model, texts, labels)
    bags = retrieval.bags(model, split.arrays["text"]).toarray()
    assert bags[0].tolist() == [2, 0, 1, 0, 0, 0] and bags[4].sum() == 0
    queries = split_of(model, ["cat", "barks", "sails"], [0, 1, 2])
    assert retrieval.by_tfidf(model, queries, split)[0] == 1
    assert retrieval.by_lda(model, queries, split, 3, 0).shape == (len(retrieval.SHARES),)
    unknown = Split({**split.arrays, "label": np.int32([0, -1, 2, 1, -1])})
    assert len(retrieval.labelled(unknown)[1]) == 3


def test_exhibits():
    model = model_of()
    split = split_of(model, TEXTS, [0, 1, 2, 1])
    shown = Shown({name: tf.constant(x) for name, x in split.arrays.items()}, model.noise(4, (0, 0)), split, split)
    found = trainer.exhibits(model, shown)
    assert found["topics"].words.splitlines() == trainer.topics(model, 20)
    assert found["nearest"].words.startswith("cat: ")
    curves = found["retrieval"].lines
    assert {*curves} == {"model", "tfidf"} and curves["model"][1][-1] == pytest.approx((1 + 2 + 1 + 2) / 16)
    bare = Split({"text": split.arrays["text"]}, lengths=split.lengths)
    assert "retrieval" not in trainer.exhibits(model, shown._replace(split=bare, training=bare))
    vectors = trainer.embed(model, shown)
    np.testing.assert_array_equal(vectors.points, model.encode(split.arrays["text"])["vector"])
    assert vectors.texts[1] == "the dog barks" and vectors.labels.tolist() == [0, 1, 2, 1]


def sets_of(model):
    train = split_of(model, TEXTS, [0, 1, 2, 1])
    return types.SimpleNamespace(train=train, splits={"train": train, "validation": train, "test": train})


def test_the_unigram_is_counted():
    model = model_of()
    # Of 11 words that count 1 + 1, 2 + 1 ...: cat 2, dog 4, purrs 1, barks 2, ship 2, sails 1, each and one more.
    p = dict(zip(KNOWN[1:], np.array([3, 5, 2, 3, 3, 2]) / 18, strict=True))
    nats = [-np.mean([np.log(p[word]) for word in text.split() if word != "the"]) for text in TEXTS]
    found = trainer.figures(model, sets_of(model), "validation", 0)
    assert found["perplexity_unigram"].value == pytest.approx(np.exp(np.mean(nats)))
    assert "perplexity_ensemble" not in found and 0 <= found["precision"].value <= 1


def test_an_ensemble_is_of_the_mean_probability_over_orders(monkeypatch):
    """Of all orders of each document, up to which of them the seed draws."""
    model = model_of(activation="tanh")
    sets, nats = sets_of(model), []
    for row in sets.train.arrays["text"]:
        orders = np.array(list(itertools.permutations(row[row > 2])), np.int32)
        terms = model.loss_terms({"text": np.pad(orders, ((0, 0), (0, 2)))}, {})
        nats.append(-np.log(np.mean(np.exp(-terms["negative_log_likelihood"]))) / orders.shape[1])
    monkeypatch.setattr(trainer, "ORDERS", 300)
    value = trainer.figures(model, sets, "test", 0)["perplexity_ensemble"].value
    assert value == pytest.approx(np.exp(np.mean(nats)), rel=0.02)  # 300 orders, of at most 24


def test_words_and_texts_are_answered():
    model = model_of()
    made = trainer.sample(model, ["cat", "the dog barks", "an owl"], Sampling())
    near, text, likely, strange, answer, unknown = [line for each in made.lines for line in each.splitlines()]
    assert near == next(trainer.nearest(model, [3])) and text == "the dog barks"
    assert likely.startswith("> ") and f"{made.arrays['negative_log_likelihood'][1]:.2f} nats" in likely
    log_p = model.out.log_p(made.arrays["vector"][1:2]).numpy()[0]
    assert likely.endswith(" ".join(KNOWN[1 + k] for k in np.argsort(-log_p)))
    assert (strange, unknown) == ("an owl", "unknown words: an, owl")
    assert answer.startswith("> none of its words counts: unknown, or of the 1 most frequent ones")
    assert trainer.sample(model, [], Sampling(count=2)).lines == trainer.topics(model, 2)


@pytest.fixture
def texts(tmp_path):
    """Texts about cats and about ships."""
    numbers, lines = np.random.default_rng(0), []
    for words in (["cat", "purrs", "milk", "mouse", "fur"], ["ship", "sails", "sea", "port"]):
        lines += [f"{' '.join(numbers.choice(words, numbers.integers(3, 7)))} {i}" for i in range(200)]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(numbers.permutation(lines)) + "\n")
    return path


@pytest.mark.parametrize(
    "preset",
    ["--preset=docstrings", "--preset=docstrings-tree", "--preset=docstrings-deep", "--preset=docstrings-language"],
)
def test_a_run_learns_which_words_go_together(train, texts, tmp_path, preset, capfd):
    arguments = [preset, "--data", str(texts), "--batch-size=32", "--learning-rate=0.01", "--no-xla", "--every=150"]
    language = preset.endswith("language")
    small = (
        ["--model.hidden=16", "--model.embedding=8"] if language else ["--model.first-word=2", "--model.hidden", "16"]
    )
    small += ["16"] if preset.endswith("deep") else []
    sizes = ["--model.vocabulary=11", "--model.text-length=9", "--steps=150"]
    code, _, err = train(*arguments, *sizes, *small, model="docnade", workdir=tmp_path / "run")
    assert code == 0, err
    figures = {figure["name"]: figure["value"] for figure in runs.open_run(tmp_path / "run").figures}
    if language:
        assert figures["perplexity"] < 9
        return
    assert figures["perplexity_documents"] < 0.75 * figures["perplexity_unigram"]
    assert figures["perplexity_ensemble"] < figures["perplexity_documents"] * 1.02
    names = {path.name for path in (tmp_path / "run" / "pictures").iterdir()}
    assert {"topics.txt", "nearest.txt", "curve.png"} <= names
    with pytest.raises(SystemExit, match="0"):
        sample.main([str(tmp_path / "run"), "cat"])
    assert "cat: " in capfd.readouterr().out


def test_the_judge_compares_three_and_draws_the_curves(monkeypatch, tmp_path):
    model = model_of()
    train = split_of(model, TEXTS, [0, 1, 2, 1])
    sets = types.SimpleNamespace(train=train, test=split_of(model, ["cat purrs", "dog barks"], [0, 1]), name="pets")
    monkeypatch.setattr(retrieval.figures, "sets_of", lambda *arguments: sets)
    given = Retrieving(topics=2, picture=tmp_path / "drawn" / "retrieval.png")
    options = types.SimpleNamespace(data_dir=None, **dataclasses.asdict(given))
    found = retrieval.judge(None, model, options)
    assert (found["queries"], found["documents"], found["topics"]) == (2, 4, 2)
    assert {*found["precision"]} == {"docnade", "tf-idf", "lda"}
    for values in found["precision"].values():
        assert len(values) == len(found["retrieved"]) and values[-1] == pytest.approx((1 + 2) / 8)
    assert found["precision"]["tf-idf"][0] == 1
    assert options.picture.read_bytes().startswith(b"\x89PNG")
    json.dumps(found)
    bare = types.SimpleNamespace(train=Split({"text": train.arrays["text"]}), name="pets")
    monkeypatch.setattr(retrieval.figures, "sets_of", lambda *arguments: bare)
    with pytest.raises(ValueError, match="data: pets has no labels, by which documents belong together"):
        retrieval.judge(None, model, options)
