"""Texts as numbers, as `zoo.nn.words` has them."""

import numpy as np

from zoo.data.text.coverage import counts
from zoo.nn.spelling import tokens
from zoo.nn.words import END, UNKNOWN


def vocabulary(texts):
    """All words of texts that can be learned, the most frequent first (`zoo.data.text.coverage.counts`)."""
    return list(counts(texts))


def encode(texts, words, length):
    """Texts as int32 [N, length]; of one of `length` words or more there are the first `length`, without END.

    What is lost that way `zoo.data.text.coverage.coverage` tells.
    """
    index = {word: UNKNOWN + 1 + i for i, word in enumerate(words)}
    ids = np.full((len(texts), length), END, np.int32)
    for row, text in zip(ids, texts, strict=True):
        found = [index.get(word, UNKNOWN) for word in tokens(text)[:length]]
        row[: len(found)] = found
    return ids
