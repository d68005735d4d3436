"""Scores of a model on a split: every example once, no dropout, no gradient."""

import numpy as np
import tensorflow as tf

from zoo import data
from zoo.metrics import bounds

BATCH = 250  # examples at a time; a figure's noise depends on it


def scorer(model, extra=lambda model, batch, noise: {}, xla=True, gray=False):
    """(split, seed) -> the bound, its terms and extra scores of every example, {name: [N]}; compiled once.

    With one sample from the posterior. gray: the data are no zeros and ones, and a bound on them has a "floor".
    """

    @tf.function(jit_compile=xla)
    def terms(batch, noise):
        terms = model.loss_terms(batch, noise)
        bound = terms["distortion"] + terms.get("rate", 0.0)  # whatever else the training loss may add
        if gray and "rate" in terms:
            x = batch[next(iter(model.input_shapes))]
            terms["floor"] = tf.reduce_sum(bounds.gray_entropy(x), list(range(1, x.shape.rank)))
        return {"bound": bound, **terms, **extra(model, batch, noise)}

    def score(split, seed):
        return _over(split, seed, lambda batch, seed: terms(batch, model.noise(size_of(batch), seed)))

    return score


def log_likelihood(model, split, seed, samples, xla=True):
    """The importance-weighted estimate of log p(x) for every example, float64 [N] nats."""

    @tf.function(jit_compile=xla)
    def log_weights(batch, noise):
        return model.log_weights(batch, noise)

    @tf.function
    def estimate(batch, seed):
        def draw(seed):
            return log_weights(batch, model.noise(size_of(batch), seed))

        return {"log_likelihood": bounds.importance_weighted(draw, samples, seed)}

    return _over(split, seed, estimate)["log_likelihood"]


def size_of(batch):
    """The number of examples in a batch."""
    return next(iter(batch.values())).shape[0]


def _over(split, seed, function):
    seed, results = tf.constant(seed, tf.int32), []
    for i, (batch, n) in enumerate(data.in_order(split, min(BATCH, split.size))):
        values = function(batch, tf.random.fold_in(seed, i))
        results.append({name: value.numpy()[:n] for name, value in values.items()})
    return {name: np.concatenate([r[name] for r in results]) for name in results[0]}
