"""One training step: losses and gradients in a compiled function, summed over replicas, clipped, applied."""

import contextlib
import math
import os

import keras
import tensorflow as tf


class Learner:
    """How a model learns. Override `step` for two optimisers, alternating descent or estimators of one's own.

    Built inside the strategy's scope. `variables` is all that a checkpoint must hold, in a fixed order.
    """

    def __init__(self, model, settings, strategy, xla=True):
        self.model, self.settings, self.strategy = model, settings, strategy
        self.optimizer = adam(settings)
        self.optimizer.build(model.trainable_variables)
        self.shards = cores_for(settings.batch_size // strategy.num_replicas_in_sync, strategy)
        self.compiled = tf.function(self.losses_and_gradients, jit_compile=xla)

    @property
    def optimizers(self):
        """All optimisers, for checkpoints."""
        return [self.optimizer]

    @property
    def variables(self):
        """{name: variable} of the whole training state."""
        groups = {"model": self.model.variables}
        groups |= {f"optimizer{i}": optimizer.variables for i, optimizer in enumerate(self.optimizers)}
        return {f"{group}/{i:04d}": v for group, vs in groups.items() for i, v in enumerate(vs)}

    def step(self, batch, noise):
        """One update, called in every replica with its part of the global batch.

        Returns {name: scalar} over the global batch, equal in every replica: each loss term in nats, the "bound"
        (distortion and rate, whatever else the loss adds), and norms. The run stops if one of them, or the norm of the
        weights that the step leaves, is not finite.
        """
        sums, gradients = self.sharded(batch, noise)
        sums, gradients = all_sum((sums, gradients))
        gradients, norm = tf.clip_by_global_norm(gradients, self.settings.clip_norm)
        apply(self.optimizer, gradients, self.model.trainable_variables)
        return {"bound": sums["distortion"] + sums.get("rate", 0.0), **sums, "norm/gradient": norm}

    def terms(self, batch, noise):
        """The loss terms that training descends, {name: [B]}."""
        return self.model.loss_terms(batch, noise)

    def losses_and_gradients(self, batch, noise):
        """This part's share of the mean loss terms over the global batch, and of their gradient."""
        variables = [v.value for v in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            terms = self.terms(batch, noise)
            sums = {name: tf.reduce_sum(term) / self.settings.batch_size for name, term in terms.items()}
            loss = tf.add_n(list(sums.values()))
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return sums, [tf.convert_to_tensor(g) for g in gradients]  # those of embeddings are sparse

    def sharded(self, batch, noise):
        """losses_and_gradients with the batch cut into a part for each core, run at the same time."""
        # XLA uses its threads inside a product only; whole parts side by side keep every core busy.
        parts = zip(*(cut(x, self.shards) for x in (batch, noise)), strict=True)
        results = [self.compiled(*part) for part in parts]
        return tf.nest.map_structure(lambda *x: tf.add_n(x), *results)

    @contextlib.contextmanager
    def averaged(self):
        """Within the block the weights are their moving averages, if settings.ema keeps any."""
        if not self.settings.ema:
            yield
            return
        variables = self.model.trainable_variables
        weights = [v.numpy() for v in variables]
        self.optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for v, weight in zip(variables, weights, strict=True):
                v.assign(weight)


def adam(settings):
    """Keras's Adam as the settings ask for it."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.steps, alpha=0.01)
    return keras.optimizers.Adam(
        rate, beta_1=settings.beta_1, use_ema=settings.ema > 0, ema_momentum=settings.ema or 0.99
    )


def all_sum(structure):
    """Every tensor summed over the replicas; call it inside one."""
    replicas = tf.distribute.get_replica_context()
    if replicas.num_replicas_in_sync == 1:
        return structure
    flat = replicas.all_reduce(tf.distribute.ReduceOp.SUM, tf.nest.flatten(structure))
    return tf.nest.pack_sequence_as(structure, flat)


def apply(optimizer, gradients, variables):
    """Applies gradients that are the same in every replica."""
    # Keras (3.15) sums over the replicas once more inside apply.
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    optimizer.apply([g / replicas for g in gradients] if replicas > 1 else gradients, variables)


def cores_for(batch_size, strategy):
    """Into how many parts a replica's batch is cut: one a core where one CPU does all the work."""
    cores = len(os.sched_getaffinity(0))
    alone = strategy.num_replicas_in_sync == 1 and "CPU" in strategy.extended.worker_devices[0]
    return math.gcd(batch_size, cores) if alone else 1


def cut(structure, parts):
    """A structure of [B, ...] tensors as a list of structures of [B / parts, ...] tensors."""
    if parts == 1:
        return [structure]
    flat = [tf.split(x, parts) for x in tf.nest.flatten(structure)]
    return [tf.nest.pack_sequence_as(structure, [x[i] for x in flat]) for i in range(parts)]
