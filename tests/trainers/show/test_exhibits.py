import wave

import numpy as np
import pytest

from trainers.show import pictures
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


def test_a_sound_is_a_file_that_keeps_its_16_bits_and_a_picture(tmp_path):
    bits = np.random.default_rng(0).integers(-32_768, 32_768, 700).astype("<i2")
    Sound(bits / 32_768, 8000).save(tmp_path, "clip")
    with wave.open(str(tmp_path / "clip.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert file.readframes(700) == bits.tobytes()
    assert (tmp_path / "clip.png").read_bytes().startswith(b"\x89PNG")
    Sound(np.float32([1.0, -1.0, 2.0]), 8000).save(tmp_path, "loud")
    with wave.open(str(tmp_path / "loud.wav")) as file:
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [32_767, -32_768, 32_767]


def test_a_tone_is_bright_at_its_frequency():
    pixels = pictures._spectrogram(np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000))
    assert (pixels[20:-20].argmax(1) == 1000 * 256 / 8000).all()


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(50), np.ones(3)])
def test_sounds_without_a_tone_are_drawn(samples):
    assert Sound(samples, 8000).drawn().pixels.std() > 0


def test_a_film_is_drawn_by_its_end():
    np.testing.assert_array_equal(Film(FRAMES).drawn().pixels, FRAMES[-1])


def test_text_is_drawn_line_under_line():
    one, two = Text("lll").drawn().pixels, Text("lll\nlll").drawn().pixels
    assert two.shape[0] > one.shape[0] and two.shape[1] == one.shape[1]
    ink = (two < 128).any((1, 2))
    assert (np.diff(ink.astype(int)) == 1).sum() == 2  # so many lines begin
