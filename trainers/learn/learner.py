"""One training step: losses and gradients in a compiled function, summed over replicas, clipped, applied."""

import contextlib
import math
import os

import keras
import tensorflow as tf

from zoo import data
from zoo.configs.base import called, require, suggestion


class Learner:
    """How a model learns. Override `groups` for several optimisers, `step` for alternating descent or estimators of
    one's own, `batches` for examples of one's own choice, `enter` for one way to learn after another.

    Built inside the strategy's scope. `variables` is all that a checkpoint must hold, in a fixed order.
    """

    phases = (0,)  # the steps at which one begins

    def __init__(self, model, settings, strategy, xla=True):
        self.model, self.settings, self.strategy = model, settings, strategy
        self.grouped = self.groups()
        for optimizer, variables in self.grouped:
            optimizer.build(variables)
        self.shards = cores_for(settings.batch_size // strategy.num_replicas_in_sync, strategy)
        self.compiled = tf.function(self.losses_and_gradients, jit_compile=xla, autograph=False)

    def groups(self):
        """Which optimiser moves what, called once: pairs of one and its part of the model's trainable variables."""
        return [(optimizer(self.settings), self.model.trainable_variables)]

    @property
    def optimizers(self):
        """All optimisers, for checkpoints."""
        return [optimizer for optimizer, _ in self.grouped]

    @property
    def variables(self):
        """{name: variable} of the whole training state."""
        groups = {"model": self.model.variables}
        groups |= {f"optimizer{i}": optimizer.variables for i, optimizer in enumerate(self.optimizers)}
        return {f"{group}/{i:04d}": v for group, vs in groups.items() for i, v in enumerate(vs)}

    def batches(self, sets, start_step):
        """The global batches from a step on: a tf.data.Dataset of (step int64, {name: [settings.batch_size, ...]})."""
        return data.batches(sets.train, self.settings.batch_size, self.settings.seed, start_step)

    def enter(self, phase):
        """Called before the first step of a run and when a phase begins: the index of its step in `phases`."""

    def step(self, batch, noise, step):
        """One update, called in every replica with its part of the global batch; step: int32, the updates before it.

        Returns {name: scalar} over the global batch, equal in every replica: the mean of each loss term, and norms. The
        run stops if one of them, or the norm of the weights that the step leaves, is not finite.
        """
        sums, gradients = self.sharded(batch, noise, step)
        sums, gradients = all_sum((sums, gradients))
        gradients, norm = clipped(gradients, self.settings)
        of = dict(zip(map(id, self.model.trainable_variables), gradients, strict=True))
        for optimizer, variables in self.grouped:
            apply(optimizer, [of[id(v)] for v in variables], variables)
        return {**sums, "norm/gradient": norm}

    def terms(self, batch, noise, step):
        """The loss terms that training descends, {name: [B]}."""
        return self.model.training_terms(batch, noise, step)

    def losses_and_gradients(self, batch, noise, step):
        """This part's share of the mean loss terms over the global batch, and of their gradient."""
        variables = [v.value for v in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            terms = self.terms(batch, noise, step)
            sums = {name: tf.reduce_sum(term) / self.settings.batch_size for name, term in terms.items()}
            loss = tf.add_n(list(sums.values()))
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return sums, [tf.convert_to_tensor(g) for g in gradients]  # those of embeddings are sparse

    def sharded(self, batch, noise, step):
        """losses_and_gradients with the batch cut into a part for each core, run at the same time."""
        # XLA uses its threads inside a product only; whole parts side by side keep every core busy.
        parts = zip(*(cut(x, self.shards) for x in (batch, noise)), strict=True)
        results = [self.compiled(*part, step) for part in parts]
        return tf.nest.map_structure(lambda *x: tf.add_n(x), *results)

    @contextlib.contextmanager
    def averaged(self):
        """Within the block the weights are their moving averages, if settings.ema keeps any."""
        if not self.settings.ema:
            yield
            return
        weights = [(v, v.numpy()) for v in self.model.trainable_variables]
        for optimizer, variables in self.grouped:
            optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for v, weight in weights:
                v.assign(weight)


def learner_of(task, *arguments):
    """The Learner of a Task. arguments: model, settings, strategy, xla."""
    return (task.learner or Learner)(*arguments)


def optimizer(settings):
    """Keras' optimiser as the settings ask for it. Raises ValueError for one that Keras has not, or cannot make so."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.steps, alpha=0.01)
    name, arguments = called(settings.optimizer)
    kinds = {n.lower(): kind for n, kind in vars(keras.optimizers).items() if isinstance(kind, type)}
    require(name.lower() in kinds, "optimizer", repr(name), f"one of Keras'{suggestion(name, kinds)}")
    try:
        return kinds[name.lower()](rate, use_ema=settings.ema > 0, ema_momentum=settings.ema or 0.99, **arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"optimizer: got {settings.optimizer}, which Keras refuses: {error}") from None


def clipped(gradients, settings):
    """The gradients clipped as the settings ask for it, and their norm before."""
    norm, most = tf.linalg.global_norm(gradients), settings.clip_norm
    if settings.clip == "global_norm":
        return tf.clip_by_global_norm(gradients, most, norm)[0], norm
    clip = {"norm": lambda g: tf.clip_by_norm(g, most), "value": lambda g: tf.clip_by_value(g, -most, most)}
    return [clip.get(settings.clip, tf.identity)(g) for g in gradients], norm


def all_sum(structure):
    """Every tensor summed over the replicas; call it inside one."""
    replicas, flat = tf.distribute.get_replica_context(), tf.nest.flatten(structure)
    if replicas.num_replicas_in_sync == 1 or not flat:
        return structure
    return tf.nest.pack_sequence_as(structure, replicas.all_reduce(tf.distribute.ReduceOp.SUM, flat))


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
