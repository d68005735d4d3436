"""Where a run's replicas are, and how several workers come together, keep together and part."""

import contextlib
import json
import os
import re
import socket
import sys
import time

import tensorflow as tf

from zoo.quiet import tell

PATIENCE = 60  # seconds that the first worker waits for the others to leave
SPEAKS = 5, 60  # seconds after which a worker says whom it waits for, and says it again
POLL = 0.2  # seconds
EXAMPLE = '{"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}'


class WorkerLost(Exception):
    """Another worker is gone in the middle of the run."""


def make_strategy(devices="", wait=600):
    """MultiWorkerMirroredStrategy with TF_CONFIG, else MirroredStrategy over the devices ("cpu:0,cpu:1").

    wait: seconds that a worker waits for the others to start. Raises ValueError for a TF_CONFIG or a device that makes
    no sense, and if a worker does not come.
    """
    cluster, me = _cluster()
    if cluster:
        gather(cluster, me, wait)
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


def _cluster():
    """({worker's name: address}, the first worker first; this worker's name) by TF_CONFIG, ({}, "") without it."""
    text = os.environ.get("TF_CONFIG", "").strip() or "{}"
    try:
        told = json.loads(text)
        jobs = told.get("cluster", {})
        workers = {f"{job} {i}": at for job in ("chief", "worker") for i, at in enumerate(jobs.get(job, []))}
        me = f"{told['task']['type']} {int(told['task']['index'])}" if workers else ""
        if workers and not (me in workers and all(at.rpartition(":")[2].isdigit() for at in workers.values())):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"TF_CONFIG: got {text!r}, expected JSON such as {EXAMPLE}") from None
    return workers, me


def gather(workers, me, seconds):
    """Returns once every worker is at this place; says who is waited for. Raises ValueError when the seconds are over.

    workers: {name: "host:port"}, the first worker first. The first one listens where TensorFlow will, the others call;
    when all have called it lets them go. Left to itself TensorFlow (2.21) waits for ever, and lets no thread speak.
    """
    wait, (first, address) = _Wait(workers, me, seconds), next(iter(workers.items()))
    host, _, port = address.rpartition(":")
    if me != first:
        answer = b""
        while not answer:
            wait.on([first])
            call = _call((host, int(port)), me)
            while call and (answer := _answer(call)) is None:
                wait.on([name for name in workers if name != me])
        return
    try:
        server = socket.create_server(("", int(port)))
    except OSError as error:
        raise OSError(f"TF_CONFIG: cannot listen at {address} ({error.strerror}); name a free port") from None
    with server, contextlib.ExitStack() as open_calls:
        server.settimeout(POLL)
        calls = {}
        while missing := [name for name in workers if name not in {me, *calls}]:
            wait.on(missing)
            with contextlib.suppress(OSError):
                call = open_calls.enter_context(server.accept()[0])
                call.settimeout(1)
                calls[call.makefile().readline().strip()] = call
        for call in calls.values():
            with contextlib.suppress(OSError):
                call.sendall(b"!")
                call.recv(1)  # its end: who closes first keeps the port busy for a while


class _Wait:
    """For other workers: says after a while for whom, and ends at a limit."""

    def __init__(self, workers, me, seconds):
        self.workers, self.me, self.seconds = workers, me, seconds
        self.began, self.speaks = time.monotonic(), SPEAKS[0]

    def on(self, names):
        """Raises ValueError if the limit has passed."""
        passed = time.monotonic() - self.began
        who = ", ".join(f"{name} ({self.workers[name]})" for name in names)
        if passed > self.seconds:
            raise ValueError(f"wait: {who} did not start within {self.seconds:g} s; start it, or give a longer --wait")
        if passed > self.speaks:
            tell(f"{self.me}: waiting for {who}", sys.stderr)
            self.speaks += SPEAKS[1]


def _call(place, me):
    """A connection to the first worker that has told it who calls; None if it does not listen."""
    try:
        call = socket.create_connection(place, timeout=1)
        call.settimeout(POLL)
        call.sendall(f"{me}\n".encode())
        return call
    except OSError:
        time.sleep(POLL)
        return None


def _answer(call):
    """What the first worker says: something, nothing (it has ended), or None while it is silent."""
    try:
        answer = call.recv(1)
    except TimeoutError:
        return None
    except OSError:
        answer = b""
    call.close()
    return answer


@contextlib.contextmanager
def watching(strategy):
    """Raises WorkerLost, with who it is, for what TensorFlow raises in the block when another worker is gone."""
    try:
        yield
    except tf.errors.OpError as error:
        if strategy.cluster_resolver is None:
            raise
        workers, me = _cluster()
        gone = [name for name, at in workers.items() if name != me and not _listens(at)]
        task = re.search(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", error.message)  # it may be there and be silent
        names = gone or ([f"{task[1]} {task[2]}"] if task else [])
        raise WorkerLost(", ".join(f"{name} ({workers.get(name)})" for name in names) or "another worker") from error


def _listens(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


def is_chief(strategy):
    """Whether this process writes: the only one, or the first worker."""
    if strategy.cluster_resolver is None:
        return True
    workers, me = _cluster()
    return me == next(iter(workers))


def agreed(strategy, numbers):
    """The means of all workers' numbers: by these they decide alike, or each would wait for the others for ever."""
    if strategy.cluster_resolver is None:
        return numbers
    mine = strategy.run(lambda: tf.constant([float(number) for number in numbers], tf.float64))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, mine, axis=None).numpy().tolist()


def leave_last(strategy):
    """Waits until the other workers are gone: TensorFlow kills those whom the first one leaves behind."""
    if strategy.cluster_resolver is None:
        return
    (workers, me), until = _cluster(), time.monotonic() + PATIENCE
    for name, address in workers.items():
        while name != me and time.monotonic() < until and _listens(address):
            time.sleep(0.1)
