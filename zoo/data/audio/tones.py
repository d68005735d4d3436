"""Sounds made here, of known structure: melodies of instruments and voices.

A sound is two or three notes of one class by one player, with silence around them and faint noise over all. A note is a
sum of harmonics of its pitch: what they weigh is the class, how that is stretched over the frequencies the player.
"""

from typing import NamedTuple

import numpy as np

PITCHES = 220.0 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)  # Hz: A3 major; notes are 1 to 8, 0 is none
PLAYERS = {"high": 1.25, "middle": 1.0, "low": 0.8}  # by how much formants are moved
NOISE = 0.002  # standard deviation, -54 dB: no likelihood of a sample can be better than this noise's
LOWEST_RATE = 2000  # Hz, at which the highest pitch has two harmonics or one
HIGHEST = 0.45  # of the rate, above which there are no harmonics
TRILL = 2 * np.pi * 5.5  # radians a second, of vibrato
DURATION = 0.1, 0.2  # seconds of a note, at least and at most
SILENCE = 0.02, 0.08  # seconds before and after
FAINT = 0.002  # of the loudest harmonic, below which one is left out
ATTACK, RELEASE = 0.01, 0.02  # seconds in which a note sets in and fades


class Timbre(NamedTuple):
    """What makes a class."""

    harmonic: float  # h-th harmonic weighs h ** -this
    even: float = 1.0  # weight of even harmonics
    formants: tuple[tuple[float, float], ...] = ()  # of a voice: centre and width in Hz
    decay: float = 0.0  # 1/s, of what is plucked or struck
    stretch: float = 0.0  # harmonic h lies at h (1 + this h^2) times the pitch, as of bells
    vibrato: float = 0.0  # share of the pitch
    burst: float = 0.0  # of noise in which a note sets in, as of a consonant


TIMBRES = {
    "flute": Timbre(2.5, vibrato=0.006),
    "reed": Timbre(1.0, even=0.08),
    "plucked": Timbre(1.2, decay=12.0),
    "bell": Timbre(0.8, decay=8.0, stretch=0.015),
    "voice a": Timbre(0.8, formants=((750, 120), (1200, 150), (2600, 250)), vibrato=0.015, burst=0.15),
    "voice i": Timbre(0.8, formants=((300, 80), (2200, 200), (3000, 250)), vibrato=0.015, burst=0.15),
}


class Tone(NamedTuple):
    samples: np.ndarray  # [L] from -1 to 1
    ends: np.ndarray  # where each of its parts ends, in samples; parts are silent or a note
    notes: np.ndarray  # the note of each part, 0 for none


def tone(timbre, formant, notes, rate, numbers):
    """A Tone of these notes, one after the other. formant: of PLAYERS; numbers: numpy's Generator."""
    lengths = [numbers.uniform(*SILENCE), *(numbers.uniform(*DURATION) for _ in notes), numbers.uniform(*SILENCE)]
    parts = np.rint(np.array(lengths) * rate).astype(int)
    sung = [
        _note(timbre, formant, pitch, count, rate, numbers)
        for pitch, count in zip(PITCHES[np.array(notes) - 1], parts[1:-1], strict=True)
    ]
    samples = np.concatenate([np.zeros(parts[0]), *sung, np.zeros(parts[-1])]) * numbers.uniform(0.3, 0.8)
    return Tone(samples + numbers.normal(0, NOISE, len(samples)), np.cumsum(parts), np.array([0, *notes, 0]))


def _note(timbre, formant, pitch, count, rate, numbers):
    """`count` samples, the loudest of which is 1."""
    seconds = np.arange(count) / rate
    bent = timbre.vibrato * np.sin(TRILL * seconds + 2 * np.pi * numbers.uniform()) / TRILL  # seconds, ahead of time
    h = np.arange(1, 1 + int(HIGHEST * rate / pitch))
    frequency = h * (1 + timbre.stretch * h**2) * pitch
    weight = h**-timbre.harmonic * np.where(h % 2, 1, timbre.even)
    if timbre.formants:
        centre, width = np.array(timbre.formants).T[:, :, None]
        weight *= (1 / (1 + ((frequency - formant * centre) / width) ** 2)).sum(0)
    heard = (frequency < HIGHEST * rate) & (weight > FAINT * weight.max())
    start = 2 * np.pi * numbers.uniform(size=len(h))
    wave = np.zeros(count)
    for k in np.flatnonzero(heard):
        harmonic = weight[k] * np.sin(2 * np.pi * frequency[k] * (seconds + bent) + start[k])
        wave += harmonic * np.exp(-timbre.decay * np.sqrt(h[k]) * seconds) if timbre.decay else harmonic
    wave /= np.abs(wave).max()
    if timbre.burst:
        wave += timbre.burst * numbers.normal(size=count) * np.exp(-seconds / 0.01)
    envelope = np.minimum(1, np.minimum((seconds + 1 / rate) / ATTACK, (seconds[::-1] + 1 / rate) / RELEASE))
    return np.clip(wave * envelope, -1, 1)
