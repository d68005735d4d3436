"""What captions score that no model of language makes: the floor that a captioner must leave."""

from collections import Counter

import numpy as np
from sklearn.neighbors import NearestNeighbors

from trainers.declare.task import task_of
from trainers.score.figures import sets_of
from zoo import data
from zoo.metrics import text


def judge(run, model, options):
    """What captions without any model score on the same split, and what the model's score where all is new."""
    sets = sets_of(run, model, options.data_dir)
    found = baselines(model, sets) if sets.train.source else {}  # none is kept that is made at each visit
    if "held_out" in sets.others:
        whole = task_of(run.model, run.settings.model).figures(model, sets, "held_out", options.seed)
        found["held_out"] = {"pictures": len(sets.others["held_out"].source.captions)}
        found["held_out"] |= {name: one.value for name, one in whole.items()}
    return found


def baselines(model, sets):
    """Scores on the test split of training's most frequent caption, and of the nearest training picture's first one.

    Pictures are near whose mean annotations, what the model's decoder starts from, are near.
    """
    references = tokenised(sets.test.source.captions)
    train = sets.train.source
    counts = Counter(caption for captions in train.captions for caption in captions)
    (frequent, times), *_ = counts.most_common(1)
    ours, theirs = (means(model, split) for split in (sets.test, sets.train))
    nearest = NearestNeighbors(n_neighbors=1).fit(theirs).kneighbors(ours, return_distance=False)[:, 0]
    borrowed = [train.captions[m][0] for m in nearest]
    return {
        "pictures": len(references),
        "most_frequent_caption": {"caption": frequent, "times": times, **score([frequent] * len(ours), references)},
        "nearest_neighbour": score(borrowed, references),
    }


def score(captions, references):
    return text.scores([text.tokens(caption) for caption in captions], references)


def tokenised(captions):
    """Captions of pictures as lists of token lists."""
    return [[text.tokens(one) for one in several] for several in captions]


def means(model, split):
    """The mean annotation of every picture, [M, D]."""
    many, found = len(split.source.captions), []
    for batch, n in data.in_order(split, min(100, many)):  # the first example of each picture comes first
        found += list(np.mean(model.annotations(batch), 1)[:n])
        if len(found) >= many:
            return np.stack(found[:many])
    return np.stack(found)
