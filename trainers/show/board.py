"""TensorBoard's view of a run: curves, pictures, films, histograms, settings, hyperparameters, latent space.

Under the run directory, `train/` and `validation/` hold the same tags, so that TensorBoard draws both curves
in one chart. `hparams/` holds the hyperparameters and the final figures only: their table stays short.
"""

import contextlib
import math
import pathlib
import time

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.directory_watcher import DirectoryDeletedError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import projector
from tensorboard.plugins.hparams import api as hparams_api

from zoo.store.files import aside

SPRITE_LIMIT = 8192  # pixels along an edge: the projector's page loads no larger sprite
ANEW = ("settings", "_hparams_/session_start_info")  # what every start tells
# What comes of a disk that is full, has no inodes, files of limited size, or lost the folder.
REFUSALS = (
    OSError,
    tf.errors.FailedPreconditionError,
    tf.errors.NotFoundError,
    tf.errors.OutOfRangeError,
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnknownError,
)


class Board:
    """Writes one run's event files. Use it as a context manager, or call `close` at the end.

    workdir: the run directory. settings: nested dict of plain values, shown as a table and as
    hyperparameters. start_step: updates done before this process (0: a fresh run). What an earlier, killed
    process wrote about later steps is withdrawn, so that no step shows twice. Call `flush` before each
    checkpoint is saved: then a resumed run finds all curves complete up to its first step.
    warn: is told, in a line, of a disk that takes no files at the start; then all that follows is dropped.
    """

    def __init__(self, workdir, settings, start_step=0, warn=print):
        self.workdir = pathlib.Path(workdir)
        starts = {"train": start_step, "validation": start_step, "hparams": 0}
        settings = _flat(settings)
        try:
            self._writers = {name: _writer(self.workdir / name, step) for name, step in starts.items()}
            with self._writers["hparams"].as_default():
                name = "/".join(self.workdir.resolve().parts[-2:])  # MODEL/PRESET, the run's name in the table
                hparams_api.hparams(settings, trial_id=name)
            with self._writers["train"].as_default():
                tf.summary.text("settings", _table(settings), step=start_step)
            self.flush()
        except REFUSALS as error:
            warn(f"TensorBoard's files not written ({str(error).splitlines()[0]}); training goes on without them")
            self._writers = dict.fromkeys(starts, tf.summary.create_noop_writer())

    def scalars(self, step, values, split="train"):
        """values: {tag: number}. Give train and validation the same tags."""
        with self._writers[split].as_default(step):
            for tag, value in values.items():
                tf.summary.scalar(tag, np.float32(value))  # of a perplexity beyond float32: inf

    def exhibits(self, step, found, split="train"):
        """found: {tag: an exhibit of trainers.show.exhibits}."""
        with self._writers[split].as_default(step):
            for tag, exhibit in found.items():
                exhibit.log(tag)

    def histograms(self, step, values, split="train"):
        """values: {tag: array of any shape}."""
        with self._writers[split].as_default(step):
            for tag, value in values.items():
                tf.summary.histogram(tag, value)

    def final(self, step, figures):
        """figures: {name: number}, the run's results, beside its hyperparameters in the HParams table."""
        self.scalars(step, figures, "hparams")
        self.flush()

    def projector(self, scatter, name="latent"):
        """A Scatter of any dimensions for the projector page.

        A later call replaces what an earlier one wrote. Only as many points are kept as one sprite has
        places.
        """
        points, labels, images, texts = scatter
        folder, config = self.workdir / "train", projector.ProjectorConfig()
        embedding = config.embeddings.add(tensor_name=name, tensor_path=f"{name}.tsv")
        if images is not None:
            height, width = np.shape(images)[1:3]
            points = points[: (SPRITE_LIMIT // max(height, width)) ** 2]
            Image.fromarray(_sprite(images[: len(points)])).save(folder / f"{name}-sprite.png")
            embedding.sprite.image_path = f"{name}-sprite.png"
            embedding.sprite.single_image_dim.extend([width, height])
        columns = {name: each for name, each in (("label", labels), ("text", texts)) if each is not None}
        if columns:
            head = ["\t".join(columns) + "\n"] if len(columns) > 1 else []  # of one column the page wants none
            rows = zip(*(each[: len(points)] for each in columns.values()), strict=True)
            lines = head + ["\t".join(" ".join(str(cell).split()) or "-" for cell in row) + "\n" for row in rows]
            (folder / f"{name}-labels.tsv").write_text("".join(lines), encoding="utf-8")
            embedding.metadata_path = f"{name}-labels.tsv"
        np.savetxt(folder / f"{name}.tsv", points, fmt="%.5g", delimiter="\t")
        projector.visualize_embeddings(str(folder), config)

    def flush(self):
        """Hand everything to the operating system: it survives a kill of this process."""
        for writer in self._writers.values():
            writer.flush()

    def close(self):
        for writer in self._writers.values():
            writer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read(folder, tag):
    """A curve that a Board wrote into a folder, resumed or not: its steps and its values, [N] each (N may be 0)."""
    found = EventAccumulator(str(folder), {"tensors": 0})
    with contextlib.suppress(DirectoryDeletedError):
        found.Reload()
    events = found.Tensors(tag) if tag in found.Tags()["tensors"] else []
    return np.array([e.step for e in events]), np.array([float(tf.make_ndarray(e.tensor_proto)) for e in events])


def _writer(folder, start_step):
    """A summary writer that first withdraws what the folder already tells of steps after start_step, if 0 of any.

    From the files, and, by the START of a session, from a TensorBoard that has read them: its readers in Python drop
    all events from there on; its server in Rust waits, tag by tag, for a step to come again.
    """
    for path in folder.glob("events.out.tfevents.*"):
        _withdraw(path, start_step)
    # files are read in the order of their names, which hold the second they were made in: never two in one second
    while any(folder.glob(f"events.out.tfevents.{int(time.time())}.*")):
        time.sleep(0.05)
    writer = tf.summary.create_file_writer(str(folder))
    start = tf.compat.v1.Event(
        wall_time=time.time(),
        step=start_step + 1 if start_step else 0,
        session_log=tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START),
    )
    # TF 2.21 has no public way to the resource
    tf.raw_ops.ImportEvent(writer=writer._resource, event=start.SerializeToString())
    return writer


def _withdraw(path, start_step):
    """Takes out of an event file what it tells of later steps, and what the start to come tells anew."""
    if not start_step:
        path.unlink()
        return
    kept, whole = [], True
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            stays = event.step <= start_step and not any(value.tag in ANEW for value in event.summary.value)
            kept, whole = kept + [record] * stays, whole and stays
    except tf.errors.DataLossError:  # cut off in the middle of a record
        whole = False
    if not whole:
        with aside(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in kept:
                writer.write(record)


def _flat(settings, prefix=""):
    """{"model": {"steps": 64}} -> {"model.steps": 64}; what HParams cannot hold becomes text."""
    flat = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat


def _table(flat):
    lines = ["| setting | value |", "|---|---|"]
    return "\n".join(lines + [f"| {key} | {str(value).replace('|', '&#124;')} |" for key, value in flat.items()])


def _sprite(images):
    """[N, H, W, C] in [0, 1] -> uint8 [side * H, side * W, 3]: the projector expects a square of images."""
    n, height, width, _ = np.shape(images)
    side = math.ceil(math.sqrt(n))
    tiles = np.zeros([side * side, height, width, 3], np.uint8)
    tiles[:n] = (np.clip(images, 0, 1) * 255).round()
    return tiles.reshape(side, side, height, width, 3).swapaxes(1, 2).reshape(side * height, side * width, 3)
