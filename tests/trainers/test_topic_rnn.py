import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf

import zoo
from trainers import judge, sample, topic_rnn
from trainers.declare.task import Shown
from trainers.judges import topics as judged
from trainers.show import topics
from zoo.configs.topic_rnn import PRESETS, TopicRNNConfig
from zoo.data.split import Data, Split
from zoo.metrics.topics import npmi
from zoo.nn.words import END, PAD, UNKNOWN
from zoo.store import runs
from zoo.topic_rnn import build

SIZES = {"vocabulary": 10, "text_length": 8, "embedding": 4, "hidden": 5, "topics": 3, "inference": (4,), "window": 6}
KNOWN = ["cat", "dog", "sat", "ran", "film", "plot", "a", "."]
TEXT = np.int32(
    [[8, 2, 4, 9, END, 3, 5, END], [6, 7, END] + [PAD] * 5, [8, 6, 7, 2, END] + [PAD] * 3, [3, 3, 2, END] + [PAD] * 4]
)


def built(context):
    """With words, and weights away from 0."""
    model = build(TopicRNNConfig(**SIZES, context=context))
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape))
    model.words.learn(KNOWN)
    model.learn(Split({"text": TEXT}))
    return model


def shown():
    split = Split({"text": TEXT})
    return Shown({"text": tf.constant(TEXT)}, {}, split, split)


CONTEXTS = pytest.mark.parametrize("context", ["theta", "lda", "none"])


@CONTEXTS
def test_the_perplexity_of_a_stream_is_that_of_all_its_words_in_one_row(context, monkeypatch):
    model, stream = built(context), TEXT[TEXT != PAD]
    sets = Data("made", *[Split({"text": TEXT})] * 3, origin="")
    want = math.exp(float(np.mean(model.nats(stream[None]))))
    for piece in (3, 5, 500):
        monkeypatch.setattr(topics, "PIECE", piece)
        found = topics.figures(model, sets, "test", 0)["perplexity_stream"]
        assert found.value == pytest.approx(want, rel=1e-5) and found.examples == len(stream) == 20


def test_topics_are_shown_with_how_they_go_together(monkeypatch):
    model = built("theta")
    found = topic_rnn.TASKS[TopicRNNConfig].exhibits(model, shown())
    assert found.keys() == {"topics", "held", "theta"}
    ids = model.topic_words(10)
    coherence = npmi(ids, [row[row > UNKNOWN] for row in TEXT])
    lines = [line.split() for line in found["topics"].words.splitlines()]
    assert [int(line[0]) for line in lines] == np.argsort(-coherence).tolist()
    for k, value, *words in lines:
        assert float(value) == pytest.approx(coherence[int(k)], abs=0.0051)
        assert words == [model.words.lines[i] for i in ids[int(k)]]
    for place, theta in found["theta"].lines.values():
        assert len(place) == 8 and np.abs(theta - model.past(TEXT[:1])[0].numpy().T).min(0).max() < 1e-5
    said = found["held"].words.splitlines()
    assert len(said) == 8 and all(line.startswith("> ") for line in said[1::3])
    assert topic_rnn.TASKS[TopicRNNConfig].exhibits(built("none"), shown()).keys() == {"samples"}


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    lines = (f"the cat sat with dog {i}.\nthe film has plot {i}\n" for i in range(60))  # split by their hash
    path.write_text("".join(lines))
    return path


FLAGS = [f"--model.{name.replace('_', '-')}={size}" for name, size in SIZES.items() if name not in ("inference",)]


@CONTEXTS
def test_a_run_of_documents_made_of_lines(train, texts, tmp_path, context, capfd):
    flags = ["--preset=smoke", "--data", str(texts), *FLAGS, "--model.text-length=30", f"--model.context={context}"]
    if context != "none":  # every word is in a quarter of the documents
        code, _, err = train(*flags, model="topic_rnn", workdir=tmp_path / "run")
        assert code == 2 and "model.stop_share: got 0.25, expected one that leaves two words or more" in err
    flags += ["--model.stop-share=1", "--together=3", "--steps=2", "--every=2", "--batch-size=4", "--no-xla"]
    code, out, err = train(*flags, model="topic_rnn", workdir=tmp_path / "run")
    assert code == 0, err
    assert "3 lines" in out
    figures = {figure["name"]: figure for figure in runs.open_run(tmp_path / "run").figures}
    assert figures["perplexity_stream"]["value"] > 1
    assert ("bound" in figures, "coherence" in figures) == (context == "theta", context != "none")
    model = zoo.load(tmp_path / "run")

    with pytest.raises(SystemExit, match="0"):
        sample.main([str(tmp_path / "run"), "The cat sat. A zebra", "film", "--count=2"])
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "The cat sat. A zebra" and "unknown words: a, zebra" in " ".join(said)
    ids = topics.numbered(model, ["The cat sat. A zebra"])
    nats = float(tf.reduce_sum(model.nats(ids)))
    assert said[1] == f"{nats:.2f} nats, perplexity {math.exp(nats / 8):.4g}"
    assert sum(line.startswith("> ") for line in said) == 4
    assert sum(line.startswith("topic ") for line in said) == 6 * (context != "none")

    with pytest.raises(SystemExit, match="0"):
        sample.main([str(tmp_path / "run"), "--count=2"])
    said = capfd.readouterr().out.splitlines()
    assert len(said) == (3 if context == "none" else 10)  # of each topic its words and two; where they are written
    if context != "none":
        with pytest.raises(SystemExit, match="2"):
            sample.main([str(tmp_path / "run"), "--topic=3"])
        assert "topic: got 3, expected 0 to 2" in capfd.readouterr().err
        judge.main([str(tmp_path / "run")])
        found = json.loads(capfd.readouterr().out.splitlines()[-1])["npmi"]
        assert -1 <= found["model"] <= 1 and -1 <= found["lda"] <= 1 and len(found["lda_topics"]) == 3


def test_theta_is_inferred_by_adam_whatever_moves_the_rest():
    config = TopicRNNConfig(**SIZES)
    settings = dataclasses.replace(
        PRESETS["smoke"], model=config, optimizer="sgd", learning_rate=0.5, batch_size=len(TEXT), clip="none"
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = built("theta")
        learner = topic_rnn.learner(model, settings, strategy, False)
    batch, noise = {"text": tf.constant(TEXT)}, model.noise(len(TEXT), (0, 1))
    inferring = set(map(id, model.inference_variables))
    variables, before = model.trainable_variables, [v.numpy() for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        terms = model.training_terms(batch, noise, 0)
        loss = tf.reduce_mean(tf.add_n(list(terms.values())))
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, [v.value for v in variables])]
    strategy.run(learner.step, (batch, noise, tf.constant(0)))
    for v, was, g in zip(variables, before, gradients, strict=True):
        if id(v) in inferring:  # Adam's first step goes as far for every gradient
            large = np.abs(g) > 1e-3
            assert large.any()
            np.testing.assert_allclose((was - v.numpy())[large], config.inference_rate * np.sign(g)[large], rtol=1e-2)
        else:
            np.testing.assert_allclose(was - v.numpy(), 0.5 * g.numpy(), rtol=1e-3, atol=1e-6)


def test_features_tell_classes_that_words_tell():
    """One word decides, which the model's bag counts."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 600).astype(np.int32)
    text = np.where(rng.random((600, 8)) < 0.4, 4 + label[:, None], rng.integers(6, 10, (600, 8))).astype(np.int32)
    text[:, -1] = END
    split = Split({"text": text, "label": np.where(np.arange(600) < 10, -1, label)})
    sets = Data("made", split, split, split, origin="")
    found = judged.errors(built("theta"), sets, 0)
    assert found.keys() == {"features", "theta", "tf_idf"} and max(found["features"], found["tf_idf"]) < 0.15
    assert len(judged.labelled(split)[0]) == 590
    shuffled = Split({"text": text, "label": rng.permutation(label)})
    assert judged.errors(built("none"), Data("made", split, split, shuffled, origin=""), 0)["features"] > 0.35


def test_an_input_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="inputs: got 'a b c d e f g h', expected 1 word or more, and at most 8"):
        topics.numbered(built("none"), ["a b", "a b c d e f g h"])
