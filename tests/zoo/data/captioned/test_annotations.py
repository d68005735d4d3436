import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.data.captioned import captions
from zoo.data.captioned.annotations import annotations
from zoo.data.captioned.captions import Pictures
from zoo.data.request import Request
from zoo.data.split import batches, in_order
from zoo.declare import Field
from zoo.nn.pretrained import extractors

SIDE, PLACES, FEATURES = 6, 9, 2
SHAPES = {"corners": (PLACES, FEATURES), "caption": (8,)}


class Corners(keras.Layer):
    """The red and the blue of the first pixel of every 2x2, scaled."""

    def call(self, images):
        return 10 * tf.reshape(images[:, ::2, ::2, ::2], [-1, PLACES, FEATURES])


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch):
    """An extractor of our own, and the list of the times that it was made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(extractors.NAMED, "corners", (SIDE, (PLACES, FEATURES)))
    calls = []

    def extractor(name):
        calls.append(name)
        return Corners()

    monkeypatch.setattr(extractors, "extractor", extractor)
    return calls


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def corners(image):
    return (10 / 255 * image[:, ::2, ::2, ::2]).reshape(-1, PLACES, FEATURES)


def find(shape, folder, seed):
    assert shape == (SIDE, SIDE, 3)
    told = [["a dog", "one dog runs"], ["two cats", "cats", "some cats sleep"], ["a boat"]]
    splits = {"train": told, "validation": told[:1], "test": told[1:]}
    pictures = {split: Pictures(images(len(texts), i), texts) for i, (split, texts) in enumerate(splits.items())}
    return captions.Captioned(pictures, "three pictures")


def load(shapes):
    """Data of `find` for a model that takes these shapes."""
    return captions.load(Request("three", {name: Field(shape) for name, shape in shapes.items()}, None, 0, {}), find)


def test_every_picture_of_every_split_is_seen_once(made, monkeypatch):
    monkeypatch.setattr("zoo.data.captioned.annotations.TOGETHER", 3)
    pictures = {"train": images(7), "test": images(4, 1)}
    found = annotations("corners", pictures)
    for split, image in pictures.items():
        np.testing.assert_allclose(found[split], corners(image), rtol=1e-3)
        assert found[split].dtype == np.float16
    again = annotations("corners", pictures)
    assert made == ["corners"] and (again["test"] == found["test"]).all()


def test_other_pictures_are_seen_anew(made):
    pictures = images(3)
    annotations("corners", {"train": pictures})
    pictures[2, 0, 0, 0] ^= 255
    found = annotations("corners", {"train": pictures})
    assert len(made) == 2
    np.testing.assert_allclose(found["train"], corners(pictures), rtol=1e-3)


def test_a_batch_holds_annotations_in_place_of_images():
    data = load(SHAPES)
    for split in (data.train, data.validation, data.test):
        for batch, n in in_order(split, 2):
            assert set(batch) == {"corners", "caption", "picture"}
            want = corners(split.source.image)[batch["picture"].numpy()]
            np.testing.assert_allclose(batch["corners"][:n], want[:n], rtol=1e-3)
            assert batch["corners"].dtype == tf.float32
    assert data.train.source.image.dtype == np.uint8 and "annotations of corners" in data.origin
    assert [len(data.train.source.captions), data.train.size] == [3, 6]


@pytest.mark.parametrize("shapes", [SHAPES, {"image": (SIDE, SIDE, 3), "caption": (8,)}], ids=["annotations", "images"])
def test_what_is_too_large_for_memory_gives_the_same_batches(monkeypatch, shapes):
    def some(start=0):
        split = load(shapes).train
        return [batch for _, batch in itertools.islice(batches(split, 2, 5, start), 6)]

    small = some()
    monkeypatch.setattr(captions, "LARGE", 0)
    for large, start in ((some(), 0), (some(2), 2)):  # from the start, and resumed
        for one, other in zip(small[start:], large, strict=False):
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], other[key])
                assert one[key].shape == other[key].shape and one[key].dtype == other[key].dtype


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"corners makes annotations \(9, 2\), the model takes \(9, 3\)"):
        load({"corners": (9, 3), "caption": (8,)})
    with pytest.raises(ValueError, match="takes annotations and caption, expected one of image, vgg19, effic"):
        load({"annotations": (9, 2), "caption": (8,)})


def test_the_same_words_are_found_whatever_stands_for_the_pictures():
    image = load({"image": (SIDE, SIDE, 3), "caption": (8,)})
    seen = load(SHAPES)
    assert image.vocabularies == seen.vocabularies
    np.testing.assert_array_equal(image.test.arrays["caption"], seen.test.arrays["caption"])
