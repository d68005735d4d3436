import dataclasses
import pathlib
import types

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from trainers import rnnsearch as trainer
from trainers.declare.task import Shown
from zoo import catalogue
from zoo.data.parallel.generated import Pair
from zoo.data.parallel.named import Source
from zoo.data.split import Split

PAIRS = (
    Pair("a b c", "C b A.", ((0, 2), (1, 1), (2, 0))),
    Pair("b a", "b A.", ((0, 0), (0, 1), (1, 1))),
    Pair("a a a a a a a a a a a a", "A A A A A A A A A A b.", ((0, 0),)),
    Pair("b b b b b b b b b b b c", "b b b b b b b b b b C.", ()),
)


def built(attention=True, units="cased"):
    config = catalogue.preset("rnnsearch", "smoke").model
    sizes = {"source_vocabulary": 6, "target_vocabulary": 7, "source_length": 14, "target_length": 13}
    model = catalogue.build("rnnsearch", dataclasses.replace(config, units=units, attention=attention, **sizes))
    model.source_words.learn(["a", "b", "c"])
    model.target_words.learn(["A", "b", "C", "."])
    return model


@pytest.fixture
def model():
    return built()


def split_of(model, pairs=PAIRS):
    arrays = {
        side: words.ids(tf.constant([getattr(pair, side) for pair in pairs]), model.fields[side].shape[0]).numpy()
        for side, words in model.vocabularies.items()
    }
    return Split(arrays, lengths={side: (each > 0).sum(1) for side, each in arrays.items()}, source=Source(pairs))


def figures(model, texts):
    """Where a model gives these texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "translated", lambda model, sources, *more: (texts, {}))
        return trainer.figures(model, types.SimpleNamespace(splits={"test": split_of(model)}), "test", 0)


def test_figures_are_sacrebleus_of_the_texts_as_they_were(model):
    references = [pair.target for pair in PAIRS]
    whole = figures(model, references)
    assert whole["bleu"].value == pytest.approx(100) and whole["exact"].value == 1
    texts = ["C b A.", "b a.", "A A A A A A A A A b.", "b b b b b b b b b b C."]
    found = figures(model, texts)
    theirs = sacrebleu.BLEU()
    assert found["bleu"].value == pytest.approx(theirs.corpus_score(texts, [references]).score)
    assert 0 < found["bleu"].value < 100 and found["bleu"].error > 0
    assert str(theirs.get_signature()) in found["bleu"].measure.says and "case:mixed" in found["bleu"].measure.says
    assert found["exact"].value == 0.5
    short, long = found["bleu_1_to_10"], found["bleu_11_to_15"]
    assert short.examples == long.examples == 2
    assert short.value == pytest.approx(theirs.corpus_score(texts[:2], [references[:2]]).score)
    assert long.value == pytest.approx(theirs.corpus_score(texts[2:], [references[2:]]).score)


def test_pieces_are_scored_as_the_words_they_make():
    model = built(units="pieces")
    model.source_words.learn(["\u2581", "a", "b", "c"])
    model.target_words.learn(["\u2581b", "\u2581", "A", "b", "C"])
    texts = ["C b A .", "b A", *(pair.target for pair in PAIRS[2:])]
    found = figures(model, texts)
    assert found["exact"].value == 0.75 and "case:mixed" in found["bleu"].measure.says


def test_words_without_case_are_scored_without_it():
    model = types.SimpleNamespace(config=types.SimpleNamespace(units="words"))
    value, signature = trainer.bleu(model, ["a dog runs here"], ["A dog runs here"])
    assert value == pytest.approx(100) and "case:lc" in signature


def test_the_error_of_alignments_by_hand(model, monkeypatch):
    """Looks: right, wrong, right; right by its second link, wrong; wrong; and words without a link do not count."""
    alpha = np.zeros([4, 13, 14], np.float32)
    for k, looks in enumerate([[2, 0, 0], [1, 0], [5], [3]]):
        alpha[k, np.arange(len(looks)), looks] = 0.9
    monkeypatch.setattr(model, "read", lambda source, target: (None, tf.constant(alpha)))
    error, none = trainer.alignment_error(model, split_of(model))
    assert error == pytest.approx(3 / 6)
    assert none == (4 + 3 + 12 + 12) - 6  # with the full stops


@pytest.mark.parametrize("attention", [True, False])
def test_exhibits_are_translations_alignments_and_bleu_by_length(attention):
    model = built(attention)
    split = split_of(model)
    found = trainer.exhibits(model, Shown(split.arrays, {}, split, split))
    drawn = [f"alignment-{k:02}" for k in range(4)] if attention else []
    assert [*found] == ["translations", *drawn, "lengths"]
    blocks = [block.split("\n") for block in found["translations"].words.split("\n\n")]
    assert [(a, c) for a, _, c in blocks] == [(pair.source, f"= {pair.target}") for pair in PAIRS]
    assert [b[2:] for _, b, _ in blocks] == trainer.translated(model, split.arrays["source"], 1)[0]
    ((words, bleus),) = found["lengths"].lines.values()
    np.testing.assert_allclose(words, [2.5, 12])
    assert ((bleus >= 0) & (bleus <= 100)).all()
    for exhibit in found.values():
        exhibit.drawn()


def test_a_part_of_the_sources_at_a_time_is_all_of_them(model, monkeypatch):
    sources = split_of(model).arrays["source"]
    texts, said = trainer.translated(model, sources)
    monkeypatch.setattr(trainer, "BATCH", 3)
    again, parts = trainer.translated(model, sources)
    assert texts == again and said["attention"].shape == parts["attention"].shape == (4, 13, 14)


def sampled(model, *inputs, **options):
    return trainer.sample(model, inputs, trainer.Translating(**options))


def test_a_text_is_translated_with_a_picture_of_where_the_model_looked(model):
    made = sampled(model, "a b", "c zebra", width=2)
    assert [line.split("\n")[0] for line in made.lines] == ["a b", "c zebra", "unknown words: zebra"]
    ids = model.source_words.ids(tf.constant(["a b", "c zebra"]), 14)
    said = model.translate(ids, "beam", 2, 1.0)
    for line, text, score in zip(
        made.lines[:2], trainer.strings(model.target_words, said["target"]), said["score"], strict=True
    ):
        assert line.split("\n")[1] == f"> {text} (log p {float(score):.2f} nats)"
    assert [*made.exhibits] == ["translations", "alignment-00", "alignment-01"]
    assert not [name for name in sampled(built(False), "a").exhibits if name.startswith("alignment")]


def test_a_file_goes_in_and_a_file_comes_out_line_by_line(model, tmp_path):
    (tmp_path / "in.txt").write_text("\ufeffa \u2028b\n\nc zorp\n", encoding="utf-8")
    made = sampled(model, file=tmp_path / "in.txt")
    one, other = (sampled(model, text).lines[0].split("\n")[1] for text in ("a b", "c zorp"))
    assert made.exhibits.keys() == {"translations"} and made.lines == ["unknown words: 1", "lines without a word: 1"]
    made.exhibits["translations"].save(tmp_path, "out")
    lines = (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n")
    assert [lines[1], lines[3]] == ["", ""] and len(lines) == 4
    assert one.startswith(f"> {lines[0]} (") and other.startswith(f"> {lines[2]} (")


@pytest.mark.parametrize(
    ("inputs", "options", "expected"),
    [
        ([], {}, "inputs: got none, expected texts to translate, or --file"),
        (["a"], {"file": pathlib.Path("x")}, "inputs: got a, expected none beside --file"),
        ([], {"file": pathlib.Path("nowhere.txt")}, "file: got nowhere.txt, expected a file of texts"),
        (["a " * 14], {}, "of 14 words, expected 1 to 13"),
        ([" "], {}, "of 0 words, expected 1 to 13"),
    ],
)
def test_what_cannot_be_translated_is_refused(model, inputs, options, expected):
    with pytest.raises(ValueError, match=expected):
        sampled(model, *inputs, **options)


def test_searches_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="width: got 0, expected 1 to 100 beams"):
        trainer.Translating(width=0)
    with pytest.raises(ValueError, match="width: got 101, expected 1 to 100 beams"):
        trainer.Translating(width=101)
    with pytest.raises(ValueError, match="count: got 0, expected at least 1"):
        trainer.Translating(count=0)
    with pytest.raises(ValueError, match="length_norm: got -1"):
        trainer.Translating(length_norm=-1)
