"""Do a model's pictures and captions belong together? The bound of pairs, retrieval and likeness to the real picture.

Mansimov et al., 2016 (arXiv:1511.02793), section 5. M pictures, L words, K samples from the posterior.
"""

import numpy as np
import tensorflow as tf

from zoo.metrics import bounds

BLOCK = 100  # pairs scored together


def painter(model):
    """(ids [M, L], seed) -> images [M, H, W, C] in [0, 1] from the prior."""
    decode = tf.function(lambda noise, ids: model.decode(noise, ids)["image"], reduce_retracing=True, autograph=False)

    def paint(ids, seed):
        starts = range(0, len(ids), BLOCK)
        parts = [ids[start : start + BLOCK] for start in starts]
        images = [
            decode(model.noise(len(part), tf.constant([seed, start])), part)
            for start, part in zip(starts, parts, strict=True)
        ]
        return np.concatenate([image.numpy() for image in images])

    return paint


def first_pairs(split, count):
    """Pictures [M, H, W, C] as floats and the first caption of each, ids [M, L]."""
    images = split.source.image[:count].astype(np.float32) / 255
    return images, split.arrays["caption"][: len(images)]


def gap(model, split, seed, count=1000):
    """By how many nats the bound of pictures is lower with their own captions than with another picture's.

    The same noise for both. Returns (mean, standard error).
    """
    images, ids = first_pairs(split, count)
    if len(images) < 2:
        raise ValueError(f"data: got {len(images)} test picture, expected at least 2, to exchange captions; add some")
    others = np.roll(ids, 1, 0)
    terms = tf.function(model.loss_terms, jit_compile=True, autograph=False)
    differences = []
    for start in range(0, len(images), BLOCK):
        part = slice(start, start + BLOCK)
        noise = model.noise(len(images[part]), tf.constant([seed, start]))
        found = [
            sum(terms({"image": images[part], "caption": captions}, noise).values())
            for captions in (ids[part], others[part])
        ]
        differences.append((found[1] - found[0]).numpy())
    return bounds.mean_and_error(np.concatenate(differences))


def retrieval(model, split, seed, samples=10, pool=100):
    """Which of `pool` pictures a caption is for: {"R@1", "R@5", "R@10", "R@50", "median_rank"}.

    Pictures are ranked by log p(x | y) - log mean_y' p(x | y') over the pool's captions y', the first term an
    importance-weighted estimate with so many samples: raw log p(x | y) ranks easy pictures first.
    """
    images, ids = first_pairs(split, pool)
    size = len(images)

    @tf.function(jit_compile=True, autograph=False)
    def log_weights(image, caption, noise):
        return model.log_weights({"image": image, "caption": caption}, noise)

    log_p = np.empty((size, size))  # [caption, picture]
    for k, caption in enumerate(ids):
        repeated, seed_of_row = np.repeat(caption[None], size, 0), tf.constant([seed, 0])

        def draw(seed, repeated=repeated):
            return log_weights(images, repeated, model.noise(size, seed))

        log_p[k] = bounds.importance_weighted(draw, samples, seed_of_row).numpy()
    peak = log_p.max(0)
    scores = log_p - peak - np.log(np.exp(log_p - peak).mean(0))
    return ranks_of(scores)


def ranks_of(scores):
    """Recall and the median rank, 1 being the best, of the pictures k for captions k. scores: [caption, picture]."""
    own = np.diag(scores)[:, None]
    # A picture that scores the same as the right one is as often before it as after it.
    ranks = 1 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2
    recall = {f"R@{k}": float((ranks <= k).mean()) for k in (1, 5, 10, 50)}
    return {**recall, "median_rank": float(np.median(ranks)), "pool": len(scores)}


def likeness(model, split, seed, count=200, samples=5):
    """Structural similarity of painted pictures to the real ones of their captions: (mean, standard error)."""
    images, ids = first_pairs(split, count)
    paint = painter(model)
    painted = [paint(ids, seed * samples + k) for k in range(samples)]
    values = [tf.image.ssim(images, one, 1.0).numpy() for one in painted]  # 11x11 Gaussian of width 1.5
    return bounds.mean_and_error(np.mean(values, 0))


def attended_words(model, split, seed, count=500, most=3):
    """The words that each step looks at most, over so many captions: [[(word, mean weight), ...] for each step].

    The weight of a word is its mean over the captions that contain it; rare words are left out.
    """
    _, ids = first_pairs(split, count)
    weights = model.decode(model.noise(len(ids), tf.constant([seed, 0])), ids)["word_weights"].numpy()  # [M, T, L]
    known = model.words.lines
    steps = []
    for at in range(weights.shape[1]):
        sums, counts = (np.bincount(ids.ravel(), w, len(known)) for w in (weights[:, at].ravel(), None))
        mean = np.where(counts >= len(ids) / 20, sums / np.maximum(counts, 1), 0)
        mean[:2] = 0
        steps.append([(known[i], round(float(mean[i]), 3)) for i in np.argsort(-mean)[:most]])
    return steps
