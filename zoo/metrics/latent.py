"""How a latent space looks."""

from statistics import NormalDist

import numpy as np
from sklearn.neighbors import KNeighborsClassifier


def knn_accuracy(latent, labels, neighbours=5):
    """Share of points whose nearest neighbours (the point left out) vote for its label.

    latent: [N, Z]; labels: [N].
    """
    latent, labels = np.asarray(latent), np.asarray(labels)
    if len(latent) <= neighbours:
        raise ValueError(f"latent: got {len(latent)} points, expected more than neighbours={neighbours}")
    votes = KNeighborsClassifier(neighbours).fit(latent, labels).predict(None)  # None: leave one out
    return float(np.mean(votes == labels))


def manifold(n=20):
    """An n x n grid of z in equal shares of the prior's mass, [n, n, 2] float32.

    z = Phi^-1((i + 1/2) / n) along each axis. Row 0 has the largest second coordinate: the picture of the
    decoded grid lies over a scatter plot of z.
    """
    z = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)], np.float32)
    return np.stack(np.meshgrid(z, z[::-1]), -1)
