"""Pictures with captions by name."""

import functools
import os
from pathlib import Path

from zoo.data.captioned import captions, photos
from zoo.data.pictures.named import digits
from zoo.data.split import Data

FOUND = {
    "scenes": captions.scenes,
    "flickr8k": photos.flickr8k,
    "flickr30k": photos.flickr30k,
    "coco_captions": photos.coco_captions,
}
SETS = (*FOUND, "digit-captions")


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    return "a folder of pictures with captions" if "caption" in fields else ""


def owns(request):
    """A folder, for a model of captions."""
    return bool(reads(request.fields)) and Path(os.path.expanduser(request.name)).is_dir()


def load(request, **options) -> Data:
    """Data for a model that takes an image, or annotations of one, and a caption."""
    if "caption" not in request.fields:
        raise ValueError(f"data: {request.name} has pictures with captions, the model takes {request.takes} alone")
    if options:
        raise ValueError(f"{next(iter(options))}: {request.name} has no such option; leave it out")
    if request.name == "digit-captions":
        return captions.digit_captions(request, digits(request.data_dir, request.seed))
    find = FOUND.get(request.name) or functools.partial(photos.own, Path(os.path.expanduser(request.name)))
    return captions.load(request, find)
