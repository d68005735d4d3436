import itertools
import math

import numpy as np

from zoo.metrics.topics import npmi


def test_coherence_by_counting_pairs():
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 12, rng.integers(1, 9)) for _ in range(17)]
    topics = [rng.permutation(12)[:4] for _ in range(3)] + [np.array([3, 7])]
    want = []
    for topic in topics:
        values = []
        for a, b in itertools.combinations(topic.tolist(), 2):
            n_a, n_b = (sum(w in document.tolist() for document in documents) for w in (a, b))
            n = sum(a in document.tolist() and b in document.tolist() for document in documents)
            values.append(-1 if n == 0 else math.log(n * 17 / (n_a * n_b)) / -math.log(n / 17))
        want.append(sum(values) / len(values))
    np.testing.assert_allclose(npmi(topics, documents), want, rtol=1e-12)


def test_what_is_always_together_and_what_never_is():
    documents = [np.array([1, 2]), np.array([1, 2, 3]), np.array([4])]
    np.testing.assert_allclose(npmi([[1, 2], [3, 4]], documents), [1, -1])
    assert npmi([[1, 2]], documents[:2]) == 1  # in all documents


def test_words_that_are_independent_have_none():
    documents = [np.array(pair) for pair in itertools.product([1, 2], [3, 4])]
    np.testing.assert_allclose(npmi([[1, 3]], documents), 0, atol=1e-12)
