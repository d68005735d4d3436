"""What a run says: one live line on a terminal, plain lines elsewhere; and a quiet import of TensorFlow.

This file imports nothing heavy, so that it can speak before TensorFlow is there.
"""

import contextlib
import glob
import os
import subprocess
import sys
import time

import rich.console
from rich.progress import BarColumn, Progress, TextColumn

STREAMS = ("stdin", "stdout", "stderr")
LINES = 20  # about so many plain lines a run, once the doubling has grown wide
SILENCE = 60  # seconds after which a plain line comes anyway


class Console:
    """Progress of one run. As a context manager it leaves the terminal in order, also when interrupted.

    total_steps: updates in the whole run; start_step: updates already done. On a terminal one line is
    redrawn; elsewhere (a file, a pipe) plain lines come at doubling steps, then LINES times.
    """

    def __init__(self, total_steps, start_step=0):
        self.total, self.live = total_steps, sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._console = rich.console.Console(highlight=False, markup=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            expand=True,
            disable=not self.live,
            speed_estimate_period=120,
        )
        self._task = self._progress.add_task("", total=total_steps, completed=start_step, figures="")
        self._next_line, self._last_time = start_step, time.monotonic()
        self._progress.start()

    def update(self, step, watched, examples_per_second):
        """step: updates done; watched: a figure in words; examples_per_second: over all replicas."""
        self._progress.update(self._task, completed=step)
        seconds = self._progress.tasks[0].time_remaining  # estimated over the last two minutes, None at first
        left = f"  {_duration(seconds)} left" if seconds else ""
        figures = f"{watched}  {examples_per_second:,.0f} examples/s{left}"
        self._progress.update(self._task, figures=figures)
        now = time.monotonic()
        if self.live or (step < min(self._next_line, self.total) and now - self._last_time < SILENCE):
            return
        width = len(f"{self.total:,}")
        tell(f"step {step:{width},}/{self.total:,}  {figures}")
        self._next_line, self._last_time = step + max(1, min(step, self.total // LINES)), now

    def say(self, line=""):
        """A line that stays, above the live one."""
        if self.live:
            self._show(line)
        else:
            tell(line)

    def warn(self, line):
        """A line that stays and stands out; on standard error where nobody watches."""
        if self.live:
            self._show(f"warning: {line}", style="yellow")
        else:
            tell(f"warning: {line}", sys.stderr)

    def close(self):
        """End the live line; `say` and `warn` still work."""
        try:
            self._progress.stop()
        except OSError:
            _silence(sys.stdout)
        self.live = False

    def _show(self, line, **style):
        try:
            self._console.print(line, **style)
        except OSError:  # the terminal is gone
            _silence(sys.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def keep_speaking():
    """Prepares the standard streams so that none is a reason to stop: one that is closed, or of few characters."""
    for number, name in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes this number, or the next file would
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def tell(line, stream=None):
    """A line for whoever reads a stream, by default standard output. If nobody does any more, that ends nothing."""
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError:
        _silence(stream)


def _silence(stream):
    """From now on, what a stream is told goes nowhere, also what it still holds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _duration(seconds):
    """3723.4 -> "1:02:03", 123.4 -> "2:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# What TensorFlow 2.21 writes to file descriptor 2 at every import on a machine where nothing is wrong.
CHATTER = [
    "All log messages before absl::InitializeLog() is called are written to STDERR",
    "oneDNN custom operations are on.",
]
# Harmless without a GPU. With one they say why it stays unused, so there they are shown.
NO_GPU_CHATTER = [
    "Could not find cuda drivers on your machine, GPU will not be used.",
    "failed call to cuInit",
]

_FILTER = """
import sys
patterns = [p.encode() for p in sys.argv[1:]]
for line in sys.stdin.buffer:
    if not any(p in line for p in patterns):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def stop(error, code=2):
    """Ends the process with one line on standard error."""
    tell(f"error: {error}", sys.stderr)
    sys.exit(code)


def import_tensorflow():
    """Import TensorFlow and look for its devices without the chatter of a healthy start; returns the module.

    Call it before anything else imports TensorFlow. Lines not listed above are passed on, in order, also when
    the import crashes. Whoever sets TF_CPP_MIN_LOG_LEVEL sees everything that this level lets through.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or "tensorflow" in sys.modules:
        return _import()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1"  # warnings and errors stay, "XLA service ..." goes
    with _without(CHATTER if glob.glob("/dev/nvidia*") else CHATTER + NO_GPU_CHATTER):
        return _import()


def _import():
    import tensorflow as tf

    tf.config.list_physical_devices()  # looks for the CUDA driver, and complains, only now
    return tf


@contextlib.contextmanager
def _without(patterns):
    """Send file descriptor 2 through a process that leaves out lines holding one of the patterns.

    A process of its own, not a temporary file: what TensorFlow says before it aborts must still come out.
    """
    command = [sys.executable, "-I", "-S", "-c", _FILTER, *patterns]
    # a session of its own, or Ctrl-C would end the filter before the last words of what it filters
    sieve = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2, start_new_session=True)
    stderr = os.dup(2)
    os.dup2(sieve.stdin.fileno(), 2)
    sieve.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        sieve.wait()
