"""Photographs with captions that people wrote: Flickr8k, Flickr30k, COCO, and a folder of your own.

Every reader takes (shape (H, W, 3) of the pictures, folder, seed) and returns captions.Captioned. How pictures are
resized and kept is told in zoo.data.pictures.files.
"""

import collections
import csv
import gzip
import io
import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.data.captioned.captions import Captioned, Pictures
from zoo.data.folders import split_by_name
from zoo.data.pictures import sources
from zoo.data.pictures.files import VERSION, photo, photos_in_zip, picture, pictures
from zoo.data.reading import reading
from zoo.store import cache

CAPTIONS, SPLIT_LIST = "captions.tsv", "splits.tsv"  # of a folder of your own
KAGGLE, KAGGLE_IMAGES = "captions.txt", "Images"  # Flickr8k as Kaggle has it: a CSV, and the folder of the photographs
MOST = 5  # captions of a COCO picture that count


# ---------------------------------------------------------------- Flickr


class Corpus(NamedTuple):
    """Files of a published set, as published; texts may be packed (.gz) or in a folder `texts`."""

    name: str
    captions: str  # lines "file#k<TAB>caption"
    lists: dict[str, str]  # the files of every split, one a line
    photographs: tuple[str, ...]  # folders or zips, the first one that holds any
    texts: str
    licence: str
    table: str = ""  # a CSV that serves as captions, too: see `_told_in_table`


FLICKR8K = Corpus(
    "flickr8k",
    "Flickr8k.token.txt",
    dict(zip(sources.SPLITS, (f"Flickr_8k.{part}Images.txt" for part in ("train", "dev", "test")), strict=True)),
    (
        *("Flicker8k_Dataset", "Flickr8k_Dataset", "Flicker8k_Dataset.zip", "Flickr8k_Dataset.zip"),
        *("flickr8k_photos_1000.zip", KAGGLE_IMAGES),
    ),
    "Flickr8k_text",
    "Hodosh, Young & Hockenmaier 2013; non-commercial research, the photographs are their authors'",
    table=KAGGLE,
)
FLICKR30K = Corpus(
    "flickr30k",
    "results_20130124.token",
    dict(zip(sources.SPLITS, (f"flickr30k_{part}.txt" for part in ("train", "val", "test")), strict=True)),
    ("flickr30k-images", "flickr30k_images", "flickr30k-images.zip", "flickr30k_images.zip"),
    "flickr30k",
    "Young, Lai, Hodosh & Hockenmaier 2014; non-commercial research, the photographs are their authors'",
)


def flickr8k(shape, folder, seed):
    """8,000 photographs, five captions each, in the published splits of 6,000, 1,000 and 1,000.

    The texts are as published, or Kaggle's captions.txt: with it, where no published list of a split lies beside,
    the splits are by the names' hash, and the origin says so.
    """
    return _published(FLICKR8K, shape, folder, seed)


def flickr30k(shape, folder, seed):
    """31,000 photographs, five captions each, in splits of which lists flickr30k_train.txt, _val and _test tell."""
    return _published(FLICKR30K, shape, folder, seed)


def _published(corpus, shape, folder, seed):
    _check_colour(corpus.name, shape)
    told, lists, how = _texts(corpus, folder, seed)
    place, photos = _photographs(corpus, folder, told)
    kept = {split: [file for file in files if file in photos] for split, files in lists.items()}
    parts = [f"{len(kept[split]):,} of {len(files):,} {split}" for split, files in lists.items()]
    found = f"{', '.join(parts)} photographs in {place.name}"
    if not all(kept.values()):
        raise FileNotFoundError(f"data: {corpus.name} has {found}, expected some of every split; add photographs")
    if kept != lists:
        print(f"{corpus.name}: found {found}; going on with these", flush=True)
    images = pictures([photos[file] for files in kept.values() for file in files], shape)
    captions = {split: [told[file] for file in files] for split, files in kept.items()}
    return Captioned(_parted(images, captions), f"{corpus.name}: {found}{how} ({corpus.licence})")


def _texts(corpus, folder, seed):
    """({file: captions}, {split: files}, what the origin says of the splits)."""
    table = corpus.table and _path(corpus, corpus.table, folder)
    if _path(corpus, corpus.captions, folder) or not table:
        told = _told_in_lines(_text(corpus, corpus.captions, folder))
    else:
        told = _joined((file, text) for _, file, text in _told_in_table(table))
        if not any(_path(corpus, name, folder) for name in corpus.lists.values()):
            how = f", splits by the hash of their names, seed {seed}, not the published ones"
            return told, split_by_name(told, seed), how
    return told, {split: _listed(corpus, name, folder, told) for split, name in corpus.lists.items()}, ""


def _told_in_lines(path):
    """{file: captions} of lines file#number<TAB>caption."""
    pairs = []
    for number, line in _lines(path):
        name, *caption = line.split(None, 1)  # published lines have a blank for the tab here and there
        if not caption or "#" not in name:
            raise ValueError(
                f"data: line {number} of {path} is {line!r}, expected file#number<TAB>caption; fetch it again"
            )
        pairs.append((name.rpartition("#")[0], *caption))
    return _joined(pairs)


def _joined(pairs):
    """{file: captions} of (file, caption)."""
    told = collections.defaultdict(list)
    for file, caption in pairs:
        told[file].append(caption)
    return told


def _told_in_table(path):
    """[(number of the line, file, caption)] of a CSV with the header image,caption, quoted as spreadsheets do."""
    rows = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    with reading(path, "table of image,caption with quotes in pairs", "mend it, or fetch it again"):
        header, *found = [(rows.line_num, row) for row in rows if row]
    if [cell.strip().lower() for cell in header[1]] != ["image", "caption"]:
        raise ValueError(f"data: {path} begins with {','.join(header[1])!r}, expected the header image,caption")
    for number, row in found:
        if len(row) != 2 or not all(map(str.strip, row)):
            raise ValueError(
                f"data: line {number} of {path} is {','.join(row)!r}, expected image,caption; "
                "a caption with commas stands in double quotes"
            )
    return [(number, file.strip(), caption) for number, (file, caption) in found]


def _listed(corpus, name, folder, told):
    """The files of a split, each in told, from the published list."""
    path = _text(corpus, name, folder)
    files = list(dict.fromkeys(line.strip() for _, line in _lines(path)))
    lost = [file for file in files if file not in told]
    if lost:
        raise ValueError(
            f"data: {path} names {lost[0]}, expected a caption of it in {corpus.captions}; fetch both again"
        )
    return files


def _path(corpus, name, folder):
    """Path of a text of the corpus, packed or not; None if it is not there."""
    paths = [place / file for place in (folder, folder / corpus.texts) for file in (name, f"{name}.gz")]
    return next(filter(pathlib.Path.is_file, paths), None)


def _text(corpus, name, folder):
    path = _path(corpus, name, folder)
    if path is None:
        raise FileNotFoundError(
            f"data: found no {name}(.gz) of {corpus.name} in {folder}; put it there or name its folder with --data-dir"
        )
    return path


def _photographs(corpus, folder, names):
    """(folder or zip, {name: Photo}) of the first place that holds some of the names, at any depth."""
    for name in corpus.photographs:
        place = folder / name
        photos = {each.name: each for each in _held(place) if each.name in names} if place.exists() else {}
        if photos:
            return place, photos
    raise FileNotFoundError(
        f"data: found no photographs of {corpus.name} in {folder}, looked for {', '.join(corpus.photographs)}; "
        "put one of these there or name their folder with --data-dir"
    )


def _held(place):
    return [photo(path, path.name) for path in place.rglob("*.jp*g*")] if place.is_dir() else photos_in_zip(place)


# ---------------------------------------------------------------- COCO


def coco_captions(shape, folder, seed):
    """COCO 2014 from TFDS, in the splits of Karpathy & Li: of val 5,000 validate, 5,000 test, the others are left."""
    _check_colour("coco_captions", shape)
    builder = sources.prepared("coco_captions", folder, None, "images.cocodataset.org")
    splits = {}
    for split, theirs in zip(sources.SPLITS, ("train", "val", "test"), strict=True):
        facts = [VERSION, builder.info.full_name, theirs, builder.info.splits[theirs].num_examples]
        captions = cache.values("captions", facts, lambda split=theirs: _coco_texts(builder, split))
        fill = _coco_pictures(builder, theirs, shape)
        splits[split] = Pictures(cache.array("pictures", facts, (facts[-1], *shape), np.uint8, fill), captions)
    return Captioned(splits, "COCO 2014 captions from TFDS (Lin et al. 2014, CC BY 4.0; photographs: Flickr's terms)")


def _coco_texts(builder, split):
    found = _coco(builder, split).map(lambda example: example["captions"]["text"][:MOST])
    return [[text.decode() for text in texts] for texts in found.as_numpy_iterator()]


def _coco_pictures(builder, split, shape):
    def decode(data):
        return picture(data, *shape[:2])

    def decoded(example):
        return tf.numpy_function(decode, [example["image"]], tf.uint8, stateful=False)

    def fill(images):
        found = _coco(builder, split).map(decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        what = f"Reading {len(images):,} photographs of COCO's {split}"
        for i, image in enumerate(cache.progress(found.as_numpy_iterator(), len(images), what)):
            images[i] = image

    return fill


def _coco(builder, split):
    """Examples with pictures as JPEGs: no two are of one size, and PIL shrinks better than TensorFlow."""
    import tensorflow_datasets as tfds

    return builder.as_dataset(split=split, shuffle_files=False, decoders={"image": tfds.decode.SkipDecoding()})


# ---------------------------------------------------------------- your own


def own(path, shape, folder, seed):
    """Pictures of a folder with captions.tsv: lines "file<TAB>caption", perhaps more captions, files may come again.

    Kaggle's form serves as well: captions.txt, a CSV with the header image,caption, the pictures in a folder Images.
    A file splits.tsv, lines "file<TAB>split", says which are train, validation and test; others are left out. Without
    it about a tenth of the pictures validates and another one tests, by the hash of their names and the seed: a
    picture stays in its split when others come or go.
    """
    path = pathlib.Path(path).expanduser()
    _check_colour(path, shape)
    told, photos = collections.defaultdict(list), {}
    for where, file, texts in _own_captions(path):
        if not all(map(str.strip, texts)):
            raise ValueError(f"data: {where} has an empty caption, expected words after every tab; write some")
        told[file] += texts
        if file in photos:
            continue
        place = next((folder for folder in (path, path / KAGGLE_IMAGES) if (folder / file).is_file()), None)
        if place is None:
            raise ValueError(f"data: {where} names {file}, expected a picture in {path}; put it there or drop the line")
        photos[file] = photo(place / file, file, f" ({where})")
    if (path / SPLIT_LIST).is_file():
        lists, how = _own_splits(path / SPLIT_LIST, told), f"as {SPLIT_LIST} says"
    else:
        lists, how = split_by_name(told, seed), f"by the hash of their names, seed {seed}"
    empty = [split for split, files in lists.items() if not files]
    if empty:
        raise ValueError(
            f"data: {path} has {len(told)} pictures and none for {empty[0]}, expected some in every split; "
            f"add pictures, or say in {SPLIT_LIST} which is which"
        )
    images = pictures([photos[file] for files in lists.values() for file in files], shape)
    splits = _parted(images, {split: [told[file] for file in files] for split, files in lists.items()})
    counts = ", ".join(f"{len(files):,} {split}" for split, files in lists.items())
    return Captioned(splits, f"{path.name}, your own pictures: {counts}, {how} (licence: yours to state)")


def _own_captions(path):
    """(where it stands, file, captions) of every line."""
    if (path / CAPTIONS).is_file():
        for number, line in _lines(path / CAPTIONS):
            where = f"line {number} of {path / CAPTIONS}"
            file, *texts = line.split("\t")
            if not texts or not file:
                raise ValueError(f"data: {where} is {line!r}, expected file<TAB>caption")
            yield where, file, texts
    elif (path / KAGGLE).is_file():
        for number, file, text in _told_in_table(path / KAGGLE):
            yield f"line {number} of {path / KAGGLE}", file, [text]
    else:
        raise FileNotFoundError(
            f"data: found no {path / CAPTIONS}; write one with lines file<TAB>caption (or {KAGGLE}, a CSV with the "
            "header image,caption), or name another folder"
        )


def _own_splits(path, told):
    lists = {split: {} for split in sources.SPLITS}
    for number, line in _lines(path):
        where = f"line {number} of {path}"
        file, _, split = line.partition("\t")
        if split not in lists:
            known = ", ".join(lists)
            raise ValueError(f"data: {where} is {line!r}, expected file<TAB>split, the split being one of {known}")
        if file not in told:
            raise ValueError(f"data: {where} names {file}, expected a picture with a line in {CAPTIONS}")
        if any(file in other for name, other in lists.items() if name != split):
            raise ValueError(f"data: {where} puts {file} into a second split, expected one; drop a line")
        lists[split][file] = None
    return {split: list(files) for split, files in lists.items()}


# ---------------------------------------------------------------- what both need


def _parted(images, captions):
    """{split: Pictures} of the splits' images one after the other. captions: {split: those of every image}."""
    ends = np.cumsum([len(each) for each in captions.values()])[:-1]
    parts = zip(captions.items(), np.split(images, ends), strict=True)
    return {split: Pictures(image, each) for (split, each), image in parts}


def _decoded(path):
    with reading(path, "text in UTF-8", "convert it, or fetch it again"):
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")


def _lines(path):
    """(number from 1, line) of those that are not blank in a text, packed or not."""
    for number, line in enumerate(_decoded(path).split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def _check_colour(name, shape):
    if shape[-1] != 3:
        raise ValueError(f"data: {name} has photographs in colour, the model takes image {shape}; give it 3 channels")
