"""Presets that differ in little, side by side: python -m trainers.compare vrae digits-nn digits-gru

Trains each with the ordinary command at the same number of steps and the same seed, or continues it, then puts their
figures into a table, and their learning curves and an exhibit of each into a picture.
"""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
from typing import Annotated

import tyro

from trainers.declare.task import task_of
from zoo import catalogue
from zoo.quiet import ask, import_tensorflow, stop, tell

# The first that a model has stands in the picture, or its very first exhibit.
EXHIBITS = ("manifold", "map", "lengths", "samples")


@dataclasses.dataclass(frozen=True)
class Options:
    """Train presets of a model at an equal budget, and compare them."""

    model: Annotated[str, tyro.conf.Positional]
    """python -m trainers lists them"""
    presets: Annotated[tuple[str, ...], tyro.conf.Positional]
    """two or more of its presets"""
    steps: int | None = None
    """optimiser updates of each (default: the most that one of the presets has)"""
    seed: int = 0
    workdir: pathlib.Path | None = None
    """where the runs, the table and the picture go (default: runs/compare/MODEL)"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: TFDS_DATA_DIR)"""


def train(options, preset, steps, folder):
    """Trains, or continues, one run with the ordinary command. Exits with its code if it does not finish."""
    command = [sys.executable, "-m", f"trainers.{options.model}", "--preset", preset, "--steps", str(steps)]
    command += ["--workdir", str(folder), "--seed", str(options.seed)]
    if options.data_dir is not None:
        command += ["--data-dir", str(options.data_dir)]
    with subprocess.Popen(command) as child:
        term = signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child, which saves
        code = child.wait()
    signal.signal(signal.SIGTERM, term)
    signal.signal(signal.SIGINT, interrupt)
    if code or not (folder / "metrics.json").exists():
        sys.exit(code)


def measure(folder):
    """(one row of the table, the learning curve (minutes, values), the exhibits) of a finished run."""
    import numpy as np

    from trainers.score import figures
    from trainers.show.board import read
    from zoo.store import runs

    run, model = runs.open_run(folder), runs.load(folder)
    sets = figures.sets_of(run, model)
    headline = next(iter(model.measures))
    # The median of the curve, which neither compilation nor validation moves.
    steps, speed = read(folder / "train", "speed/examples_per_second")
    at, values = read(folder / "validation", f"loss/{headline}")
    minutes = np.cumsum(np.diff(steps, prepend=0) * run.settings.batch_size / speed) / 60
    found = {one["name"]: (one["value"], one["standard_error"], one["unit"]) for one in run.figures}
    row = {
        "preset": run.preset,
        "parameters": model.count_params(),
        "figures": found,
        "seconds_per_epoch": float(sets.train.size / np.median(speed)),
        "minutes": run.figures[0]["minutes"],
        "steps": run.settings.steps,
        "seed": run.settings.seed,
        "data": f"{sets.origin}; {sets.test.size:,} test examples",
        "command": run.config["command"],
    }
    task = task_of(run.model, run.settings.model)
    shown = figures.shown(model, sets, "test", (0, 2))
    return row, (np.interp(at, steps, minutes), values), task.exhibits(model, shown)


def table(rows):
    """Markdown: a row a preset, a column a figure that all of them have."""
    names = [name for name in rows[0]["figures"] if all(name in row["figures"] for row in rows)]
    heads = [f"{name.replace('_', ' ')} ({unit})" if (unit := rows[0]["figures"][name][2]) else name for name in names]
    heads = ["preset", "parameters", *heads, "seconds per epoch", "minutes"]
    lines = [f"{rows[0]['data']}. {rows[0]['steps']:,} steps, seed {rows[0]['seed']}.", ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        values = [row["figures"][name] for name in names]
        cells = [f"{value:.4g}" + (f" ± {error:.2g}" if error else "") for value, error, _ in values]
        cells = [row["preset"], f"{row['parameters']:,}", *cells, f"{row['seconds_per_epoch']:.1f}"]
        lines.append("| " + " | ".join([*cells, f"{row['minutes']:.1f}"]) + " |")
    return "\n".join(lines) + "\n"


def picture(rows, curves, exhibits, ylabel):
    """The learning curves above, an exhibit of each preset below, side by side, or curves over one axis. uint8
    [H, W, 3]."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from trainers.show.exhibits import Curve

    names = [row["preset"] for row in rows]
    figure = Figure((5 * len(rows), 9), dpi=100, layout="constrained")
    canvas, grid = FigureCanvasAgg(figure), figure.add_gridspec(2, len(rows))
    above = figure.add_subplot(grid[0, :])
    for name, (minutes, values) in zip(names, curves, strict=True):
        above.plot(minutes, values, marker=".", label=name)
    above.set(xlabel="minutes of training", ylabel=f"validation, {ylabel}")
    above.grid(alpha=0.3)
    above.legend()
    shown = [next((found[tag] for tag in (*EXHIBITS, *found) if tag in found), None) for found in exhibits]
    if all(isinstance(one, Curve) for one in shown):
        below = figure.add_subplot(grid[1, :])
        for name, curve in zip(names, shown, strict=True):
            for line, (x, y) in curve.lines.items():
                below.plot(x, y, marker=".", label=f"{name}, {line}")
        scale = "log" if shown[0].logarithmic else "linear"
        below.set(xlabel=shown[0].xlabel, ylabel=shown[0].ylabel, xscale=scale)
        below.grid(alpha=0.3)
        below.legend()
    else:
        for column, (name, one) in enumerate(zip(names, shown, strict=True)):
            below = figure.add_subplot(grid[1, column])
            below.axis("off")
            below.set_title(name)
            if one is not None:
                below.imshow(one.drawn().pixels)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m trainers.compare", description=__doc__)
    try:
        if len(options.presets) < 2:
            raise ValueError(f"presets: got {len(options.presets)}, expected two or more of trainers.{options.model}")
        steps = options.steps or max(catalogue.preset(options.model, preset).steps for preset in options.presets)
        for preset in options.presets:
            catalogue.preset(options.model, preset)
    except ValueError as error:
        stop(error)
    folder = options.workdir or pathlib.Path("runs", "compare", options.model)
    for preset in options.presets:
        train(options, preset, steps, folder / preset)
    import_tensorflow()
    from trainers.show.exhibits import Picture

    rows, curves, exhibits = zip(*(measure(folder / preset) for preset in options.presets), strict=True)
    unit = next(iter(rows[0]["figures"].values()))[2]
    (folder / "comparison.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (folder / "comparison.md").write_text(table(rows), encoding="utf-8")
    Picture(picture(rows, curves, exhibits, unit)).save(folder, "comparison")
    tell(table(rows) + f"written: {folder / 'comparison'}.md, .json, .png")


if __name__ == "__main__":
    main()
