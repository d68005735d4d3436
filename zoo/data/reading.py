"""Files that may be broken, cut or of another kind: whatever a reader raises becomes one line that names the file.

And files that are not there: whether they may be fetched.
"""

import contextlib
import contextvars
import zipfile

import numpy as np

_may_fetch = contextvars.ContextVar("may_fetch", default=True)


@contextlib.contextmanager
def from_disk_alone():
    """Within the block no data are downloaded: those that lie nowhere are not found."""
    token = _may_fetch.set(False)
    try:
        yield
    finally:
        _may_fetch.reset(token)


def may_fetch():
    """Whether data that lie nowhere may be downloaded."""
    return _may_fetch.get()


@contextlib.contextmanager
def reading(where, kind, remedy="fetch it again"):
    """Around the reading of a file, and nothing else: raises ValueError, in one line, for whatever is raised within.

    where: the path, perhaps what of it. kind: what is expected there.
    """
    try:
        yield
    except MemoryError:  # no fault of the file
        raise
    except Exception as error:  # readers have no kind of their own: BadZipFile, EOFError, KeyError, zlib.error ...
        named = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        what = " ".join(f"{named}{error}".split())
        raise ValueError(f"data: {where} is no {kind} ({what}); {remedy}") from None


def array_names(path):
    """Names of the arrays in an .npz archive, none of which is read."""
    with reading(path, ".npz archive", "write it with numpy.savez"), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def array(path, name):
    """One array of an .npz archive."""
    if name not in (held := array_names(path)):
        raise ValueError(f"data: {path} holds {', '.join(held) or 'nothing'}; expected {name}")
    with reading(f"{name} of {path}", "array of numbers", "write it again with numpy.savez"), np.load(path) as file:
        return file[name]
