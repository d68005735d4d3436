"""Where a run's replicas are, and how several workers keep together."""

import socket
import time

import tensorflow as tf

PATIENCE = 60  # seconds that the first worker waits for the others to leave


def make_strategy(devices=""):
    """MultiWorkerMirroredStrategy with TF_CONFIG, else MirroredStrategy over the devices ("cpu:0,cpu:1")."""
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec()
    if cluster:
        return tf.distribute.MultiWorkerMirroredStrategy()
    names = [name.strip().upper() for name in devices.split(",") if name.strip()]
    cpus = sum(name.startswith("CPU") for name in names)
    if cpus > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * cpus)
    known = [f"{d.device_type}:{d.name.split(':')[-1]}" for d in tf.config.list_logical_devices()]
    for name in names:
        if name not in known:
            raise ValueError(f"devices: got {name.lower()}, expected among {', '.join(known).lower()}")
    return tf.distribute.MirroredStrategy(names or None)


def is_chief(strategy):
    """Whether this process writes: the only one, or the first worker."""
    resolver = strategy.cluster_resolver
    if resolver is None:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def agreed(strategy, numbers):
    """The means of all workers' numbers: by these they decide alike, or each would wait for the others for ever."""
    if strategy.cluster_resolver is None:
        return numbers
    mine = strategy.run(lambda: tf.constant([float(number) for number in numbers], tf.float64))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, mine, axis=None).numpy().tolist()


def leave_last(strategy):
    """Waits until the other workers are gone: TensorFlow kills those whom the first one leaves behind."""
    resolver = strategy.cluster_resolver
    if resolver is None:
        return
    cluster, me, until = resolver.cluster_spec(), (resolver.task_type, resolver.task_id), time.monotonic() + PATIENCE
    others = [at for job in cluster.jobs for i, at in enumerate(cluster.job_tasks(job)) if (job, i) != me]
    while others and time.monotonic() < until:
        host, _, port = others[0].rpartition(":")
        try:
            socket.create_connection((host, port), timeout=1).close()
            time.sleep(0.1)
        except OSError:
            others.pop(0)
