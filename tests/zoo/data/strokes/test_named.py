import os
import pathlib

import numpy as np
import pytest

from zoo.data import batches, load, names
from zoo.data.split import SPLITS
from zoo.declare import Field

REAL = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
REAL /= "omniglot_strokes_subset.npz"


def fields(points=None, label=None):
    most = None if points is None else points + 1
    found = {
        "strokes": Field((points, 3), ragged=True),
        "length": Field((), "int32", classes=most, counts="strokes"),
    }
    return found | {"label": Field((), "int32", classes=label)} if label else found


@pytest.mark.parametrize(
    ("name", "sizes", "classes"), [("spirals", [1280, 160, 160], 2), ("glyphs", [1920, 240, 240], 12)]
)
def test_embedded_drawings_need_no_file(name, sizes, classes):
    data, again = (load(name, fields=fields(label=classes)) for _ in range(2))
    assert [split.size for split in data.splits.values()] == sizes and len(data.vocabularies["label"]) == classes
    drawings = set()
    for part in SPLITS:
        arrays = data.splits[part].arrays
        assert set(arrays["label"]) == set(range(classes))
        for array, other in zip(arrays.values(), again.splits[part].arrays.values(), strict=True):
            np.testing.assert_array_equal(array, other)
        for rows, n in zip(arrays["strokes"], arrays["length"], strict=True):
            assert rows[n - 1, 0] == 1 and not rows[n:].any() and not rows[0, 1:].any()
            drawings.add(rows[:n].tobytes())
        assert set(np.unique(arrays["strokes"][..., 0])) == {0, 1} and arrays["strokes"].dtype == np.float32
    assert len(drawings) == sum(sizes)
    assert not np.array_equal(load(name, fields=fields(), seed=1).test.arrays["strokes"], data.test.arrays["strokes"])


def test_batches_hold_drawings_of_like_length():
    data = load("glyphs", fields=fields())
    wasted = [1 - b["length"].numpy().mean() / b["strokes"].shape[1] for _, b in batches(data.train, 16, 0).take(16)]
    assert np.mean(wasted) < 0.25


# an archive


def write(path, **changes):
    """An archive of the published form: two, one and one drawings of (dx, dy, pen lifted)."""
    first = [(0, 0, 0), (5, -3, 1)]
    arrays = {"train": [*first, (0, 0, 1)], "train_len": [2, 1], "valid": first, "valid_len": [2]}
    arrays |= {"test": [(0, 0, 0), (360, 1, 0), (12, -378, 1)], "test_len": [3]}
    np.savez(path, **{name: np.int16(each) for name, each in arrays.items()} | changes)
    return path


def test_the_pen_comes_first(tmp_path):
    write(tmp_path / "omniglot_strokes_subset.npz")
    for name, folder in (("omniglot-strokes", tmp_path), (tmp_path / "omniglot_strokes_subset.npz", None)):
        data = load(name, fields=fields(), data_dir=folder)
        assert data.test.arrays["strokes"].tolist() == [[[0, 0, 0], [0, 360, 1], [1, 12, -378]]]
        assert data.train.arrays["strokes"].tolist() == [[[0, 0, 0], [1, 5, -3]], [[1, 0, 0], [0, 0, 0]]]
        assert data.train.arrays["length"].tolist() == [2, 1] and str(data.coverage["test"]) == "3 points"
    cut = load("omniglot-strokes", fields=fields(2), data_dir=tmp_path)
    assert cut.test.arrays["length"].tolist() == [2]
    assert str(cut.coverage["test"]) == "3 points; 100.0% of the examples cut, 33.3% of the points lost"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_len": np.int16([2])}, r"test of .* is int16 \(3, 3\) for 2 points, expected as many rows"),
        ({"test_len": np.int16([3, 0])}, r"drawing 1 of test of .* has 0 points; leave it out"),
        ({"train": np.float32([[1e30, 0, 1]] * 3)}, r"train of .* moves of more than 1,000,000 units"),
        ({"valid": np.zeros([2, 5])}, r"valid of .* is float64 \(2, 5\)"),
        (
            {"valid": np.full([2, 3], np.nan)},
            "valid of .* holds NaN, moves of more than 1,000,000 units, or a pen that is neither 0 nor",
        ),
        ({"train": np.full([3, 3], 2)}, "train of .* a pen that is neither 0 nor 1"),
        ({"train": np.array([[1], [2, 3]], object)}, "train of .* is no array of numbers"),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"^data: {message}"):
        load(write(tmp_path / "my.npz", **changes), fields=fields())


@pytest.mark.skipif(not REAL.exists(), reason="omniglot_strokes_subset.npz is not there")
def test_the_published_drawings_are_all_there():
    data = load("omniglot-strokes", fields=fields())
    assert [split.size for split in data.splits.values()] == [10_000, 1_000, 1_000]
    assert [covered.total for covered in data.coverage.values()] == [311_729, 31_719, 31_144]


# handwriting on a whiteboard

XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription><SensorLocation corner="top_left"/></WhiteboardDescription>
  <StrokeSet>
    <Stroke colour="black" start_time="1.0" end_time="1.3">
      <Point x="893" y="{y}" time="1.00"/><Point x="900" y="1015" time="1.11"/>
    </Stroke>
    <Stroke colour="black" start_time="2.0" end_time="2.3"><Point x="880" y="1020" time="2.00"/></Stroke>
  </StrokeSet>
</WhiteboardCaptureSession>
"""


def test_a_folder_of_xml_files_keeps_the_lines_of_a_page_together(tmp_path):
    for page in range(30):
        for line in range(3):
            path = tmp_path / "lineStrokes" / f"a{page:02}" / f"a{page:02}-000u-{line:02}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(XML.format(y=1000 + page))
    data = load(tmp_path, fields=fields())
    first = np.array([[0, 0, 0], [1, 7, 0], [1, -20, 5]])
    pages = {}
    for part in SPLITS:
        strokes = data.splits[part].arrays["strokes"]
        for rows in strokes:
            page = 15 - int(rows[1, 2])
            np.testing.assert_array_equal(rows, first + np.diag([0, 0, 15 - page])[[0, 2, 0]])
            pages.setdefault(page, []).append(part)
    assert len(pages) == 30 and all(len(each) == 3 and len(set(each)) == 1 for each in pages.values())
    assert "90 drawings" in data.origin and "by the hash of their names" in data.origin


def test_the_published_lists_of_pages_decide_where_they_are(tmp_path):
    for page in range(6):
        for line in range(2):
            (tmp_path / f"a{page:02}-000u-{line:02}.xml").write_text(XML.format(y=1000 + page))
    pages = {"trainset": [3, 0], "testset_v": [1], "testset_t": [5], "testset_f": [2]}
    for name, held in pages.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"a{page:02}-000u\n" for page in held))
    data = load(tmp_path, fields=fields())
    found = {part: {15 - int(rows[1, 2]) for rows in data.splits[part].arrays["strokes"]} for part in SPLITS}
    assert found == {"train": {0, 3}, "validation": {1, 5}, "test": {2}} and data.train.size == 4
    assert "by the published lists, 2 in none of them left out" in data.origin
    (tmp_path / "testset_f.txt").write_text("b01-000u\n")
    with pytest.raises(ValueError, match=r"no drawing of .* is of a page in testset_f\.txt; choose matching files"):
        load(tmp_path, fields=fields())
    (tmp_path / "testset_f.txt").unlink()
    with pytest.raises((ValueError, OSError), match=r"testset_f\.txt"):
        load(tmp_path, fields=fields())


@pytest.mark.parametrize("text", ["<a><Stroke/></a>", XML[:-40], "", XML.format(y="nan"), XML.replace("x=", "z=")])
def test_a_broken_drawing_is_one_line_that_names_the_file(tmp_path, text):
    for part in SPLITS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.xml").write_text(text if part == "test" else XML.format(y=3))
    message = r"^data: \S*test/a\.xml is no XML file of Stroke elements, .*; replace it$"
    with pytest.raises(ValueError, match=message):
        load(tmp_path, fields=fields())


# what a model takes and data do not have


def test_what_the_data_do_not_have_is_refused(tmp_path):
    write(tmp_path / "omniglot_strokes_subset.npz")
    with pytest.raises(ValueError, match="omniglot-strokes has no labels, the model needs one"):
        load("omniglot-strokes", fields=fields(label=5), data_dir=tmp_path)
    with pytest.raises(ValueError, match="glyphs has 12 classes, the model tells 5 apart"):
        load("glyphs", fields=fields(label=5))
    with pytest.raises(ValueError, match="spirals has the classes spiral, zigzag, the model knows a, b; train another"):
        load("spirals", fields=fields(label=2), known={"label": ("a", "b")})
    with pytest.raises(ValueError, match=r"glyphs holds strokes \[S, 3\], the model takes image"):
        load("glyphs", fields={"image": Field((28, 28, 1))})
    with pytest.raises(FileNotFoundError, match=r"no omniglot_strokes_subset\.npz in .*--data glyphs"):
        load("omniglot-strokes", fields=fields(), data_dir=tmp_path / "..")
    with pytest.raises(ValueError, match=r"holds no drawings, expected files \.xml"):
        load(tmp_path, fields=fields())
    assert {"spirals", "glyphs", "omniglot-strokes"} <= set(names())
