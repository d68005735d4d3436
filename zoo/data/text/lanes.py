"""A stream of tokens in lanes side by side, for language models whose state outlives the window of their gradient.

N tokens, B lanes, T tokens of a window, W windows of an epoch. A lane is a stretch of W T targets, and window t of an
epoch its targets t T up to (t + 1) T - 1; the input before a target is the token before it. A batch's row b is always
lane b, so that replicas which take other rows of a batch take other lanes.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from zoo.data.split import Split, on_cpu


def stream(split: Split) -> np.ndarray:
    """The texts [N, L] of a split in order, each with its END: int32 [tokens].

    Raises ValueError where texts were cut or dropped: a text must go on with the next one's first word.
    """
    ids, lost = split.arrays["text"], split.source.lost
    if lost or ids.ndim != 2:
        shape = f"texts of {ids.shape[1:]}, of which {lost:,} did not fit"
        raise ValueError(f"text: got {shape}, expected one axis that all fit in; let the model read longer ones")
    return ids[np.arange(ids.shape[1]) <= split.lengths["text"][:, None]]


def windows(count: int, batch_size: int, length: int) -> int:
    """W, how many windows of `length` an epoch of `count` tokens has in batch_size lanes.

    Raises ValueError if there is none.
    """
    if batch_size < 1 or length < 1:
        raise ValueError(f"lanes: got {batch_size} lanes and windows of {length} tokens, expected at least 1 of both")
    if (found := (count - 1) // (batch_size * length)) < 1:
        raise ValueError(
            f"tokens: got {count:,}, expected more than {batch_size * length:,}, the tokens of one batch ({batch_size} "
            f"lanes, {length} tokens); take fewer lanes or shorter windows"
        )
    return found


def left_out(count: int, batch_size: int, length: int) -> int:
    """How many tokens at the end of the stream an epoch does not predict: fewer than one batch has.

    The stream's first token, before which there is none, is not among them.
    """
    return count - 1 - windows(count, batch_size, length) * batch_size * length


def lanes(tokens: np.ndarray, batch_size: int, length: int, start_step: int = 0) -> tf.data.Dataset:
    """Endless (step int64, {"input": int32 [B, T], "target": int32 [B, T], "fresh": bool [B]}) from start_step on.

    tokens: int32 [N]; batch_size: B, the global one; length: T. Every token but the first and the `left_out` last ones
    is a target once an epoch. fresh: the lane begins anew, so the state carried from the window before must go.
    The position restores in O(1): a batch is a function of its step. Raises ValueError for too few tokens.
    """
    count = windows(len(tokens), batch_size, length)
    stream = on_cpu(np.asarray(tokens, np.int32))
    begins = on_cpu(np.arange(batch_size, dtype=np.int64) * count * length)

    @tf.autograph.experimental.do_not_convert
    def batch_at(step):
        window = step % count
        at = (begins + window * length)[:, None] + tf.range(length + 1, dtype=tf.int64)  # [B, T + 1]
        found = tf.gather(stream, at)
        return step, {"input": found[:, :-1], "target": found[:, 1:], "fresh": tf.fill([batch_size], window == 0)}

    steps = tf.data.Dataset.counter(start_step)
    return steps.map(batch_at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def in_order(tokens: np.ndarray, length: int) -> Iterator[tuple[dict[str, tf.Tensor], int]]:
    """(batch, n) over a stream in one lane, to score it: every token but the first is a target once.

    batch: as of `lanes`, B being 1. Of its T targets n are real, the first ones; the last window is filled with zeros.
    Raises ValueError for fewer than 2 tokens.
    """
    if len(tokens) < 2:
        raise ValueError(f"tokens: got {len(tokens)}, expected at least 2, one to be predicted from the other")
    for start in range(0, len(tokens) - 1, length):
        part = np.asarray(tokens[start : start + length + 1], np.int32)
        n = len(part) - 1
        filled = np.zeros((2, 1, length), np.int32)
        filled[0, 0, :n], filled[1, 0, :n] = part[:-1], part[1:]
        yield {"input": tf.constant(filled[0]), "target": tf.constant(filled[1]), "fresh": tf.constant([start == 0])}, n
