"""Captioned pictures: scenes and digits with sentences that are made here; and how sentences become numbers.

N pairs of a picture and one of its captions, M pictures, L words of a caption with its end (END and padding: 0).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.data.captioned import compositions
from zoo.data.captioned.annotations import annotations
from zoo.data.pictures import sources
from zoo.data.pictures.named import about, values
from zoo.data.pictures.transforms import paste
from zoo.data.split import About, Data, Split, frozen, on_cpu
from zoo.data.text.coverage import coverage
from zoo.data.text.encoding import encode, vocabulary
from zoo.nn.pretrained import extractors
from zoo.nn.words import END, UNKNOWN

SCENES = {"train": 20_000, "validation": 400, "test": 1000, "held_out": 1000}  # pictures of scenes
DIGIT_CAPTIONS = {"train": 10_000, "validation": 1000, "test": 1000, "held_out": 1000}
LARGE = 2**30  # bytes of an array that is better not copied into memory
DIGIT, SIDE = 28, 60  # pixels of a digit, and of the picture that the paper's ranges of corners are for


@dataclass(frozen=True)
class Pictures:
    """Pictures of a split, each once, with what is known of them beside one caption."""

    image: np.ndarray  # uint8 [M, H, W, C]
    captions: list[list[str]]  # of each picture
    facts: dict[str, np.ndarray] = field(default_factory=dict)  # what is in generated pictures, [M, ...]

    def known(self):
        """(texts, arrays): all that a fingerprint sees."""
        return self.captions, {
            "pictures": self.image,
            **{f"pictures/{name}": each for name, each in self.facts.items()},
        }


class Captioned(NamedTuple):
    """What a source of captioned pictures returns."""

    splits: dict[str, Pictures]  # "train", "validation", "test" and perhaps "held_out"
    origin: str


def load(request, find):
    """Data for a model that takes captions.

    find: (shape of the picture, folder, seed) -> Captioned. The model takes a caption and an image, or an extractor's
    annotations in its place. Without known words all of the training captions are learned, the most frequent first.
    """
    name, words = request.name, request.known.get("caption")
    key, size = _looked_at(request)
    found = find(size, request.folder, request.seed)
    for pictures in found.splits.values():
        if (got := pictures.image.shape[1:]) != size:
            raise ValueError(f"data: {name} has image {got}, the model takes {size}; resize one of them")
    if words is None:
        words = vocabulary([caption for captions in found.splits["train"].captions for caption in captions])
    seen = {split: pictures.image for split, pictures in found.splits.items()}
    if key != "image":
        seen = annotations(key, seen)
    pairs = {
        split: _pairs(found.splits[split], words, request.fields["caption"].shape[0], key, seen[split])
        for split in seen
    }
    origin = f"{found.origin}; " + ("regime gray" if key == "image" else f"annotations of {key}, frozen")
    texts = {split: [text for several in one.captions for text in several] for split, one in found.splits.items()}
    said = values(size, "gray")
    about_image = about("gray", said) if key == "image" else About(values=f"of the pictures behind {key}: {said}")
    return _data(request, pairs, origin, words, texts, about_image)


def _data(request, splits, origin, words, texts, about_image):
    """texts: {split: captions}, of which the model reads so many words and knows so many."""
    (length,), classes = request.fields["caption"].shape, request.fields["caption"].classes
    learned = words if classes is None else words[: max(0, classes - UNKNOWN - 1)]
    covered = {split: coverage(each, learned, length) for split, each in texts.items()}
    held_out = {"held_out": splits.pop("held_out")} if "held_out" in splits else {}
    vocabularies = {"caption": tuple(words)}
    return Data(
        request.name,
        **splits,
        origin=origin,
        about={"image": about_image},
        vocabularies=vocabularies,
        others=held_out,
        coverage=covered,
    )


def _looked_at(request):
    """The name of what a model looks at, and the shape of the picture that it, or an extractor for it, looks at."""
    key, shape = next((name, field.shape) for name, field in request.fields.items() if name != "caption")
    if key == "image":
        return key, shape
    if key not in extractors.NAMED:
        known = ", ".join(("image", *extractors.NAMED))
        raise ValueError(f"data: the model takes {key} and caption, expected one of {known} in place of {key}")
    side, annotations = extractors.NAMED[key]
    if shape != annotations:
        raise ValueError(f"data: {key} makes annotations {annotations}, the model takes {shape}; change its places")
    return key, (side, side, 3)


def _pairs(pictures, words, length, key="image", seen=None):
    """A split with an example for every caption: the first of each picture, then the second of each, and so on.

    seen: what an example's batch holds of its picture as `key`, [M, ...]; default the pictures.
    """
    order = [
        (k, m)
        for k in range(max(map(len, pictures.captions)))
        for m, captions in enumerate(pictures.captions)
        if k < len(captions)
    ]
    captions = encode([pictures.captions[m][k] for k, m in order], words, length)
    rows = _rows(pictures.image if seen is None else seen)
    most = 255 if key == "image" else 1

    def look_up(batch, seed):
        return {key: tf.cast(rows(batch["picture"]), tf.float32) / most, **batch}

    arrays = {"caption": captions, "picture": np.array([m for _, m in order], np.int32)}
    lengths = {"caption": (captions != END).sum(1)}
    return Split(arrays, look_up, lengths=lengths, groups="picture", source=pictures)


def _rows(array):
    """A function of indices [B] that gives its rows; a large array stays where it is, on a disk perhaps."""
    if array.nbytes < LARGE:
        whole = on_cpu(array)
        return lambda index: tf.gather(whole, index)

    def pick(index):
        return array[index]

    def rows(index):
        found = tf.numpy_function(pick, [index], array.dtype, stateful=False)
        return tf.ensure_shape(found, [None, *array.shape[1:]])

    return rows


# Scenes


def scenes(shape, folder, seed):
    """Scenes of coloured shapes and handwritten digits (`zoo.data.captioned.compositions`)."""
    side = shape[0]
    if shape != (side, side, 3) or side < 24:
        raise ValueError(f"data: scenes are square and in colour, from 24x24x3 on; the model takes image {shape}")
    digits = sources.digits((8, 8), folder, seed).splits
    splits = {}
    for i, (split, count) in enumerate(SCENES.items()):
        rng = np.random.default_rng((seed, i))
        facts = compositions.facts(count, rng, unseen=split == "held_out")
        written = digits["test" if split == "held_out" else split]
        images, masks = compositions.draw(facts, (written["image"][..., 0] / 255, written["label"]), side, rng)
        captions = compositions.captions(facts, rng)
        splits[split] = Pictures(images, captions, {**facts, "mask": masks})
    origin = f"scenes generated by zoo.data with digits of scikit-learn (UCI optical digits, CC BY 4.0), {side}x{side}"
    return Captioned(splits, origin)


# Digits


ROW, COLUMN = (16, 18), (16, 18)  # where neither top nor bottom, left nor right is asked for
LOW, HIGH = (0, 2), (30, 32)  # corners' rows at the top and at the bottom, both ends included
LEFT, RIGHT = (0, 4), (28, 32)
KINDS = (  # caption, and where the first and the second digit have their corners: (rows, columns)
    ("the digit {0} is on the left of the digit {1} .", (ROW, LEFT), (None, RIGHT)),
    ("the digit {1} is on the right of the digit {0} .", (ROW, LEFT), (None, RIGHT)),
    ("the digit {0} is at the top of the digit {1} .", (LOW, COLUMN), (HIGH, None)),
    ("the digit {1} is at the bottom of the digit {0} .", (LOW, COLUMN), (HIGH, None)),
    ("the digit {0} is at the top left of the image .", (LOW, LEFT), None),
    ("the digit {0} is at the bottom right of the image .", (HIGH, RIGHT), None),
    ("the digit {0} is at the top right of the image .", (LOW, RIGHT), None),
    ("the digit {0} is at the bottom left of the image .", (HIGH, LEFT), None),
)  # a None among rows or columns: those of the first digit


def digit_captions(request, digits):
    """The digits with captions of alignDRAW (arXiv:1511.02793, section 4.1), made anew at each visit in training.

    digits: sources.Found of 28x28 digits. For every kind of caption one digit in each role is held out.
    """
    seed, words, (key, shape) = request.seed, request.known.get("caption"), _looked_at(request)
    (length,) = request.fields["caption"].shape
    if (key, shape) != ("image", (SIDE, SIDE, 1)):
        raise ValueError(f"data: digit-captions has image {(SIDE, SIDE, 1)}, the model takes {key} {shape}")
    banned = np.random.default_rng((seed, 12)).integers(0, 11, 12)  # 10: no digit
    rows = np.array([(q, i, j if q < 4 else -1) for q in range(8) for i in range(10) for j in range(10)])
    unseen = np.where(
        rows[:, 0] < 4,
        (rows[:, 1] == banned[2 * rows[:, 0] % 8]) | (rows[:, 2] == banned[(2 * rows[:, 0] + 1) % 8]),
        rows[:, 1] == banned[np.maximum(rows[:, 0], 4) + 4],
    )
    sentences = [KINDS[q][0].format(i, j) for q, i, j in rows]
    words = vocabulary(sentences) if words is None else words
    ids = encode(sentences, words, length)

    splits = {}
    for k, (split, count) in enumerate(DIGIT_CAPTIONS.items()):
        source = digits.splits["test" if split == "held_out" else split]
        draw = _digits_draw(source, rows, np.flatnonzero(unseen == (split == "held_out")))
        made = Split({"picture": np.arange(count, dtype=np.int32)}, draw, {"image": 255})
        if split == "train":
            splits[split] = Split(made.arrays, _with_captions(draw, ids))
            continue
        arrays = frozen(made, 4 * seed + k).arrays
        row = arrays["composition"]
        facts = dict(zip(("kind", "first", "second"), rows[row].T, strict=True))
        pictures = Pictures(arrays["image"], [[sentences[r]] for r in row], facts)
        splits[split] = _pairs(pictures, words, length)
    how = "digits with captions, placed as in the paper, training pictures made anew at each visit"
    texts = {split: sentences for split in splits}
    said = values(shape, "gray", digits.values)
    return _data(request, splits, f"{how}: {digits.origin}; regime gray", words, texts, about("gray", said))


def _with_captions(draw, ids):
    def drawn(batch, seed):
        batch = draw(batch, seed)
        return {"image": batch["image"], "caption": tf.gather(ids, batch["composition"])}

    return drawn


def _digits_draw(source, rows, allowed):
    """draw(batch, seed) -> {"image": float32 [B, 60, 60, 1], "composition": int32 [B], a row of `rows`}."""
    order = np.argsort(source["label"], kind="stable")
    images = on_cpu(source["image"][order, ..., 0])
    counts = np.bincount(source["label"], minlength=10)
    starts = np.cumsum(counts) - counts
    corners = np.zeros((len(KINDS), 4, 2), np.int32)  # rows and columns of the first, then those of the second
    for q, (_, first, second) in enumerate(KINDS):
        second = second or first
        corners[q] = [*first, *(mine or other for mine, other in zip(second, first, strict=True))]
    shared = np.array([[second and one is None for one in second or (0, 0)] for *_, second in KINDS], bool)

    def draw(batch, seed):
        size = tf.shape(batch["picture"])[0]
        seeds = tf.unstack(tf.random.split(seed, 4))
        composition = tf.gather(allowed, uniform([size], seeds[0], len(allowed)))
        kind, first, second = tf.unstack(tf.gather(rows, composition), axis=1)
        labels = tf.stack([first, tf.maximum(second, 0)], 1)  # [B, 2]
        which = uniform([size, 2], seeds[1], tf.gather(counts, labels))
        digit = tf.cast(tf.gather(images, tf.gather(starts, labels) + which), tf.float32) / 255  # [B, 2, 28, 28]
        ends = tf.gather(corners, kind)  # [B, 4, 2]
        at = ends[..., 0] + tf.cast(uniform([size, 4], seeds[2], ends[..., 1] - ends[..., 0] + 1), tf.int32)
        at = tf.concat([at[:, :2], tf.where(tf.gather(shared, kind), at[:, :2], at[:, 2:])], 1)
        top, left = at[:, 0::2], at[:, 1::2]  # [B, 2]
        over = tf.cast(second >= 0, tf.float32)[:, None, None]
        ink = [paste(digit[:, k : k + 1], top[:, k : k + 1], left[:, k : k + 1], SIDE, SIDE) for k in range(2)]
        box = over * paste(tf.ones_like(digit[:, 1:]), top[:, 1:], left[:, 1:], SIDE, SIDE)
        image = ink[0] * (1 - box) + ink[1] * over  # the second digit covers the first with its black, too
        return {"image": image[..., None], "composition": tf.cast(composition, tf.int32)}

    return draw


def uniform(shape, seed, below):
    """Integers from 0 to below - 1, which may differ from place to place."""
    share = tf.random.stateless_uniform(shape, seed)
    return tf.minimum(tf.cast(share * tf.cast(below, tf.float32), tf.int64), tf.cast(below, tf.int64) - 1)
