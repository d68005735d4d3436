import urllib.error

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from zoo.data import batches, load, names
from zoo.data.pictures import sources
from zoo.declare import Field


def of(shapes):
    """The fields of a model that takes these shapes."""
    return {name: Field(shape) for name, shape in shapes.items()}


IMAGE = {"image": (28, 28, 1)}


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(sources, "_answers", lambda host: False)


@pytest.fixture
def mnist_folder(tmp_path):
    """A small mnist.npz: example i is gray i, so its place in the file is written in its pixels."""
    x = np.uint8(np.arange(66)[:, None, None] * np.ones([66, 28, 28]))
    np.savez(tmp_path / "mnist.npz", x_train=x[:60], y_train=np.arange(60) % 10, x_test=x[60:], y_test=np.arange(6))
    return tmp_path


def split_arrays(data):
    return {name: getattr(data, name).arrays for name in ("train", "validation", "test")}


# digits and regimes


def test_embedded_digits_are_split_once_by_label():
    data = load("digits", fields=of(IMAGE), regime="gray")
    arrays = split_arrays(data)
    assert [len(a["label"]) for a in arrays.values()] == [1397, 200, 200]
    for split in arrays.values():
        assert np.bincount(split["label"]).min() >= 0.09 * len(split["label"])
    everything = np.concatenate([a["label"] for a in arrays.values()])
    np.testing.assert_array_equal(np.bincount(everything), np.bincount(load_digits().target))
    again = load("digits", fields=of(IMAGE), regime="gray")
    assert (again.test.arrays["image"] == data.test.arrays["image"]).all()


def test_digits_at_their_own_size_are_scikit_learns():
    data = load("digits", fields=of({"image": (8, 8, 1)}), regime="gray")
    images = np.concatenate([a["image"] for a in split_arrays(data).values()]).reshape(-1, 64)
    want = np.rint(load_digits().data / 16 * 255).astype(int)
    assert sorted(map(tuple, images.astype(int))) == sorted(map(tuple, want))


def test_digits_may_be_a_sequence_of_rows():
    rows = load("digits", fields=of({"sequence": (28, 28)}), regime="gray").test.arrays["sequence"]
    image = load("digits", fields=of(IMAGE), regime="gray").test.arrays["image"]
    np.testing.assert_array_equal(rows, image[..., 0])


def test_static_is_one_draw_of_the_gray_digits():
    gray, static = (load("digits", fields=of(IMAGE), regime=regime) for regime in ("gray", "static"))
    again = load("digits", fields=of(IMAGE), regime="static")
    for split in ("train", "validation", "test"):
        p = getattr(gray, split).arrays["image"] / 255
        x = getattr(static, split).arrays["image"]
        assert set(np.unique(x)) == {0, 255}
        error = 4 * np.sqrt((p * (1 - p)).sum()) / p.size  # four standard errors
        assert abs(np.mean(x / 255) - p.mean()) < error
        assert (x[p == 0] == 0).all() and (x[p == 1] == 255).all() and (x > 0)[p < 0.5].any()  # no threshold
        assert (x == getattr(again, split).arrays["image"]).all()
    assert static.train.draw is None and "static-own" in static.origin


def test_dynamic_draws_anew_in_training_and_once_for_scores():
    data = load("digits", fields=of(IMAGE), regime="dynamic")
    assert data.validation.draw is None and data.test.draw is None
    assert set(np.unique(data.test.arrays["image"])) == {0, 255}
    n = data.train.size
    first, second = (next(iter(batches(data.train, n, 0, epoch)))[1] for epoch in (0, 1))
    key = [np.argsort(batch["label"], kind="stable") for batch in (first, second)]
    assert set(np.unique(first["image"])) == {0, 1}
    assert not np.array_equal(first["image"].numpy()[key[0]], second["image"].numpy()[key[1]])


def test_data_say_what_their_numbers_are():
    """Whoever calls a model from elsewhere has to make such numbers."""

    def said(name, shapes, regime):
        ((key, shape),) = shapes.items()
        return load(name, fields=of({key: shape}), regime=regime).about[key].values

    static = said("digits", IMAGE, "static")
    assert "from the top left; gray, 0 is black and 1 white; white on black; zeros and ones" in static
    assert "bytes divided by 255, and no other scaling" in said("digits", IMAGE, "gray")
    assert "[row, column] of a gray picture from the top" in said("digits", {"sequence": (28, 28)}, "gray")
    tunes = said("tunes", {"sequence": (50, 20)}, "static")
    assert "[step, dimension]" in tunes and "column 0 is the MIDI note 55" in tunes and "1, 2 or 3 steps" in tunes
    scenes = load("scenes", fields=of({"image": (32, 32, 3), "caption": (20,)})).about["image"].values
    assert "red, green and blue" in scenes and "white on black" not in scenes


def test_gray_stays_as_it_is():
    data = load("digits", fields=of(IMAGE), regime="gray")
    assert data.train.draw is None and len(np.unique(data.train.arrays["image"])) > 100
    assert "regime gray" in data.origin and "CC BY" in data.origin


# files as published


def test_mnist_validates_on_the_last_of_train(mnist_folder):
    data = load("mnist", fields=of(IMAGE), regime="gray", data_dir=mnist_folder)
    for split, want in (("train", range(50)), ("validation", range(50, 60)), ("test", range(60, 66))):
        arrays = getattr(data, split).arrays
        np.testing.assert_array_equal(arrays["image"][:, 5, 7, 0], list(want))
    np.testing.assert_array_equal(data.validation.arrays["label"], np.arange(10))


def test_the_environment_names_the_folder(mnist_folder, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(mnist_folder))
    assert load("mnist", fields=of({"sequence": (28, 28)}), regime="gray").train.arrays["sequence"].shape == (
        50,
        28,
        28,
    )


def binary_pictures(n, seed):
    return np.random.default_rng(seed).integers(0, 2, [n, 784])


def test_amat_files_are_read_as_they_are(tmp_path):
    pictures = {"train": binary_pictures(5, 0), "valid": binary_pictures(3, 1), "test": binary_pictures(4, 2)}
    for name, rows in pictures.items():
        np.savetxt(tmp_path / f"binarized_mnist_{name}.amat", rows, fmt="%d")
    data = load("binarized_mnist", fields=of(IMAGE), regime="static", data_dir=tmp_path)
    for split, name in (("train", "train"), ("validation", "valid"), ("test", "test")):
        got = getattr(data, split).arrays["image"]
        np.testing.assert_array_equal(got.reshape(-1, 784), pictures[name] * 255)


def test_an_amat_file_of_something_else_is_refused(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"binarized_mnist_{name}.amat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(ValueError, match=r"binarized_mnist_train\.amat is not a text"):
        load("binarized_mnist", fields=of(IMAGE), regime="static", data_dir=tmp_path)


def test_packed_bits_are_unpacked_and_the_test_rows_shuffled(tmp_path):
    pictures = {
        "train": binary_pictures(5, 0),
        "valid": binary_pictures(3, 1),
        "test": binary_pictures(40, 2),
    }
    packed = {name: np.packbits(rows.astype(bool), axis=1) for name, rows in pictures.items()}
    np.savez(tmp_path / "binarized_mnist_packed.npz", **packed)
    data, again = (load("binarized_mnist", fields=of(IMAGE), regime="static", data_dir=tmp_path) for _ in range(2))
    train, test = (split.arrays["image"].reshape(-1, 784) for split in (data.train, data.test))
    np.testing.assert_array_equal(train, pictures["train"] * 255)
    assert not np.array_equal(test, pictures["test"] * 255)
    assert sorted(map(tuple, test)) == sorted(map(tuple, pictures["test"] * 255))
    np.testing.assert_array_equal(again.test.arrays["image"], data.test.arrays["image"])
    assert "the static binarization distributed with ARM" in data.origin
    with pytest.raises(ValueError, match="regime: got dynamic, but binarized_mnist is binary; use static"):
        load("binarized_mnist", fields=of(IMAGE), regime="dynamic", data_dir=tmp_path)


def test_frey_faces_stay_in_film_order(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, [1965, 28, 20], np.uint8)
    np.savez(tmp_path / "frey_faces.npz", x=x)
    data = load("frey_faces", fields=of({"image": (28, 20, 1)}), regime="gray", data_dir=tmp_path)
    joined = np.concatenate([a["image"][..., 0] for a in split_arrays(data).values()])
    np.testing.assert_array_equal(joined, x)
    assert (data.validation.size, data.test.size) == (200, 200)


# TFDS


def prepare(folder, name, features, examples):
    """A prepared TFDS set of this name, as the real builder would find it: examples {split: [dict]}."""
    version = tfds.builder_cls(name).VERSION
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=str(version),
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: enumerate(rows) for split, rows in examples.items()},
        data_dir=folder,
    )


def test_tfds_sets_are_read_where_they_are_prepared(tmp_path, offline):
    rng = np.random.default_rng(0)
    image = tfds.features.Image(shape=(32, 32, 3))
    rows = [{"image": rng.integers(0, 256, [32, 32, 3], np.uint8), "label": i % 10, "id": str(i)} for i in range(23)]
    features = {"image": image, "label": tfds.features.ClassLabel(num_classes=10), "id": tfds.features.Text()}
    prepare(tmp_path, "cifar10", features, {"train": rows[:20], "test": rows[20:]})
    data = load("cifar10", fields=of({"image": (32, 32, 3)}), regime="gray", data_dir=tmp_path)
    assert [split.size for split in (data.train, data.validation, data.test)] == [18, 2, 3]
    want = {row["image"].tobytes(): row["label"] for row in rows}
    for arrays in split_arrays(data).values():
        for picture, label in zip(arrays["image"], arrays["label"], strict=True):
            assert want.pop(picture.tobytes()) == label
    assert not want


@pytest.mark.parametrize("name", ["mnist", "binarized_mnist", "svhn_cropped", "svhn", "cifar10", "omniglot"])
def test_without_data_or_network_it_says_where_it_looked(tmp_path, offline, name):
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path}.*does not answer.*--data-dir"):
        load(name, fields=of(IMAGE), regime="static", data_dir=tmp_path)


def test_whether_a_host_answers_is_known_at_once(monkeypatch):
    assert not sources._answers("localhost:1")  # refused

    def teapot(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 418, "I am a teapot", {}, None)

    monkeypatch.setattr("urllib.request.urlopen", teapot)
    assert sources._answers("teapot.example")


def test_a_download_is_announced_and_left_to_tfds(tmp_path, monkeypatch, capsys):
    def download(builder):
        raise InterruptedError(builder.name)

    monkeypatch.setattr(sources, "_answers", lambda host: True)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download)
    with pytest.raises(InterruptedError, match="mnist"):
        load("mnist", fields=of(IMAGE), regime="gray", data_dir=tmp_path)
    assert f"Downloading mnist from storage.googleapis.com into {tmp_path}" in capsys.readouterr().out


def test_svhn_windows_are_fixed_for_scores_and_say_what_they_are(tmp_path, monkeypatch):
    ramp = np.uint8(np.tile(np.arange(0, 256, 8)[None, :, None, None], (12, 1, 32, 3)))
    found = sources.Found({split: {"image": ramp} for split in sources.SPLITS}, "SVHN from a test")
    monkeypatch.setattr(sources, "svhn_cropped", lambda shape, folder, seed: found)
    data = load("svhn", fields=of({"image": (54, 54, 3)}), regime="gray")
    assert data.test.draw is None and data.test.arrays["image"].shape == (12, 54, 54, 3)
    assert len({image.tobytes() for image in data.test.arrays["image"]}) > 1
    assert next(iter(batches(data.train, 5, 0)))[1]["image"].shape == (5, 54, 54, 3)
    assert "not the paper's" in data.origin
    with pytest.raises(ValueError, match=r"svhn has image \(32, 32, 3\), the model takes \(54, 54, 1\)"):
        load("svhn", fields=of({"image": (54, 54, 1)}), regime="gray")
    plain = load("svhn", fields=of({"image": (32, 32, 3)}), regime="gray")
    assert plain.train.draw is None and (plain.test.arrays["image"] == ramp).all()


def test_omniglot_is_bright_ink_shrunk(monkeypatch):
    page = np.full([4, 105, 105, 3], 255, np.uint8)
    page[:, :15, :30] = 0  # ink of 1 x 2 places of a 7x7 grid
    arrays = {split: {"image": page.copy()} for split in sources.SPLITS}
    monkeypatch.setattr(sources, "_tfds", lambda *args, **kwargs: arrays)
    image = load("omniglot", fields=of({"image": (7, 7, 1)}), regime="static").test.arrays["image"]
    want = np.zeros([4, 7, 7, 1])
    want[:, 0, :2] = 255
    np.testing.assert_array_equal(image, want)


# scenes


@pytest.mark.parametrize("regime", ["static", "dynamic", "gray"])
def test_scenes_are_new_in_training_and_fixed_for_scores(mnist_folder, regime):
    shapes = {"image": (50, 60, 1), "label": ()}
    data, again = (load("cluttered", fields=of(shapes), regime=regime, data_dir=mnist_folder) for _ in range(2))
    assert data.test.draw is None and data.test.arrays["image"].shape == (6, 50, 60, 1)
    np.testing.assert_array_equal(data.test.arrays["image"], again.test.arrays["image"])
    np.testing.assert_array_equal(data.test.arrays["label"], np.arange(6))
    (_, a), (_, b) = batches(data.train, 50, 0).take(2)
    assert a["image"].shape == (50, 50, 60, 1) and a["label"].shape == (50,)
    assert not np.array_equal(a["image"], b["image"])
    if regime != "gray":
        assert set(np.unique(a["image"])) == {0, 1} and set(np.unique(data.test.arrays["image"])) == {0, 255}


def test_test_scenes_hold_test_digits_only(mnist_folder):
    data = load("two-digits", fields=of({"image": (60, 60, 1)}), regime="gray", data_dir=mnist_folder)
    assert "label" not in data.test.arrays
    single = set(range(60, 66))
    sums = {a + b for a in single for b in single}
    assert set(np.unique(data.test.arrays["image"])) <= {0} | single | sums


def test_scenes_fall_back_on_the_embedded_digits_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    data = load("two-digits", fields=of({"image": (60, 60, 1)}), regime="gray")
    assert data.train.size == 1397 and "scikit-learn" in data.origin


# your own arrays


def own(tmp_path, **arrays):
    np.savez(tmp_path / "my.npz", **arrays)
    return tmp_path / "my.npz"


def test_own_arrays_with_named_splits(tmp_path):
    rng = np.random.default_rng(0)
    a = {f"{s}_image": rng.random([n, 5, 7, 2]) for s, n in (("train", 9), ("validation", 3), ("test", 4))}
    data = load(str(own(tmp_path, **a, test_label=np.arange(4))), fields=of({"image": (5, 7, 2)}), regime="gray")
    np.testing.assert_array_equal(data.validation.arrays["image"], a["validation_image"].astype(np.float32))
    np.testing.assert_array_equal(data.test.arrays["label"], np.arange(4))
    assert "label" not in data.train.arrays


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_own_binary_arrays_of_any_type_arrive_as_0_and_1(tmp_path, dtype):
    x = np.random.default_rng(0).integers(0, 2, [12, 5, 7]).astype(dtype)
    data = load(own(tmp_path, x_train=x, x_test=x), fields=of({"image": (5, 7, 1)}), regime="static")
    _, batch = next(iter(batches(data.train, 50, 0)))
    assert set(np.unique(batch["image"])) == {0, 1}
    assert data.train.size == 10 and data.validation.size == 2  # the last sixth


def test_data_is_binary_only_if_every_split_is(tmp_path):
    x = np.random.default_rng(0).random([12, 5, 7])
    data = load(own(tmp_path, x_train=np.rint(x), x_test=x), fields=of({"image": (5, 7, 1)}), regime="static")
    assert set(np.unique(data.test.arrays["image"])) == {0, 1}


GOOD = np.random.default_rng(0).random([12, 5, 7])
NAN = np.where(GOOD[3, 2, 1] == GOOD, np.nan, GOOD)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_image": GOOD}, "holds train_image; expected test_image"),
        ({"x_train": NAN, "x_test": GOOD}, "x_train of .* holds NaN"),
        ({"x_train": GOOD, "x_test": GOOD * 255}, r"x_test of .* runs from .* expected 0 to 1"),
        ({"x_train": GOOD, "x_test": GOOD - 1}, "x_test of .* runs from -"),
        ({"x_train": np.int32(GOOD * 999), "x_test": GOOD}, "x_train of .* expected 0 to 255"),
        ({"x_train": GOOD[:0], "x_test": GOOD}, r"x_train of .* has shape \(0, 5, 7\)"),
        ({"x_train": GOOD[:, 0], "x_test": GOOD}, r"x_train of .* has shape \(12, 7\)"),
        (
            {"x_train": GOOD[..., None][:, :, :4], "x_test": GOOD},
            r"has image \(5, 4, 1\), the model takes \(5, 7, 1\)",
        ),
        ({"x_train": GOOD + 0j, "x_test": GOOD}, "type complex128"),
        (
            {"x_train": GOOD, "x_test": GOOD, "y_train": np.arange(3)},
            "y_train of .* one integer for each of 12",
        ),
        ({"x_train": GOOD[:5], "x_test": GOOD}, "5 examples, too few to hold some out"),
    ],
)
def test_wrong_arrays_are_refused_by_name(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        load(own(tmp_path, **arrays), fields=of({"image": (5, 7, 1)}), regime="gray")


def test_what_is_no_archive_or_not_there_is_refused(tmp_path):
    (tmp_path / "my.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"my\.npz is no \.npz archive"):
        load(tmp_path / "my.npz", fields=of(IMAGE), regime="gray")
    with pytest.raises(FileNotFoundError, match=r"no file .*other\.npz"):
        load(tmp_path / "other.npz", fields=of(IMAGE), regime="gray")


def test_a_folder_of_pictures_is_data(tmp_path):
    for name in ("train/a", "val/b", "test/c"):
        (tmp_path / name).parent.mkdir()
        PIL.Image.new("L", (90, 60), 200).save(tmp_path / f"{name}.png")
    data = load(tmp_path, fields=of({"image": (5, 7, 1)}), regime="gray")
    assert (data.test.arrays["image"] == 200).all() and data.test.arrays["image"].shape == (1, 5, 7, 1)
    rows = load(tmp_path, fields=of({"sequence": (5, 7)}), regime="gray")
    assert rows.test.arrays["sequence"].shape == (1, 5, 7) and "1 train, 1 validation, 1 test" in rows.origin
    with pytest.raises(ValueError, match="has no labels"):
        load(tmp_path, fields=of({"image": (5, 7, 1), "label": ()}), regime="gray")


def test_a_classifier_asks_for_labels(tmp_path):
    path = own(tmp_path, x_train=GOOD, x_test=GOOD)
    with pytest.raises(ValueError, match="has no labels"):
        load(path, fields=of({"image": (5, 7, 1), "label": ()}), regime="gray")


# names


def test_an_unknown_name_gets_a_suggestion_and_the_list():
    with pytest.raises(ValueError, match="'binarised_mnist'; did you mean binarized_mnist") as error:
        load("binarised_mnist", fields=of(IMAGE), regime="static")
    assert all(name in str(error.value) for name in names())


@pytest.mark.parametrize(
    ("takes", "path", "expected"),
    [
        ({"image": Field((28, 28, 1))}, "mine.txt", "an .npz of arrays, or a folder of pictures"),
        ({"text": Field((9,), "int32", classes=9)}, "mine.npz", "texts .txt(.gz), or a folder of them"),
        ({"audio": Field((9,))}, "mine.wav", "a folder of sounds"),
        ({"strokes": Field((9, 3))}, "mine.svg", "a folder or an .npz of drawings"),
        ({"sequence": Field((9, 88), ragged=True)}, "mine.mid", "chorales .json(.gz), or a folder of MIDI files"),
    ],
)
def test_a_file_of_another_kind_is_told_what_the_model_can_learn_from(tmp_path, takes, path, expected):
    (tmp_path / path).touch()
    with pytest.raises(ValueError, match="the model takes") as error:
        load(tmp_path / path, fields=takes)
    assert str(error.value).endswith(f"give the path of {expected}")


def test_an_unknown_regime_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="regime: got 'grey', expected one of static, dynamic, gray"):
        load("digits", fields=of(IMAGE), regime="grey")
    with pytest.raises(FileNotFoundError, match=r"data_dir: .*nowhere is no folder"):
        load("mnist", fields=of(IMAGE), regime="gray", data_dir=tmp_path / "nowhere")


def test_images_are_no_tunes():
    with pytest.raises(ValueError, match=r"tunes holds sequence, label, the model takes image \(28, 28, 1\)"):
        load("tunes", fields=of(IMAGE), regime="static")
