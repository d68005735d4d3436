"""What particles say of the likelihood of sequences, beside the plain bound."""

import numpy as np
import tensorflow as tf

from trainers.score import figures
from zoo import data

BLOCK = 20  # sequences at once


def judge(run, model, options):
    """Nats a step of the test split, all less where the model is better: the bound from one path, and from
    options.particles, each alone ("importance") or resampled on the way ("fivo")."""
    split, seed = figures.sets_of(run, model, options.data_dir).test, tf.constant([options.seed, 0])

    @tf.function(autograph=False, reduce_retracing=True)
    def scored(batch, seed):
        size = batch["length"].shape[0]
        terms = model.loss_terms(batch, model.noise(size, seed))
        noise = model.particle_noise(size, tf.random.fold_in(seed, 1), options.particles)
        found = {"bound": terms["distortion"] + terms["rate"], **model.counts(batch)}
        return found | {"importance": -model.importance(batch, noise), "fivo": -model.fivo(batch, noise)}

    totals = {}
    for i, (batch, n) in enumerate(data.in_order(split, min(BLOCK, split.size))):
        for name, each in scored(batch, tf.random.fold_in(seed, i)).items():
            totals[name] = totals.get(name, 0.0) + float(np.sum(each.numpy()[:n], dtype="f8"))
    steps = totals.pop("steps")
    found = {name: total / steps for name, total in totals.items()}
    return {"examples": split.size, "steps": int(steps), "particles": options.particles, **found}
