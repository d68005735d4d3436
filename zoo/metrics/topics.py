"""Whether the words of a topic go together."""

import itertools

import numpy as np


def npmi(topics, documents):
    """The coherence of topics: normalised pointwise mutual information of their words, float64 [K] in [-1, 1].

    The mean over pairs of a topic's words of log(p(a, b) / p(a) p(b)) / -log p(a, b), p being shares of the documents
    that hold the words (Bouma, 2009). -1 for two that are never together, 1 for two that are in all documents.
    topics: K arrays of two words or more, as numbers; documents: of each its words, an array of numbers.
    """
    words, place = np.unique(np.concatenate(topics), return_inverse=True)
    owner, spoken = np.repeat(np.arange(len(documents)), [len(each) for each in documents]), np.concatenate(documents)
    known = np.isin(spoken, words)
    held = np.zeros((len(documents), len(words)), np.float32)
    held[owner[known], np.searchsorted(words, spoken[known])] = 1
    both = (held.T @ held).astype(np.float64) / len(documents)  # counts are exact in float32
    p = np.diag(both)
    ends, found = np.cumsum([len(topic) for topic in topics]), []
    for own in np.split(place, ends[:-1]):
        pairs = [_of_pair(p[a], p[b], both[a, b]) for a, b in itertools.combinations(own, 2)]
        found.append(np.mean(pairs))
    return np.array(found)


def _of_pair(p_a, p_b, p_both):
    if p_both in (0, 1):
        return 2 * p_both - 1
    return np.log(p_both / (p_a * p_b)) / -np.log(p_both)
