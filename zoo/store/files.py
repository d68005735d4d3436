"""Files that are whole or not there: written aside, flushed, then renamed. And one owner for a folder."""

import contextlib
import errno
import fcntl
import json
import os
import shutil

PARTIAL = ".partial-"  # begins the names of files that are not complete


@contextlib.contextmanager
def aside(path):
    """A temporary path beside `path` that takes its name, flushed to the disk, when the block ends well."""
    temporary = path.with_name(PARTIAL + path.name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def require_room(folder, size):
    """Raises OSError unless the disk has room for so many bytes. HDF5 (h5py 3.14) must not find out: it crashes."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_json(path, value):
    """Writes JSON aside, then renames."""
    with aside(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_json(path):
    """What a JSON file holds. Raises ValueError, which names the file, if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: got what is no JSON ({error}); mend it or take it from a copy") from None


@contextlib.contextmanager
def lock(folder):
    """Holds a run directory for this process, and clears what a killed one left half-written.

    A folder in which nothing was written while it was held is taken away again.
    Raises BlockingIOError if another process has it, another OSError if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / "lock", "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise OSError(f"workdir: cannot write in {folder} ({error.strerror}); choose another --workdir") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"workdir: {folder} is in use by another process; stop it or choose another --workdir"
            ) from None
        for partial in folder.rglob(f"{PARTIAL}*"):
            partial.unlink()
        try:
            yield
        finally:
            if [path.name for path in folder.glob("*")] == ["lock"]:
                shutil.rmtree(folder)
