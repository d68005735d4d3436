import struct
import wave

import numpy as np
import pytest
import scipy.io.wavfile

from zoo.data.audio.files import read

RATE = 8000
RAMP = np.arange(-100, 100) * 300  # integers of 16 bits


def write(path, samples, width=2, rate=RATE):
    """Integers [L] or [L, channels] of so many bytes, by Python's own writer."""
    data = samples.astype("<i8")[..., None].view(np.uint8)  # [..., 8]
    if width == 1:
        data = (samples + 128).astype(np.uint8)[..., None]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data[..., :width].tobytes())
    return path


def test_sixteen_bits_survive_bit_for_bit(tmp_path):
    samples = np.append(RAMP, [-32768, 32767])
    found = read(write(tmp_path / "a.wav", samples), RATE)
    np.testing.assert_array_equal(found.samples, samples)
    assert found.samples.dtype == np.int16 and found.changed == () and (found.clipped, found.total) == (2, 202)


@pytest.mark.parametrize(("width", "scale"), [(1, 2.0**-8), (2, 1), (3, 2.0**8), (4, 2.0**16)])
def test_integers_of_any_width_keep_their_loudness(tmp_path, width, scale):
    samples = np.rint(RAMP * scale + (0 if width < 3 else np.arange(200) * scale / 300)).astype(np.int64)
    found = read(write(tmp_path / "a.wav", samples, width), RATE)
    np.testing.assert_array_equal(found.samples, np.rint(samples / scale))
    assert found.changed == (() if width < 3 else ("rounded from 24 bits or more",)) and found.clipped == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_have_a_full_scale_of_one_and_what_is_beyond_is_clipped(tmp_path, dtype):
    samples = np.array([0.5, -0.25, 0.0, 1.5, -1.0, 3 / 32768], dtype)
    scipy.io.wavfile.write(tmp_path / "a.wav", RATE, samples)
    found = read(tmp_path / "a.wav", RATE)
    assert found.samples.tolist() == [16384, -8192, 0, 32767, -32768, 3]
    assert found.clipped == 2 and found.changed == ("rounded from floats",)


def test_channels_are_averaged(tmp_path):
    both = np.stack([RAMP, RAMP[::-1] + 50], 1)
    found = read(write(tmp_path / "a.wav", both), RATE)
    np.testing.assert_array_equal(found.samples, np.rint(both.mean(1)))
    assert found.changed == ("mixed from 2 channels",)
    assert read(write(tmp_path / "a.wav", np.stack([RAMP, 32767 + 0 * RAMP], 1)), RATE).clipped == 200  # in one of them


@pytest.mark.parametrize("rate", [44_100, 16_000, 11_025, 4000])
def test_another_rate_is_resampled_and_leaves_no_alias(tmp_path, rate):
    def sine(hertz, rate):
        return 0.5 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)

    def heard(samples):
        return read(write(tmp_path / "a.wav", np.rint(32767 * samples).astype(int), rate=rate), RATE)

    found = heard(sine(500, rate))
    assert len(found.samples) == RATE and found.changed == (f"resampled from {rate:,} Hz",)
    np.testing.assert_allclose(found.samples[800:-800] / 32768, sine(500, RATE)[800:-800], atol=2e-3)
    if rate > 2 * RATE:
        assert np.abs(heard(sine(6000, rate)).samples[800:-800]).max() < 100  # it would be heard at 2,000 Hz


def header(path, samples=100):
    """The start of a file of so many samples, without them."""
    return write(path, np.arange(samples) + 1).read_bytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: write(p, np.zeros(50, int)), "is silent, all of its 50 samples are the same; leave it out"),
        (lambda p: write(p, np.zeros(50, int), 1), "is silent"),
        (lambda p: write(p, np.array([7])), "holds 1 samples, expected a sound; leave it out"),
        (lambda p: write(p, np.zeros(0, int)), "holds 0 samples"),
        (lambda p: scipy.io.wavfile.write(p, RATE, np.float32([0, np.nan, 1])), "holds NaN or infinity"),
        (lambda p: scipy.io.wavfile.write(p, RATE, np.float64([0, -np.inf, 1])), "holds NaN or infinity"),
        (
            lambda p: scipy.io.wavfile.write(p, RATE, np.float32([0, 3e4, -9])),
            r"floats from -9 to 30000, expected -1 to",
        ),
        (lambda p: p.write_bytes(b"ID3\x04" + bytes(99)), "is an MP3 file, expected a WAV; convert it"),
        (lambda p: p.write_bytes(b"\xff\xfb\x90\x00" + bytes(99)), "is an MP3 file"),
        (lambda p: p.write_bytes(b"fLaC" + bytes(99)), "is an FLAC file"),
        (lambda p: p.write_bytes(b"OggS" + bytes(99)), "is an Ogg file"),
        (lambda p: p.write_bytes(header(p)[:-60]), "is cut short: 184 of 244 bytes; fetch it again"),
        (lambda p: p.write_bytes(header(p)[:-61]), "is cut short: 183 of 244 bytes"),
        (lambda p: p.write_bytes(header(p)[:30]), "is cut short"),
        (lambda p: p.write_bytes(b""), "no WAV file that can be read"),
        (lambda p: p.write_bytes(b"hello, world"), "no WAV file that can be read"),
        (lambda p: p.write_bytes(header(p).replace(struct.pack("<II", RATE, 2 * RATE), bytes(8), 1)), "its rate is 0"),
        (
            lambda p: p.write_bytes(header(p).replace(b"fmt \x10\0\0\0\1", b"fmt \x10\0\0\0\2")),
            "no WAV file that can be",
        ),
    ],
)
def test_what_is_no_sound_is_one_line_that_names_the_file(tmp_path, make, message):
    make(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=rf"^data: \S*a\.wav .*({message})") as error:
        read(tmp_path / "a.wav", RATE)
    assert "\n" not in str(error.value)
