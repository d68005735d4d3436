"""Scenes: what is drawn is what is said, and what is held out is nowhere else."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

from zoo.data.captioned import compositions
from zoo.data.captioned.compositions import BACKGROUNDS, CENTRES, COLOURS, COUNT, OBJECTS, PLACE, PLACES, RELATION

SIDE = 48


@pytest.fixture(scope="module")
def digits():
    image, label = load_digits(return_X_y=True)
    return image.reshape(-1, 8, 8) / 16, label


@pytest.fixture(scope="module", params=[False, True], ids=["seen", "unseen"])
def facts(request):
    return compositions.facts(600, np.random.default_rng(1), request.param)


@pytest.fixture(scope="module")
def pictures(facts, digits):
    return compositions.draw(facts, digits, SIDE, np.random.default_rng(2))


def test_every_object_has_one_colour_and_one_place_that_training_never_shows():
    seen = compositions.facts(20_000, np.random.default_rng(0))
    there = seen["object"] >= 0
    for name, count in (("colour", len(COLOURS)), ("place", len(PLACES))):
        pairs = set(zip(seen["object"][there].tolist(), seen[name][there].tolist(), strict=True))
        missing = [(o, v) for o in range(len(OBJECTS)) for v in range(count) if (o, v) not in pairs]
        assert [o for o, _ in missing] == list(range(len(OBJECTS)))
        assert len({v for _, v in missing}) == count  # every colour and every place is held out for some object


def test_every_unseen_scene_has_a_held_out_composition():
    found = compositions.facts(500, np.random.default_rng(0), unseen=True)
    assert compositions.held_out(found["object"], found["colour"], found["place"]).any(1).all()


def test_kinds_are_what_they_say(facts):
    count = (facts["object"] >= 0).sum(1)
    assert (count[facts["kind"] == PLACE] == 1).all() and (count[facts["kind"] == RELATION] == 2).all()
    same = facts["kind"] == COUNT
    assert set(count[same]) == {2, 3}
    for name in ("object", "colour", "size"):
        rows = facts[name][same]
        assert all(len(set(row[row >= 0])) == 1 for row in rows)
        assert ((facts[name] >= 0) == (facts["object"] >= 0)).all()
    for row in facts["place"]:
        places = row[row >= 0]
        assert len(set(places)) == len(places)  # one object a place
    assert set(facts["kind"]) == {PLACE, RELATION, COUNT}


def test_an_object_lies_at_its_place_in_its_colour(facts, pictures):
    images, masks = pictures
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for m in range(len(images)):
        for k in np.flatnonzero(facts["object"][m] >= 0):
            mask = masks[m] == k + 1
            assert mask.sum() > 15
            centre = np.array([y[mask].mean(), x[mask].mean()])
            assert np.abs(centre - CENTRES[facts["place"][m, k]] * SIDE).max() < SIDE / 8
            colour = list(COLOURS.values())[facts["colour"][m, k]]
            nearest = np.abs(images[m][mask].astype(int) - colour).sum(-1)
            assert np.percentile(nearest, 10) <= 3  # the edge is mixed with the background
    background = np.array(list(BACKGROUNDS.values()))[facts["background"]]
    assert (images[:, 0, 0] == background).mean() > 0.95  # corners are free


def test_sizes_and_shapes_differ(facts, pictures):
    _, masks = pictures
    for shape in ("circle", "square"):
        small, large = (
            np.mean(
                [
                    (masks[m] == k + 1).sum()
                    for m, k in np.argwhere((facts["object"] == OBJECTS.index(shape)) & (facts["size"] == size))
                ]
            )
            for size in (0, 1)
        )
        assert 1.4 < large / small < 2.6
    areas = [
        np.mean([(masks[m] == k + 1).sum() for m, k in np.argwhere((facts["object"] == o) & (facts["size"] == 1))])
        for o in range(5)
    ]
    circle, square, *others = areas
    assert square < circle * 1.05 and all(other < 0.8 * circle for other in others)


def test_captions_say_what_is_there(facts):
    """Read back by rules of our own: objects, colours, count, place and relation."""
    rng = np.random.default_rng(3)
    all_captions = compositions.captions(facts, rng)
    singular = "|".join(OBJECTS)
    for m, several in enumerate(all_captions):
        assert len(several) == compositions.CAPTIONS
        objects = facts["object"][m][facts["object"][m] >= 0]
        nouns = [f"{list(COLOURS)[c]} {OBJECTS[o]}" for o, c in zip(objects, facts["colour"][m], strict=False)]
        places = facts["place"][m]
        for text in several:
            assert " a orange" not in f" {text}"
            background = re.search(r"on a (\w+) background$", text)
            assert not background or background[1] == list(BACKGROUNDS)[facts["background"][m]]
            body = text.removesuffix(background[0]).strip() if background else text
            found = re.findall(rf"(\w+ (?:{singular}))(?:s|es)?\b", body)
            if facts["kind"][m] == COUNT:
                assert found == nouns[:1] and body.endswith("s")
                assert re.search(r"\b(two|three)\b", body)[1] == {2: "two", 3: "three"}[len(nouns)]
            elif facts["kind"][m] == PLACE:
                assert found == nouns
                named = re.search(r"(top|bottom) (left|right)|middle|centre", body)[0]
                assert {"centre": "middle"}.get(named, named) == PLACES[places[0]]
            else:
                assert sorted(found) == sorted(nouns)
                (y1, x1), (y2, x2) = (CENTRES[places[nouns.index(noun)]] for noun in found)
                relation = re.search(r"above|below|left of|right of", body)[0]
                assert {"above": y1 < y2, "below": y1 > y2, "left of": x1 < x2, "right of": x1 > x2}[relation]
                assert (x1 == x2) == (relation in ("above", "below"))
            for word, size in (("small", 0), ("little", 0), ("large", 1), ("big", 1)):
                for noun in re.findall(rf"{word} (\w+ (?:{singular}))", body):
                    assert facts["size"][m, nouns.index(noun)] == size


def test_captions_vary():
    facts = compositions.facts(300, np.random.default_rng(0))
    several = compositions.captions(facts, np.random.default_rng(0))
    assert np.mean([len(set(captions)) for captions in several]) > 3


def test_the_same_seed_makes_the_same_scenes(digits):
    def make(seed):
        rng = np.random.default_rng(seed)
        facts = compositions.facts(20, rng)
        return compositions.draw(facts, digits, 32, rng)[0], compositions.captions(facts, rng)

    (one, said), (again, said_again), (other, _) = make(0), make(0), make(1)
    assert (one == again).all() and said == said_again and (one != other).any()
