"""Texts as numbers, as `zoo.nn.words` has them."""

import numpy as np

from zoo.data.text.coverage import counts
from zoo.nn.spelling import tokens
from zoo.nn.words import END, PAD, UNKNOWN


def vocabulary(texts):
    """All words of texts that can be learned, the most frequent first (`zoo.data.text.coverage.counts`)."""
    return list(counts(texts))


def encode(texts, words, length):
    """Texts as int32 [N, length]; of one of `length` words or more there are the first `length`, without END.

    What is lost that way `zoo.data.text.coverage.coverage` tells.
    """
    return encode_words([[tokens(text)] for text in texts], words, (1, length))[:, 0]


def encode_words(documents, words, room):
    """Documents, lists of sentences that are lists of words, as int32 [N, *room], room being (sentences S, words L).

    Of a document there are the first S sentences, of each the first L words; END fills what is left.
    """
    index = _numbers(words)
    ids = np.full((len(documents), *room), END, np.int32)
    for rows, document in zip(ids, documents, strict=True):
        for row, sentence in zip(rows, document, strict=False):
            found = [index.get(word, UNKNOWN) for word in sentence[: room[1]]]
            row[: len(found)] = found
    return ids


def encode_together(documents, words, length):
    """The same as int32 [N, length]: all sentences one behind the other, each with its END, then PAD.

    Of a document that is longer there is the beginning.
    """
    index = _numbers(words)
    ids = np.full((len(documents), length), PAD, np.int32)
    for row, document in zip(ids, documents, strict=True):
        found = [i for sentence in document for i in (*(index.get(word, UNKNOWN) for word in sentence), END)]
        row[: len(found)] = found[:length]
    return ids


def _numbers(words):
    return {word: UNKNOWN + 1 + i for i, word in enumerate(words)}
