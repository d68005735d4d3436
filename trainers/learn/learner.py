"""One training step: losses and gradients in a compiled function, summed over replicas, clipped, applied."""

import contextlib
import inspect
import math
import os

import keras
import tensorflow as tf

from zoo import data
from zoo.configs.base import called, require, suggestion

CARRIED = "carried"  # the name under which a batch has what its rows were handed


class Learner:
    """How a model learns. Override `groups` for several optimisers, `step` for alternating descent or estimators of
    one's own, `batches` for examples of one's own choice, `enter` for one way to learn after another, `start` and
    `terms_and_carried` for what a row of a batch hands on to the same row of the next.

    Built inside the strategy's scope. `variables` is all that a checkpoint must hold, in a fixed order.
    """

    phases = (0,)  # the steps at which one begins
    carried = ()  # the variables of what rows carry

    def __init__(self, model, settings, strategy, xla=True):
        self.model, self.settings, self.strategy = model, settings, strategy
        self.grouped = self.groups()
        for optimizer, variables in self.grouped:
            optimizer.build(variables)
        self.carried = [keras.Variable(each, trainable=False) for each in self.start()]
        self.shards = cores_for(settings.batch_size // strategy.num_replicas_in_sync, strategy)
        self.compiled = tf.function(self.losses_and_gradients, jit_compile=xla, autograph=False)

    def groups(self):
        """Which optimiser moves what, called once: pairs of one and its part of the model's trainable variables."""
        return [(optimizer(self.settings), self.model.trainable_variables)]

    def start(self):
        """What rows carry from step to step, before the first: a list of [settings.batch_size, ...] tensors."""
        return []

    @property
    def optimizers(self):
        """All optimisers, for checkpoints."""
        return [optimizer for optimizer, _ in self.grouped]

    @property
    def variables(self):
        """{name: variable} of the whole training state."""
        groups = {"model": self.model.variables}
        groups |= {f"optimizer{i}": optimizer.variables for i, optimizer in enumerate(self.optimizers)}
        groups = {"carried": self.carried, **groups}
        return {f"{group}/{i:04d}": v for group, vs in groups.items() for i, v in enumerate(vs)}

    def batches(self, sets, start_step):
        """The global batches from a step on: a tf.data.Dataset of (step int64, {name: [settings.batch_size, ...]})."""
        size, most = self.settings.batch_size, sets.train.size
        require(size <= most, "batch_size", size, f"at most the {most:,} examples of {sets.name}")
        return data.batches(sets.train, size, self.settings.seed, start_step)

    def counts(self, batch):
        """What a batch has of what measures are divided by: see zoo.nn.model.Model."""
        return self.model.counts(batch)

    def enter(self, phase):
        """Called before the first step of a run and when a phase begins: the index of its step in `phases`."""

    def step(self, batch, noise, step):
        """One update, called in every replica with its part of the global batch; step: int32, the updates before it.

        Returns {name: scalar} over the global batch, equal in every replica: the mean of each loss term, and norms. The
        run stops if one of them, or the norm of the weights that the step leaves, is not finite.
        """
        sums, gradients, carried = self.sharded(batch, noise, step)
        sums, gradients = all_sum((sums, gradients))
        gradients, norm = clipped(gradients, self.settings)
        of = dict(zip(map(id, self.model.trainable_variables), gradients, strict=True))
        for optimizer, variables in self.grouped:
            apply(optimizer, [of[id(v)] for v in variables], variables)
        for each, after in zip(self.carried, carried, strict=True):
            each.assign(all_rows(after))
        return {**sums, "norm/gradient": norm}

    def terms(self, batch, noise, step):
        """The loss terms that training descends, {name: [B]}."""
        return self.model.training_terms(batch, noise, step)

    def terms_and_carried(self, batch, noise, step):
        """The terms, and what the rows hand on: batch[CARRIED] has what they were handed, both as `start` has it."""
        return self.terms(batch, noise, step), []

    def losses_and_gradients(self, batch, noise, step):
        """This part's share of the mean loss terms over the global batch, and of their gradient; what is carried."""
        variables = [v.value for v in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            terms, carried = self.terms_and_carried(batch, noise, step)
            sums = {name: tf.reduce_sum(term) / self.settings.batch_size for name, term in terms.items()}
            loss = tf.add_n(list(sums.values()))
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return sums, [tf.convert_to_tensor(g) for g in gradients], carried  # those of embeddings are sparse

    def sharded(self, batch, noise, step):
        """losses_and_gradients with the batch cut into a part for each core, run at the same time."""
        if self.carried:
            batch = {**batch, CARRIED: [own_rows(tf.convert_to_tensor(each)) for each in self.carried]}
        # XLA uses its threads inside a product only; whole parts side by side keep every core busy.
        parts = zip(*(cut(x, self.shards) for x in (batch, noise)), strict=True)
        sums, gradients, carried = zip(*(self.compiled(*part, step) for part in parts), strict=True)
        summed = (tf.nest.map_structure(lambda *x: tf.add_n(x), *each) for each in (sums, gradients))
        return *summed, [tf.concat(x, 0) for x in zip(*carried, strict=True)]

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


class Carrying(Learner):
    """Of models that carry states from step to step: `begin(size)`, a structure of [size, ...] tensors, and
    `carried_terms(batch, noise, states)`, which returns the terms and the states after.

    batch["fresh"], bool [B]: the row begins anew.
    """

    def start(self):
        return tf.nest.flatten(self.model.begin(self.settings.batch_size))

    def terms(self, batch, noise, step):
        return self.terms_and_carried(batch, noise, step)[0]

    def terms_and_carried(self, batch, noise, step):
        fresh = tf.convert_to_tensor(batch["fresh"])
        begin = self.model.begin(fresh.shape[0])
        first = tf.nest.flatten(begin)
        kept = [
            tf.where(tf.reshape(fresh, [-1] + [1] * (x.shape.rank - 1)), x, state)
            for x, state in zip(first, batch.get(CARRIED, first), strict=True)
        ]
        terms, after = self.model.carried_terms(batch, noise, tf.nest.pack_sequence_as(begin, kept))
        return terms, tf.nest.flatten(after)


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
    kinds = {n: kind for n, kind in kinds.items() if "learning_rate" in list(inspect.signature(kind).parameters)[:1]}
    known = f"one of {', '.join(sorted(kinds))}{suggestion(name, kinds)}"
    require(name.lower() in kinds, "optimizer", repr(name), known)
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


def own_rows(x):
    """Of [B, ...] of the global batch a replica's rows; call it inside one."""
    replicas = tf.distribute.get_replica_context()
    size = x.shape[0] // replicas.num_replicas_in_sync
    return tf.ensure_shape(x[replicas.replica_id_in_sync_group * size :][:size], [size, *x.shape[1:]])


def all_rows(x):
    """The rows of all replicas, one below the other; call it inside one."""
    replicas = tf.distribute.get_replica_context()
    return x if replicas.num_replicas_in_sync == 1 else replicas.all_gather(x, 0)


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
