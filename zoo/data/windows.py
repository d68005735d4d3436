"""Long sequences in windows, for models whose state outlives the window of their gradient.

N sequences of unequal length, B rows, T units of a window, W windows of a row in an epoch. The windows of all
sequences, which come in another order every epoch, are dealt to the rows in stretches of W: window after window a row
goes through its sequences. Row b of a batch is always row b, as of zoo.data.text.lanes.
"""

import numpy as np
import tensorflow as tf

from zoo.data import split as data


def windows(
    split: data.Split, name: str, length: int, batch_size: int, seed: int, start_step: int = 0
) -> tf.data.Dataset:
    """Endless (step int64, batch) from start_step on: a window of each of batch_size sequences, the global number.

    name: the array [N, L, ...] whose rows are cut; length: T. batch: what the split's arrays hold, of this one [B, T,
    ...]; "length", int32 [B], is how much of the window is real; "fresh", bool [B]: the row begins anew, so the state
    carried from the window before must go. At most B - 1 windows of an epoch are left out, others in each.
    The position restores in O(1): a batch is a function of its step.
    Raises ValueError for an array without lengths, and for too few windows.
    """
    if name not in split.lengths:
        raise ValueError(f"window: got {name} of one length, expected whole sequences; give piece 0, or window 0")
    arrays, lengths = data.tensors(split.arrays), np.asarray(split.lengths[name], np.int64)
    each = np.maximum(1, -(-lengths // length))
    if (count := int(each.sum()) // batch_size) < 1:
        raise ValueError(
            f"window: got {length}, which cuts {name} into {each.sum()} windows, expected as many as the batch has "
            f"rows, {batch_size}, or more; take shorter windows or a smaller batch"
        )
    lengths, each = data.on_cpu(lengths), data.on_cpu(each)
    dealt = np.arange(batch_size, dtype=np.int64) * count
    reach = np.arange(length, dtype=np.int64)

    @tf.autograph.experimental.do_not_convert
    def batch_at(step):
        window = dealt + step % count
        order = data.visited(step // count, split.size, split.size, seed)
        ends = tf.cumsum(tf.gather(each, order))  # of the windows of every sequence
        at = tf.searchsorted(ends, window, "right")
        row = tf.gather(order, at)
        number = window - tf.gather(ends, at) + tf.gather(each, row)  # of the window in its sequence
        place = number[:, None] * length + reach
        batch = {key: tf.gather(array, row) for key, array in arrays.items() if key != name}
        inside = tf.minimum(place, arrays[name].shape[1] - 1)
        batch[name] = tf.gather_nd(arrays[name], tf.stack([tf.repeat(row[:, None], length, 1), inside], -1))
        left = tf.clip_by_value(tf.gather(lengths, row) - number * length, 0, length)
        found = data.drawn(split, batch, seed, step) | {"length": tf.cast(left, tf.int32)}
        return step, found | {"fresh": (number == 0) | (step % count == 0)}

    counter = tf.data.Dataset.counter(start_step)
    return counter.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
