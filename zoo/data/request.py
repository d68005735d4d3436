"""What a kind of data is asked for."""

import os
from pathlib import Path
from typing import NamedTuple

from zoo.declare import Field


class Request(NamedTuple):
    """What is asked of a kind of data."""

    name: str  # of a set, or a path
    fields: dict[str, Field]  # what the model takes
    data_dir: str | Path | None
    seed: int
    known: dict[str, tuple[str, ...]]  # by field, the words to write in

    @property
    def folder(self) -> Path:
        return folder_of(self.data_dir)

    @property
    def takes(self) -> str:
        """What the model takes, for an error."""
        return " and ".join(f"{name} {field}" for name, field in self.fields.items())


def folder_of(data_dir) -> Path:
    """data_dir, else TFDS_DATA_DIR, else TFDS's own default."""
    # os.path's: where nobody has a home folder, the name stays what it is, and what needs no file goes on.
    folder = Path(os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))
    if data_dir and not folder.is_dir():
        raise FileNotFoundError(f"data_dir: {folder} is no folder; name the one that holds the data")
    return folder
