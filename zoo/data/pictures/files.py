"""Encoded pictures, in files or a zip, as arrays of one size; made once, then they come from the user's cache.

They are resized to cover 256/224 of H x W, bicubic, and cut from the middle.
"""

import concurrent.futures
import hashlib
import io
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps

from zoo.data.reading import reading
from zoo.store import cache

MARGIN = 256 / 224  # of the resized picture to the part that is cut out, each way
VERSION = 3  # of what `picture` makes of a file: another one makes all that is kept anew
LARGEST = 40_000_000  # pixels of a picture that is decoded


class Photo(NamedTuple):
    """A picture that has not been decoded."""

    name: str  # as captions and lists have it
    where: str  # for errors
    read: Callable[[], bytes]
    stamp: Callable[[], str]  # another one when the bytes are others


def photo(path, name, note=""):
    """The Photo of a file. note: what errors say beside its path."""
    return Photo(name, f"{path}{note}", path.read_bytes, lambda: _sha256(path))


def _sha256(path):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            hashed.update(block)
    return hashed.hexdigest()


def photos_in_zip(path):
    """A Photo for every file of a zip archive. Their stamp is the archive's, which is quicker than to unpack them."""
    with reading(path, "whole zip archive"):
        archive = zipfile.ZipFile(path)
    digest = _sha256(path)
    return [_member(archive, member, digest) for member in archive.infolist()]


def _member(archive, member, digest):
    where = f"{member.filename} of {archive.filename}"
    name = pathlib.PurePosixPath(member.filename).name
    return Photo(name, where, lambda: archive.read(member), lambda: f"{digest} {member.filename}")


def pictures(photos, shape):
    """uint8 [M, H, W, C] of Photos, in their order; from the cache if the same bytes were decoded before.

    shape: (H, W, C), C being 3 or, for gray, 1. Raises ValueError, naming the file, if one is no picture.
    """

    def fill(images):
        def read(i):
            with reading(photos[i].where, "picture that can be read", "replace it"):
                images[i] = picture(photos[i].read(), *shape)

        what = f"Reading {len(photos):,} pictures"
        for _ in cache.progress(pool.map(read, range(len(photos))), len(photos), what):
            pass

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        stamps = list(pool.map(lambda each: each.stamp(), photos))
        return cache.array("pictures", [VERSION, *stamps], (len(photos), *shape), np.uint8, fill)


def picture(data, height, width, channels=3):
    """An encoded image as uint8 [height, width, channels], upright, on white; one of this very size stays what it is.

    channels: 3 for RGB, 1 for gray. Raises ValueError if it cannot be decoded, is larger than LARGEST, or holds
    numbers whose white is not known.
    """
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            image = _upright_rgb(image).convert({1: "L", 3: "RGB"}[channels])
    except PIL.UnidentifiedImageError:
        raise ValueError("no image that Pillow knows") from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow has no kind of its own: a broken file may raise a TypeError, too
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if image.size != (width, height):
        image = _covering(image, height, width)
    return np.asarray(image).reshape(height, width, channels)


def _covering(image, height, width):
    scale = MARGIN * max(height / image.height, width / image.width)
    size = round(scale * image.width), round(scale * image.height)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    part = (left, top, left + width, top + height)  # of the resized image, which a thin one would make huge
    box = [at * whole / new for at, whole, new in zip(part, 2 * image.size, 2 * size, strict=True)]
    # The filter is wider than a pixel where it shrinks: no aliasing.
    return image.resize((width, height), PIL.Image.Resampling.BICUBIC, box)


def _upright_rgb(image):
    if image.width * image.height > LARGEST:
        raise ValueError(f"got {image.width:,} x {image.height:,} pixels, expected at most {LARGEST:,} in all")
    sixteen_bits = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    image = PIL.ImageOps.exif_transpose(image)
    if sixteen_bits:
        return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "I":
        raise ValueError("got integers of 32 bits, expected 8 or 16, or floats in [0, 1]")
    if image.mode == "F":  # of no declared range: as everywhere here, 1 is white
        values = np.asarray(image)
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"got floats from {values.min():g} to {values.max():g}, expected [0, 1]")
        return PIL.Image.fromarray(np.rint(values * 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = PIL.Image.alpha_composite(PIL.Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
