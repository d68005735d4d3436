"""WAV files in and out, against scipy's reader and writer."""

import io

import numpy as np
import pytest
import scipy.io.wavfile
import tensorflow as tf

from export.declare import sounds
from export.declare.reference import error
from export.declare.signature import Input, Signature, server_answer

RATE = 8000


def wav(samples, rate=RATE):
    file = io.BytesIO()
    scipy.io.wavfile.write(file, rate, samples)
    return file.getvalue()


def heard(file):
    rate, samples = scipy.io.wavfile.read(io.BytesIO(file))
    assert rate == RATE
    return samples


@pytest.fixture
def echo():
    """A server that sends back what it is sent, and how long it is."""
    clip = {
        "audio": Input((9,), "a sound", interval=(-1, 1)),
        "length": Input((), "how long it is", "int32", interval=(0, 9)),
        "gain": Input((), "another input"),
    }
    one = Signature(
        lambda audio, length, gain: {"audio": audio * gain[:, None], "length": length},
        clip,
        "Sends it back.",
        outputs={"audio": "the sound", "length": "how long"},
    )
    return sounds.with_files({"echo": one, "deaf": Signature(lambda x: {"x": x}, {}, "")}, RATE)


def test_every_level_of_16_bits_comes_back_as_it_was(echo):
    levels = np.arange(-32768, 32768).astype(np.int16)
    one = Signature(
        lambda audio, length: {"audio": audio}, dict.fromkeys(("audio", "length"), Input((65_536,), "")), ""
    )
    one.outputs["audio"] = "the sound"
    files = sounds.with_files({"echo": one}, RATE)["echo_wav"]
    found = server_answer(files, None, {"wav": tf.constant([wav(levels)])})
    np.testing.assert_array_equal(heard(found["wav"].numpy()[0]), levels)


def test_a_signature_has_a_twin_of_files_where_it_hears_or_makes_sounds(echo):
    assert set(echo) == {"echo", "deaf", "echo_wav"}
    assert list(echo["echo_wav"].inputs) == ["wav", "gain"]
    assert set(echo["echo_wav"].outputs) == {"wav", "length"}


def test_files_of_different_lengths_are_heard_to_their_ends(echo):
    clips = [np.int16([5, -7, 32767]), np.int16([0, 100, 0, 0]), np.arange(9, dtype=np.int16)]
    given = {"wav": tf.constant([wav(clip) for clip in clips]), "gain": tf.ones(3)}
    found = server_answer(echo["echo_wav"], None, given)
    np.testing.assert_array_equal(found["length"], [3, 4, 9])
    for file, clip in zip(found["wav"].numpy(), clips, strict=True):
        np.testing.assert_array_equal(heard(file), np.pad(clip, (0, 9 - len(clip))))


def test_what_is_louder_than_all_is_clipped():
    file = sounds.encoded(tf.constant([[2.0, -3.0, 0.5]]), RATE).numpy()[0]
    np.testing.assert_array_equal(heard(file), [32767, -32768, 16384])


@pytest.mark.parametrize(
    ("file", "match"),
    [
        (b"", "wav: got a file that begins with"),
        (b"ID3" + b"\0" * 60, "wav: got a file that begins with"),
        (wav(np.int16([1, 2]))[:30], "wav: got a file that begins with"),
        (wav(np.int16([1, 2]), 16_000), "wav: got a rate in Hz 16000, expected .* 8000 Hz"),
        (wav(np.zeros((2, 2), np.int16)), "wav: got a number of channels 2"),
        (wav(np.zeros(10, np.int16)), "wav: got a number of samples 10, expected .* of 1 to 9 samples"),
        (wav(np.zeros(5, np.int32)), sounds.WHOLE),
        (wav(np.zeros(5, np.float32)), sounds.WHOLE),
        (wav(np.zeros(5, np.uint8)), sounds.WHOLE),
    ],
)
def test_what_is_no_such_file_is_refused(echo, file, match):
    good = wav(np.int16([1, 2, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        server_answer(echo["echo_wav"], None, {"wav": tf.constant([good, file]), "gain": tf.ones(2)})


def test_files_are_compared_by_their_samples():
    one, other = (np.array([wav(np.int16(samples))], object) for samples in ([5, 16384], [6, 16384]))
    assert error(one, one) == (0, 0)
    absolute, share = error(other, one)
    assert absolute == pytest.approx(1 / 32768) and share == pytest.approx(2 / 32768, rel=1e-3)
