"""Photographs with captions that people wrote: Flickr8k, Flickr30k, COCO, and a folder of your own.

Every reader takes (shape (H, W, 3) of the pictures, folder, seed) and returns captions.Captioned. Pictures are resized
to cover 256/224 of H x W, bicubic, and cut from the middle; once, then they come from the user's cache.
"""

import collections
import concurrent.futures
import gzip
import io
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import tensorflow as tf

from zoo.data.captioned.captions import Captioned, Pictures
from zoo.data.pictures import sources
from zoo.store import cache

CAPTIONS, SPLIT_LIST = "captions.tsv", "splits.tsv"  # of a folder of your own
MARGIN = 256 / 224  # of the resized picture to the part that is cut out, each way
MOST = 5  # captions of a COCO picture that count
VERSION = 2  # of what `picture` makes of a file: another one makes all that is kept anew
LARGEST = 40_000_000  # pixels of a picture that is decoded


class Photo(NamedTuple):
    """A photograph that has not been read."""

    name: str  # as captions and lists have it
    stamp: tuple[int, int]  # another one when the file has changed
    where: str  # for errors
    read: Callable[[], bytes]


# ---------------------------------------------------------------- Flickr


class Corpus(NamedTuple):
    """Files of a published set, as published; texts may be packed (.gz) or in a folder `texts`."""

    name: str
    captions: str  # lines "file#k<TAB>caption"
    lists: dict[str, str]  # the files of every split, one a line
    photographs: tuple[str, ...]  # folders or zips, the first one that holds any
    texts: str
    licence: str


FLICKR8K = Corpus(
    "flickr8k",
    "Flickr8k.token.txt",
    dict(zip(sources.SPLITS, (f"Flickr_8k.{part}Images.txt" for part in ("train", "dev", "test")), strict=True)),
    (
        *("Flicker8k_Dataset", "Flickr8k_Dataset", "Flicker8k_Dataset.zip", "Flickr8k_Dataset.zip"),
        "flickr8k_photos_1000.zip",
    ),
    "Flickr8k_text",
    "Hodosh, Young & Hockenmaier 2013; non-commercial research, the photographs are their authors'",
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
    return _published(FLICKR8K, shape, folder)


def flickr30k(shape, folder, seed):
    return _published(FLICKR30K, shape, folder)


def _published(corpus, shape, folder):
    _check(corpus.name, shape)
    path, told = _text(corpus, corpus.captions, folder), collections.defaultdict(list)
    for number, line in _lines(path):
        name, *caption = line.split(None, 1)  # published lines have a blank for the tab here and there
        if not caption or "#" not in name:
            raise ValueError(
                f"data: line {number} of {path} is {line!r}, expected file#number<TAB>caption; fetch it again"
            )
        told[name.rpartition("#")[0]] += caption
    lists = {}
    for split, name in corpus.lists.items():
        path = _text(corpus, name, folder)
        lists[split] = list(dict.fromkeys(line.strip() for _, line in _lines(path)))
        lost = [file for file in lists[split] if file not in told]
        if lost:
            raise ValueError(
                f"data: {path} names {lost[0]}, expected a caption of it in {corpus.captions}; fetch both again"
            )

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
    return Captioned(_parted(images, captions), f"{corpus.name}: {found} ({corpus.licence})")


def _text(corpus, name, folder):
    """Path of a text of the corpus."""
    paths = [place / file for place in (folder, folder / corpus.texts) for file in (name, f"{name}.gz")]
    path = next(filter(pathlib.Path.is_file, paths), None)
    if path is None:
        raise FileNotFoundError(
            f"data: found no {name}(.gz) of {corpus.name} in {folder}; put it there or name its folder with --data-dir"
        )
    return path


def _photographs(corpus, folder, names):
    """(folder or zip, {name: Photo}) of the first place that holds some of the names, at any depth."""
    for name in corpus.photographs:
        place = folder / name
        photos = {photo.name: photo for photo in _held(place) if photo.name in names} if place.exists() else {}
        if photos:
            return place, photos
    raise FileNotFoundError(
        f"data: found no photographs of {corpus.name} in {folder}, looked for {', '.join(corpus.photographs)}; "
        "put one of these there or name their folder with --data-dir"
    )


def _held(place):
    if place.is_dir():
        for path in place.rglob("*.jp*g*"):
            yield _file(path, path.name)
        return
    if not zipfile.is_zipfile(place):
        raise ValueError(f"data: {place} is no whole zip archive; fetch it again")
    archive = zipfile.ZipFile(place)
    for member in archive.infolist():
        read = _reader(archive, member)
        name = pathlib.PurePosixPath(member.filename).name
        yield Photo(name, (member.file_size, member.CRC), f"{member.filename} of {place}", read)


def _reader(archive, member):
    return lambda: archive.read(member)


def _file(path, name, told=""):
    stat = os.stat(path)
    return Photo(name, (stat.st_size, stat.st_mtime_ns), f"{path}{told}", path.read_bytes)


# ---------------------------------------------------------------- COCO


def coco_captions(shape, folder, seed):
    """COCO 2014 from TFDS, in the splits of Karpathy & Li: of val 5,000 validate, 5,000 test, the others are left."""
    _check("coco_captions", shape)
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

    A file splits.tsv, lines "file<TAB>split", says which are train, validation and test; others are left out. Without
    it a tenth of the pictures, by seed, validates and another one tests.
    """
    path = pathlib.Path(path).expanduser()
    _check(path, shape)
    told, photos = collections.defaultdict(list), {}
    if not (path / CAPTIONS).is_file():
        message = f"data: found no {path / CAPTIONS}; write one with lines file<TAB>caption, or name another folder"
        raise FileNotFoundError(message)
    for number, line in _lines(path / CAPTIONS):
        where = f"line {number} of {path / CAPTIONS}"
        file, *texts = line.split("\t")
        if not texts or not file:
            raise ValueError(f"data: {where} is {line!r}, expected file<TAB>caption")
        if not all(map(str.strip, texts)):
            raise ValueError(f"data: {where} has an empty caption, expected words after every tab; write some")
        if not (path / file).is_file():
            raise ValueError(f"data: {where} names {file}, expected a picture in {path}; put it there or drop the line")
        told[file] += texts
        photos.setdefault(file, _file(path / file, file, f" ({where})"))
    if (path / SPLIT_LIST).is_file():
        lists = _own_splits(path / SPLIT_LIST, told)
    else:
        names = np.random.default_rng(seed).permutation(sorted(told)).tolist()
        tenth = max(1, len(names) // 10)
        lists = dict(zip(sources.SPLITS, (names[2 * tenth :], names[:tenth], names[tenth : 2 * tenth]), strict=True))
    empty = [split for split, files in lists.items() if not files]
    if empty:
        raise ValueError(f"data: {path} has {len(told)} pictures and none for {empty[0]}, expected some in every split")
    images = pictures([photos[file] for files in lists.values() for file in files], shape)
    splits = _parted(images, {split: [told[file] for file in files] for split, files in lists.items()})
    counts = ", ".join(f"{len(files):,} {split}" for split, files in lists.items())
    return Captioned(splits, f"{path.name}, your own pictures: {counts} (licence: yours to state)")


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


# ---------------------------------------------------------------- from files to arrays


def pictures(photos, shape):
    """uint8 [M, H, W, 3] of photographs, in their order; from the cache if the same ones were read before."""

    def fill(images):
        def read(i):
            try:
                images[i] = picture(photos[i].read(), *shape[:2])
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                message = f"data: {photos[i].where} is no picture that can be read ({error}); replace it"
                raise ValueError(message) from None

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            what = f"Reading {len(photos):,} photographs"
            for _ in cache.progress(pool.map(read, range(len(photos))), len(photos), what):
                pass

    facts = [VERSION, *([photo.name, *photo.stamp] for photo in photos)]
    return cache.array("pictures", facts, (len(photos), *shape), np.uint8, fill)


def picture(data, height, width):
    """An encoded image as uint8 [height, width, 3] in RGB, upright, on white; one of this very size stays what it is.

    Raises ValueError if it cannot be decoded or is larger than LARGEST.
    """
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            image = _upright_rgb(image)
    except PIL.UnidentifiedImageError:
        raise ValueError("no image that Pillow knows") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow has no kind of its own: a broken file may raise a TypeError, too
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if image.size == (width, height):
        return np.asarray(image)
    scale = MARGIN * max(height / image.height, width / image.width)
    size = round(scale * image.width), round(scale * image.height)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    part = (left, top, left + width, top + height)  # of the resized image, which a thin one would make huge
    box = [at * whole / new for at, whole, new in zip(part, 2 * image.size, 2 * size, strict=True)]
    # The filter is wider than a pixel where it shrinks: no aliasing.
    return np.asarray(image.resize((width, height), PIL.Image.Resampling.BICUBIC, box))


def _upright_rgb(image):
    if image.width * image.height > LARGEST:
        raise ValueError(f"got {image.width:,} x {image.height:,} pixels, expected at most {LARGEST:,} in all")
    image = PIL.ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _parted(images, captions):
    """{split: Pictures} of the splits' images one after the other. captions: {split: those of every image}."""
    ends = np.cumsum([len(each) for each in captions.values()])[:-1]
    parts = zip(captions.items(), np.split(images, ends), strict=True)
    return {split: Pictures(image, each) for (split, each), image in parts}


def _lines(path):
    """(number from 1, line) of those that are not blank in a text, packed or not."""
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise ValueError(f"data: {path} is no text in UTF-8 ({error}); convert it, or fetch it again") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def _check(name, shape):
    if shape[-1] != 3:
        raise ValueError(f"data: {name} has photographs in colour, the model takes image {shape}; give it 3 channels")
