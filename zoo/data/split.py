"""Examples in an order that is a function of (seed, step) alone, so that a run resumes anywhere at once.

B batch, N examples of a split, H, W, C height, width, channels.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

SPLITS = ("train", "validation", "test")  # those that all data have
BLOCK = 250  # examples drawn together by `in_order`, whatever the batch size: figures must not depend on it
POOL = 16  # batches whose examples are sorted by length together
STEP, SHORT = 8, 2  # padded rows have a multiple of this length, of rows of STEP at most a multiple of SHORT
LENGTHS = 32  # that padded rows have at most, each of which is compiled for: of long rows a step is several of STEP
DRAW = 0x64726177  # sets the data's draws apart from the model's noise, which may count steps with the same seed


@dataclass(frozen=True)
class Split:
    """Arrays of any type with one first axis [N, ...].

    scaled: by name what the values are divided by on their way into a batch, as float32.
    draw(batch, seed) turns a whole batch into another one: binarised, cropped, cluttered. It runs inside tf.data; seed
    is int32[2]. None: the arrays are the examples.
    lengths: by name how many of the first entries [N, L, ...] of every row are no padding, int [N]: a training batch
    holds rows of like length, of the first name before others, and no more of the padding than that takes.
    groups: the array whose equal values belong together, such as the captions of one picture.
    source: what only this kind of data knows of its split.
    """

    arrays: dict[str, np.ndarray]
    draw: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None
    scaled: dict[str, float] = field(default_factory=dict)
    lengths: dict[str, np.ndarray] = field(default_factory=dict)
    groups: str = ""
    source: Any = None

    @property
    def size(self) -> int:
        return len(next(iter(self.arrays.values())))


@dataclass(frozen=True)
class About:
    """What is to be said of a field of some data by whoever models it."""

    description: dict[str, str] = field(default_factory=dict)  # what every figure must say, by name
    remark: str = ""  # about likelihoods of such data, behind each one's definition
    values: str = ""  # what the numbers are, to whoever has to make such ones: axes, colours, units
    floor: Callable[[dict[str, tf.Tensor]], tf.Tensor] | None = None  # batch -> [B] nats that no likelihood goes below


@dataclass(frozen=True)
class Data:
    """Three splits and what is to be said of them; origin says what, from where, licence."""

    name: str
    train: Split
    validation: Split
    test: Split
    origin: str
    about: dict[str, About] = field(default_factory=dict)  # by field
    vocabularies: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by field, the most frequent word first
    others: dict[str, Split] = field(default_factory=dict)  # further splits, such as compositions held out
    coverage: dict[str, Any] = field(default_factory=dict)  # by split, zoo.data.text.coverage.Coverage of its texts

    @property
    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "validation": self.validation, "test": self.test, **self.others}

    def told(self, subject: str) -> str:
        """What it is to a model of one of its fields: "binarized_mnist (static)"."""
        says = self.about.get(subject, About()).description.values()
        return f"{self.name} ({', '.join(says)})" if says else self.name


def batches(split: Split, batch_size: int, seed: int, start_step: int = 0) -> tf.data.Dataset:
    """Endless (step int64, batch) from start_step on; every example once an epoch, epochs in other orders.

    batch_size is the global one.
    The position restores in O(1): nothing before start_step is computed.
    """
    arrays = tensors(split.arrays)
    steps = {name: _step(split.arrays[name].shape[1]) for name in split.lengths}
    # In whole steps, so that rows of one padded length stay in random order.
    lengths = {name: on_cpu(each // steps[name] + 1) for name, each in split.lengths.items()}
    rank = functools.reduce(lambda first, each: first * (LENGTHS + 2) + each, lengths.values(), 0)

    @tf.autograph.experimental.do_not_convert
    def batch_at(step):
        if not lengths:
            index = visited(step, batch_size, split.size, seed)
        else:
            pool = visited(step // POOL, POOL * batch_size, split.size, seed)
            order = tf.argsort(tf.gather(rank, pool), stable=True)
            pool = tf.reshape(tf.gather(pool, order), [POOL, batch_size])
            index = pool[tf.random.experimental.index_shuffle(step % POOL, [seed, step // POOL], POOL - 1)]
        batch = {key: tf.gather(array, index) for key, array in arrays.items()}
        for name, each in lengths.items():
            batch[name] = batch[name][:, : steps[name] * tf.reduce_max(tf.gather(each, index))]
        return step, drawn(split, batch, seed, step)

    counter = tf.data.Dataset.counter(start_step)
    return counter.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _step(longest):
    """What the lengths of padded rows are multiples of."""
    return STEP * -(-longest // (STEP * LENGTHS)) if longest > STEP else SHORT


def visited(step, count, size, seed):
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
    arrays = tensors(split.arrays)

    @tf.autograph.experimental.do_not_convert
    def block(start):
        batch = {key: array[start : start + BLOCK] for key, array in arrays.items()}
        return drawn(split, batch, seed, start)

    blocks = tf.data.Dataset.range(0, split.size, BLOCK).map(block)
    for batch in blocks.rebatch(batch_size).prefetch(1):
        n = len(next(iter(batch.values())))
        if n < batch_size:
            batch = {key: tf.gather(value, tf.range(batch_size) % n) for key, value in batch.items()}
        yield batch, n


def frozen(split: Split, seed: int) -> Split:
    """The same split drawn once and for all: what is scaled is rounded to bytes again, no draw is left."""
    if split.draw is None:
        return split
    batches = [batch for batch, _ in in_order(split, min(BLOCK, split.size), seed)]

    def stored(name):
        array = np.concatenate([batch[name].numpy() for batch in batches])[: split.size]
        return np.rint(array * split.scaled[name]).astype(np.uint8) if name in split.scaled else array

    return Split({name: stored(name) for name in batches[0]}, scaled=split.scaled)


def on_cpu(array):
    """An array as a tensor, outside tf.data's graph, which would copy it in, and out of a GPU's smaller memory."""
    with tf.device("CPU:0"):
        return tf.constant(array)


def tensors(arrays):
    return {key: on_cpu(array) for key, array in arrays.items()}


def drawn(split, batch, seed, count):
    """Scaled, then drawn with a seed of its own for every count (a step, or a block's first example)."""
    scaled = {key: tf.cast(batch[key], tf.float32) / most for key, most in split.scaled.items() if key in batch}
    batch = batch | scaled
    if split.draw is None:
        return batch
    return split.draw(batch, tf.random.fold_in(tf.constant([seed, DRAW]), tf.cast(count, tf.int32)))


HASHED = 2**28  # bytes of an array that a fingerprint reads: a second's work


def fingerprint(split: Split) -> str:
    """A hash of a split's arrays, their names, shapes and types, and of what its kind of data knows besides.

    Of an array of more than HASHED bytes it takes every second, third, ... row. What `source` says of itself stands in
    the place of arrays that depend on the words that a model knows.
    """
    digest, arrays = hashlib.blake2b(digest_size=16), dict(split.arrays)
    if split.source is not None:
        texts, more = split.source.known()
        arrays = {name: array for name, array in arrays.items() if name not in split.lengths} | more
        digest.update(json.dumps(texts).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.shape} {array.dtype.str};".encode())
        digest.update(np.ascontiguousarray(array[:: array.nbytes // HASHED + 1]))
    return digest.hexdigest()
