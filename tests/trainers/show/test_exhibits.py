import numpy as np
import pytest

from trainers.show.exhibits import Curve, Film, Midi, Picture, Scatter, Sound, Text

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), np.uint8)


@pytest.mark.parametrize(
    "exhibit",
    [
        Picture(FRAMES[0]),
        Film(FRAMES),
        Sound(np.sin(np.arange(100)), 50),
        Text("a red square\n  above"),
        Midi(np.eye(12), 60),
        Curve({"rate": ([1, 2], [3, 4])}, "step"),
        Scatter(np.eye(3)),
    ],
    ids=lambda exhibit: type(exhibit).__name__,
)
def test_every_kind_can_be_drawn(exhibit):
    pixels = exhibit.drawn().pixels
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.std() > 0


def test_a_film_is_drawn_by_its_end():
    np.testing.assert_array_equal(Film(FRAMES).drawn().pixels, FRAMES[-1])


def test_text_is_drawn_line_under_line():
    one, two = Text("lll").drawn().pixels, Text("lll\nlll").drawn().pixels
    assert two.shape[0] > one.shape[0] and two.shape[1] == one.shape[1]
    ink = (two < 128).any((1, 2))
    assert (np.diff(ink.astype(int)) == 1).sum() == 2  # so many lines begin
