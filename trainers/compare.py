"""Does a recurrent inference network embed images better? python -m trainers.compare --data mnist

Trains a VRAE with each inference network on the same image rows with the same decoder and the same steps, then puts
their figures in a table and their two-dimensional latent spaces side by side.
"""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
from typing import Literal

import tyro

from trainers.learn.console import import_tensorflow

NEIGHBOURS = 5
COLUMNS = {  # name: how it is written
    "network": "{}",
    "parameters": "{:,}",
    "bound": "{:.2f}",
    "standard_error": "{:.2f}",
    "distortion": "{:.2f}",
    "rate": "{:.2f}",
    "knn_accuracy": "{:.3f}",
    "seconds_per_epoch": "{:.1f}",
    "minutes": "{:.1f}",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Train VRAEs that differ in their inference network alone, and compare them."""

    data: Literal["digits", "mnist"] = "digits"
    """presets digits-NETWORK or mnist-NETWORK"""
    networks: tuple[Literal["nn", "rnn", "lstm", "gru"], ...] = ("nn", "lstm", "gru")
    steps: int | None = None
    """optimiser updates of each (default: the presets')"""
    seed: int = 0
    workdir: pathlib.Path | None = None
    """where the runs, the table and the picture go (default: runs/compare/DATA)"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: TFDS_DATA_DIR)"""


def train(options, network, folder):
    """Trains, or continues, one run with the ordinary command. Exits with its code if it does not finish."""
    command = [sys.executable, "-m", "trainers.vrae", "--preset", f"{options.data}-{network}"]
    command += ["--workdir", str(folder), "--seed", str(options.seed)]
    for name in ("steps", "data_dir"):
        if getattr(options, name) is not None:
            command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    with subprocess.Popen(command) as child:
        term = signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child, which saves
        code = child.wait()
    signal.signal(signal.SIGTERM, term)
    signal.signal(signal.SIGINT, interrupt)
    if code or not (folder / "metrics.json").exists():
        sys.exit(code)


def measure(folder):
    """The figures of a finished run; its latent means of the test split [N, 2], labels [N] and manifold images."""
    import numpy as np

    from trainers.score.figures import sets_of
    from trainers.show.board import read
    from zoo import data
    from zoo.metrics import latent
    from zoo.store import runs

    run, model = runs.open_run(folder), runs.load(folder)
    sets = sets_of(run, model)
    means = []
    for batch, n in data.in_order(sets.test, min(250, sets.test.size)):
        means.append(model.posterior(batch["sequence"])[0].numpy()[:n])
    means, labels = np.concatenate(means), sets.test.arrays["label"]
    figures = {figure["name"]: figure for figure in run.figures}
    # The median of the curve, which neither compilation nor validation moves.
    speed = np.median(read(folder / "train", "speed/examples_per_second")[1])
    row = {
        "network": run.settings.model.inference,
        "parameters": model.count_params(),
        **{name: figures[name]["value"] for name in ("bound", "distortion", "rate")},
        "standard_error": figures["bound"]["standard_error"],
        "knn_accuracy": latent.knn_accuracy(means, labels, NEIGHBOURS),
        "seconds_per_epoch": float(sets.train.size / speed),
        "minutes": figures["bound"]["minutes"],
        "steps": run.settings.steps,
        "seed": run.settings.seed,
        "data": f"{sets.origin}; {sets.test.size:,} test examples",
        "command": run.config["command"],
    }
    z = latent.manifold(20).reshape(-1, 2)
    return row, means, labels, model.decode(z)["sequence"].numpy()


def table(rows):
    """Markdown."""
    row = rows[0]
    lines = [
        f"{row['data']}. {row['steps']:,} steps, seed {row['seed']}. Nats per example; 5-NN: share of test means whose "
        f"{NEIGHBOURS} nearest (itself left out) vote for their label.",
        "",
        "| " + " | ".join(COLUMNS).replace("_", " ") + " |",
        "|" + " --- |" * len(COLUMNS),
    ]
    for row in rows:
        lines.append("| " + " | ".join(form.format(row[name]) for name, form in COLUMNS.items()) + " |")
    return "\n".join(lines) + "\n"


def picture(found):
    """Above the test means by label, with the same limits for all; below the manifold. uint8 [H, W, 3]."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from trainers.show.pictures import grid

    figure = Figure((5 * len(found), 10), dpi=100, layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots(2, len(found), squeeze=False)
    limit = max(np.quantile(np.abs(means), 0.998) for _, means, _, _ in found)
    for column, (row, means, labels, images) in enumerate(found):
        above, below = axes[:, column]
        for label in np.unique(labels):
            above.scatter(*means[labels == label].T, s=4, linewidths=0, color=f"C{label}", label=str(label))
        above.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        above.set_title(
            f"{row['network']}: bound {row['bound']:.1f}, {NEIGHBOURS}-NN {row['knn_accuracy']:.1%}, "
            f"{row['seconds_per_epoch']:.1f} s/epoch"
        )
        below.imshow(grid(images[..., None], columns=20, scale=1))
        below.axis("off")
    axes[0, -1].legend(loc="upper right", markerscale=3, fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def main(arguments=None):
    """The command line."""
    options = tyro.cli(Options, args=arguments, prog="python -m trainers.compare", description=__doc__)
    folder = options.workdir or pathlib.Path("runs", "compare", options.data)
    for network in options.networks:
        train(options, network, folder / network)
    import_tensorflow()
    from trainers.show.pictures import save_png

    found = [measure(folder / network) for network in options.networks]
    rows = [row for row, *_ in found]
    (folder / "comparison.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (folder / "comparison.md").write_text(table(rows), encoding="utf-8")
    save_png(folder / "comparison.png", picture(found))
    print(table(rows) + f"written: {folder / 'comparison'}.md, .json, .png")


if __name__ == "__main__":
    main()
