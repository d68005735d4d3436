"""Captions from a model of the next word: greedy, sampled and beam search, in the graph and by the batch.

All of them call step(state, words, *context) -> (log_probs [B, V], state, extra [B, A]). words: int32 [B], the words
before, FIRST at the start. state: a structure of [B, ...] tensors that changes from word to word. context: a sequence
of structures of [B, ...] tensors that do not, such as what attention looks at. extra: what is to be kept of a step,
such as where it looked; `extras` is its A.
A word that is never to be said has the log-probability -inf. Words are END from the first END on.

B batch, K beams, T `length`, the most words a caption may have with its END; V vocabulary, A size of extra.
"""

from typing import NamedTuple

import tensorflow as tf

from zoo.configs.base import require
from zoo.nn.words import END, mask

FIRST = -1  # the word before the first one: none


class Decoded(NamedTuple):
    """What was said. A caption that found no END within T words has T words and the score of these."""

    ids: tf.Tensor  # int32 [B, T]
    score: tf.Tensor  # [B], the sum of log p over the words and END
    extras: tf.Tensor  # [B, T, A], zero after END


def gumbel(shape, seed):
    """Standard Gumbel noise: log p + gumbel is largest at an index drawn from p."""
    tiny = 2.0**-24  # below the least positive uniform: 0 would be an index never to be drawn
    return -tf.math.log(-tf.math.log(tf.random.stateless_uniform(shape, seed, tiny)))


def search(step, state, length, extras, context=(), method="greedy", width=5, length_norm=0.0, noise=None):
    """The caption that a method finds. "sample" needs noise; width and length_norm are those of "beam".

    Raises ValueError for another method, sampling without noise, no beam, or a negative length_norm.
    """
    known = ("greedy", "beam", "sample")
    require(method in known, "method", repr(method), f"one of {', '.join(known)}")
    require(method != "sample" or noise is not None, "noise", None, "standard Gumbel noise [B, T, V] to sample")
    require(width >= 1, "width", width, "at least 1 beam")
    require(length_norm >= 0, "length_norm", length_norm, "at least 0")
    arguments = step, state, length, extras
    if method == "greedy":
        return greedy(*arguments, context=context)
    if method == "sample":
        return sample(*arguments, noise, context=context)
    return beam(*arguments, width, length_norm, context=context)


def greedy(step, state, length, extras, context=()):
    """The most probable word, and again. Its loop ends with the longest caption."""
    return _one_by_one(step, state, length, extras, context, lambda log_probs, t: log_probs)


def sample(step, state, length, extras, noise, context=()):
    """Words drawn from the model. noise: standard Gumbel [B, T, V]."""
    noise = tf.convert_to_tensor(noise)
    return _one_by_one(step, state, length, extras, context, lambda log_probs, t: log_probs + noise[:, t])


def _one_by_one(step, state, length, extras, context, preference):
    batch = _batch(state)

    def body(t, state, words, alive, score, ids, kept):
        log_probs, state, extra = step(state, words, *context)
        words = tf.argmax(preference(log_probs, t), -1, tf.int32)
        score += tf.where(alive, tf.gather(log_probs, words, batch_dims=1), 0.0)
        words = tf.where(alive, words, END)
        here = tf.range(length) == t
        ids = tf.where(here, words[:, None], ids)
        kept = tf.where(here[:, None], extra[:, None], kept)
        return t + 1, state, words, alive & (words != END), score, ids, kept

    start = (0, state, tf.fill([batch], FIRST), tf.fill([batch], True), tf.zeros([batch]))
    empty = tf.fill([batch, length], END), tf.zeros([batch, length, extras])
    *_, score, ids, kept = tf.while_loop(
        lambda t, state, words, alive, *_: (t < length) & tf.reduce_any(alive), body, (*start, *empty)
    )
    return Decoded(ids, score, kept * mask(ids)[..., None])


def beam(step, state, length, extras, width, length_norm=0.0, context=()):
    """The best caption that beam search finds: of the K best beginnings, the K best continuations by one word.

    A caption is finished when it is among the K with its END. It leaves its place to others, and the best one is kept
    apart: whatever comes later, it is not lost. An unfinished caption is returned only if none was finished.
    width: K; 1 is greedy search. length_norm: captions are compared by score / words**length_norm, END being a word.
    The search ends when no beginning can become better than what is finished; log_probs must not exceed 0.
    """
    batch = _batch(state)
    state, context = tf.nest.map_structure(lambda x: tf.repeat(x, width, 0), (state, context))
    rows = tf.range(batch)[:, None] * width

    def rank(score, words):
        return score / tf.cast(words, tf.float32) ** length_norm

    def body(t, state, words, live, paths, best, kept):
        log_probs, state, extra = step(state, words, *context)
        size = log_probs.shape[-1]
        score = live[..., None] + tf.reshape(log_probs, [batch, width, size])
        score, at = tf.math.top_k(tf.reshape(score, [batch, width * size]), width)
        parent, words = at // size, at % size  # [B, K]
        here = (tf.range(length) == t)[:, None]
        paths = tf.where(here, tf.stack([words, parent], -1)[:, :, None], tf.gather(paths, parent, batch_dims=1))
        ended = words == END
        best = better(best, rank(score, t + 1), ended, score, paths)
        live = tf.where(ended, -float("inf"), score)  # an ended beam has no more children
        state = tf.nest.map_structure(lambda x: tf.gather(x, tf.reshape(rows + parent, [-1])), state)
        kept = tf.where(here, tf.reshape(extra, [batch, width, 1, extras]), kept)
        return t + 1, state, tf.reshape(words, [-1]), live, paths, best, kept

    def better(best, ranks, among, score, paths):
        """The best caption of each row so far, now that some of K more can be chosen."""
        ranks = tf.where(among, ranks, -float("inf"))
        first = tf.argmax(ranks, -1, tf.int32)
        new = [tf.gather(x, first, batch_dims=1) for x in (ranks, score, paths)]
        wins = new[0] > best[0]
        wins = wins, wins, wins[:, None, None]
        return [tf.where(*choice) for choice in zip(wins, new, best, strict=True)]

    def goes_on(t, state, words, live, paths, best, kept):
        # What is added to a score is negative, and what it is divided by is largest at the full length.
        return (t < length) & tf.reduce_any(rank(tf.reduce_max(live, -1), length) > best[0])

    nothing = tf.fill([batch], -float("inf"))
    one = tf.one_hot(tf.zeros([batch], tf.int32), width, 0.0, -float("inf"))  # equal beams would stay equal
    paths = tf.zeros([batch, width, length, 2], tf.int32)  # of every beam: its words, and the beams it came from
    best = [nothing, nothing, paths[:, 0]]  # rank, score, path
    start = (0, state, tf.fill([batch * width], FIRST), one, paths, best)
    *_, live, paths, best, kept = tf.while_loop(goes_on, body, (*start, tf.zeros([batch, width, length, extras])))
    unfinished = (best[0] == -float("inf"))[:, None]
    _, score, path = better(best, live, unfinished, live, paths)
    ids, parents = tf.unstack(path, axis=-1)  # [B, T]
    kept = tf.transpose(kept, [0, 2, 1, 3])  # [B, T, K, A]
    return Decoded(ids, score, tf.gather(kept, parents, batch_dims=2) * mask(ids)[..., None])


def _batch(state):
    first = tf.nest.flatten(state)[0]
    return first.shape[0] or tf.shape(first)[0]  # LiteRT wants the batch where it is known
