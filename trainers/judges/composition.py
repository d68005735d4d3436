"""Does a picture show what its caption says? A plain classifier, trained here on real pictures alone, tells.

It learns from compositions of every kind, also those that models are not shown: it must know them to judge.
M pictures, P places.
"""

import functools
import itertools

import keras
import numpy as np
import tensorflow as tf

from zoo import data
from zoo.data.captioned import compositions
from zoo.data.captioned.captions import DIGIT, KINDS
from zoo.data.captioned.compositions import COLOURS, COUNT, OBJECTS, PLACE, PLACES, RELATIONS, SHAPES
from zoo.data.pictures.named import digits
from zoo.declare import Field


def network(outputs):
    """A small convolutional network without a last activation."""
    layers = keras.layers
    convolutions = [
        layer
        for filters in (32, 64, 64)
        for layer in (layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D())
    ]
    dense = [layers.Flatten(), layers.Dropout(0.25), layers.Dense(256, "relu"), layers.Dense(outputs)]
    return keras.Sequential([layers.Rescaling(1 / 127.5, -1), *convolutions, *dense])


def fit(model, images, targets, loss, epochs):
    # Without XLA, whose convolutions are slow on a CPU.
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(images) // 100)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(images, targets, batch_size=100, epochs=epochs, verbose=0)


# Scenes


class SceneReader:
    """Reads the object (0: none, else 1 + its number) and the colour at every place of scenes.

    Trained on so many scenes of its own of seen and of held-out compositions, with the digits that models train with.
    """

    def __init__(self, side, digits, seed, epochs=8, scenes=(15_000, 10_000)):
        keras.utils.set_random_seed(seed)
        rng = np.random.default_rng((seed, 100))
        facts = [
            compositions.facts(count, rng, unseen, digits=0.5)
            for count, unseen in zip(scenes, (False, True), strict=True)
        ]
        facts = {name: np.concatenate([part[name] for part in facts]) for name in facts[0]}
        images, _ = compositions.draw(facts, digits, side, rng)
        self.kinds = (len(OBJECTS) + 1, len(COLOURS))
        self.model = network(len(PLACES) * sum(self.kinds))
        fit(self.model, images, np.stack(layout(facts), -1), self._loss, epochs)

    def _logits(self, outputs):
        return tf.split(tf.reshape(outputs, [-1, len(PLACES), sum(self.kinds)]), self.kinds, -1)

    def _loss(self, targets, outputs):
        objects, colours = self._logits(outputs)
        wanted, colour = tf.unstack(tf.cast(targets, tf.int32), axis=-1)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, objects)
        nats += tf.where(wanted > 0, tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(colour, 0), colours), 0)
        return tf.reduce_sum(nats, -1)

    def read(self, images):
        """uint8 [M, side, side, 3] -> objects [M, P], colours [M, P] (-1 where there is no object), sureness [M].

        How sure it is of a scene is the least probability of anything it read there.
        """
        logits = self._logits(self.model.predict(images, batch_size=500, verbose=0))
        objects, colours = (tf.nn.softmax(part).numpy() for part in logits)
        read, tints = objects.argmax(-1), colours.argmax(-1)
        sure = np.minimum(objects.max(-1), np.where(read > 0, colours.max(-1), 1)).min(-1)
        return read, np.where(read > 0, tints, -1), sure


def layout(facts):
    """What stands at every place: objects [M, P] (0: none) and colours [M, P] (-1: none)."""
    count = len(facts["kind"])
    objects, colours = np.zeros((count, len(PLACES)), int), np.full((count, len(PLACES)), -1)
    m, k = np.nonzero(facts["object"] >= 0)
    places = facts["place"][m, k]
    objects[m, places], colours[m, places] = facts["object"][m, k] + 1, facts["colour"][m, k]
    return objects, colours


def shown(facts, objects, colours):
    """Whether scenes read as (objects, colours) show what captions of these facts say.

    Sizes and backgrounds, which few captions name, do not count. Returns {"object", "colour", "place", "all": bool
    [M]}: the right objects, colours, or arrangement whatever the others are; and a scene that is right in all.
    """
    found = {name: np.zeros(len(objects), bool) for name in ("object", "colour", "place", "all")}
    for m, kind in enumerate(facts["kind"]):
        there = np.flatnonzero(objects[m])
        wanted = [(o + 1, c) for o, c in zip(facts["object"][m], facts["colour"][m], strict=True) if o >= 0]
        found["object"][m] = sorted(objects[m, there]) == sorted(o for o, _ in wanted)
        found["colour"][m] = sorted(colours[m, there]) == sorted(c for _, c in wanted)
        allowed = arrangements(kind, facts["place"][m], len(wanted))
        found["place"][m] = any(sorted(places) == list(there) for places in allowed)
        found["all"][m] = any(
            sorted(places) == list(there)
            and all((objects[m, p], colours[m, p]) == what for p, what in zip(places, wanted, strict=True))
            for places in allowed
        )
    return found


def arrangements(kind, places, count):
    """All ways to place the objects of a scene that its captions admit, each a tuple of places in their order."""
    if kind == PLACE:
        return [(places[0],)]
    if kind == COUNT:
        return list(itertools.combinations(range(len(PLACES)), count))
    return next(pairs for pairs in RELATIONS.values() if tuple(places[:2]) in pairs)


def asked_for_new(facts):
    """Whether captions of scenes ask for what training never shows: {"colour", "place": bool [M]}.

    A place is new if no arrangement that the caption admits would do without a new one.
    """
    none = np.full_like(facts["place"], -1)
    found = {"colour": compositions.held_out(facts["object"], facts["colour"], none).any(1)}
    found["place"] = np.zeros_like(found["colour"])
    for m, kind in enumerate(facts["kind"]):
        objects = facts["object"][m][facts["object"][m] >= 0]
        allowed = np.array(arrangements(kind, facts["place"][m], len(objects)))  # [arrangements, objects]
        found["place"][m] = compositions.held_out(objects, none[m, : len(objects)], allowed).any(1).all()
    return found


def accuracy(right, real, chosen, parts):
    """Shares of the chosen [M] of painted pictures that are right, beside real ones. right, real: {name: bool [M]}."""
    share = float(right["all"][chosen].mean())
    return {
        "pictures": int(chosen.sum()),
        "caption_accuracy": share,
        "caption_accuracy_standard_error": float(np.sqrt(share * (1 - share) / chosen.sum())),
        "caption_accuracy_and_sure": float((right["all"] & right["sure"])[chosen].mean()),
        **{f"{part}_right": float(right[part][chosen].mean()) for part in parts},
        "caption_accuracy_of_real_pictures": float(real["all"][chosen].mean()),
    }


def judge(sets, paint, data_dir, options):
    """What is right in pictures painted from the captions of a set that is made here; of another set nothing is known.

    paint: ids [M, L] -> images [M, H, W, C] in [0, 1].
    """
    if sets.name == "scenes":
        eight = {"image": Field((8, 8, 1)), "label": Field(dtype="int32")}
        small = data.load("digits", fields=eight, regime="gray").train.arrays
        return judge_scenes(sets, paint, options.seed, (small["image"][..., 0] / 255, small["label"]), options.sure)
    if sets.name == "digit-captions":
        train = digits(data_dir).splits["train"]
        return judge_digits(sets, paint, options.seed, (train["image"], train["label"]), options.sure)
    return {}


def judge_scenes(sets, paint, seed, digits, sure=0.9):
    """How many of the scenes painted from test captions are right: seen ones, and those asked for what is new.

    paint: ids [M, L] -> images [M, side, side, 3] in [0, 1]. digits: see compositions.draw. sure: a picture counts
    as right "and_sure" only if the reader is surer of it than this; the share is of all pictures.
    """
    reader = SceneReader(sets.test.source.image.shape[1], digits, seed)

    def right(images, facts):
        *read, sureness = reader.read(images)
        return shown(facts, *read) | {"sure": sureness > sure}

    def judged(split):
        images, facts = split.source.image, split.source.facts
        painted = as_bytes(paint(split.arrays["caption"][: len(images)]))  # the first caption of each picture
        return right(painted, facts), right(images, facts)

    share = functools.partial(accuracy, parts=("object", "colour", "place"))
    seen, unseen, new = (
        judged(sets.test),
        judged(sets.others["held_out"]),
        asked_for_new(sets.others["held_out"].source.facts),
    )
    with_digit = (sets.test.source.facts["object"] >= len(SHAPES)).any(1)
    return {
        "seen": share(*seen, np.ones_like(with_digit)),
        "seen_with_a_digit": share(*seen, with_digit),
        "seen_without_digits": share(*seen, ~with_digit),
        "held_out": share(*unseen, new["colour"] | new["place"]),
        "held_out_colour": share(*unseen, new["colour"]),
        "held_out_place": share(*unseen, new["place"]),
    }


# Digits with captions


def boxes(kind):
    """Corners of the middle of where a kind of caption puts its digits: [(top, left)] of one or two."""
    _, first, second = KINDS[kind]
    places = [first]
    if second:
        places.append(tuple(mine or other for mine, other in zip(second, first, strict=True)))
    return [tuple(sum(ends) // 2 for ends in place) for place in places]


def crop(images, tops, lefts):
    """28x28 pieces of images [M, 60, 60, 1] at [M] corners."""
    rows, columns = (np.asarray(at)[:, None] + np.arange(DIGIT) for at in (tops, lefts))
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]


def pieces(images, facts):
    """The digits that captions speak of: pieces [D, 28, 28, 1], their labels [D], whose picture's they are [D]."""
    found = []
    for m, kind in enumerate(facts["kind"]):
        for (top, left), label in zip(boxes(kind), (facts["first"][m], facts["second"][m]), strict=False):
            found.append((m, top, left, label))
    m, tops, lefts, labels = np.array(found).T
    return crop(images[m], tops, lefts), labels, m


def most_ink(images):
    """The arrangement, a number of a kind of caption, whose boxes hold most of the ink of each image [M, 60, 60, 1]."""
    scores = []
    for kind in range(len(KINDS)):
        inside = np.zeros(images.shape[1:3], bool)
        for top, left in boxes(kind):
            inside[top : top + DIGIT, left : left + DIGIT] = True
        scores.append(images[..., 0][:, inside].sum(1, dtype=float))
    return np.argmax(scores, 0)


def judge_digits(sets, paint, seed, written, sure=0.9, epochs=8):
    """How many of the pictures painted from test captions show the right digits at the right places.

    written: (images uint8 [D, 28, 28, 1], labels [D]) to learn from, moved as far as the captions let them be.
    sure: see judge_scenes.
    """
    keras.utils.set_random_seed(seed)
    model, rng = network(10), np.random.default_rng((seed, 100))
    images, labels = written
    moved = crop(np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))), *rng.integers(0, 5, (2, len(images))))
    fit(model, moved, labels, keras.losses.SparseCategoricalCrossentropy(from_logits=True), epochs)

    def right(images, facts):
        cut, labels, m = pieces(images, facts)
        found = tf.nn.softmax(model.predict(cut, batch_size=500, verbose=0)).numpy()
        known, certain = np.ones((2, len(images)), bool)
        np.logical_and.at(known, m, found.argmax(-1) == labels)
        np.logical_and.at(certain, m, found.max(-1) > sure)
        arranged = [boxes(kind) == boxes(asked) for kind, asked in zip(most_ink(images), facts["kind"], strict=True)]
        return {"digits": known, "places": np.array(arranged), "all": known & arranged, "sure": certain}

    figures = {}
    for name, split in (("seen", sets.test), ("held_out", sets.others["held_out"])):
        facts, count = split.source.facts, len(split.source.image)
        painted, real = as_bytes(paint(split.arrays["caption"][:count])), split.source.image
        figures[name] = accuracy(right(painted, facts), right(real, facts), np.ones(count, bool), ("digits", "places"))
    return figures


def as_bytes(images):
    """Images in [0, 1] as uint8."""
    return np.rint(255 * images).astype(np.uint8)
