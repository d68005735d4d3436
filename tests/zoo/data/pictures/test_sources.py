import pwd

import numpy as np
import pytest

from zoo.data.pictures import sources
from zoo.data.request import folder_of

GOOD = np.random.default_rng(0).random([12, 5, 7])


def own(tmp_path, seed=0, **arrays):
    np.savez(tmp_path / "my.npz", **arrays)
    return sources.own(tmp_path / "my.npz", "image", seed)


def numbered(count):
    """Pictures that hold their place."""
    return np.uint8(np.arange(count)[:, None, None] * np.ones([count, 5, 7]))


# what is held out


def test_a_hold_out_has_a_share_of_every_class_though_classes_are_sorted(tmp_path):
    label = np.repeat([0, 1, 2], [120, 60, 12])
    found = own(tmp_path, x_train=numbered(192), y_train=label, x_test=numbered(3), y_test=np.arange(3))
    assert np.bincount(found.splits["validation"]["label"]).tolist() == [20, 10, 2]
    assert np.bincount(found.splits["train"]["label"]).tolist() == [100, 50, 10]
    for split in ("train", "validation"):  # labels stay with their pictures
        arrays = found.splits[split]
        np.testing.assert_array_equal(label[arrays["image"][:, 2, 3, 0]], arrays["label"])
    parts = [set(found.splits[split]["image"][:, 0, 0, 0].tolist()) for split in ("train", "validation")]
    assert len(parts[0]) + len(parts[1]) == len(parts[0] | parts[1]) == 192
    assert "validation = a sixth of train, by seed 0 and alike of every class" in found.origin


def test_a_hold_out_is_by_seed(tmp_path):
    held = [
        own(tmp_path, seed, x_train=numbered(60), x_test=numbered(3)).splits["validation"]["image"][:, 0, 0, 0].tolist()
        for seed in (0, 0, 1)
    ]
    assert held[0] == held[1] != held[2] and len(held[0]) == 10
    assert held[0] not in (list(range(10)), list(range(50, 60)))


def test_a_validation_split_that_is_named_is_no_hold_out(tmp_path):
    found = own(tmp_path, x_train=numbered(60), x_test=numbered(3), x_validation=numbered(4))
    assert len(found.splits["validation"]["image"]) == 4 and "seed" not in found.origin


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("x_valid", "did you mean x_validation"),
        ("x_val", "did you mean x_validation"),
        ("val_image", "did you mean validation_image"),
        ("dev_label", "did you mean validation_label"),
        ("X_test", "did you mean x_test"),
        ("weights", "y_test; rename it"),
    ],
)
def test_a_name_that_says_nothing_is_refused(tmp_path, name, hint):
    with pytest.raises(ValueError, match=rf"^data: .*my\.npz holds {name}, expected .*{hint}"):
        own(tmp_path, x_train=GOOD, x_test=GOOD, **{name: GOOD})


def test_arrays_of_the_other_kind_are_left_unread(tmp_path):
    found = own(tmp_path, x_train=GOOD, x_test=GOOD, train_sequence=np.array([None]))
    assert found.splits.keys() == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"train_image": GOOD}, "holds both train_image and x_train"),
        ({"y_validation": np.arange(12)}, "holds y_validation and no x_validation"),
        ({"train_label": np.arange(12)}, "holds train_label and no train_image"),
        ({"y_train": np.arange(12) - 1}, "y_train of .* holds -1, expected labels from 0"),
        ({"y_test": np.arange(12) + 2**31}, "y_test of .* holds 2147483659, expected labels from 0 to 2147483647"),
        ({"y_test": np.arange(12.0)}, "y_test of .* has type float64, expected integers"),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(tmp_path, more, message):
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        own(tmp_path, x_train=GOOD, x_test=GOOD, **more)


# the scale of integers


def test_one_scale_serves_all_splits(tmp_path):
    gray, dark = numbered(200), np.uint8(np.rint(GOOD))
    found = own(tmp_path, x_train=gray, x_validation=dark, x_test=dark)
    np.testing.assert_array_equal(found.splits["train"]["image"][..., 0], gray)
    for split in ("validation", "test"):
        np.testing.assert_array_equal(found.splits[split]["image"][..., 0], dark)
    assert "arrays of integers from 0 to 199 (" in found.origin


def test_truth_values_are_binary_beside_gray_integers(tmp_path):
    found = own(tmp_path, x_train=numbered(200), x_test=GOOD > 0.5)
    np.testing.assert_array_equal(found.splits["test"]["image"][..., 0], 255 * (GOOD > 0.5))
    assert "integers from 0 to 199 and truth values from 0 to 1" in found.origin


@pytest.mark.parametrize(("most", "warned"), [(1, False), (16, True), (127, True), (200, False)])
def test_integers_far_from_255_are_warned_of(tmp_path, capsys, most, warned):
    array = np.random.default_rng(0).integers(0, most + 1, [12, 5, 7])
    found = own(tmp_path, x_train=array, x_test=array)
    said = capsys.readouterr().err
    assert (f"holds integers up to {most}; as 255 is white" in said) == warned == bool(said)
    np.testing.assert_array_equal(found.splits["test"]["image"][..., 0], array * (255 if most == 1 else 1))


# labels


def test_labels_are_checked_before_they_are_cast():
    np.testing.assert_array_equal(sources.check_labels(np.uint64([0, 9]), 10, "labels"), np.int32([0, 9]))
    assert sources.check_labels(np.array([True, False]), None, "labels").dtype == np.int32
    for label in (np.arange(11), np.array([2**32]), np.array([-1])):
        with pytest.raises(ValueError, match=r"^data: labels holds (10|4294967296|-1), expected labels from 0 to 9;"):
            sources.check_labels(label, 10, "labels")


def test_mnist_has_ten_classes(tmp_path):
    x = np.zeros([12, 28, 28], np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=np.arange(12), x_test=x, y_test=np.zeros(12, int))
    with pytest.raises(ValueError, match=r"y_train of .*mnist\.npz holds 11, expected labels from 0 to 9"):
        sources.mnist((28, 28, 1), tmp_path, 0)


# files of other people


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"faces": np.zeros(3)}, r"frey_faces\.npz holds faces; expected x"),
        (
            {"x": np.zeros([5, 28, 20])},
            r"x of .*frey_faces\.npz is float64 \(5, 28, 20\), expected uint8 \(1965, 28, 20\)",
        ),
    ],
)
def test_faces_in_another_form_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "frey_faces.npz", **arrays)
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        sources.frey_faces((28, 20, 1), tmp_path, 0)


def test_packed_digits_in_another_form_are_refused(tmp_path):
    rows = np.zeros([3, 98], np.uint8)
    np.savez(tmp_path / "binarized_mnist_packed.npz", train=rows, valid=rows[:, 1:], test=rows)
    with pytest.raises(ValueError, match=r"^data: valid of .*packed\.npz is uint8 \(3, 97\), expected uint8 \(N, 98\)"):
        sources.binarized_mnist((28, 28, 1), tmp_path, 0)


# no home folder


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, as in a container."""

    def unknown(uid):
        raise KeyError(uid)

    for name in ("HOME", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_without_a_home_folder_what_needs_no_file_goes_on(homeless, tmp_path):
    folder = folder_of(None)
    assert len(sources.digits((8, 8, 1), folder, 0).splits["test"]["label"]) == 200
    assert folder_of(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match=r"data_dir: ~/data is no folder"):
        folder_of("~/data")


def test_without_a_home_folder_nothing_is_downloaded_into_this_one(homeless, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "_answers", lambda host: True)
    with pytest.raises(FileNotFoundError, match="no home folder to keep mnist in; name a folder with --data-dir"):
        sources.mnist((28, 28, 1), folder_of(None), 0)
    assert not list(tmp_path.iterdir())
