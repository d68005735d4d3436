"""How a latent space looks."""

import math
from statistics import NormalDist

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def knn_accuracy(latent, labels, neighbours=5):
    """Share of points whose nearest neighbours (the point left out) vote for its label.

    latent: [N, Z]; labels: [N].
    """
    latent, labels = np.asarray(latent), np.asarray(labels)
    if len(latent) <= neighbours:
        raise ValueError(f"latent: got {len(latent)} points, expected more than neighbours={neighbours}")
    votes = KNeighborsClassifier(neighbours).fit(latent, labels).predict(None)  # None: leave one out
    return float(np.mean(votes == labels))


def probe_accuracy(latent, labels, other, other_labels):
    """Share of other points whose label a linear classifier says that learned from these: logistic regression.

    latent: [N, Z]; labels: [N]; other: [M, Z]; other_labels: [M].
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(latent, labels)
    return float(np.mean(probe.predict(other) == other_labels))


def active_units(means, least=0.01):
    """How many units of z say something: whose posterior mean varies over the data by `least` or more.

    means: [N, Z]. The variance is the one with N - 1 (He et al., 2019, arXiv:1901.05534).
    """
    return int((np.var(np.asarray(means, np.float64), 0, ddof=1) >= least).sum())


def mutual_information(means, scales, z):
    """I(x; z) under q in nats: the mean of log q(z | x) - log q(z), where q(z) is the mean of q(z | x) over N examples.

    means, scales: of q(z | x), [N, Z]; z: a sample of each, [N, Z]. It cannot exceed log N. The first term's mean is
    taken in closed form.
    """
    means, scales, z = (np.asarray(x, np.float64) for x in (means, scales, z))
    constant = 0.5 * math.log(2 * math.pi)
    own = -(np.log(scales) + constant + 0.5).sum(1)
    aggregate = []
    for one in z:  # a row at a time: N x N x Z numbers are many
        log_q = -(0.5 * ((one - means) / scales) ** 2 + np.log(scales) + constant).sum(1)
        peak = log_q.max()
        aggregate.append(peak + math.log(np.exp(log_q - peak).mean()))
    return float(own.mean() - np.mean(aggregate))


def manifold(n=20):
    """An n x n grid of z in equal shares of the prior's mass, [n, n, 2] float32.

    z = Phi^-1((i + 1/2) / n) along each axis. Row 0 has the largest second coordinate: the picture of the
    decoded grid lies over a scatter plot of z.
    """
    z = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)], np.float32)
    return np.stack(np.meshgrid(z, z[::-1]), -1)
