"""Checkpoints that survive: written aside, then renamed; read back only if whole."""

import pathlib
import sys
import zipfile

import numpy as np

from zoo.quiet import tell
from zoo.store.files import aside

KEEP = 2  # one could be damaged after it was written


class Checkpoints:
    """The states of one run, {name: array} each, as DIR/step-00001000.npz."""

    def __init__(self, folder, warn=lambda line: tell(f"warning: {line}", sys.stderr)):
        self.folder, self.warn = pathlib.Path(folder), warn

    def save(self, step, state):
        """Writes a state and drops old ones. If the disk refuses it says so and returns False."""
        path = self.folder / f"step-{step:08d}.npz"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with aside(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, **state, step=step)  # last: a list of arrays cut short lacks it
        except OSError as error:
            self.warn(f"checkpoint of step {step} not saved ({error}); the last good one stays")
            return False
        for old in self.paths()[KEEP:]:
            old.unlink()
        return True

    def paths(self):
        """Complete checkpoints, newest first."""
        return sorted(self.folder.glob(f"step-{'[0-9]' * 8}.npz"), reverse=True)

    def newest(self):
        """The newest state that can be read, with "step" among its arrays; None if there is none."""
        paths = self.paths()
        for i, path in enumerate(paths, 1):
            try:
                return read(path)
            except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
                instead = f"taking {paths[i].name}" if paths[i:] else "no other is left: starting at step 0"
                self.warn(f"checkpoint {path.name} cannot be read ({error}); {instead}")
        return None


def read(path):
    """All arrays of a checkpoint. The zip's checksums are verified on the way."""
    with np.load(path) as arrays:
        state = dict(arrays)
    if "step" not in state:
        raise ValueError("its list of arrays is cut short")
    return state


def assign(variables, state):
    """Sets {name: variable} from a state. Raises ValueError naming what does not fit."""
    missing = variables.keys() - state.keys()
    if missing:
        raise ValueError(f"checkpoint: holds no {min(missing)}; it belongs to another model or optimiser")
    for name, variable in variables.items():
        if tuple(variable.shape) != state[name].shape:
            raise ValueError(
                f"checkpoint: {name} has shape {state[name].shape}, expected {tuple(variable.shape)} "
                f"({variable.path}); it belongs to another config"
            )
    for name, variable in variables.items():
        variable.assign(state[name])
