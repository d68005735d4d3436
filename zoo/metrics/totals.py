"""How scores of examples add up to the score of a split."""

import numpy as np

from zoo.metrics.bounds import mean_and_error


def total(values, terms, per="", exp=False, groups=None, scale=1.0):
    """(value, standard error) of a split, as floats; the error of a single example or group is None.

    values: name -> [N], a number for each example. terms: the names whose sum is meant.
    per: "" for the mean over examples, or the name of a count, such as words, by which the sum of the split is divided.
    scale: what the sum is multiplied by.
    exp: the exponential of that: of nats per word the perplexity, its error by the delta method.
    groups: [N] integers, equal for examples that belong together, such as the captions of one picture.
    """
    summed = np.sum([np.asarray(values[name], np.float64) for name in terms], 0) * scale
    value, error = mean_and_error(summed, groups, values[per] if per else None)
    if exp:
        value = float(np.exp(value))
        error = None if error is None else value * error
    return value, error
