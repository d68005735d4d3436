"""Examples in an order that is a function of (seed, step) alone, so that a run resumes anywhere at once.

B batch, N examples of a split, H, W, C height, width, channels.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

BLOCK = 250  # examples drawn together by `in_order`, whatever the batch size: figures must not depend on it
POOL, STEP = 16, 8  # batches whose examples are sorted by length together; padded rows have a multiple of this length
DRAW = 0x64726177  # sets the data's draws apart from the model's noise, which may count steps with the same seed


@dataclass(frozen=True)
class Pictures:
    """Pictures of a split, each once, with what is known of them beside one caption."""

    image: np.ndarray  # uint8 [M, H, W, C]
    captions: list[list[str]]  # of each picture
    facts: dict[str, np.ndarray] = field(default_factory=dict)  # what is in generated pictures, [M, ...]


@dataclass(frozen=True)
class Split:
    """Arrays with one first axis [N, ...]: uint8 0..255 or float32 0..1 pictures or sequences, int32 labels.

    draw(batch, seed) turns a whole batch (float32 in [0, 1]) into another one: binarised, cropped, cluttered.
    It runs inside tf.data; seed is int32[2]. None: the arrays are the examples.
    padded names the array [N, L] whose rows 0 ends and pads: a training batch holds rows of like length, and no more
    of the padding than that takes.
    """

    arrays: dict[str, np.ndarray]
    draw: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None
    padded: str = ""
    pictures: Pictures | None = None

    @property
    def size(self) -> int:
        return len(next(iter(self.arrays.values())))


@dataclass(frozen=True)
class Data:
    """Three splits; regime is "static", "dynamic" or "gray"; origin says what, from where, licence."""

    name: str
    regime: str
    train: Split
    validation: Split
    test: Split
    origin: str
    words: tuple[str, ...] = ()  # that captions are written in, the most frequent first
    held_out: Split | None = None  # compositions that are in no other split


def batches(split: Split, batch_size: int, seed: int, start_step: int = 0) -> tf.data.Dataset:
    """Endless (step int64, batch) from start_step on; every example once an epoch, epochs in other orders.

    batch_size is the global one. Batches hold float32 [B, ...] in [0, 1] and int32 labels [B].
    The position restores in O(1): nothing before start_step is computed.
    """
    arrays = _tensors(split.arrays)
    # In whole steps, so that rows of one padded length stay in random order.
    lengths = on_cpu((split.arrays[split.padded] != 0).sum(1) // STEP + 1) if split.padded else None

    def batch_at(step):
        if not split.padded:
            index = _visited(step, batch_size, split.size, seed)
        else:
            pool = _visited(step // POOL, POOL * batch_size, split.size, seed)
            pool = tf.reshape(tf.gather(pool, tf.argsort(tf.gather(lengths, pool), stable=True)), [POOL, batch_size])
            index = pool[tf.random.experimental.index_shuffle(step % POOL, [seed, step // POOL], POOL - 1)]
        batch = {key: tf.gather(array, index) for key, array in arrays.items()}
        if split.padded:
            longest = tf.reduce_max(tf.gather(lengths, index))
            batch[split.padded] = batch[split.padded][:, : STEP * longest]
        return step, _draw(split, batch, seed, step)

    steps = tf.data.Dataset.counter(start_step)
    return steps.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _visited(step, count, size, seed):
    """The examples that a run of batches of `count` visits at a step, int64 [count]."""
    position = step * count + tf.range(count, dtype=tf.int64)  # since the run's start
    epoch = position // size
    # One seed of 3 an index; the public index_shuffle (TensorFlow 2.21) pads a matrix on the wrong axis.
    seeds = tf.stack([tf.fill([count], tf.constant(seed, tf.int64)), epoch, tf.zeros_like(epoch)], 1)
    return tf.raw_ops.RandomIndexShuffle(index=position % size, seed=seeds, max_index=size - 1)


def in_order(split: Split, batch_size: int, seed: int = 0) -> Iterator[tuple[dict[str, tf.Tensor], int]]:
    """(batch, n) over every example once, in order. The last batch is filled by repeating: n are real.

    What is drawn depends on seed and the example's place, not on batch_size.
    """
    arrays = _tensors(split.arrays)

    def block(start):
        batch = {key: array[start : start + BLOCK] for key, array in arrays.items()}
        return _draw(split, batch, seed, start)

    blocks = tf.data.Dataset.range(0, split.size, BLOCK).map(block)
    for batch in blocks.rebatch(batch_size).prefetch(1):
        n = len(next(iter(batch.values())))
        if n < batch_size:
            batch = {key: tf.gather(value, tf.range(batch_size) % n) for key, value in batch.items()}
        yield batch, n


def frozen(split: Split, seed: int) -> Split:
    """The same split drawn once and for all: uint8 arrays, no draw left."""
    if split.draw is None:
        return split
    drawn = [batch for batch, _ in in_order(split, min(BLOCK, split.size), seed)]
    arrays = {key: np.concatenate([_stored(batch[key].numpy()) for batch in drawn])[: split.size] for key in drawn[0]}
    return Split(arrays)


def on_cpu(array):
    """An array as a tensor, outside tf.data's graph, which would copy it in, and out of a GPU's smaller memory."""
    with tf.device("CPU:0"):
        return tf.constant(array)


def _tensors(arrays):
    return {key: on_cpu(array) for key, array in arrays.items()}


def _draw(split, batch, seed, count):
    """As floats, then drawn with a seed of its own for every count (a step, or a block's first example)."""
    batch = {key: tf.cast(x, tf.float32) / 255 if x.dtype == tf.uint8 else x for key, x in batch.items()}
    if split.draw is None:
        return batch
    return split.draw(batch, tf.random.fold_in(tf.constant([seed, DRAW]), tf.cast(count, tf.int32)))


def _stored(array):
    return np.rint(array * 255).astype(np.uint8) if array.dtype == np.float32 else array


HASHED = 2**28  # bytes of an array that a fingerprint reads: a second's work


def fingerprint(split: Split) -> str:
    """A hash of a split's arrays, their names, shapes and types, and of its own pictures with captions and facts.

    Of an array of more than HASHED bytes it takes every second, third, ... row. What stands for a caption's words
    depends on the words that a model knows, so the text counts in its place.
    """
    digest, arrays = hashlib.blake2b(digest_size=16), dict(split.arrays)
    if split.pictures:
        arrays.pop(split.padded)
        digest.update(json.dumps(split.pictures.captions).encode())
        arrays |= {"pictures": split.pictures.image}
        arrays |= {f"pictures/{name}": fact for name, fact in split.pictures.facts.items()}
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.shape} {array.dtype.str};".encode())
        digest.update(np.ascontiguousarray(array[:: array.nbytes // HASHED + 1]))
    return digest.hexdigest()
