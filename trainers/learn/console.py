"""What a run says: one live line on a terminal, plain lines elsewhere.

This file imports nothing heavy, so that it can speak before TensorFlow is there.
"""

import os
import sys
import time

import rich.console
from rich.progress import BarColumn, Progress, TextColumn

from zoo.quiet import silence, tell

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
            silence(sys.stdout)
        self.live = False

    def _show(self, line, **style):
        try:
            self._console.print(line, **style)
        except OSError:  # the terminal is gone
            silence(sys.stdout)

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


def _duration(seconds):
    """3723.4 -> "1:02:03", 123.4 -> "2:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
