"""Updates, many in one call of the graph, and the batches that replicas are given for them."""

import tensorflow as tf

from trainers.learn.learner import all_sum

NOISE = 1  # folded into the run's seed: a stream of its own, see loop.VALIDATION


def distributed(learner, sets, start_step):
    """Every replica's part of the learner's global batches from start_step on: an iterable of (step, batch)."""
    settings, strategy = learner.settings, learner.strategy

    def pipeline(context):
        here = strategy.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * here

        @tf.autograph.experimental.do_not_convert
        def parts(step, batch):
            def cut(x):
                parts = tf.reshape(x, tf.concat([[strategy.num_replicas_in_sync, -1], tf.shape(x)[1:]], 0))
                return tf.ensure_shape(parts, [None, None, *x.shape[1:]])[first : first + here]

            return tf.fill([here], step), {name: cut(x) for name, x in batch.items()}

        return learner.batches(sets, start_step).map(parts).unbatch().batch(1).map(first_of).prefetch(2 * here)

    # Batches of static size, which XLA needs; unbatch alone forgets it.
    size = settings.batch_size // strategy.num_replicas_in_sync

    @tf.autograph.experimental.do_not_convert
    def first_of(step, batch):
        return step[0], {name: tf.ensure_shape(x[0], [size, *x.shape[2:]]) for name, x in batch.items()}

    if strategy.num_replicas_in_sync == 1:
        return pipeline(tf.distribute.InputContext())
    return strategy.distribute_datasets_from_function(pipeline)


def step_function(learner):
    """(iterator, n) -> {name: [n]}, n updates in one call of the graph: what the learner tells, and mean counts."""
    strategy, settings = learner.strategy, learner.settings
    seed = tf.constant([settings.seed, NOISE])

    def replica_step(step, batch):
        replicas = tf.distribute.get_replica_context()
        # The global batch's noise, of which each replica takes its part: replicas change no result.
        noise = learner.model.training_noise(settings.batch_size, tf.random.fold_in(seed, tf.cast(step, tf.int32)))
        if replicas.num_replicas_in_sync > 1:
            size = settings.batch_size // replicas.num_replicas_in_sync
            first = replicas.replica_id_in_sync_group * size
            noise = tf.nest.map_structure(
                lambda x: tf.ensure_shape(x[first : first + size], [size, *x.shape[1:]]), noise
            )
        values = learner.step(batch, noise, tf.cast(step, tf.int32))
        counts = learner.counts(batch)
        values |= all_sum({name: tf.reduce_sum(x) / settings.batch_size for name, x in counts.items()})
        return {**values, "norm/weights": tf.linalg.global_norm(learner.model.trainable_variables)}

    # AutoGraph, which rewrites every Python function on the way, would take longer than tracing does.
    @tf.function(autograph=False)
    def run_steps(iterator, n):
        names = []

        def one(i, rows):
            values = strategy.run(replica_step, next(iterator))
            names[:] = values
            means = [strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None) for value in values.values()]
            return i + 1, rows.write(i, tf.stack(means))

        _, rows = tf.while_loop(lambda i, _: i < n, one, (0, tf.TensorArray(tf.float32, n)))
        return dict(zip(names, tf.unstack(rows.stack(), len(names), axis=1), strict=True))

    return run_steps
