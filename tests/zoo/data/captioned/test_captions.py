"""Captioned data: pairs, vocabularies, batches of like length, and alignDRAW's digits."""

import re

import numpy as np
import pytest

from zoo.data import batches, in_order, load
from zoo.data.captioned import captions
from zoo.data.captioned.captions import DIGIT, KINDS
from zoo.data.split import STEP, Split
from zoo.declare import Field


def of(shapes):
    """The fields of a model that takes these shapes."""
    return {name: Field(shape) for name, shape in shapes.items()}


SCENES = {"image": (32, 32, 3), "caption": (20,)}
DIGITS = {"image": (60, 60, 1), "caption": (13,)}


@pytest.fixture
def few(monkeypatch):
    """Few scenes, so that a test takes no time."""
    monkeypatch.setattr(captions, "SCENES", {"train": 300, "validation": 10, "test": 12, "held_out": 9})
    monkeypatch.setattr(captions, "DIGIT_CAPTIONS", {"train": 64, "validation": 30, "test": 30, "held_out": 40})


def text(data, ids):
    return " ".join(data.vocabularies["caption"][i - 2] if i > 1 else "<unk>" for i in ids if i)


def test_an_example_is_a_picture_with_one_of_its_captions(few):
    data = load("scenes", fields=of(SCENES))
    assert data.train.size == 300 * 5 and data.others["held_out"].size == 9 * 5
    pictures = data.test.source
    seen = []
    for batch, n in in_order(data.test, 25):
        for image, ids, m in zip(*(batch[key][:n].numpy() for key in ("image", "caption", "picture")), strict=True):
            assert text(data, ids) in pictures.captions[m]
            np.testing.assert_array_equal(np.rint(image * 255), pictures.image[m])
            seen.append((m, text(data, ids)))
    # Every caption once; the first of each picture come first.
    assert sorted(seen) == sorted((m, caption) for m, several in enumerate(pictures.captions) for caption in several)
    assert seen[:12] == [(m, several[0]) for m, several in enumerate(pictures.captions)]


def test_words_come_by_frequency_and_another_vocabulary_can_be_given(few):
    data = load("scenes", fields=of(SCENES))
    everything = " ".join(caption for several in data.train.source.captions for caption in several).split()
    counts = [everything.count(word) for word in data.vocabularies["caption"]]
    assert counts == sorted(counts, reverse=True) and min(counts) > 0
    assert set(data.vocabularies["caption"]) == set(everything)
    again = load("scenes", fields=of(SCENES), known={"caption": ["circle", "red"]})
    assert again.vocabularies == {"caption": ("circle", "red")}
    assert set(np.unique(again.train.arrays["caption"])) == {0, 1, 2, 3}


def test_captions_that_are_too_long_are_cut_and_have_no_end(few):
    data = load("scenes", fields=of({**SCENES, "caption": (6,)}))
    ids = data.train.arrays["caption"]
    longer = of({**SCENES, "caption": (40,)})
    whole = load("scenes", fields=longer, known=data.vocabularies).train.arrays["caption"]
    np.testing.assert_array_equal(ids, whole[:, :6])
    assert (ids[:, -1] > 0).any()


def test_a_batch_holds_captions_of_like_length_and_every_example_once_a_pool():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, 320)
    ids = np.where(np.arange(41) < lengths[:, None], 7, 0).astype(np.int32)
    split = Split({"caption": ids, "number": np.arange(320, dtype=np.int32)}, lengths={"caption": lengths})
    found, widths = [], []
    for (_, batch), _ in zip(batches(split, 20, seed=3), range(16), strict=False):
        numbers, width = batch["number"].numpy(), batch["caption"].shape[1]
        longest = lengths[numbers].max() + 1
        assert width == min(41, -(-longest // STEP) * STEP)
        np.testing.assert_array_equal(batch["caption"], ids[numbers, :width])
        found += numbers.tolist()
        widths.append(width)
    assert sorted(found) == list(range(320))
    assert np.mean(widths) < 30 and widths != sorted(widths)  # half of the padding is gone; lengths come mixed


def test_batches_of_like_length_resume_anywhere():
    ids = np.where(np.arange(20) < np.arange(1, 20).repeat(10)[:, None], 7, 0).astype(np.int32)
    arrays = {"caption": ids, "number": np.arange(190, dtype=np.int32)}
    split = Split(arrays, lengths={"caption": (ids > 0).sum(1)})
    whole = [batch["number"].numpy() for (_, batch), _ in zip(batches(split, 8, 1), range(40), strict=False)]
    later = [batch["number"].numpy() for (_, batch), _ in zip(batches(split, 8, 1, 21), range(19), strict=False)]
    np.testing.assert_array_equal(whole[21:], later)


@pytest.mark.parametrize("name", ["scenes", "digit-captions"])
def test_the_same_seed_gives_the_same_data(few, name):
    shapes = SCENES if name == "scenes" else DIGITS
    one, again, other = (load(name, fields=of(shapes), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.test.source.image, again.test.source.image)
    assert one.test.source.captions == again.test.source.captions
    assert one.test.source.captions != other.test.source.captions


# Errors


def test_wrong_uses_are_named(few):
    with pytest.raises(ValueError, match="regime: scenes has no such option"):
        load("scenes", fields=of(SCENES), regime="static")
    with pytest.raises(ValueError, match=r"data: mnist holds pictures or rolls alone, .* takes image .* and caption"):
        load("mnist", fields=of(SCENES))
    with pytest.raises(ValueError, match="data: scenes has pictures with captions, the model takes image"):
        load("scenes", fields=of({"image": (32, 32, 3)}))
    with pytest.raises(ValueError, match=r"data: scenes are square and in colour.*\(32, 32, 1\)"):
        load("scenes", fields=of({**SCENES, "image": (32, 32, 1)}))
    with pytest.raises(
        ValueError, match=r"data: digit-captions has image \(60, 60, 1\), the model takes image \(32, 32, 3\)"
    ):
        load("digit-captions", fields=of(SCENES))


# Digits with captions


def parsed(caption):
    """(kind, the first digit's label, the second's or -1), by words alone."""
    digits = [int(d) for d in re.findall(r"\d", caption)]
    words = [("left of the digit", 0), ("right of the digit", 1), ("top of the digit", 2), ("bottom of the digit", 3)]
    words += [("top left", 4), ("bottom right", 5), ("top right", 6), ("bottom left", 7)]
    (kind,) = (k for phrase, k in words if phrase in caption)
    if kind in (1, 3):  # told from the second digit's side
        digits.reverse()
    return kind, digits[0], digits[1] if len(digits) > 1 else -1


def test_digits_stand_where_the_caption_says(few):
    data = load("digit-captions", fields=of(DIGITS))
    pictures = data.test.source
    for image, (caption,), kind, first, second in zip(
        pictures.image, pictures.captions, *(pictures.facts[key] for key in ("kind", "first", "second")), strict=True
    ):
        assert (kind, first, second) == parsed(caption)
        inside = np.zeros((60, 60), bool)
        _, one, two = KINDS[kind]
        for place in filter(None, (one, two)):
            rows, columns = (mine or other for mine, other in zip(place, one, strict=True))
            reach = [slice(ends[0], ends[1] + DIGIT) for ends in (rows, columns)]
            inside[tuple(reach)] = True
            assert image[tuple(reach)].max() > 100
        assert (image[~inside] == 0).all()


def test_pictures_are_made_of_the_digits_that_are_named(few):
    """Wherever a digit is whole, it is one of the source's with the right label."""
    data = load("digit-captions", fields=of(DIGITS))
    source = load("digits", fields=of({"image": (28, 28, 1), "label": ()})).test.arrays
    known = {image.tobytes(): label for image, label in zip(source["image"], source["label"], strict=True)}
    pictures, found = data.test.source, 0
    for image, kind, first in zip(pictures.image, pictures.facts["kind"], pictures.facts["first"], strict=True):
        if kind < 4:
            continue  # the second digit may cover a part of the first
        rows, columns = KINDS[kind][1]
        corners = [(r, c) for r in range(rows[0], rows[1] + 1) for c in range(columns[0], columns[1] + 1)]
        cuts = (np.ascontiguousarray(image[r : r + DIGIT, c : c + DIGIT]).tobytes() for r, c in corners)
        assert first in {known[cut] for cut in cuts if cut in known}
        found += 1
    assert found > 5


def test_training_never_says_what_is_held_out(few):
    data = load("digit-captions", fields=of(DIGITS))
    seen = set()
    for (_, batch), _ in zip(batches(data.train, 64, 0), range(40), strict=False):
        seen |= {parsed(text(data, ids)) for ids in batch["caption"].numpy()}
    held = {parsed(caption) for (caption,) in data.others["held_out"].source.captions}
    assert not seen & held and {kind for kind, *_ in seen} == set(range(8))
    # The banned digits of each kind are whole roles: no training caption has them there.
    for kind, first, second in held:
        first_there = any(k == kind and f == first for k, f, _ in seen)
        second_there = any(k == kind and s == second for k, _, s in seen)
        assert not (first_there and second_there and kind < 4)


def test_training_pictures_are_made_anew_and_vary(few):
    data = load("digit-captions", fields=of(DIGITS))
    first, second = (batch for (_, batch), _ in zip(batches(data.train, 64, 0), range(2), strict=False))
    assert (first["image"].numpy() != second["image"].numpy()).any()
    again = next(iter(batches(data.train, 64, 0, 1)))[1]
    np.testing.assert_array_equal(second["image"], again["image"])
