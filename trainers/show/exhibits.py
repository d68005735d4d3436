"""What there is to look at, to listen to or to read. Each kind saves itself as a file and logs itself to TensorBoard.

`save(folder, name)` writes folder/NAME with the kind's ending; `log(tag)` writes to the default summary writer;
`drawn()` is the Picture that stands for it on paper.
"""

import pathlib
import wave
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorboard.plugins.image import metadata as image_metadata

from trainers.show import midi, pictures

FULL = 32_768  # what a sample of 1 is in a WAV file of 16 bits


class Picture(NamedTuple):
    """A still."""

    pixels: np.ndarray  # uint8 [H, W, 3]

    def drawn(self):
        return self

    def save(self, folder, name):
        _write(folder, f"{name}.png", pictures.encode_png(self.pixels))

    def log(self, tag):
        _log_image(tag, pictures.encode_png(self.pixels), self.pixels.shape)


class Film(NamedTuple):
    """Frames one after the other, which play on TensorBoard's page."""

    frames: np.ndarray  # uint8 [T, H, W, 3]

    def drawn(self):
        return Picture(self.frames[-1])

    def save(self, folder, name):
        _write(folder, f"{name}.gif", pictures.encode_gif(self.frames))

    def log(self, tag):
        _log_image(tag, pictures.encode_gif(self.frames), self.frames.shape[1:])


class Sound(NamedTuple):
    """A mono wave: a WAV file of 16 bits, and a picture of it over its spectrogram."""

    samples: np.ndarray  # float [N] in [-1, 1]
    rate: int  # samples a second

    def drawn(self):
        return Picture(pictures.sound(self.samples, self.rate))

    def save(self, folder, name):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(np.clip(np.rint(self.samples * FULL), -FULL, FULL - 1).astype("<i2").tobytes())
        self.drawn().save(folder, name)

    def log(self, tag):
        tf.summary.audio(tag, np.float32(self.samples)[None, :, None], self.rate)
        self.drawn().log(f"{tag}/picture")


class Text(NamedTuple):
    """Words as they are, blanks and line ends included."""

    words: str

    def drawn(self):
        return Picture(pictures.written(self.words))

    def save(self, folder, name):
        _write(folder, f"{name}.txt", f"{self.words}\n".encode())

    def log(self, tag):
        tf.summary.text(tag, "\n".join(f"    {line}" for line in self.words.splitlines()))  # Markdown, as it stands


class Midi(NamedTuple):
    """A tune: a MIDI file, on TensorBoard's page its piano roll."""

    roll: np.ndarray  # [S, D], a note sounds where it is 1/2 or more
    lowest: int  # MIDI number of column 0

    def drawn(self):
        return Picture(pictures.piano_roll(self.roll, lowest=self.lowest))

    def save(self, folder, name):
        midi.save_midi(pathlib.Path(folder) / f"{name}.mid", self.roll, self.lowest)

    def log(self, tag):
        self.drawn().log(tag)


class Curve(NamedTuple):
    """Lines over one axis."""

    lines: dict  # name -> (x [N], y [N])
    xlabel: str
    ylabel: str = "nats"
    logarithmic: bool = False  # the axis, not the lines

    def drawn(self):
        return Picture(pictures.curves(self.lines, self.xlabel, self.ylabel, self.logarithmic))

    def save(self, folder, name):
        self.drawn().save(folder, name)

    def log(self, tag):
        self.drawn().log(tag)


class Scatter(NamedTuple):
    """Points in a plane, coloured by label; with more dimensions the first two are drawn.

    images: what TensorBoard's projector draws at the points; texts: what it writes there.
    """

    points: np.ndarray  # [N, Z]
    labels: np.ndarray | None = None  # [N]
    images: np.ndarray | None = None  # [N, H, W, C] in [0, 1]
    texts: list[str] | None = None  # [N]

    def drawn(self):
        return Picture(pictures.scatter(np.asarray(self.points)[:, :2], self.labels))

    def save(self, folder, name):
        self.drawn().save(folder, name)

    def log(self, tag):
        self.drawn().log(tag)


def save_all(folder, found):
    """Writes {name: exhibit} into a folder."""
    for name, exhibit in found.items():
        exhibit.save(folder, name)


def _write(folder, name, content):
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _log_image(tag, encoded, shape):
    """The record that tf.summary.image writes, which itself can encode no GIF."""
    height, width = shape[:2]
    metadata = image_metadata.create_summary_metadata(display_name=None, description=None)
    tf.summary.write(tag, tf.constant([str(width), str(height), encoded]), metadata=metadata)
