"""Scenes to describe: coloured shapes and handwritten digits, their captions from a grammar, and what was never seen.

A scene has one to three objects in five places (four corners and the middle) on a plain background, and is one of
three kinds: one object at a place; two objects, one above or left of the other; two or three of the same object.
Some compositions are held out: for every object one colour and one place that no training scene gives it.

M scenes, H x W pixels. An object is an index into OBJECTS, a colour into COLOURS, a place into PLACES; -1 is none.
"""

import numpy as np

SHAPES = ("circle", "square", "triangle", "cross", "ring")
OBJECTS = (*SHAPES, *map(str, range(10)))
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 200, 30),
    "purple": (160, 60, 190),
    "orange": (245, 130, 30),
}
BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255), "navy": (0, 0, 96)}
PLACES = ("top left", "top right", "bottom left", "bottom right", "middle")
CENTRES = np.array([(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75), (0.5, 0.5)])  # (y, x) of the side
SIZES = {"small": (0.30, 0.33), "large": (0.41, 0.45)}  # of the side
DIGIT_SIZES = {"small": (0.36, 0.39), "large": (0.46, 0.49)}  # a digit is narrow, and must be legible
PLACE, RELATION, COUNT = range(3)  # kinds
RELATIONS = {"above": ((0, 2), (1, 3)), "left of": ((0, 1), (2, 3))}  # (place of the first, of the second)
MOST = 3  # objects in a scene
CAPTIONS = 5  # of each scene


def held_out(objects, colours, places):
    """Which objects have the colour, or the place, that training never gives them. Integer arrays of one shape."""
    return (objects >= 0) & ((colours == objects % len(COLOURS)) | (places == objects % len(PLACES)))


def facts(count, rng, unseen=False, digits=0.15):
    """What is in `count` random scenes, without the held-out compositions, or each with one at least.

    digits: the share of digits among the objects.

    Returns {"kind", "background": int32 [M], "object", "colour", "place", "size": int32 [M, 3]}.
    """
    parts, missing = [], count
    while missing > 0:
        drawn = _drawn(4 * missing, rng, digits)
        found = held_out(drawn["object"], drawn["colour"], drawn["place"]).any(1)
        parts.append({name: values[found == unseen][:missing] for name, values in drawn.items()})
        missing -= len(parts[-1]["kind"])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _drawn(count, rng, digits):
    kind = rng.choice(3, count, p=(0.5, 0.35, 0.15))
    shape = rng.random((count, 2)) >= digits
    objects = np.where(shape, rng.integers(0, 5, (count, 2)), rng.integers(5, 15, (count, 2)))
    colours, sizes = rng.integers(0, len(COLOURS), (count, 2)), rng.integers(0, 2, (count, 2))
    same = (objects[:, 0] == objects[:, 1]) & (colours[:, 0] == colours[:, 1])
    colours[:, 1] = np.where(same, (colours[:, 1] + 1) % len(COLOURS), colours[:, 1])
    pairs = np.array([pair for way in RELATIONS.values() for pair in way])[rng.integers(0, 4, count)]
    corners = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)[:, :MOST]  # of the same objects
    three = rng.random(count) < 0.5
    none = np.full(count, -1)

    def of_kind(place, relation, same):
        rows = [np.stack(columns, 1) for columns in (place, relation, same)]
        return np.choose(kind[:, None], rows).astype(np.int32)

    def attribute(values):
        third = np.where(three, values[:, 0], -1)
        return of_kind((values[:, 0], none, none), (*values.T, none), (values[:, 0], values[:, 0], third))

    places = of_kind(
        (rng.integers(0, len(PLACES), count), none, none),
        (*pairs.T, none),
        (*corners[:, :2].T, np.where(three, corners[:, 2], -1)),
    )
    return {
        "kind": kind.astype(np.int32),
        "background": rng.integers(0, len(BACKGROUNDS), count).astype(np.int32),
        "object": attribute(objects),
        "colour": attribute(colours),
        "size": attribute(sizes),
        "place": places,
    }


# Pictures


def draw(facts, digits, side, rng):
    """The pictures of scenes, and whose pixel is whose.

    digits: (images [D, 8, 8] in [0, 1], labels [D]) to choose from. Returns uint8 [M, side, side, 3] and the masks,
    uint8 [M, side, side]: 1 + the number of the object that covers more than half of a pixel, else 0.
    """
    blocks = range(0, len(facts["kind"]), 1000)
    parts = [_draw({k: v[start : start + 1000] for k, v in facts.items()}, digits, side, rng) for start in blocks]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _draw(facts, digits, side, rng):
    width, margin = int(0.5 * side) + 4, side // 4  # of the window that every object fits in; beyond the picture
    colours, backgrounds = (np.array(list(c.values()), np.float32) for c in (COLOURS, BACKGROUNDS))
    canvas = np.tile(backgrounds[facts["background"]][:, None, None], (1, side + 2 * margin, side + 2 * margin, 1))
    masks = np.zeros(canvas.shape[:3], np.uint8)
    for k in range(MOST):
        rows = np.flatnonzero(facts["object"][:, k] >= 0)
        objects, sizes = (facts[name][rows, k] for name in ("object", "size"))
        is_shape = (objects < len(SHAPES))[:, None]
        low, high = np.where(is_shape, *(np.array(list(s.values()))[sizes] for s in (SIZES, DIGIT_SIZES))).T * side
        radius = rng.uniform(low, high) / 2  # [R]
        slack = np.clip(side / 4 - radius - 0.5, 0, side / 16)
        centre = CENTRES[facts["place"][rows, k]] * side + rng.uniform(-1, 1, (len(rows), 2)) * slack[:, None]
        corner = np.floor(centre - width / 2).astype(int)  # of the window, (y, x)
        pixel = np.arange(width) + 0.5
        y, x = (pixel + corner[:, [i]] - centre[:, [i]] for i in range(2))  # [R, width] from the centre
        ink = np.zeros((len(rows), width, width), np.float32)
        for o in np.unique(objects):
            these = objects == o
            r = radius[these, None, None]
            at = y[these][:, :, None] / r, x[these][:, None] / r
            if o < len(SHAPES):
                ink[these] = np.clip(0.5 - SHAPE[o](*at) * r, 0, 1)
            else:
                of_class = np.flatnonzero(digits[1] == o - len(SHAPES))
                ink[these] = _bilinear(digits[0][rng.choice(of_class, these.sum())], *at)
        window = corner[:, :, None] + margin + np.arange(width)  # [R, 2, width]
        where = rows[:, None, None], window[:, 0, :, None], window[:, 1, None]
        ink = ink[..., None]
        canvas[where] = canvas[where] * (1 - ink) + colours[facts["colour"][rows, k]][:, None, None] * ink
        masks[where] = np.where(ink[..., 0] > 0.5, k + 1, masks[where])
    inside = slice(margin, margin + side)
    return np.rint(canvas[:, inside, inside]).astype(np.uint8), masks[:, inside, inside]


# Distances to the edge of a shape of radius 1 around (0, 0), negative inside; y points down.
SHAPE = (
    lambda y, x: np.hypot(y, x) - 1,
    lambda y, x: np.maximum(abs(y), abs(x)) - 0.85,
    lambda y, x: np.maximum(y - 0.8, 0.9 * abs(x) - 0.44 * y - 0.44),
    lambda y, x: np.maximum(np.minimum(abs(y), abs(x)) - 0.3, np.maximum(abs(y), abs(x)) - 1),
    lambda y, x: abs(np.hypot(y, x) - 0.76) - 0.24,
)


def _bilinear(images, y, x):
    """Images [R, 8, 8] at y [R, a, 1] and x [R, 1, b] from -1 to 1, 0 beyond: [R, a, b] in [0, 1]."""
    images = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = np.arange(len(images))[:, None, None]
    y, x = (np.clip(3.4 * v + 4.5, 0, 8.999) for v in (y, x))  # most digits leave the edges of their 8 x 8 pixels free
    top, left = y.astype(int), x.astype(int)
    y, x = y - top, x - left
    above = images[rows, top, left] * (1 - x) + images[rows, top, left + 1] * x
    below = images[rows, top + 1, left] * (1 - x) + images[rows, top + 1, left + 1] * x
    return np.clip(1.5 * (above * (1 - y) + below * y), 0, 1)


# Captions


def captions(facts, rng):
    """CAPTIONS true descriptions of every scene, as lists of strings of words."""
    return [[_caption(scene, rng) for _ in range(CAPTIONS)] for scene in _scenes(facts)]


def _scenes(facts):
    """One dictionary a scene, of plain integers and lists."""
    columns = {name: values.tolist() for name, values in facts.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _caption(scene, rng):
    one = rng.random
    kind, places = scene["kind"], scene["place"]
    if kind == COUNT:
        number = ("two", "three")[places[2] >= 0]
        text = f"{number} {_noun(scene, 0, rng)}s".replace("crosss", "crosses")
        if one() < 0.3:
            text = f"there are {text}"
    elif kind == PLACE:
        thing, where = f"a {_noun(scene, 0, rng)}", _where(places[0], one())
        how = one()
        text = f"{thing} {where}" if how < 0.6 else f"there is {thing} {where}"
        if how > 0.85:
            text = f"{where} there is {thing}"
    else:
        pair = tuple(places[:2])
        (relation,) = (name for name, pairs in RELATIONS.items() if pair in pairs)
        first, second = (f"a {_noun(scene, k, rng)}" for k in range(2))
        if one() < 0.4:
            first, second = second, first
            relation = {"above": "below", "left of": "right of"}[relation]
        text = f"{first} {relation} {second}"
        if one() < 0.3:
            text = f"there is {text}"
    if one() < 0.3:
        text += f" on a {tuple(BACKGROUNDS)[scene['background']]} background"
    return text.replace("a orange", "an orange")


def _noun(scene, k, rng):
    words = [tuple(COLOURS)[scene["colour"][k]], OBJECTS[scene["object"][k]]]
    how = rng.random()
    if how < 0.4:
        usual, other = (("small", "little"), ("large", "big"))[scene["size"][k]]
        words.insert(0, usual if how < 0.3 else other)
    return " ".join(words)


def _where(place, how):
    name = PLACES[place]
    if name == "middle":
        return "in the middle" if how < 0.7 else "in the centre"
    return f"at the {name}" if how < 0.7 else f"in the {name} corner"
