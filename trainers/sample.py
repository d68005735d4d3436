"""What a model dreams, as pictures and arrays: python -m trainers.sample RUN."""

import dataclasses
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.learn.console import import_tensorflow, stop

BATCH = 250  # samples decoded at a time
SHOWN = 64  # samples in the pictures, and in samples.npz with every step


@dataclasses.dataclass(frozen=True)
class Options:
    """Sample from the prior of a run, or of weights that ship. The same seed gives the same samples."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist"""
    count: int = 64
    """samples in samples.npz; pictures show the first 64"""
    seed: int = 0
    out: pathlib.Path | None = None
    """where pictures and samples.npz go (default: RUN/samples; for shipped weights samples/MODEL/PRESET)"""


def sample(model, count, seed):
    """Draws z from the prior and decodes it: (z [count, ...], what decode returns as arrays in [0, 1]).

    Of what decode returns beside the samples (DRAW's canvases and windows) the first SHOWN are kept. Raises ValueError
    if the model cannot sample.
    """
    import numpy as np
    import tensorflow as tf

    if "caption" in model.input_shapes:
        raise ValueError("run: got a model that follows captions; expected one without, see trainers.draw_caption")
    if not hasattr(model, "decode"):
        raise ValueError(
            f"run: got a {type(model).__name__}, which cannot sample; expected a model with latent variables"
        )
    if count < 1:
        raise ValueError(f"count: got {count}, expected at least 1")
    z = model.noise(count, tf.constant([seed, 0]))
    decode, parts = tf.function(model.decode, reduce_retracing=True), {}
    for start in range(0, count, BATCH):
        for name, values in decode(z[start : start + BATCH]).items():
            wanted = count if name in model.input_shapes else SHOWN
            parts.setdefault(name, []).append(values[: max(0, wanted - start)].numpy())
    return z.numpy(), {name: np.concatenate(arrays) for name, arrays in parts.items()}


def main(arguments=None):
    """The command line."""
    options = tyro.cli(Options, args=arguments, prog="python -m trainers.sample")
    import_tensorflow()
    import numpy as np

    import zoo
    from trainers.score.figures import task_of
    from trainers.show import pictures
    from zoo.store import runs

    try:
        run, model = runs.open_run(options.run), zoo.load(options.run)
        z, decoded = sample(model, options.count, options.seed)
    except (ValueError, OSError) as error:
        stop(error)
    task, shipped = task_of(run.model), runs.SHIPPED in run.path.parents
    folder = options.out or (pathlib.Path("samples", run.model, run.preset) if shipped else run.path / "samples")
    try:
        for name, picture in task.paint(model, {name: values[:SHOWN] for name, values in decoded.items()}).items():
            pictures.save(folder, name, picture)
        task.files(model, z, folder)
        (observed,) = model.input_shapes
        np.savez_compressed(folder / "samples.npz", z=z, samples=decoded.pop(observed), **decoded)
    except OSError as error:
        stop(f"out: cannot write in {folder} ({error.strerror}); choose another --out")
    print(f"{options.count} samples: {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
