import gzip
import io
import os
import zipfile

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from zoo.data import batches, in_order, load
from zoo.data.captioned import photos
from zoo.data.pictures import files, sources
from zoo.declare import Field


def of(shapes):
    """The fields of a model that takes these shapes."""
    return {name: Field(shape) for name, shape in shapes.items()}


SHAPES = {"image": (8, 8, 3), "caption": (9,)}
SPLITS = {"train": 4, "dev": 2, "test": 2}  # names in the lists of the small Flickr8k


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def jpeg(colour, size=(11, 9), mode="RGB", form="JPEG", **options):
    file = io.BytesIO()
    PIL.Image.new("RGB", size, colour).convert(mode).save(file, form, **options)
    return file.getvalue()


def colour(i):
    return (30 * i, 255 - 30 * i, 100)


def read(folder, name="flickr8k", **options):
    return load(str(name), fields=of(SHAPES), data_dir=folder, **options)


@pytest.fixture
def flickr(tmp_path):
    """A folder with the texts of a Flickr8k of eight photographs, two captions each; photograph i has colour(i)."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [f"{i}.jpg#{k}\tPhotograph number{i} , caption{k} ." for i in range(8) for k in range(2)]
    lines[3] = lines[3].replace("\t", " ")  # as a few lines are published
    lines += ["2258277193_586949ec62.jpg.1#0\tThe odd one .", "9.jpg#0\tIn no split ."]
    (folder / "Flickr8k.token.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    start = 0
    for split, count in SPLITS.items():
        names = "".join(f"{i}.jpg\n" for i in range(start, start + count))
        (folder / f"Flickr_8k.{split}Images.txt").write_text(names)
        start += count
    return folder


def photographs(folder, numbers, name="flickr8k_photos_1000.zip"):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for i in numbers:
            archive.writestr(f"images/{i}.jpg", jpeg(colour(i), form="PNG"))
        archive.writestr("photos.csv", "file")
        archive.writestr("images/2258277193_586949ec62.jpg.1", b"?")


# Flickr


def test_photographs_meet_their_captions_in_the_published_splits(flickr):
    photographs(flickr, range(8))
    data = read(flickr)
    for split, numbers in (("train", range(4)), ("validation", (4, 5)), ("test", (6, 7))):
        pictures = getattr(data, split).source
        assert pictures.image.shape == (len(numbers), 8, 8, 3) and pictures.image.dtype == np.uint8
        for image, told, i in zip(pictures.image, pictures.captions, numbers, strict=True):
            assert (image == colour(i)).all()
            assert told == [f"Photograph number{i} , caption{k} ." for k in range(2)]
    assert (
        "number3" in data.vocabularies["caption"]
        and "number4" not in data.vocabularies["caption"]
        and "odd" not in data.vocabularies["caption"]
    )
    batch, _ = next(in_order(data.test, 4))
    np.testing.assert_allclose(batch["image"][:, 0, 0], np.float32([colour(i) for i in (6, 7, 6, 7)]) / 255)


def test_part_of_the_photographs_is_enough_and_is_said(flickr, capsys):
    photographs(flickr, (1, 3, 4, 7))
    data = read(flickr)
    found = "2 of 4 train, 1 of 2 validation, 1 of 2 test photographs in flickr8k_photos_1000.zip"
    assert capsys.readouterr().out == f"flickr8k: found {found}; going on with these\n"
    assert found in data.origin and "Hodosh" in data.origin
    assert (data.train.source.image[1] == colour(3)).all() and data.train.size == 4


def test_all_of_the_photographs_need_no_word(flickr, capsys):
    photographs(flickr, range(8))
    read(flickr)
    assert capsys.readouterr().out == ""


def test_a_folder_serves_as_well_and_the_whole_set_comes_first(flickr, capsys):
    photographs(flickr, (1, 4, 7))
    folder = flickr / "Flicker8k_Dataset" / "deeper"
    folder.mkdir(parents=True)
    for i in range(9):
        (folder / f"{i}.jpg").write_bytes(jpeg(colour(i), quality=95))
    data = read(flickr)
    assert abs(data.train.source.image.astype(int)[2, 4, 4] - colour(2)).max() < 5
    assert "4 of 4 train" in data.origin and "in Flicker8k_Dataset" in data.origin


def test_flickr30k_is_read_in_its_own_names(tmp_path):
    lines = "".join(f"{i}.jpg#{k}\tCaption{k} of {i} .\n" for i in range(6) for k in range(5))
    (tmp_path / "results_20130124.token").write_text(lines)
    for i, part in enumerate(("train", "val", "test")):
        (tmp_path / f"flickr30k_{part}.txt").write_text(f"{2 * i}.jpg\n{2 * i + 1}.jpg\n")
    (tmp_path / "flickr30k-images").mkdir()
    for i in range(6):
        (tmp_path / "flickr30k-images" / f"{i}.jpg").write_bytes(jpeg(colour(i), form="PNG"))
    data = read(tmp_path, "flickr30k")
    assert [split.size for split in (data.train, data.validation, data.test)] == [10, 10, 10]
    assert (data.validation.source.image[0] == colour(2)).all() and "Young" in data.origin


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("Flickr8k.token.txt.gz", r"found no Flickr8k\.token\.txt\(\.gz\) of flickr8k in .*data; put it there or name"),
        ("Flickr_8k.devImages.txt", r"found no Flickr_8k\.devImages\.txt\(\.gz\)"),
        (
            "flickr8k_photos_1000.zip",
            "found no photographs of flickr8k in .*looked for Flicker8k_Dataset, Flickr8k_Data",
        ),
    ],
)
def test_what_is_missing_is_named(flickr, missing, message):
    photographs(flickr, range(8))
    (flickr / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"^data: {message}"):
        read(flickr)


def test_a_split_without_photographs_and_a_broken_archive_are_refused(flickr):
    photographs(flickr, (0, 1, 6))
    with pytest.raises(FileNotFoundError, match=r"0 of 2 validation, .* expected some of every split"):
        read(flickr)
    (flickr / "flickr8k_photos_1000.zip").write_text("half")
    with pytest.raises(ValueError, match=r"flickr8k_photos_1000\.zip is no whole zip archive"):
        read(flickr)


def test_texts_that_do_not_fit_each_other_are_refused(flickr):
    photographs(flickr, range(8))
    (flickr / "Flickr_8k.devImages.txt").write_text("4.jpg\n77.jpg\n")
    with pytest.raises(ValueError, match=r"devImages\.txt names 77\.jpg, expected a caption of it in Flickr8k\.token"):
        read(flickr)
    (flickr / "Flickr8k.token.txt").write_text("0.jpg#0\tA dog .\n\nhello\n")
    with pytest.raises(ValueError, match=r"line 3 of .*token\.txt is 'hello', expected file#number<TAB>caption"):
        read(flickr)


def test_gray_models_get_no_photographs(flickr):
    with pytest.raises(ValueError, match=r"photographs in colour, the model takes image \(8, 8, 1\)"):
        load("flickr8k", fields=of({**SHAPES, "image": (8, 8, 1)}), data_dir=flickr)


# the cache


def test_photographs_are_read_once(flickr, cached, monkeypatch):
    photographs(flickr, range(8))
    first = read(flickr).test.source.image
    assert len(list(cached.rglob("*.npy"))) == 1
    monkeypatch.setattr(files, "picture", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(read(flickr).test.source.image, first)


def test_a_photograph_that_changed_is_read_anew(flickr, cached):
    folder = flickr / "Flicker8k_Dataset"
    folder.mkdir()
    for i in range(8):
        (folder / f"{i}.jpg").write_bytes(jpeg(colour(i), form="PNG"))
    read(flickr)
    before = (folder / "6.jpg").stat()
    (folder / "6.jpg").write_bytes(jpeg((9, 9, 9), form="PNG"))
    os.utime(folder / "6.jpg", ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert (read(flickr).test.source.image[0] == 9).all()
    photographs(flickr, range(8))  # an archive in place of the folder
    for path in folder.iterdir():
        path.unlink()
    assert (read(flickr).test.source.image[0] == colour(6)).all()


# your own


def folder_of_mine(tmp_path, lines, names="abcdefghijkl"):
    folder = tmp_path / "mine"
    (folder / "more").mkdir(parents=True)
    for i, name in enumerate(names):
        (folder / f"{name}.jpg").write_bytes(jpeg(colour(i % 8), form="PNG"))
    (folder / "captions.tsv").write_text(lines)
    return folder


LINES = "".join(f"{name}.jpg\tpicture {name}\n" for name in "abcdefghijkl")


def test_a_folder_of_your_own_is_split_by_name(tmp_path):
    folder = folder_of_mine(tmp_path, LINES + "a.jpg\tanother of a\tand a third\r\n")
    data = [photos.own(folder, (8, 8, 3), None, seed) for seed in (0, 0, 3)]
    told = [[each.splits[split].captions for split in sources.SPLITS] for each in data]
    assert told[0] == told[1] != told[2] and all(told[0])
    everything = [one for part in told[0] for one in part]
    assert ["picture a", "another of a", "and a third"] in everything and len(everything) == 12
    for split in sources.SPLITS:
        pictures = data[0].splits[split]
        for image, (first, *_) in zip(pictures.image, pictures.captions, strict=True):
            assert (image == colour("abcdefghijkl".index(first[-1]) % 8)).all()
    counts = ", ".join(f"{len(part)} {split}" for part, split in zip(told[0], sources.SPLITS, strict=True))
    assert f"{counts}, by the hash of their names, seed 0" in data[0].origin


def test_a_folder_that_grows_moves_no_picture(tmp_path):
    folder, held = folder_of_mine(tmp_path, LINES), []
    for more in ("", "".join(f"{name}.jpg\tpicture {name}\n" for name in "mnopq")):
        for name in "mnopq":
            (folder / f"{name}.jpg").write_bytes(jpeg((1, 2, 3), form="PNG"))
        (folder / "captions.tsv").write_text(more + LINES)
        splits = photos.own(folder, (8, 8, 3), None, 0).splits
        held.append({told[0]: split for split in sources.SPLITS for told in splits[split].captions})
    assert held[0].items() <= held[1].items() and len(held[1]) == 17


def test_a_folder_of_your_own_is_read_by_its_path(tmp_path):
    data = read(tmp_path, folder_of_mine(tmp_path, LINES))
    assert data.name == str(tmp_path / "mine")
    step, batch = next(iter(batches(data.train, 4, 0)))
    assert step == 0 and batch["image"].shape == (4, 8, 8, 3)


def test_a_list_says_which_is_which(tmp_path):
    folder = folder_of_mine(tmp_path, LINES)
    (folder / "splits.tsv").write_text("b.jpg\ttest\na.jpg\ttrain\nd.jpg\tvalidation\nc.jpg\ttrain\n")
    data = read(tmp_path, folder)
    assert [getattr(data, split).source.captions for split in sources.SPLITS] == [
        [["picture a"], ["picture c"]],
        [["picture d"]],
        [["picture b"]],
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a.jpg\tone\nb.jpg two\n", r"line 2 of .*captions\.tsv is 'b\.jpg two', expected file<TAB>caption"),
        ("a.jpg\tone\n\n\tthree\n", r"line 3 of .*captions\.tsv is '\\tthree', expected file<TAB>caption"),
        ("a.jpg\tone\t \n", r"line 1 of .*captions\.tsv has an empty caption"),
        ("a.jpg\tone\nz.jpg\ttwo\n", r"line 2 of .*captions\.tsv names z\.jpg, expected a picture in .*mine"),
        ("a.jpg\tone\nmore\ttwo\n", r"line 2 of .*captions\.tsv names more, expected a picture"),
        (LINES + "bad.jpg\tno picture\n", r"bad\.jpg \(line 13 of .*captions\.tsv\) is no picture that can be read"),
        ("a.jpg\tone\nb.jpg\ttwo\n", "has 2 pictures and none for (train|validation|test), .* say in splits"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, lines, message):
    folder = folder_of_mine(tmp_path, lines)
    (folder / "bad.jpg").write_bytes(jpeg((1, 2, 3))[:200])
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        read(tmp_path, folder)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a.jpg\ttrain\nb.jpg\tdev\n", r"line 2 of .*splits\.tsv is 'b\.jpg\\tdev', .* one of train, validation, test"),
        ("z.jpg\ttrain\n", r"line 1 of .*splits\.tsv names z\.jpg, expected a picture with a line in captions\.tsv"),
        ("a.jpg\ttrain\na.jpg\ttest\n", r"line 2 of .*splits\.tsv puts a\.jpg into a second split"),
        ("a.jpg\ttrain\nb.jpg\ttest\n", "none for validation"),
    ],
)
def test_a_list_that_does_not_fit_is_named(tmp_path, lines, message):
    folder = folder_of_mine(tmp_path, LINES)
    (folder / "splits.tsv").write_text(lines)
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        read(tmp_path, folder)


def test_a_folder_without_captions_and_captions_in_another_code_are_refused(tmp_path):
    folder = folder_of_mine(tmp_path, LINES)
    (folder / "captions.tsv").write_bytes("a.jpg\tcafé\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"captions\.tsv is no text in UTF-8"):
        read(tmp_path, folder)
    (folder / "captions.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"^data: found no .*captions\.tsv; write one"):
        read(tmp_path, folder)


# Kaggle's form


TABLE = 'image,caption\n0.jpg,"A dog , ""Rex"" , runs ."\n0.jpg,A dog .\n'


def kaggle(folder, count=30):
    """captions.txt and Images; photograph i has colour(i % 8)."""
    (folder / "Images").mkdir(parents=True)
    for i in range(count):
        (folder / "Images" / f"{i}.jpg").write_bytes(jpeg(colour(i % 8), form="PNG"))
    (folder / "captions.txt").write_text(TABLE + "".join(f"{i}.jpg,Photograph {i} .\r\n" for i in range(1, count)))
    return folder


@pytest.mark.parametrize("reader", [photos.flickr8k, None], ids=["flickr8k", "own"])
def test_kaggles_table_serves_as_captions(tmp_path, reader):
    folder = kaggle(tmp_path / "kaggle")
    found = reader((8, 8, 3), folder, 0) if reader else photos.own(folder, (8, 8, 3), None, 0)
    told = [captions for split in sources.SPLITS for captions in found.splits[split].captions]
    assert ['A dog , "Rex" , runs .', "A dog ."] in told and ["Photograph 29 ."] in told and len(told) == 30
    for pictures in found.splits.values():
        for image, (first, *_) in zip(pictures.image, pictures.captions, strict=True):
            number = int(first.split()[1]) if first.startswith("Photograph") else 0
            assert (image == colour(number % 8)).all()
    assert "by the hash of their names, seed 0" in found.origin
    assert ("not the published ones" in found.origin) == (reader is not None)


def test_published_lists_beside_kaggles_table_count(tmp_path):
    folder = kaggle(tmp_path / "kaggle", 8)
    start = 0
    for split, count in SPLITS.items():
        names = "".join(f"{i}.jpg\n" for i in range(start, start + count))
        (folder / f"Flickr_8k.{split}Images.txt").write_text(names)
        start += count
    found = photos.flickr8k((8, 8, 3), folder, 0)
    assert found.splits["test"].captions == [["Photograph 6 ."], ["Photograph 7 ."]] and "hash" not in found.origin


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,text\na.jpg,one\n", r"captions\.txt begins with 'file,text', expected the header image,caption"),
        ("image,caption\na.jpg,one, two\n", r"line 2 of .*captions\.txt is 'a\.jpg,one, two', .* double quotes"),
        ("image,caption\n\na.jpg,\n", r"line 3 of .*captions\.txt is 'a\.jpg,', expected image,caption"),
        ('image,caption\na.jpg,"one\nb.jpg,two\n', r"captions\.txt is no table of image,caption with quotes in pairs"),
        ("", r"captions\.txt is no table"),
        ("image,caption\nz.jpg,one\n", r"line 2 of .*captions\.txt names z\.jpg, expected a picture in .*mine"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, text, message):
    folder = folder_of_mine(tmp_path, "")
    (folder / "captions.tsv").unlink()
    (folder / "captions.txt").write_text(text)
    with pytest.raises(ValueError, match=f"^data: .*{message}"):
        read(tmp_path, folder)


# COCO


class SmallCoco(tfds.core.GeneratorBasedBuilder):
    """Features as those of TFDS's coco_captions; every picture of another size, in the end a gray one."""

    VERSION = tfds.core.Version("1.0.0")
    COUNTS = {"train": 5, "val": 3, "test": 2, "restval": 1}  # noqa: RUF012

    def _info(self):
        texts = tfds.features.Sequence({"id": np.int64, "text": tfds.features.Text()})
        features = {"image": tfds.features.Image(shape=(None, None, 3)), "captions": texts}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager):
        return {split: self._generate_examples(split) for split in self.COUNTS}

    def _generate_examples(self, split):
        for i in range(self.COUNTS[split]):
            texts = [{"id": k, "text": f"{split} {i} caption {k}"} for k in range(5 + i % 3)]
            mode = "L" if i == 4 else "RGB"
            image = jpeg((50 * i, 100, 100), size=(20 + i, 30 - i), mode=mode, quality=95)
            yield f"{split}{i}", {"image": io.BytesIO(image), "captions": texts}


def test_coco_is_read_from_tfds_in_the_papers_splits(tmp_path, monkeypatch):
    builder = SmallCoco(data_dir=tmp_path)
    builder.download_and_prepare()
    monkeypatch.setattr(sources, "prepared", lambda name, *_: builder if name == "coco_captions" else None)
    data = read(tmp_path, "coco_captions")
    for split, theirs in (("train", "train"), ("validation", "val"), ("test", "test")):
        pictures = getattr(data, split).source
        assert len(pictures.image) == SmallCoco.COUNTS[theirs] and getattr(data, split).size == 5 * len(pictures.image)
        for image, told in zip(pictures.image.astype(int), pictures.captions, strict=True):
            i = int(told[0].split()[1])
            assert told == [f"{theirs} {i} caption {k}" for k in range(5)]
            assert abs(image[..., 0] - (50 * i if i < 4 else image[..., 1])).max() < 5
    monkeypatch.setattr(photos, "_coco", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(read(tmp_path, "coco_captions").test.source.image, data.test.source.image)


def test_coco_is_not_fetched_where_nothing_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_answers", lambda host: False)
    with pytest.raises(FileNotFoundError, match=r"no prepared TFDS coco_captions .*cocodataset\.org does not"):
        read(tmp_path, "coco_captions")
