"""WAV files as mono sounds of one rate, in integers of 16 bits: one that has these already stays what it is."""

import io
import math
import warnings
from typing import NamedTuple

import numpy as np
import scipy.io.wavfile
import scipy.signal

from zoo.data.reading import reading

FULL = 32768  # what a sample of 1 is as an integer
LOUDEST = 2  # of floats whose full scale is 1; what is louder was meant to have another one
OTHERS = {b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xf2": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC"}


class Wave(NamedTuple):
    """A sound that was read."""

    samples: np.ndarray  # int16 [L]
    clipped: int  # samples of the file that are at full scale, the loudest there is
    total: int  # samples of the file, in one channel
    changed: tuple[str, ...]  # what was done to it: "resampled from 44,100 Hz", "mixed from 2 channels", ...


def read(path, rate):
    """The Wave of a WAV file: PCM of 8 to 64 bits or float, of any rate and number of channels.

    rate: Hz, to which another one is resampled. Channels are averaged; more than 16 bits are rounded.
    Raises ValueError, in one line that names the file, for what is no WAV or is cut short, for NaN, for floats beyond
    LOUDEST, and for a file of less than two samples or of silence.
    """
    with reading(path, "file that can be read", "name a WAV file"):
        data = path.read_bytes()
    for start, kind in OTHERS.items():
        if data.startswith(start):
            raise ValueError(f"data: {path} is an {kind} file, expected a WAV; convert it, renaming is not enough")
    whole = int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"RIFF") and len(data) + 1 < whole:  # some writers count a byte that fills up an odd number
        raise ValueError(f"data: {path} is cut short: {len(data):,} of {whole:,} bytes; fetch it again")
    with reading(path, "WAV file that can be read", "write it again as PCM or float"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of chunks that are no sound
            held, x = scipy.io.wavfile.read(io.BytesIO(data))
        if held < 1:
            raise ValueError(f"its rate is {held} Hz")
    return convert(x, held, rate, path)


def convert(x, held, rate, where):
    """The Wave of samples [L] or [L, channels], of `held` Hz, as integers or as floats. where: for errors."""
    if len(x) < 2:
        raise ValueError(f"data: {where} holds {len(x)} samples, expected a sound; leave it out")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"data: {where} holds NaN or infinity, expected floats from -1 to 1; write it again")
    if (x == x[0]).all():
        raise ValueError(f"data: {where} is silent, all of its {len(x):,} samples are the same; leave it out")
    bits, changed = 8 * x.dtype.itemsize, []
    exact = x.dtype == np.int16 and x.ndim == 1 and held == rate
    floats = _as_floats(x, where)
    quiet = 1 - 2.0 ** (1 - min(bits, 16)) if x.dtype.kind != "f" else 1
    loud = (floats >= quiet) | (floats <= -1)
    clipped, total = int(loud.reshape(len(x), -1).any(1).sum()), len(x)
    if exact:
        return Wave(x, clipped, total, ())
    if x.ndim == 2 and x.shape[1] > 1:
        changed.append(f"mixed from {x.shape[1]} channels")
    floats = floats.reshape(len(x), -1).mean(1)
    if held != rate:
        changed.append(f"resampled from {held:,} Hz")
        common = math.gcd(held, rate)
        floats = scipy.signal.resample_poly(floats, rate // common, held // common)
    if bits > 16:
        changed.append(f"rounded from {'floats' if x.dtype.kind == 'f' else '24 bits or more'}")
    return Wave(as_integers(floats), clipped, total, tuple(changed))


def as_integers(samples):
    """Floats from -1 to 1 as int16; what lies beyond is clipped."""
    return np.clip(np.rint(samples * FULL), -FULL, FULL - 1).astype(np.int16)


def _as_floats(x, where):
    if x.dtype.kind == "f":
        if np.abs(x).max() > LOUDEST:
            raise ValueError(
                f"data: {where} holds floats from {x.min():g} to {x.max():g}, expected -1 to 1; divide them"
            )
        return x.astype(np.float64)
    if x.dtype == np.uint8:  # 128 is silence
        return x / 128.0 - 1
    return x / 2.0 ** (8 * x.dtype.itemsize - 1)
