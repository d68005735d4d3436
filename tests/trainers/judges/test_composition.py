"""Whether pictures show what captions say: the rules by hand, the reader on real pictures."""

import numpy as np
import pytest

from trainers.judges import composition
from zoo.data import load
from zoo.data.captioned import captions, compositions
from zoo.data.captioned.compositions import COUNT, OBJECTS, PLACE, RELATION
from zoo.declare import Field

CIRCLE, SQUARE = OBJECTS.index("circle"), OBJECTS.index("square")
RED, BLUE = 0, 2
EMPTY = ([0] * 5, [-1] * 5)


def scene(*things):
    """(objects [1, 5], colours [1, 5]) read in a picture with these (place, object, colour)."""
    objects, colours = np.zeros((1, 5), int), np.full((1, 5), -1)
    for place, o, colour in things:
        objects[0, place], colours[0, place] = o + 1, colour
    return objects, colours


def facts(kind, *things):
    """What a caption of that kind says, as compositions.facts has it; things: (place, object, colour)."""
    rows = np.full((3, 1, 3), -1)
    for k, thing in enumerate(things):
        rows[:, 0, k] = thing
    return {"kind": np.array([kind]), "place": rows[0], "object": rows[1], "colour": rows[2]}


def right(asked, read):
    return {name: bool(value[0]) for name, value in composition.shown(asked, *read).items()}


def test_one_object_must_be_alone_at_its_place_in_its_colour():
    asked = facts(PLACE, (1, CIRCLE, RED))
    everything = {"object": True, "colour": True, "place": True, "all": True}
    assert right(asked, scene((1, CIRCLE, RED))) == everything
    assert right(asked, scene((1, SQUARE, RED))) == everything | {"object": False, "all": False}
    assert right(asked, scene((1, CIRCLE, BLUE))) == everything | {"colour": False, "all": False}
    assert right(asked, scene((2, CIRCLE, RED))) == everything | {"place": False, "all": False}
    assert not right(asked, scene((1, CIRCLE, RED), (3, SQUARE, BLUE)))["all"]
    assert right(asked, EMPTY_READ) == dict.fromkeys(everything, False)


EMPTY_READ = tuple(np.array([row]) for row in EMPTY)


def test_a_relation_holds_anywhere_and_only_in_its_direction():
    asked = facts(RELATION, (0, CIRCLE, RED), (2, SQUARE, BLUE))  # a red circle above a blue square
    assert right(asked, scene((0, CIRCLE, RED), (2, SQUARE, BLUE)))["all"]
    assert right(asked, scene((1, CIRCLE, RED), (3, SQUARE, BLUE)))["all"]
    upside_down = right(asked, scene((2, CIRCLE, RED), (0, SQUARE, BLUE)))
    assert upside_down == {"object": True, "colour": True, "place": True, "all": False}
    swapped = right(asked, scene((0, CIRCLE, BLUE), (2, SQUARE, RED)))
    assert swapped["object"] and swapped["colour"] and not swapped["all"]
    assert not right(asked, scene((0, CIRCLE, RED), (1, SQUARE, BLUE)))["place"]  # beside, not above
    assert not right(asked, scene((0, CIRCLE, RED), (3, SQUARE, BLUE)))["place"]  # across


def test_counted_objects_may_stand_anywhere():
    asked = facts(COUNT, (0, CIRCLE, RED), (1, CIRCLE, RED))
    assert right(asked, scene((2, CIRCLE, RED), (3, CIRCLE, RED)))["all"]
    assert not right(asked, scene((2, CIRCLE, RED)))["all"]
    assert not right(asked, scene(*((place, CIRCLE, RED) for place in range(3))))["all"]
    assert not right(asked, scene((2, CIRCLE, RED), (3, CIRCLE, BLUE)))["all"]


def test_a_new_place_is_asked_for_only_where_no_other_would_do():
    """In training a circle is never red nor at place 0, a square never at 1; places 0 and 1 are the upper ones."""

    def asked(kind, *things):
        return tuple(bool(value[0]) for value in composition.asked_for_new(facts(kind, *things)).values())

    assert asked(PLACE, (0, CIRCLE, BLUE)) == (False, True)
    assert asked(PLACE, (1, CIRCLE, RED)) == (True, False)
    assert asked(COUNT, (0, CIRCLE, BLUE), (1, CIRCLE, BLUE)) == (False, False)  # two others would do
    assert asked(RELATION, (0, CIRCLE, BLUE), (2, CIRCLE, 1)) == (False, False)  # above: 1 and 3 would do
    # A circle left of a square: (0, 1) is new for both, (2, 3) for neither.
    assert asked(RELATION, (0, CIRCLE, BLUE), (1, SQUARE, BLUE)) == (False, False)
    assert asked(RELATION, (0, CIRCLE, BLUE), (2, OBJECTS.index("cross"), BLUE)) == (False, True)  # a cross never at 3


@pytest.mark.parametrize("unseen", [False, True])
def test_real_scenes_read_without_a_mistake_are_all_right(unseen):
    found = compositions.facts(400, np.random.default_rng(0), unseen)
    assert all(value.all() for value in composition.shown(found, *composition.layout(found)).values())


def test_the_reader_learns_to_read():
    """A few steps are far better than chance, which is one scene in a thousand; and a picture of nothing is nothing."""
    small = load(
        "digits", fields={"image": Field((8, 8, 1)), "label": Field(dtype="int32")}, regime="gray"
    ).train.arrays
    digits = (small["image"][..., 0] / 255, small["label"])
    reader = composition.SceneReader(24, digits, seed=0, epochs=3, scenes=(6000, 1500))
    rng = np.random.default_rng(5)
    found = compositions.facts(200, rng)
    images, _ = compositions.draw(found, digits, 24, rng)
    *read, sure = reader.read(images)
    read = composition.shown(found, *read)
    assert sure.shape == (200,) and read["all"][sure > np.median(sure)].mean() > read["all"].mean()
    assert read["place"].mean() > 0.8 and read["colour"].mean() > 0.5
    objects, colours, sure = reader.read(np.zeros((1, 24, 24, 3), np.uint8))
    assert (objects == 0).all() and (colours == -1).all() and 0.2 < sure[0] <= 1


def test_shares_are_of_the_chosen_pictures():
    right = {"all": np.array([1, 1, 0, 1, 0], bool), "sure": np.array([1, 0, 1, 1, 1], bool)}
    real = {"all": np.array([1, 0, 1, 1, 1], bool)}
    found = composition.accuracy(right, real, np.array([1, 1, 1, 1, 0], bool), ("sure",))
    assert found == {
        "pictures": 4,
        "caption_accuracy": 0.75,
        "caption_accuracy_standard_error": pytest.approx(np.std([1, 1, 0, 1]) / 2),
        "caption_accuracy_and_sure": 0.5,
        "sure_right": 0.75,
        "caption_accuracy_of_real_pictures": 0.75,
    }


# Digits with captions


@pytest.fixture
def pictures(monkeypatch):
    monkeypatch.setattr(captions, "DIGIT_CAPTIONS", {"train": 64, "validation": 10, "test": 80, "held_out": 40})
    fields = {"image": Field((60, 60, 1)), "caption": Field((13,), "int32", ragged=True)}
    return load("digit-captions", fields=fields).test.source


def test_most_of_the_ink_tells_the_arrangement(pictures):
    found = composition.most_ink(pictures.image)
    boxes = [composition.boxes(kind) for kind in found]
    assert boxes == [composition.boxes(kind) for kind in pictures.facts["kind"]]


def test_pieces_are_the_digits_that_the_caption_names(pictures):
    cut, labels, m = composition.pieces(pictures.image, pictures.facts)
    assert cut.shape[1:] == (28, 28, 1)
    count = np.where(pictures.facts["kind"] < 4, 2, 1)
    np.testing.assert_array_equal(np.bincount(m), count)
    second = [label for k, label in enumerate(labels) if k and m[k] == m[k - 1]]
    np.testing.assert_array_equal(second, pictures.facts["second"][pictures.facts["kind"] < 4])
    assert (cut.reshape(len(cut), -1).max(1) > 100).all()
