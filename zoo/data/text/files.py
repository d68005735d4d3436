"""Texts in files, plain or packed, alone or in an archive: their lines, each with the place that an error names."""

import gzip
import json
import lzma
import tarfile
import zipfile
from typing import NamedTuple

from zoo.data.reading import reading

PACKED = {".gz": gzip.decompress, ".xz": lzma.decompress}
LONGEST_LINE = 2**20  # bytes; what is longer is no line of text but a file without line ends


class File(NamedTuple):
    where: str  # for errors
    data: bytes

    def lines(self, encoding="utf-8"):
        """(where, line) of all lines but blank ones, without the blanks at both ends. Only "\\n" ends one.

        Raises ValueError for a line that is not in this encoding or longer than LONGEST_LINE, and for a file of none.
        """
        empty = True
        for number, line in enumerate(self.data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
            where = f"line {number} of {self.where}"
            if len(line) > LONGEST_LINE:
                raise ValueError(
                    f"data: {where} has {len(line):,} bytes, expected one text a line, of at most {LONGEST_LINE:,}; "
                    "put line ends between the texts"
                )
            with reading(where, f"text in {encoding.upper()}", "convert the file, or fetch it again"):
                text = line.decode(encoding)
            if text.strip():
                empty = False
                yield where, text.rstrip("\r").strip(" ")
        if empty:
            raise ValueError(f"data: {self.where} holds no text, expected one a line; fill it, or name another file")

    def records(self, *keys):
        """(where, values of these keys) of lines in JSON."""
        for where, line in self.lines():
            with reading(where, f"object in JSON with {', '.join(keys)}"):
                record = json.loads(line)
                values = [record[key] for key in keys]
            yield where, *values


def read(path):
    """A file, unpacked if its name ends in .gz or .xz."""
    with reading(path, f"whole {path.suffix or 'plain'} file"):
        return File(str(path), PACKED.get(path.suffix, bytes)(path.read_bytes()))


def published(folder, names, archive=""):
    """Files of a published set, by name: each plain or packed in the folder, else all as members of an archive there.

    Raises FileNotFoundError, which lists them, if one is missing.
    """
    found = {name: path for name in names for end in ("", *PACKED) if (path := folder / (name + end)).is_file()}
    if len(found) == len(names):
        return {name: read(path) for name, path in found.items()}
    if archive and (folder / archive).is_file():
        return _members(folder / archive, names)
    also = f", each perhaps with {' or '.join(PACKED)}" + (f", or {archive}" if archive else "")
    raise FileNotFoundError(
        f"data: found no {', '.join(name for name in names if name not in found)} in {folder}; expected "
        f"{', '.join(names)}{also}; name the right folder with --data-dir, or train on --data docstrings"
    )


def _members(path, names):
    with reading(path, f"archive of {', '.join(names)}"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                held = {name.rpartition("/")[2]: name for name in archive.namelist()}
                found = {name: archive.read(held[name]) for name in names}
        else:
            with tarfile.open(path) as archive:
                held = {name.rpartition("/")[2]: name for name in archive.getnames()}
                found = {name: archive.extractfile(held[name]).read() for name in names}
    return {name: File(f"{name} of {path}", data) for name, data in found.items()}
