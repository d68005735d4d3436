"""Latent Dirichlet allocation (Blei, Ng and Jordan, 2003) by scikit-learn: the topics of bags of words."""

import numpy as np

READ = 20_000  # documents that online variational Bayes reads, some of them again and again


def topics(documents, size, count, seed=0):
    """p(word | topic), float64 [count, size]. documents: of each its words, arrays of numbers from 0 to size - 1."""
    import scipy.sparse
    from sklearn.decomposition import LatentDirichletAllocation

    row = np.repeat(np.arange(len(documents)), [len(words) for words in documents])
    bags = scipy.sparse.csr_matrix((np.ones(len(row)), (row, np.concatenate(documents))), (len(documents), size))
    rounds = 1 + READ // len(documents)
    model = LatentDirichletAllocation(count, learning_method="online", max_iter=rounds, random_state=seed).fit(bags)
    return model.components_ / model.components_.sum(1, keepdims=True)
