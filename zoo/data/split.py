"""Examples in an order that is a function of (seed, step) alone, so that a run resumes anywhere at once.

B batch, N examples of a split, H, W, C height, width, channels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

BLOCK = 250  # examples drawn together by `in_order`, whatever the batch size: figures must not depend on it
DRAW = 0x64726177  # sets the data's draws apart from the model's noise, which may count steps with the same seed


@dataclass(frozen=True)
class Split:
    """Arrays with one first axis [N, ...]: uint8 0..255 or float32 0..1 pictures or sequences, int32 labels.

    draw(batch, seed) turns a whole batch (float32 in [0, 1]) into another one: binarised, cropped, cluttered.
    It runs inside tf.data; seed is int32[2]. None: the arrays are the examples.
    """

    arrays: dict[str, np.ndarray]
    draw: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None

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


def batches(split: Split, batch_size: int, seed: int, start_step: int = 0) -> tf.data.Dataset:
    """Endless (step int64, batch) from start_step on; every example once an epoch, epochs in other orders.

    batch_size is the global one. Batches hold float32 [B, ...] in [0, 1] and int32 labels [B].
    The position restores in O(1): nothing before start_step is computed.
    """
    size, arrays = split.size, _tensors(split.arrays)

    def batch_at(step):
        position = step * batch_size + tf.range(batch_size, dtype=tf.int64)  # [B], since the run's start
        epoch = position // size
        # One seed of 3 an index; the public index_shuffle (TensorFlow 2.21) pads a matrix on the wrong axis.
        seeds = tf.stack([tf.fill([batch_size], tf.constant(seed, tf.int64)), epoch, tf.zeros_like(epoch)], 1)
        index = tf.raw_ops.RandomIndexShuffle(index=position % size, seed=seeds, max_index=size - 1)
        return step, _draw(split, {key: tf.gather(array, index) for key, array in arrays.items()}, seed, step)

    steps = tf.data.Dataset.counter(start_step)
    return steps.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


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


def _tensors(arrays):
    with tf.device("CPU:0"):  # the data may be larger than a GPU's memory
        return {key: tf.constant(array) for key, array in arrays.items()}


def _draw(split, batch, seed, count):
    """As floats, then drawn with a seed of its own for every count (a step, or a block's first example)."""
    batch = {key: tf.cast(x, tf.float32) / 255 if x.dtype == tf.uint8 else x for key, x in batch.items()}
    if split.draw is None:
        return batch
    return split.draw(batch, tf.random.fold_in(tf.constant([seed, DRAW]), tf.cast(count, tf.int32)))


def _stored(array):
    return np.rint(array * 255).astype(np.uint8) if array.dtype == np.float32 else array
