"""What takes long to make and can be made again: made once, kept in the user's cache folder."""

import contextlib
import functools
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np


def folder():
    """$XDG_CACHE_HOME/sequence-zoo; without the variable in ~/.cache. It may be deleted at any time.

    Where there is no home folder, as in containers, it is a temporary one, which lasts as long as the process.
    """
    try:
        return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sequence-zoo"
    except RuntimeError:  # no HOME, and nobody knows the user
        return pathlib.Path(_temporary().name)


@functools.cache
def _temporary():
    return tempfile.TemporaryDirectory(prefix="sequence-zoo-")


def array(kind, facts, shape, dtype, fill):
    """An array of this shape and dtype, read-only and memory-mapped. If none is kept whole, fill(array) writes it.

    kind: the folder it is kept in. facts: all that its values depend on, in JSON's types; its shape and dtype count
    anyway. Where it cannot be kept it is made in memory, after a warning.
    """
    path = _path(kind, [facts, list(shape), np.dtype(dtype).str], ".npy")
    with contextlib.suppress(OSError, ValueError, EOFError):  # not there, or not whole
        kept = np.lib.format.open_memmap(path, "r")
        if kept.shape == tuple(shape) and kept.dtype == dtype:
            return kept
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size, free = int(np.prod(shape)) * np.dtype(dtype).itemsize, shutil.disk_usage(path.parent).free
        if size > free:  # a mapped file that finds no room is no error but the end of the process
            raise OSError(f"it takes {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free")
        aside = tempfile.TemporaryDirectory(dir=path.parent)
    except OSError as error:
        print(f"warning: {kind} are made in memory and not kept in {path.parent}: {error}", file=sys.stderr, flush=True)
        made = np.empty(shape, dtype)
        fill(made)
        return made
    with aside:
        made = np.lib.format.open_memmap(pathlib.Path(aside.name) / path.name, "w+", dtype, tuple(shape))
        fill(made)
        made.flush()
        os.replace(made.filename, path)
    return np.lib.format.open_memmap(path, "r")


def values(kind, facts, make):
    """What make() returns, in JSON's types, or what it returned when the facts were the same."""
    path = _path(kind, facts, ".json")
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    made = make()
    with contextlib.suppress(OSError):  # next time, then
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as aside:
            (pathlib.Path(aside) / path.name).write_text(json.dumps(made))
            os.replace(pathlib.Path(aside) / path.name, path)
    return made


def progress(steps, count, what):
    """The steps, of which there are `count`, behind a bar on a terminal and one line elsewhere, on standard error."""
    from rich.console import Console
    from rich.progress import track

    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not live:
        print(f"{what} ...", file=sys.stderr, flush=True)
    return track(steps, what, total=count, console=Console(stderr=True), disable=not live)


def _path(kind, facts, suffix):
    return folder() / kind / (hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32] + suffix)
