"""How what is known of every example adds up over a split."""

import math

import numpy as np


def total(values, terms, per="", exp=False, groups=None):
    """The value of a measure over a split and its standard error, None of a single example or group.

    values: {name: [N]}; terms: the names that are summed, over the number of examples or over the sum of `per`; with
    exp the exponential of that. groups: [N] integers, equal for examples that belong together.
    """
    above = sum(np.asarray(values[name], np.float64) for name in terms)
    below = np.asarray(values[per], np.float64) if per else np.ones_like(above)
    ratio = above.sum() / below.sum()
    apart = np.unique(np.arange(len(above)) if groups is None else groups, return_inverse=True)[1]
    off = np.bincount(apart, above - ratio * below)  # the delta method; examples of one group may share a deviation
    value, error = ratio, None
    if len(off) > 1:
        error = math.sqrt(np.sum(off**2) * len(off) / (len(off) - 1)) / below.sum()
    if exp:
        value = math.exp(ratio)
        error = error and value * error
    return float(value), error and float(error)
