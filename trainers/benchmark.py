"""How fast a model trains here: python -m trainers.benchmark draw --preset mnist. Prints one JSON object.

What is timed is the trainer's own step, with one of its own batches: of texts, whose batches differ in length, one of
the median size. Its parts, and the matrix products it cannot do without, are timed in turn with it, round after round,
so that a machine that slows down slows them all alike.
"""

import dataclasses
import json
import math
import os
import pathlib
import resource
import sys
import time
from importlib import metadata
from typing import Annotated

import tyro

from zoo import catalogue
from zoo.quiet import ask, import_tensorflow, stop

SAMPLE_SECONDS = 0.2  # what is faster is repeated within one timing
STAND_INS = 2000  # random examples
BATCHES = 15  # of which the one of the median size is taken
BUSY = 0.1  # of the cores: if other processes take more, the figures are worth little


@dataclasses.dataclass(frozen=True)
class Options:
    """Time a model's training step and its parts. The machine should have nothing else to do."""

    model: Annotated[str, tyro.conf.Positional]
    """python -m trainers lists them"""
    preset: str | None = None
    """python -m trainers lists them (default: the model's first)"""
    batch_size: int | None = None
    """examples per step over all replicas (default: the preset's)"""
    steps: int = 20
    """how often the step is timed; short steps are timed several at once"""
    threads: int | None = None
    """cores to use; 1 gives the steadier figure (default: all)"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: TFDS_DATA_DIR); random numbers stand in for missing data"""
    xla: bool = True
    """compile losses and gradients"""


def settings_of(options):
    """The preset's settings with the batch size asked for. Raises ValueError for what does not exist."""
    for name in ("steps", "threads", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    preset = options.preset or next(iter(catalogue.presets(options.model)))
    settings = catalogue.preset(options.model, preset)
    return dataclasses.replace(settings, batch_size=options.batch_size or settings.batch_size)


def keep_to(threads):
    """Confines this process to so many cores, before it imports TensorFlow. Returns how many it has."""
    cores = sorted(os.sched_getaffinity(0))
    if threads is not None:
        if threads > len(cores):
            raise ValueError(f"threads: got {threads}, expected at most the {len(cores)} cores of this machine")
        cores = cores[-threads:]
        os.sched_setaffinity(0, cores)  # what TensorFlow and the trainer count, too
    return len(cores)


class Load:
    """What other processes take of this process's cores, from now on."""

    def __init__(self):
        self.before = self.read()

    def read(self):
        """(seconds gone, seconds the cores worked, of these for this process)."""
        busy, stat = 0.0, pathlib.Path("/proc/stat")
        for line in stat.read_text(encoding="utf-8").splitlines() if stat.exists() else ():
            name, *ticks = line.split()
            if name in {f"cpu{core}" for core in os.sched_getaffinity(0)}:
                user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
                busy += (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, time.process_time()

    def of_others(self):
        """Their share of the cores' time since."""
        gone, busy, own = (after - before for after, before in zip(self.read(), self.before, strict=True))
        return max(0.0, busy - own) / gone / len(os.sched_getaffinity(0))


def examples(settings, model, data_dir):
    """(what they are, the data), random numbers of the right kind if the data cannot be found."""
    import numpy as np

    from trainers.score.figures import load_data
    from zoo import data

    try:
        sets = load_data(settings, model, data_dir)
        return sets.told(model.subject), sets
    except FileNotFoundError as error:
        print(f"warning: random numbers stand in for the data; {error}", file=sys.stderr)
    numbers = np.random.default_rng(0)
    split = data.Split({name: field.random(STAND_INS, numbers) for name, field in model.fields.items()})
    return "random numbers", data.Data("random numbers", split, split, split, "random numbers")


def measure(options, threads):
    """The figures, a dictionary that JSON can hold; times in milliseconds."""
    import keras
    import tensorflow as tf

    from trainers.declare.task import task_of
    from trainers.learn.learner import learner_of
    from trainers.learn.memory import keep_memory
    from trainers.learn.steps import distributed, step_function
    from trainers.learn.strategy import make_strategy
    from trainers.speed import products

    settings, load = settings_of(options), Load()
    keep_memory()
    keras.utils.set_random_seed(settings.seed)
    strategy = make_strategy()
    with strategy.scope():
        model = catalogue.build(options.model, settings.model)
        task = task_of(options.model, settings.model)
        learner = learner_of(task, model, settings, strategy, options.xla)
    origin, sets = examples(settings, model, options.data_dir)
    learner.enter(0)
    iterator = iter(distributed(learner, sets, 0))
    here = usual(strategy, iterator)
    same, run_steps = again(strategy, here), step_function(learner)

    def step(n):
        values = run_steps(same, tf.constant(n))
        return next(iter(values.values())).numpy()

    compile_seconds = seconds(step, 1)
    once = min(seconds(step, 1) for _ in range(3))
    peak = peak_memory()

    batch = next(same)[1]
    noise = model.training_noise(settings.batch_size // strategy.num_replicas_in_sync, tf.constant([settings.seed, 0]))
    pairs, gflop, summed_gflop = products.count(learner, here, noise)
    timed = products.largest(pairs)
    ways = {(pair, way): run for pair in timed for way, run in products.ways(*pair, learner.shards).items()}
    forward = repeated(strategy, forward_of(learner, options.xla))
    gradients = repeated(strategy, lambda batch, noise: learner.sharded(batch, noise, tf.constant(0)))

    n = max(1, round(SAMPLE_SECONDS / once))
    runs = {  # name: (function, how many of what is timed it does)
        "step": (lambda: step(n), n),
        "input": (lambda: next(iterator), 1),
        "gradients": (lambda: gradients(tf.constant(n), batch, noise).numpy(), n),
        "forward": (lambda: forward(tf.constant(n), batch, noise).numpy(), n),
        **ways,
    }
    for run, _ in runs.values():
        run()  # compiles
    samples = {name: [] for name in runs}
    for _ in range(options.steps):
        for name, (run, times) in runs.items():
            samples[name].append(1000 * seconds(run) / times)

    low, ms, high = quartiles(samples["step"])
    differences = {
        "backward_ms": [g - f for g, f in zip(samples["gradients"], samples["forward"], strict=True)],
        "rest_ms": [s - g for s, g in zip(samples["step"], samples["gradients"], strict=True)],
    }
    best = {pair: min((quartiles(samples[pair, way])[1], way) for p, way in ways if p == pair) for pair in timed}
    covered = sum(pair[0].gflop * times for pair, times in timed.items())
    spent = sum(best[pair][0] * times for pair, times in timed.items())
    rate = covered / spent if spent else math.inf  # GFLOP in a millisecond
    total = strategy.num_replicas_in_sync * (gflop + summed_gflop)
    ceiling_ms = total / strategy.num_replicas_in_sync / rate
    return {
        "model": options.model,
        "preset": options.preset or next(iter(catalogue.presets(options.model))),
        "data": origin,
        "batch_size": settings.batch_size,
        "batch": {name: list(x.shape) for name, x in here.items()},
        "threads": threads,
        "replicas": strategy.num_replicas_in_sync,
        "xla": options.xla,
        "examples_per_second": 1000 * settings.batch_size / ms,
        "ms_per_step": ms,
        "ms_per_step_min": min(samples["step"]),
        "ms_per_step_quartiles": [low, high],
        "timings": options.steps,
        "steps_per_timing": n,
        "compile_seconds": compile_seconds,
        "peak_memory_gb": peak / 1e9,
        "forward_ms": quartiles(samples["forward"])[1],
        **{name: quartiles(values)[1] for name, values in differences.items()},
        "input_wait_ms": quartiles(samples["input"])[1],
        "matmul_gflop": total,
        "matmul_gflop_as_multiply_and_sum": strategy.num_replicas_in_sync * summed_gflop,
        "matmul_ceiling_gflops_per_second": 1000 * rate * strategy.num_replicas_in_sync,
        "matmul_ceiling_ms": ceiling_ms,
        "matmul_ceiling_share": ceiling_ms / ms,
        "products": [
            {
                "product": str(pair[0]),
                "times": times,
                "best": best[pair][1],
                "gflops_per_second": {
                    way: 1000 * pair[0].gflop / quartiles(samples[p, way])[1] for p, way in ways if p == pair
                },
            }
            for pair, times in timed.items()
        ],
        "others_share_of_cores": load.of_others(),
        "tensorflow": metadata.version("tensorflow"),
    }


def usual(strategy, iterator):
    """The first replica's part of a batch of the median size."""
    import tensorflow as tf

    def of_one(batch):
        return tf.nest.map_structure(lambda x: strategy.experimental_local_results(x)[0], batch)

    found = [of_one(next(iterator)[1]) for _ in range(BATCHES)]
    return sorted(found, key=lambda batch: sum(int(tf.size(x)) for x in batch.values()))[BATCHES // 2]


def again(strategy, batch):
    """An endless iterator of (step, batch) with this batch for every replica."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensors((tf.constant(0, tf.int64), batch)).repeat()
    alone = strategy.num_replicas_in_sync == 1
    return iter(dataset if alone else strategy.distribute_datasets_from_function(lambda context: dataset))


def peak_memory():
    """The most memory that this process has had so far, in bytes."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What getrusage tells on Linux begins with the memory of whatever process started this one.
    return 1024 * int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0])


def forward_of(learner, xla):
    """The learner's loss terms without their gradients, on the parts of the batch that it works on."""
    import tensorflow as tf

    from trainers.learn.learner import cut

    terms = tf.function(lambda batch, noise: learner.terms(batch, noise, 0), jit_compile=xla, autograph=False)
    return lambda *arguments: [terms(*part) for part in zip(*(cut(x, learner.shards) for x in arguments), strict=True)]


def repeated(strategy, function):
    """(n, batch, noise) -> makes every replica run function(batch, noise) n times, one after the other."""
    import tensorflow as tf

    def touch(batch, noise):  # one number of each result, so that all are waited for
        return tf.add_n([tf.reshape(x, [-1])[0] for x in tf.nest.flatten(function(batch, noise))])

    @tf.function(autograph=False)
    def run(n, batch, noise):
        def once(i, total):
            touched = strategy.run(touch, (batch, noise))
            return i + 1, total + strategy.reduce(tf.distribute.ReduceOp.SUM, touched, axis=None)

        return tf.while_loop(lambda i, _: i < n, once, (0, 0.0))[1]

    return run


def seconds(function, *arguments):
    """What a call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def quartiles(values):
    """Lower quartile, median and upper quartile."""
    import numpy as np

    return [float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])]


def rounded(figures):
    """Four digits of every number, which is more than any of them is worth."""
    if isinstance(figures, dict):
        return {name: rounded(value) for name, value in figures.items()}
    if isinstance(figures, list):
        return [rounded(value) for value in figures]
    return float(f"{figures:.4g}") if isinstance(figures, float) and math.isfinite(figures) else figures


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m trainers.benchmark")
    try:
        settings_of(options)
        threads = keep_to(options.threads)
        load = Load()
        time.sleep(1)
        warn(load.of_others(), "now")
        tf = import_tensorflow()
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        figures = measure(options, threads)
    except (ValueError, OSError) as error:
        stop(error)
    warn(figures["others_share_of_cores"], "during the benchmark")
    print(json.dumps(rounded(figures), indent=2))


def warn(share, when):
    """Says on standard error that others keep the cores busy."""
    if share > BUSY:
        line = f"warning: other processes take {share:.0%} of the cores {when}; times mean little on a busy machine"
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
