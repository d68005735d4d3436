"""What is drawn anew at each visit, each a `Split.draw`: binary pixels, two digits, cluttered digits, crops.

B batch, P pieces to paste, H, W canvas, h, w piece. Pasting and cutting are products over the whole batch.
"""

import tensorflow as tf

from zoo.data.split import on_cpu

CLUTTER, PIECE = 8, 8  # pieces per picture, pixels a side: cluttered translated MNIST of the DRAW paper


def bernoulli(batch, seed):
    """Each pixel (or note) is 1 with its own value as the probability, else 0."""
    key = "image" if "image" in batch else "sequence"
    uniform = tf.random.stateless_uniform(tf.shape(batch[key]), seed)
    return {**batch, key: tf.cast(uniform < batch[key], tf.float32)}


def paste(pieces, top, left, height, width):
    """Sum of pieces [B, P, h, w], their corners at (top, left) [B, P] of a black canvas: [B, height, width].

    What falls outside is cut off, so a negative corner crops.
    """
    h, w = pieces.shape[-2:]
    rows = tf.one_hot(top[..., None] + tf.range(h), height)  # [B, P, h, H]
    columns = tf.one_hot(left[..., None] + tf.range(w), width)  # [B, P, w, W]
    across = pieces @ columns  # [B, P, h, W]
    # Summing over P and h at once is one product of [H, P h] with [P h, W] an example.
    return tf.matmul(_merge(rows), _merge(across), transpose_a=True)


def two_digits(images, height, width):
    """The example's digit and a random one of images [N, h, w, 1], at random places, added, at most 1."""
    images = on_cpu(images)

    def draw(batch, seed):
        which, where = tf.unstack(tf.random.split(seed, 2))
        other = _pick(images, tf.shape(batch["image"])[:1], which)
        pieces = tf.stack([batch["image"][..., 0], other], 1)  # [B, 2, h, w]
        canvas = _scatter(pieces, where, height, width)
        return {"image": tf.minimum(canvas, 1.0)[..., None]}  # two digits have no one label

    return draw


def cluttered(images, height, width):
    """A digit at a random place among 8 pieces of 8x8 pixels, cut from anywhere in images [N, h, w, 1]."""
    images = on_cpu(images)

    def draw(batch, seed):
        which, cut, where, place = tf.unstack(tf.random.split(seed, 4))
        count = tf.shape(batch["image"])[0]
        sources = _pick(images, [count * CLUTTER], which)[:, None]  # [B P, 1, h, w]
        h, w = sources.shape[-2:]
        top, left = _corners([count * CLUTTER, 1], cut, h - PIECE, w - PIECE)
        pieces = paste(sources, -top, -left, PIECE, PIECE)
        pieces = tf.reshape(pieces, [count, CLUTTER, PIECE, PIECE])
        digit = _scatter(batch["image"][:, None, ..., 0], place, height, width)
        canvas = digit + _scatter(pieces, where, height, width)
        return {**batch, "image": tf.minimum(canvas, 1.0)[..., None]}

    return draw


def crops(height, width, of=64, to=54):
    """Random windows, 54/64 of the picture's side, as height x width pixels.

    Of 64x64 pictures they are plain 54x54 crops, of smaller ones the same windows enlarged (bilinear).
    """

    def draw(batch, seed):
        count = tf.shape(batch["image"])[0]
        corner = tf.random.stateless_uniform([count, 2], seed, 0, of - to + 1, tf.int32)
        start = tf.cast(corner, tf.float32)
        boxes = tf.concat([start, start + (to - 1)], 1) / (of - 1)  # outermost pixel centres are 0 and 1
        image = tf.image.crop_and_resize(batch["image"], boxes, tf.range(count), [height, width])
        return {**batch, "image": tf.clip_by_value(image, 0.0, 1.0)}

    return draw


def _scatter(pieces, seed, height, width):
    h, w = pieces.shape[-2:]
    top, left = _corners(tf.shape(pieces)[:2], seed, height - h, width - w)
    return paste(pieces, top, left, height, width)


def _corners(shape, seed, last_top, last_left):
    """Uniform corners [..], from 0 to last_top and last_left inclusive."""
    down, right = tf.unstack(tf.random.split(seed, 2))
    top = tf.random.stateless_uniform(shape, down, 0, last_top + 1, tf.int32)
    left = tf.random.stateless_uniform(shape, right, 0, last_left + 1, tf.int32)
    return top, left


def _pick(images, shape, seed):
    """Random uint8 images [N, h, w, 1] as floats: shape + [h, w]."""
    index = tf.random.stateless_uniform(shape, seed, 0, len(images), tf.int32)
    return tf.cast(tf.gather(images, index)[..., 0], tf.float32) / 255


def _merge(x):
    """[B, P, h, n] -> [B, P h, n]"""
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])
