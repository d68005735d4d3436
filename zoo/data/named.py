"""Data by name, fitted to what a model takes. Each kind of data is a room beside this file."""

import difflib
import inspect
import os
from pathlib import Path

from zoo.data.audio import named as audio
from zoo.data.captioned import named as captioned
from zoo.data.music import named as music
from zoo.data.parallel import named as parallel
from zoo.data.pictures import named as pictures
from zoo.data.request import Request
from zoo.data.split import Data
from zoo.data.strokes import named as strokes
from zoo.data.text import named as text

# Each has SETS, the names it knows; reads(fields), what else a model may learn from, in words; owns(request), whether
# a path is such; and load(request, **options). The first that has a name or a path is asked.
KINDS = (music, audio, strokes, parallel, pictures, captioned, text)


def load(name, *, fields, data_dir=None, seed=0, known=None, **options) -> Data:
    """Data for a model with these fields.

    name: one of `names()`, or a path: your arrays (`.npz`, see `pictures.sources.own`), chorales (`.json`,
      `.json.gz`), a folder of pictures with captions (see `captioned.photos.own`), texts (`.txt`, `.txt.gz` or a
      folder of them, see `text.sources.own`), two aligned texts (see `parallel.sources.own`), a folder of MIDI files,
      sounds or drawings (see `own` in the `sources` of `music`, `audio` and `strokes`).
    fields: {name: zoo.declare.Field} as the model says it.
    data_dir: folder of files and TFDS sets; default TFDS_DATA_DIR, then ~/tensorflow_datasets.
    seed: of all that is fixed once (split of embedded data, static draw, validation and test scenes). Figures
      compare under equal seeds only, so leave it at 0 and vary the seed of `batches`.
    known: {field: words} that text is written in; default all of training's, the most frequent first.
    options: what this kind of data needs to be told beside, such as the regime of pictures.
    Raises ValueError (unknown name, wrong shape, range, option) or FileNotFoundError, each saying what to do.
    """
    request = Request(str(name), fields, data_dir, seed, known or {})
    for kind in KINDS:
        if request.name in kind.SETS or kind.owns(request):
            return _loaded(kind, request, options)
    paths = " or ".join(filter(None, (kind.reads(fields) for kind in KINDS)))
    own = f"give the path of {paths}" if paths else "choose data that have a name"
    path = Path(os.path.expanduser(request.name))
    if path.exists():
        raise ValueError(f"data: {name} is nothing that it can learn from, the model takes {request.takes}; {own}")
    if path.suffix:
        raise FileNotFoundError(f"data: found nothing at {name}; {own}")
    close = difflib.get_close_matches(request.name, names(), n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise ValueError(f"data: unknown name {request.name!r}; {hint}Names: {', '.join(names())}; or {own}")


def _loaded(kind, request, options):
    known = inspect.signature(kind.load).parameters
    strange = [] if "options" in known else [option for option in options if option not in known]
    if strange:
        raise ValueError(
            f"data: {request.name} is of a kind that knows no {strange[0]}, the model takes {request.takes}; "
            "choose other data"
        )
    return kind.load(request, **options)


def names():
    """Every set that has a name."""
    return [name for kind in KINDS for name in kind.SETS]
