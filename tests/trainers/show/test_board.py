import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.util.tensor_util import make_ndarray

from trainers.show.board import Board
from trainers.show.board import read as curve
from trainers.show.exhibits import Film, Picture, Scatter

SETTINGS = {
    "model": {"image_shape": (28, 28, 1), "steps": 7},
    "data": "digits",
    "learning_rate": 0.001,
    "ema": None,
}


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def scalars(folder, tag):
    return [(e.step, make_ndarray(e.tensor_proto)) for e in read(folder).Tensors(tag)]


def test_train_and_validation_are_two_runs_with_the_same_tags(tmp_path):
    with Board(tmp_path, SETTINGS) as board:
        board.scalars(1, {"bound": 200.5, "rate": np.float32(3)})
        board.scalars(2, {"bound": 150.25})
        board.scalars(2, {"bound": 151.0}, split="validation")
    assert scalars(tmp_path / "train", "bound") == [(1, 200.5), (2, 150.25)]
    assert scalars(tmp_path / "train", "rate") == [(1, 3.0)]
    assert scalars(tmp_path / "validation", "bound") == [(2, 151.0)]


def test_a_number_beyond_float32_ends_no_run(tmp_path):
    with Board(tmp_path, SETTINGS) as board:
        board.scalars(1, {"perplexity": 1e300})
    assert scalars(tmp_path / "train", "perplexity") == [(1, np.inf)]


def test_stills_arrive_as_png_and_films_as_gif(tmp_path):
    film = np.zeros([5, 12, 20, 3], np.uint8) + np.arange(0, 250, 50, np.uint8)[:, None, None, None]
    with Board(tmp_path, SETTINGS) as board:
        board.exhibits(3, {"still": Picture(film[2]), "canvas": Film(film)}, split="validation")
    run = read(tmp_path / "validation")
    for tag, kind, frames in [("still", "PNG", 1), ("canvas", "GIF", 5)]:
        assert run.SummaryMetadata(tag).plugin_data.plugin_name == "images"
        (event,) = run.Tensors(tag)
        width, height, encoded = event.tensor_proto.string_val
        image = Image.open(io.BytesIO(encoded))
        assert (event.step, int(width), int(height)) == (3, 20, 12)
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == (kind, (20, 12), frames)


def test_histograms_count_every_value(tmp_path):
    with Board(tmp_path, SETTINGS) as board:
        board.histograms(1, {"posterior/mean": np.linspace(-1, 1, 24).reshape(2, 3, 4)})
    (event,) = read(tmp_path / "train").Tensors("posterior/mean")
    buckets = np.frombuffer(event.tensor_proto.tensor_content).reshape(-1, 3)  # left, right, count
    assert (buckets[0, 0], buckets[-1, 1], buckets[:, 2].sum()) == (-1, 1, 24)


def test_settings_become_a_table_and_hyperparameters(tmp_path):
    with Board(tmp_path / "draw" / "digits", SETTINGS) as board:
        board.final(70, {"test/bound": 99.5})
    (event,) = read(tmp_path / "draw/digits/train").Tensors("settings")
    assert b"| model.steps | 7 |\n| data | digits |" in event.tensor_proto.string_val[0]

    run = read(tmp_path / "draw/digits/hparams")
    assert scalars(tmp_path / "draw/digits/hparams", "test/bound") == [(70, 99.5)]
    content = run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.group_name == "draw/digits"
    assert start.hparams["model.steps"].number_value == 7 and start.hparams["data"].string_value == "digits"
    assert start.hparams["model.image_shape"].string_value == "(28, 28, 1)"
    assert start.hparams["ema"].string_value == "None"


def test_a_resumed_run_withdraws_what_came_after_its_checkpoint(tmp_path):
    first = Board(tmp_path, SETTINGS)
    for step in (10, 20, 30, 40):
        first.scalars(step, {"bound": step, "only_before": step})
        first.scalars(step, {"bound": step}, split="validation")
    first.flush()  # killed here, the last checkpoint being that of step 20
    with Board(tmp_path, SETTINGS, start_step=20) as second:
        second.scalars(25, {"bound": -25})
        second.scalars(30, {"bound": -30})
    assert scalars(tmp_path / "train", "bound") == [(10, 10), (20, 20), (25, -25), (30, -30)]
    assert scalars(tmp_path / "train", "only_before") == [(10, 10), (20, 20)]
    assert scalars(tmp_path / "validation", "bound") == [(10, 10), (20, 20)]


def told(folder):
    """(tag, step) of all that is in a folder's files, whatever a reader would make of it."""
    found = []
    for path in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            found += [(value.tag, event.step) for value in event.summary.value]
    return found


def test_after_kills_no_step_is_told_twice_by_the_files_themselves(tmp_path):
    """Two kills at the same checkpoint, one of them in the middle of a record; then a finished run once more."""
    for kill in range(3):
        board = Board(tmp_path, SETTINGS, start_step=20 if kill else 0)
        for step in range(21 if kill else 5, 41, 5 - kill):
            board.scalars(step, {"bound": step, f"only {kill}": 1})
        board.scalars(20 + 10 * kill, {"bound": 1}, "validation")
        board.final(40, {"test/bound": 7})
        if kill == 1:
            newest = max((tmp_path / "train").glob("events*"))
            newest.write_bytes(newest.read_bytes()[:-9])
    for folder in ("train", "validation", "hparams"):
        found = told(tmp_path / folder)
        assert found and len(found) == len(set(found)), folder
    steps = [step for tag, step in told(tmp_path / "train") if tag == "bound"]
    assert steps == [5, 10, 15, 20, *range(21, 41, 3)]
    assert ("only 1", 21) not in told(tmp_path / "train")


def test_a_folder_that_takes_no_files_is_said_once_and_everything_goes_on(tmp_path):
    (tmp_path / "train").write_text("no folder")
    said = []
    with Board(tmp_path, SETTINGS, warn=said.append) as board:
        board.scalars(1, {"bound": 1})
        board.exhibits(1, {"picture": Picture(np.zeros([3, 4, 3], np.uint8))})
        board.histograms(1, {"z": np.zeros(3)}, "validation")
        board.final(1, {"test/bound": 1})
    (line,) = said
    assert line.startswith("TensorBoard's files not written (") and line.endswith("; training goes on without them")


LIMITED = """
import resource, sys
import numpy as np
from trainers.show import board
from trainers.show.exhibits import Picture
resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
found = board.Board(sys.argv[1], {}, warn=print)
try:
    found.exhibits(1, {"noise": Picture(np.random.default_rng(0).integers(0, 255, [10, 10, 3]).astype("u1"))})
    found.flush()
except board.REFUSALS as error:
    print("refused")
"""


@pytest.mark.parametrize(("limit", "said"), [(10, "TensorBoard's files not written"), (300, "refused")])
def test_files_of_limited_size_are_a_refusal(tmp_path, limit, said):
    command = [sys.executable, "-c", LIMITED.replace("LIMIT,", f"{limit},").replace("LIMIT)", f"{limit})"), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith(said), done.stderr[-2000:]


def test_a_curve_of_a_folder_that_is_gone_is_empty(tmp_path):
    for folder in (tmp_path / "never", tmp_path):
        steps, values = curve(folder, "bound")
        assert len(steps) == len(values) == 0


def test_a_run_started_anew_in_the_same_folder_forgets_the_old_one(tmp_path):
    with Board(tmp_path, SETTINGS) as board:
        board.scalars(0, {"bound": 1})
        board.scalars(9, {"bound": 2})
    with Board(tmp_path, SETTINGS) as board:
        board.scalars(1, {"bound": 3})
    assert scalars(tmp_path / "train", "bound") == [(1, 3)]


def test_flushed_events_are_on_disk_while_the_run_goes_on(tmp_path):
    board = Board(tmp_path, SETTINGS)
    board.scalars(1, {"bound": 5.0})
    board.flush()
    assert scalars(tmp_path / "train", "bound") == [(1, 5.0)]
    board.close()


@pytest.mark.parametrize("channels", [1, 3])
def test_projector_has_points_labels_and_images_in_the_same_order(tmp_path, channels):
    points, labels = np.arange(15).reshape(5, 3) / 8, np.array([3, 1, 4, 1, 5])
    images = np.full([5, 4, 6, channels], 0.2) * np.arange(1, 6)[:, None, None, None]
    with Board(tmp_path, SETTINGS) as board:
        board.projector(Scatter(points, labels, images))
    folder = tmp_path / "train"
    (embedding,) = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    np.testing.assert_allclose(np.loadtxt(folder / embedding.tensor_path, delimiter="\t"), points)
    assert (folder / embedding.metadata_path).read_text().split() == ["3", "1", "4", "1", "5"]
    assert list(embedding.sprite.single_image_dim) == [6, 4]  # width, height
    sprite = np.asarray(Image.open(folder / embedding.sprite.image_path))
    assert sprite.shape == (3 * 4, 3 * 6, 3)  # 5 images need a square of 3 x 3
    corners = sprite[::4, ::6, 0].reshape(-1)
    assert corners.tolist() == [51, 102, 153, 204, 255, 0, 0, 0, 0]


def test_projector_writes_texts_in_a_column_of_their_own(tmp_path):
    with Board(tmp_path, SETTINGS) as board:
        board.projector(Scatter(np.zeros([2, 3]), np.array([1, 0]), texts=["a\tcat", ""]))
        board.projector(Scatter(np.zeros([2, 3]), texts=["a cat", "it sat"]), name="alone")
    assert (tmp_path / "train/latent-labels.tsv").read_text() == "label\ttext\n1\ta cat\n0\t-\n"
    assert (tmp_path / "train/alone-labels.tsv").read_text() == "a cat\nit sat\n"


def test_projector_keeps_no_more_points_than_the_sprite_has_places(tmp_path, monkeypatch):
    monkeypatch.setattr("trainers.show.board.SPRITE_LIMIT", 13)
    with Board(tmp_path, SETTINGS) as board:
        board.projector(Scatter(np.zeros([20, 3]), np.arange(20), np.zeros([20, 4, 6, 1])), name="z")
    assert len((tmp_path / "train/z.tsv").read_text().splitlines()) == 4
    assert (tmp_path / "train/z-labels.tsv").read_text().split() == ["0", "1", "2", "3"]
    assert Image.open(tmp_path / "train/z-sprite.png").size == (12, 8)
