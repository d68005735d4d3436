"""The training loop of every model: strategy, steps, checkpoints, TensorBoard, and a good end whatever happens."""

import contextlib
import dataclasses
import math
import os
import shlex
import signal
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from trainers.learn.checkpoint import Checkpoints, assign
from trainers.learn.console import Console
from trainers.learn.learner import learner_of
from trainers.learn.memory import keep_memory
from trainers.learn.start import check_same_run, describe, start_from
from trainers.learn.steps import distributed, step_function
from trainers.learn.strategy import WorkerLost, agreed, is_chief, leave_last, make_strategy, watching
from trainers.score import figures, provenance, scoring
from trainers.show import board, exhibits
from zoo import catalogue
from zoo.configs.base import to_dict
from zoo.store import runs
from zoo.store.files import aside, lock, read_json, require_room, write_json

DIVERGED = 3  # exit code after a loss that is not finite
WORKER_LOST = 4  # and after another worker went
INTERRUPTED = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}  # exit codes, once the state is saved
CALL_SECONDS = 1.0  # one call of the graph makes about so many seconds' worth of steps
EMBEDDED = 2000  # examples in TensorBoard's projector
FIRST_PICTURES = 50  # step of the first pictures; the others follow at each doubling
WEIGHTS = "model.weights.h5"
VALIDATION, PICTURES = 2, 3  # folded into the run's seed: each use has its own stream, see steps.NOISE


def train(task, options):
    """Trains or continues the run in options.workdir. Returns the exit code.

    Raises ValueError or OSError, each with one line for the user, before anything but the lock is written.
    """
    settings, workdir = options.settings, options.workdir
    keras.config.set_dtype_policy("mixed_bfloat16" if options.dtype == "bfloat16" else "float32")
    keep_memory()
    strategy = make_strategy(options.devices, options.wait)
    replicas = strategy.num_replicas_in_sync
    if settings.batch_size % replicas:
        raise ValueError(f"batch_size: got {settings.batch_size}, expected a multiple of the {replicas} replicas")
    writes = is_chief(strategy) and not options.dry_run
    with contextlib.ExitStack() as stack:
        if writes:
            stack.enter_context(lock(workdir))
        if not options.dry_run:
            check_same_run(workdir, describe(task, options))
        keras.utils.set_random_seed(settings.seed)  # the initial weights
        with strategy.scope():
            model = catalogue.build(task.name, settings.model)
            learner = learner_of(task, model, settings, strategy, options.xla)
        checkpoints = Checkpoints(workdir / "checkpoints")
        state = None if options.dry_run else checkpoints.newest()
        if state is not None:
            assign(learner.variables, state)
        elif options.init_from:
            start_from(*options.init_from.partition(":")[::2], model)
        sets = figures.load_data(settings, model, options.data_dir)
        for field, words in sets.vocabularies.items():
            model.vocabularies[field].learn(words)
        try:
            model.learn(sets.train)
        except ValueError as error:
            raise ValueError(f"{error}; choose other data than {settings.data}") from None
        learner.batches(sets, 0)  # refuses what it cannot make of them before anything is written
        if options.dry_run:
            return dry_run(learner, sets)
        training = stack.enter_context(Training(task, options, learner, sets, writes, checkpoints, state))
        try:
            with watching(strategy):
                return training.run()
        except WorkerLost as lost:
            return training.left_by(lost)


def dry_run(learner, sets):
    """One step on a first batch; prints the parameters and the shapes. Writes nothing."""
    for v in learner.model.variables:
        print(f"{v.path:50} {tuple(v.shape)!s:20} {math.prod(v.shape):>12,}")
    print(f"{'parameters':50} {'':20} {learner.model.count_params():>12,}")
    learner.enter(0)
    iterator = iter(distributed(learner, sets, 0))
    print(sets.origin)
    for name, array in sets.train.arrays.items():
        told = sets.told(learner.model.subject)
        print(f"{name}: {sets.train.size:,} training examples of {array.shape[1:]}, {told}")
    for split, covered in sets.coverage.items():
        print(f"{split}: {covered}")
    values = step_function(learner)(iterator, 1)
    print("one step: " + ", ".join(f"{name} {float(value[0]):.2f}" for name, value in values.items()))
    return 0


def tagged(values):
    """{TensorBoard's tag: number}; names without a group come together under loss."""
    return {name if "/" in name else f"loss/{name}": value for name, value in values.items()}


class Training:
    """One process's part in a run."""

    def __init__(self, task, options, learner, sets, writes, checkpoints, state):
        self.task, self.options, self.learner, self.sets, self.writes = task, options, learner, sets, writes
        self.checkpoints, self.state = checkpoints, state  # the state that the learner has, None at the beginning
        self.model, self.settings, self.workdir = learner.model, options.settings, options.workdir
        self.score = scoring.scorer(self.model, xla=options.xla)
        self.headline, self.unit = next((name, one.unit) for name, one in self.model.measures.items())
        self.step, self.seconds = 0, 0.0  # what a checkpoint holds beside the variables
        self.best, self.best_step = math.inf, 0  # the lowest that validation gave, and when
        self.refused = set()  # what the disk would not take
        self.signal, self.saved = None, False  # a signal that came; whether all is saved that training has made
        self.alone = False  # whether the other workers are gone

    def __enter__(self):
        if (state := self.state) is not None:
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.best, self.best_step = float(state["best"]), int(state["best_step"])
        if self.step > self.settings.steps:
            raise ValueError(
                f"steps: got {self.settings.steps}, expected at least the {self.step} that {self.workdir} has made; "
                f"give --steps {self.step} or more to continue it, or another --workdir to begin anew"
            )
        if agreed(self.learner.strategy, [self.step]) != [self.step]:
            raise ValueError(
                f"workdir: {self.workdir} is at step {self.step} here, elsewhere for other workers; "
                "give all workers the same directory, on storage they share"
            )
        values = {name: one.values for name, one in self.sets.about.items() if one.values}
        about = {"origin": self.sets.origin, "values": values, "data": self.described_data()}
        self.console = Console(self.settings.steps, self.step)
        self.checkpoints.warn = self.console.warn
        if self.writes:
            write_json(self.workdir / "config.json", describe(self.task, self.options) | about)
            self.board = board.Board(self.workdir, to_dict(self.settings), self.step, self.console.warn)
            self.mend_weights()
        kept = {number for number in (signal.SIGHUP,) if signal.getsignal(number) == signal.SIG_IGN}  # by nohup
        self.handlers = {number: signal.signal(number, self.on_signal) for number in INTERRUPTED.keys() - kept}
        return self

    def __exit__(self, *_):
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.console.close()
        if self.writes:
            with self.spared("TensorBoard's files"):
                self.board.close()
            if not self.alone:
                leave_last(self.learner.strategy)

    def described_data(self):
        """config.json's "data", the first start's for ever. Raises ValueError if the data are others now."""
        found = provenance.describe(self.sets, self.settings, self.options.data_dir)
        path = self.workdir / "config.json"
        kept = read_json(path).get("data") if path.exists() else None
        if kept:
            provenance.check(kept, found, self.workdir)
        return kept or found

    def mend_weights(self):
        """Where the best weights are gone or damaged, those of the checkpoint, until a validation finds them best."""
        path = self.workdir / "model.weights.h5"
        if not self.best_step:
            return
        try:
            runs.read_weights(self.model, path)
            assign(self.learner.variables, self.state)
        except (ValueError, OSError):
            assign(self.learner.variables, self.state)
            self.console.warn(f"{path} is gone or damaged; the weights of step {self.step:,} take its place")
            self.best, self.best_step = math.inf, self.step
            with self.learner.averaged(), self.spared("the best weights"):
                self.write_weights()
            self.write_checkpoint()

    def left_by(self, lost):
        """Says that other workers are gone; returns the exit code."""
        kept = self.checkpoints.paths()
        self.alone = True
        self.console.warn(
            f"lost {lost} after step {self.step:,}; "
            + (f"saved is {kept[0].name}" if kept else "there is no checkpoint yet")
            + "; the same command on all workers continues"
        )
        return WORKER_LOST

    def on_signal(self, number, _):
        self.signal = signal.Signals(number)
        if self.saved:
            sys.exit(self.stopped())

    def stopped(self):
        """Says that a signal ended the run; returns the exit code. Another worker's signal counts as SIGTERM."""
        number = self.signal or signal.SIGTERM
        self.console.say(f"stopped by {number.name} at step {self.step:,}; the same command continues")
        return INTERRUPTED[number]

    def run(self):
        """Trains to the last step, a signal or a loss that is not finite. Returns the exit code."""
        settings, say = self.settings, self.console.say
        say(
            f"{self.task.name}: {self.model.count_params():,} parameters; {self.sets.train.size:,} examples of "
            f"{self.sets.told(self.model.subject)}, {settings.batch_size} a step"
        )
        say(self.sets.origin)
        for split, covered in self.sets.coverage.items():
            say(f"{split}: {covered}")
            if covered.warning:
                self.console.warn(f"{split}: {covered.warning}")
        for field, names in self.model.vocabularies.items():
            if not self.model.fields[field].shape and len(names.known) < names.size:
                self.console.warn(f"{field}: the model tells {names.size} apart, the data have {len(names.known)}")
        replicas = self.learner.strategy.num_replicas_in_sync
        if replicas > 1:
            say(f"{replicas} replicas with {settings.batch_size // replicas} examples each")
        if self.step:
            say(f"continuing {self.workdir} at step {self.step:,}")
        per_call, first_step, stop = 1, self.step, False
        while self.step < settings.steps and not (stop or self.exhausted()):
            if self.step in (first_step, *self.learner.phases):
                self.learner.enter(sum(begin <= self.step for begin in self.learner.phases) - 1)
                run_steps = step_function(self.learner)
                iterator, per_call = iter(distributed(self.learner, self.sets, self.step)), 1
            if self.options.profile and self.step > first_step:
                tf.profiler.experimental.start(str(self.workdir / "train"))
            count = min(per_call, self.next_stop() - self.step)
            began = time.monotonic()
            values = {name: value.numpy() for name, value in run_steps(iterator, tf.constant(count)).items()}
            seconds, stop = agreed(self.learner.strategy, [time.monotonic() - began, bool(self.signal)])
            if self.options.profile and self.step > first_step:
                tf.profiler.experimental.stop()
                say(f"wrote a trace of {count} steps for TensorBoard's profiler")
                self.options = dataclasses.replace(self.options, profile=False)
            if not self.all_finite(values):
                return DIVERGED
            if self.step not in (first_step, *self.learner.phases):  # whose first call compiled
                per_call = max(1, min(2 * per_call, round(CALL_SECONDS * count / seconds)))
            self.step, self.seconds = self.step + count, self.seconds + seconds
            self.report(values, count / seconds)
            due = self.step % settings.every == 0 or self.step == settings.steps
            if due or stop:
                self.save(validate=due)
        self.saved = True
        if stop or self.signal:
            return self.stopped()
        if self.step < settings.steps:
            say(f"ended at step {self.step:,}: the last {settings.patience} validations were no better")
        return self.finish() if self.writes else 0

    def exhausted(self):
        """Whether validations have been no better for as long as settings.patience says."""
        if not self.settings.patience:
            return False
        waited = self.step - self.best_step >= self.settings.patience * self.settings.every
        return any(agreed(self.learner.strategy, [self.writes and waited]))  # the first worker validates

    def next_stop(self):
        """The next step after which something is due: a checkpoint, pictures or another phase."""
        every = self.settings.every
        shown = FIRST_PICTURES * 2 ** max(0, math.floor(math.log2(max(self.step, 1) / FIRST_PICTURES)) + 1)
        later = [step for step in self.learner.phases if step > self.step]
        return min(self.settings.steps, (self.step // every + 1) * every, shown, *later)

    def all_finite(self, values):
        """False, and a line that names the step and its values, if a number is not finite."""
        bad = ~np.isfinite(np.stack(list(values.values()))).all(0)
        if not bad.any():
            return True
        i = int(bad.argmax())
        found = ", ".join(f"{name} {value[i]:.4g}" for name, value in values.items())
        kept = self.checkpoints.paths()
        self.console.warn(
            f"the loss is not finite at step {self.step + i + 1} ({found}); "
            + (f"last good checkpoint: {kept[0].name}" if kept else "no checkpoint yet")
            + f". Try --learning-rate {self.settings.learning_rate / 3:.1g} in another --workdir"
        )
        return False

    def report(self, values, steps_per_second):
        """The console's line and TensorBoard's train curves."""
        examples = steps_per_second * self.settings.batch_size
        means = self.with_measures({name: float(value.mean()) for name, value in values.items()})
        name = self.headline if self.headline in means else next(iter(means))
        watched = f"{means[name]:.2f} {self.unit or name}" if name == self.headline else f"{name} {means[name]:.4g}"
        self.console.update(self.step, watched, examples)
        if not self.writes:
            return
        rates = {
            f"optimizer{i or ''}/learning_rate": float(tf.convert_to_tensor(optimizer.learning_rate))
            for i, optimizer in enumerate(self.learner.optimizers)
        }
        with self.spared("TensorBoard's files"):
            self.board.scalars(self.step, tagged(means))
            self.board.scalars(self.step, {**rates, "speed/examples_per_second": examples})
            if (self.step / FIRST_PICTURES) in (2.0**k for k in range(32)):
                self.show()

    def with_measures(self, means):
        """Means of terms and norms, and before them the measures that are made of some. means: counts among them."""
        measures, made = self.model.measures, {}
        for name, one in measures.items():
            if one.terms and means.keys() >= {*one.terms, *filter(None, [one.per])}:
                value = one.scale * sum(means[term] for term in one.terms) / (means[one.per] if one.per else 1)
                made[name] = float(np.exp(value)) if one.exp else value
        counts = {one.per for one in measures.values()}
        return made | {name: mean for name, mean in means.items() if name not in counts}

    def show(self):
        """Exhibits of the same examples and the same noise each time, early and then at doubling steps."""
        shown = figures.shown(self.model, self.sets, "validation", [self.settings.seed, PICTURES])
        with self.learner.averaged():
            self.board.exhibits(self.step, self.task.exhibits(self.model, shown), "validation")
            self.board.histograms(self.step, self.task.histograms(self.model, shown), "validation")

    def save(self, validate):
        """A checkpoint, after a validation where one is due; the weights too if they are the best so far."""
        if not self.writes:
            return
        if validate:
            with self.learner.averaged():
                value = self.validate()
                if not math.isfinite(value):
                    self.console.warn(f"the validation of step {self.step} is not finite ({value}); check its data")
                if value < self.best or not (self.workdir / WEIGHTS).exists():
                    with self.spared("the best weights"):
                        self.write_weights()
                        self.best, self.best_step = min(value, self.best), self.step
        with self.spared("TensorBoard's files"):
            self.board.flush()
        self.write_checkpoint()

    def write_weights(self):
        """model.weights.h5, of the weights that the model has now. Raises OSError if the disk is full."""
        require_room(self.workdir, 8 * self.model.count_params() + 2**20)  # twice what they take
        with aside(self.workdir / WEIGHTS) as temporary:
            self.model.save_weights(temporary)

    def write_checkpoint(self):
        """All that the next start needs."""
        state = {name: v.numpy() for name, v in self.learner.variables.items()}
        kept = {"best": self.best, "best_step": self.best_step, "seconds": self.seconds}
        self.checkpoints.save(self.step, {**state, **kept})

    @contextlib.contextmanager
    def spared(self, what):
        """Training goes on if the disk refuses what is written in the block; the first time that is said."""
        try:
            yield
        except board.REFUSALS as error:
            if what not in self.refused:
                why = os.strerror(error.errno) if getattr(error, "errno", None) else str(error).splitlines()[0]
                self.console.warn(f"{what} of step {self.step} not written ({why}); training goes on")
            self.refused.add(what)

    def validate(self):
        """What picks the weights, the lower the better; every measure and figure goes to TensorBoard."""
        split, seed = self.sets.validation, self.settings.seed
        terms = self.score(split, (seed, VALIDATION))
        found = figures.values_of(self.model.measures, terms)
        whole = self.task.figures(self.model, self.sets, "validation", seed)
        with self.spared("TensorBoard's files"):
            self.board.scalars(self.step, tagged({name: value for name, (value, _) in found.items()}), "validation")
            self.board.scalars(self.step, {f"score/{name}": one.value for name, one in whole.items()}, "validation")
        measures = self.model.measures | {name: one.measure for name, one in whole.items()}
        values = {name: value for name, (value, _) in found.items()} | {name: one.value for name, one in whole.items()}
        name = self.task.best or self.headline
        return -values[name] if measures[name].better == "higher" else values[name]

    def finish(self):
        """Scores and pictures of the best weights, and what to do next."""
        say, run = self.console.say, self.workdir
        keras.config.set_dtype_policy("float32")  # scores are those that `trainers.evaluate` will find
        model = runs.load(run)
        found = figures.measure(self.task, runs.open_run(run), model, self.sets, minutes=self.seconds / 60)
        figures.write(run / "metrics.json", found)
        figures.draw(self.task, model, self.sets, run / "pictures")
        with self.spared("TensorBoard's files"):
            self.board.final(self.step, {f"test/{figure['name']}": figure["value"] for figure in found})
            if self.task.embed is not None:
                shown = figures.shown(model, self.sets, "test", [self.settings.seed, PICTURES], EMBEDDED)
                self.board.projector(self.task.embed(model, shown))
        if lines := self.curves():
            exhibits.Curve(lines, "minutes of training", self.unit or self.headline).save(run / "pictures", "curve")
        say()
        for figure in found:
            say(figures.line(figure, self.sets.told(model.subject)))
        say(f"pictures: {run / 'pictures'}")
        say("next:")
        say(f"  tensorboard --logdir {shlex.quote(str(run))}")
        say(f"  python -m trainers.evaluate {shlex.quote(str(run))}")
        say(f"  python -m export.{self.task.name} {shlex.quote(str(run))} --out models")
        return 0

    def curves(self):
        """{split: (minutes of training, what is watched)} of the whole run, but for the beginning's worse values.

        Without training where that descends something else. Empty if TensorBoard's files are gone.
        """
        steps, speed = board.read(self.workdir / "train", "speed/examples_per_second")
        found = {split: board.read(self.workdir / split, f"loss/{self.headline}") for split in ("train", "validation")}
        found = {split: line for split, line in found.items() if len(line[0])}
        if not len(steps) or "validation" not in found:
            return {}
        minutes = np.cumsum(np.diff(steps, prepend=0) * self.settings.batch_size / speed) / 60
        low = {split: value <= found["validation"][1].max() for split, (_, value) in found.items()}
        return {split: (np.interp(at, steps, minutes)[low[split]], b[low[split]]) for split, (at, b) in found.items()}
