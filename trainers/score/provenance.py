"""Which data a run learned from: where they lay, and a fingerprint of every split, by which others are refused."""

import pathlib

from zoo import data
from zoo.data.request import folder_of
from zoo.data.split import fingerprint


def describe(sets, settings, data_dir):
    """What config.json keeps under "data": {"path": absolute, "fingerprint": {split: hash}}.

    The path is that of the user's own file or folder, else of the folder in which data are looked for by name.
    """
    path = folder_of(data_dir) if settings.data in data.names() else pathlib.Path(settings.data).expanduser()
    splits = sets.splits
    found = {name: fingerprint(split) for name, split in splits.items() if split}
    return {"path": str(path.resolve()), "fingerprint": found}


def check(kept, found, run):
    """Raises ValueError unless what was found has the fingerprints that a run has kept. Both are as from `describe`."""
    before, now = kept["fingerprint"], found["fingerprint"]
    different = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if different:
        raise ValueError(
            f"data: {run} learned from other data ({', '.join(different)} differ): then from {kept['path']}, "
            f"now from {found['path']}; give the same --data-dir and files"
        )
