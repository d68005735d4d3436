import numpy as np
import PIL.Image
import pytest

from zoo.data.pictures import folders

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def folder(tmp_path, names, size=(7, 5)):
    """Pictures whose colour is (10 i, 0, 100) for the i-th of the names."""
    for i, name in enumerate(names):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        form = {"mode": "RGB", "size": size, "color": (10 * i % 256, 0, 100)}
        PIL.Image.new(**form).save(path, "PNG" if path.suffix.lower() == ".png" else None)
    return tmp_path / "mine"


def place(image):
    """Which of the names it was."""
    return image[0, 0, 0] // 10


MANY = [f"{i}.png" for i in range(25)]


def test_pictures_are_split_by_name_and_growth_moves_none(tmp_path):
    path, held = folder(tmp_path, MANY[:20]), []
    for more in ([], MANY[20:]):
        for i, name in enumerate(more):
            PIL.Image.new("RGB", (7, 5), (200 + 10 * i, 0, 100)).save(path / name)
        found = folders.own(path, (5, 7, 3), 1)
        held.append({place(image): split for split in SPLITS for image in found.splits[split]["image"]})
    small, large = held
    assert len(small) == 20 and len(large) == 25 and set(small.values()) == set(SPLITS)
    assert {i: large[i] for i in small} == small
    other = folders.own(path, (5, 7, 3), 2)
    assert {place(image) for image in other.splits["test"]["image"]} != {i for i in large if large[i] == "test"}


def test_folders_say_which_split_and_which_class(tmp_path):
    names = ["train/dog/a.png", "train/cat/b.png", "train/cat/deep/c.png", "val/dog/d.bmp", "Test/cat/e.PNG"]
    found = folders.own(folder(tmp_path, names), (5, 7, 3), 0)
    got = {
        s: [(place(i), int(y)) for i, y in zip(a["image"], a["label"], strict=True)] for s, a in found.splits.items()
    }
    assert got == {"train": [(1, 0), (2, 0), (0, 1)], "validation": [(3, 1)], "test": [(4, 0)]}
    said = "5 pictures (3 train, 1 validation, 1 test, by folder), resized to 5x7 in colour, "
    said += "2 classes, label 0 = cat to label 1 = dog"
    assert said in found.origin


def test_classes_alone_are_split_by_name(tmp_path):
    names = [f"{kind}/{i}.png" for kind in ("a", "b") for i in range(12)]
    found = folders.own(folder(tmp_path, names), (5, 7, 1), 0)
    assert sum(len(arrays["image"]) for arrays in found.splits.values()) == 24
    labels = np.concatenate([arrays["label"] for arrays in found.splits.values()])
    assert labels.dtype == np.int32 and np.bincount(labels).tolist() == [12, 12]


def test_without_validation_a_part_of_train_serves(tmp_path):
    names = [f"train/{i}.png" for i in range(23)] + ["test/x.png"]
    found = folders.own(folder(tmp_path, names), (5, 7, 3), 0)
    held = {split: {place(image) for image in arrays["image"]} for split, arrays in found.splits.items()}
    assert held["validation"] and held["train"] | held["validation"] == {*range(23)} - held["test"]
    assert not held["train"] & held["validation"] and len(found.splits["test"]["image"]) == 1
    assert "label" not in found.splits["train"] and "validation by the hash of names in train" in found.origin


def test_gray_models_get_gray_pictures_of_their_size(tmp_path):
    path = folder(tmp_path, ["train/a.png", "val/b.png", "test/c.png"], (90, 60))
    image = folders.own(path, (4, 6, 1), 0).splits["validation"]["image"]
    assert image.shape == (1, 4, 6, 1) and image.dtype == np.uint8
    assert abs(image.astype(int) - (0.299 * 10 + 0.114 * 100)).max() <= 1  # ITU-R 601
    rows = folders.own(path, (4, 6), 0).splits["validation"]["image"]  # of a model of sequences
    np.testing.assert_array_equal(rows, image)


def test_what_is_hidden_or_no_picture_is_left_out(tmp_path):
    path = folder(tmp_path, ["train/a.png", "val/b.png", "test/c.png", ".trash/d.png", "__MACOSX/e.png", "val/._b.png"])
    (path / "train" / "notes.txt").write_text("hello")
    found = folders.own(path, (5, 7, 3), 0)
    assert [len(arrays["image"]) for arrays in found.splits.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"mine holds no pictures, expected files \.png, \.jpg"),
        (["train/a.png", "test/b.png", "holdout/c.png"], r"folders of splits and holdout/c\.png beside, .* train, tra"),
        (["train/a.png", "val/b.png"], "2 pictures and none for test"),
        (["a.png"], "1 pictures and none for"),
        ([f"{s}/{c}/1.png" for s in ("train", "val", "test") for c in "ab"] + ["val/c.png"], r"val/c\.png lies beside"),
        ([f"{s}/{c}/1.png" for s in ("train", "val", "test") for c in "ab"] + ["val/c/1.png"], "train has none"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path, names, message):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        folders.own(folder(tmp_path, names), (5, 7, 3), 0)


def test_broken_pictures_and_other_channels_are_named(tmp_path):
    path = folder(tmp_path, ["train/a.png", "val/b.png", "test/c.png"])
    with pytest.raises(ValueError, match=r"gray or colour, the model takes \(5, 7, 2\)"):
        folders.own(path, (5, 7, 2), 0)
    (path / "train" / "d.jpg").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"^data: \S*train/d\.jpg is no picture that can be read"):
        folders.own(path, (5, 7, 3), 0)
