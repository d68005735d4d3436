import numpy as np

from zoo.nn import lda


def test_topics_are_those_that_made_the_documents():
    """Two topics of unequal words, some documents of both, one of none."""
    rng, p = np.random.default_rng(0), np.array([[0.6, 0.3, 0.1, 0, 0, 0], [0, 0, 0, 0.2, 0.2, 0.6]])
    shares = rng.dirichlet([0.2, 0.2], 300)
    documents = [rng.choice(6, 40, p=share @ p) for share in shares] + [np.zeros(0, int)]
    found = lda.topics(documents, 7, 2)
    assert found.shape == (2, 7)
    found = found[np.argsort(found[:, 5])]
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found[:, :6], p, atol=0.05)
    np.testing.assert_array_equal(lda.topics(documents, 7, 2), lda.topics(documents, 7, 2))
