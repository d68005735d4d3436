"""Pictures of what a model of captions looks at: words while it draws, places while it tells."""

import sys

import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from trainers.show import pictures
from zoo.data.captioned.compositions import BACKGROUNDS, COLOURS, OBJECTS
from zoo.metrics.text import tokens
from zoo.quiet import tell

PLACES = ("at the top left", "at the top right", "at the bottom left", "at the bottom right", "in the middle")
ROWS = (  # of captions in which one word, or the place, changes
    [
        f"{article} {colour} circle at the top right"
        for article, colour in zip(["a"] * 5 + ["an"], COLOURS, strict=True)
    ],
    [f"a red {thing} at the bottom right" for thing in (*OBJECTS[:5], "3")],
    [f"a yellow square {place}" for place in PLACES],
    [f"a green triangle in the middle on a {background} background" for background in BACKGROUNDS],
    [f"a blue ring {relation} a red cross" for relation in ("above", "below", "left of", "right of")],
    [f"the digit {digit} is at the top left of the image ." for digit in range(6)],
    [
        f"the digit 3 is at the {place} of the image ."
        for place in ("top left", "top right", "bottom left", "bottom right")
    ],
    [f"the digit {digit} is on the left of the digit 5 ." for digit in range(6)],
    [
        f"the digit 7 is {where} of the digit 2 ."
        for where in ("on the left", "on the right", "at the top", "at the bottom")
    ],
)


def texts_of(model, caption):
    """Captions [B, L] as strings."""
    return [text.decode() for text in model.words.texts(caption).numpy()]


def attended(text, weights):
    """The word that has the largest weight at each step. text: words and marks with blanks between; weights: [T, L]."""
    words = text.split() or [""]
    return [words[i] for i in weights[:, : len(words)].argmax(1)]


def attention_strip(model, image, text, attention, length=None, references=()):
    """A picture above its references, then a panel for each word of a text: clear where attention [T, L] is large.

    length: panels, the last ones empty if the text has fewer words.
    """
    words = text.split()
    plain = pictures.enlarged(image)
    panels = pictures.highlighted(image, attention[: len(words)].reshape(-1, *model.config.grid))
    empty = [np.full_like(plain, 255)] * (max(length or 1, len(words)) - len(words))
    labels = ["; ".join(references[:2]), *words, *[""] * len(empty)]
    return pictures.captioned(np.stack([plain, *panels, *empty]), labels, len(labels), scale=1)


def variations(model, training=None, seed=(0, 0)):
    """(images, texts, columns) of ROWS in words that the model knows, the same noise for all; None without any.

    Under each row stand the nearest of the training images, uint8 [M, H, W, C], if they are given.
    """
    known = set(model.words.known)
    rows = [row for row in ROWS if known.issuperset(" ".join(row).split())]
    if not rows:
        return None
    columns = max(map(len, rows))
    texts = [text for row in rows for text in row + [""] * (columns - len(row))]
    noise = model.noise(1, tf.constant(seed))
    said = [text for text in texts if text]
    ids = model.words.ids(tf.constant(said), model.config.caption_length)
    drawn = model.decode(tf.repeat(noise, len(said), 0), ids)["image"].numpy()

    def in_rows(images):
        placed = np.ones((len(texts), *drawn.shape[1:]), np.float32)  # white where a row is short
        placed[[bool(text) for text in texts]] = images
        return placed.reshape(len(rows), 1, columns, *drawn.shape[1:])

    if training is None:
        return in_rows(drawn).reshape(-1, *drawn.shape[1:]), texts, columns
    both = np.concatenate([in_rows(drawn), in_rows(nearest(drawn, training))], 1)
    under = np.array([texts, [text and "nearest in training" for text in texts]], object)
    texts = under.reshape(2, len(rows), columns).swapaxes(0, 1).ravel().tolist()
    return both.reshape(-1, *drawn.shape[1:]), texts, columns


def nearest(images, training):
    """The training image nearest to each of images [N, H, W, C] in [0, 1] by squared distance: uint8 to [0, 1]."""
    flat = training.reshape(len(training), -1).astype(np.float32)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
    found = search.kneighbors(255 * images.reshape(len(images), -1), return_distance=False)[:, 0]
    return training[found] / np.float32(255)


def understood(model, captions):
    """Says on standard error which words the model does not know. Raises ValueError for a caption of wrong length."""
    known, most = set(model.words.known), model.config.caption_length - 1
    for caption in captions:
        words = tokens(caption)
        if not 1 <= len(words) <= most:
            raise ValueError(f"inputs: got {caption!r} of {len(words)} words, expected 1 to {most}")
        strange = [word for word in words if word not in known]
        if len(strange) == len(words):
            raise ValueError(f"inputs: got {caption!r}, of which the model knows no word; it knows {some(known)}")
        if strange:
            tell(f"warning: unknown words in {caption!r}: {', '.join(strange)}; known are {some(known)}", sys.stderr)


def some(words, most=20):
    """Some words for a reader."""
    words = sorted(words)
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
