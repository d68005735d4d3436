"""Sounds that a server reads from WAV files and writes into them, beside those that it is sent as floats.

B batch, L samples of the longest sound.
"""

import dataclasses

from export.declare.signature import Input, Text

HEADER = 44  # bytes of the shortest header
WHOLE = "must_be_a_whole_wav_of_16_bits"  # the operation that fails if it is not; TensorFlow's error names it
CLIP = ("audio", "length")  # inputs of a signature that takes a sound: what a file says of it


def with_files(signatures, rate):
    """The signatures, and of each that takes or makes "audio" one more, NAME_wav, which does it in files.

    Files are mono PCM of 16 bits at `rate` Hz: what others are is refused, since resampling is the client's choice.
    A sample that was read is written bit for bit.
    """
    return signatures | {
        f"{name}_wav": _in_files(one, rate)
        for name, one in signatures.items()
        if "audio" in one.inputs or "audio" in one.outputs
    }


def _in_files(one, rate):
    import tensorflow as tf

    inputs, outputs = dict(one.inputs), dict(one.outputs)
    if "audio" in inputs:
        (most,) = inputs["audio"].shape
        inputs = {"wav": clip(most, rate)} | {name: spec for name, spec in inputs.items() if name not in CLIP}
    if "audio" in outputs:
        outputs = {"wav": f"a WAV file, mono PCM of 16 bits, {rate:,} Hz"} | outputs
        del outputs["audio"]

    def body(wav=None, **given):
        if wav is not None:
            real = ~tf.math.is_nan(wav)
            given |= {"audio": tf.where(real, wav, 0.0), "length": tf.reduce_sum(tf.cast(real, tf.int32), 1)}
        found = dict(one.body(**given))
        if "audio" in one.outputs:
            found["wav"] = encoded(found.pop("audio"), rate)
        return found

    return dataclasses.replace(one, body=body, inputs=inputs, outputs=outputs)


def encoded(audio, rate):
    """WAV files, strings [B], of audio float32 [B, N] in [-1, 1]; what is beyond is clipped."""
    import tensorflow as tf

    spec = tf.TensorSpec([], tf.string)
    return tf.map_fn(lambda x: tf.audio.encode_wav(x[:, None], rate), audio, fn_output_signature=spec)


def clip(most, rate):
    """Sounds float32 [B, most], NaN behind their ends, of which a server is sent the WAV files."""
    import numpy as np
    import tensorflow as tf

    def read(files, refuse_unless):
        def one(file):
            begins = tf.strings.substr(tf.strings.join([file, b"\0" * HEADER]), 0, 12)  # the file may be shorter
            names = tf.strings.join([tf.strings.substr(begins, at, 4) for at in (0, 8)])
            is_wav = tf.equal(names, b"RIFFWAVE") & (tf.strings.length(file) >= HEADER)
            said = tf.io.decode_raw(begins, tf.uint8)  # a message must be text
            with tf.control_dependencies([refuse_unless(is_wav, "a file that begins with the bytes", said)]):
                samples, held = tf.audio.decode_wav(file, name=WHOLE)
            count, channels = tf.unstack(tf.shape(samples))
            refused = [
                refuse_unless(tf.equal(held, rate), "a rate in Hz", held),
                refuse_unless(tf.equal(channels, 1), "a number of channels", channels),
                refuse_unless((count >= 1) & (count <= most), "a number of samples", count),
            ]
            with tf.control_dependencies(refused):
                return tf.pad(samples[:most, 0], [[0, most - count]], constant_values=float("nan"))

        spec = tf.TensorSpec([most], tf.float32)
        return tf.map_fn(one, files, fn_output_signature=spec, parallel_iterations=1), {}

    def file(samples, channels=1, at=rate):
        return tf.audio.encode_wav(np.tile(np.float32(samples)[:, None], channels), at).numpy()

    def files(n, numbers):
        counts = numbers.integers(1, most + 1, n)
        return np.array([file(numbers.uniform(-1, 1, count)) for count in counts], object)

    wants = f"a WAV file, mono PCM of 16 bits, {rate} Hz, of 1 to {most} samples"
    refused = {
        "no byte": b"",
        "an MP3": b"ID3" + b"\0" * 40,
        "half a header": file([0.5])[:20],
        "two channels": file([0.5], 2),
        "another rate": file([0.5], at=2 * rate),
        f"{most + 1} samples": file(np.zeros(most + 1)),
    }
    return Input((most,), "sounds", text=Text(wants, "as it was recorded, not scaled", files, read, refused))
