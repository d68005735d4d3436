"""Scores of a model on a split: every example once, no dropout, no gradient, in bounded memory."""

import numpy as np
import tensorflow as tf

from zoo import data
from zoo.metrics import bounds

BLOCK = 250  # examples whose noise is drawn together, however many are scored at a time
LARGEST = 2**28  # numbers in the largest tensor of a graph that scores: fewer examples at a time if it were larger


def scorer(model, floor=None, xla=True):
    """(split, seed) -> the terms of every example, {name: [N]}; compiled once. With one sample from the posterior.

    floor: (batch) -> [B], told beside the terms.
    """

    @tf.function(jit_compile=xla, autograph=False)
    def terms(batch, noise):
        found = {**model.loss_terms(batch, noise), **model.counts(batch)}
        return found | ({"floor": floor(batch)} if floor else {})

    def score(split, seed):
        return over(split, seed, model, terms)

    return score


def log_likelihood(model, split, seed, samples, xla=True):
    """The importance-weighted estimate of log p(x) for every example, float64 [N] nats."""

    @tf.function(jit_compile=xla, autograph=False)
    def log_weights(batch, noise):
        return model.log_weights(batch, noise)

    @tf.function(autograph=False)
    def estimate(batch, seed):
        size = tf.nest.flatten(batch)[0].shape[0]
        draw = lambda seed: log_weights(batch, model.noise(size, seed))  # noqa: E731
        return {"log_likelihood": bounds.importance_weighted(draw, samples, seed)}

    seed, found = tf.constant(seed, tf.int32), []
    for i, (batch, n) in enumerate(data.in_order(split, min(BLOCK, split.size))):
        found.append(estimate(batch, tf.random.fold_in(seed, i))["log_likelihood"].numpy()[:n])
    return np.concatenate(found)


def over(split, seed, model, function):
    """function(batch, noise) -> {name: [B]} for all of a split, {name: [N]}: a block's noise, perhaps part by part."""
    seed, found, together = tf.constant(seed, tf.int32), [], None
    for i, (batch, n) in enumerate(data.in_order(split, min(BLOCK, split.size))):
        size = tf.nest.flatten(batch)[0].shape[0]
        noise = model.noise(size, tf.random.fold_in(seed, i))
        together = together or fitting(function, batch, noise)
        for start in range(0, n, together):
            # The last part is as large as the others, so that nothing is compiled twice: it begins earlier.
            first = max(0, min(start, size - together))
            values = function(*rows((batch, noise), first, together))
            found.append({name: v.numpy()[start - first : n - first] for name, v in values.items()})
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def rows(structure, first, count):
    """So many rows of every tensor of a structure."""
    return tf.nest.map_structure(lambda x: x[first : first + count], structure)


def fitting(function, batch, noise):
    """How many examples of a batch go through a function together: all, unless its largest tensor were too large."""
    size = tf.nest.flatten(batch)[0].shape[0]
    graph = function.get_concrete_function(batch, noise).graph
    largest = max((x.shape.num_elements() or 0 for op in graph.get_operations() for x in op.outputs), default=0)
    return max(1, min(size, size * LARGEST // max(largest, 1)))
