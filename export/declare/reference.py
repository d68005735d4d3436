"""What Keras itself answers, against which every exported file is measured."""

import numpy as np
import tensorflow as tf

from export.declare.signature import phone_answer, server_answer


def examples(inputs, n, seed=0, data=()):
    """n plausible arrays for each of inputs (name -> Input), real ones of what is in data, name -> [N, ...]."""
    numbers = np.random.default_rng(seed)
    values = {}
    for name, spec in inputs.items():
        low, high = spec.interval or (0, 2**31 - 1)
        if spec.data in data and (spec.dtype != "string" or spec.text.write):
            real = data[spec.data][np.arange(n) % len(data[spec.data])]
            values[name] = spec.text.write(real) if spec.dtype == "string" else real
        elif spec.example:
            values[name] = spec.example(n, numbers)
        elif spec.dtype == "int32":
            values[name] = numbers.integers(low, high, (n, *spec.shape), np.int32, endpoint=True)
        elif spec.interval is None:
            values[name] = numbers.standard_normal((n, *spec.shape), np.float32)
        else:
            values[name] = numbers.uniform(low, high, (n, *spec.shape)).astype(np.float32)
    return values


def implausible(inputs, seed=0):
    """Four rows of what no one should ask and someone will, for inputs as in examples: of each input with an interval
    an inverted example, only ones (the upper bound), only zeros (the lower), and noise. {} if none has an interval.
    """
    bounded = {k: v for k, v in inputs.items() if v.interval and v.dtype == "float32"}
    if not bounded:
        return {}
    numbers, values = np.random.default_rng(seed), examples(inputs, 4, seed)
    for name, spec in bounded.items():
        low, high = spec.interval
        noise = numbers.uniform(low, high, spec.shape)
        rows = [low + high - values[name][0], np.full(spec.shape, high), np.full(spec.shape, low), noise]
        values[name] = np.stack(rows).astype(np.float32)
    return values


class Keras:
    """Keras' answers to the signatures of a server, or of a phone, each traced once for all batch sizes.

    before: see export.declare.signature.Offered.
    """

    def __init__(self, model, signatures, before=None, phone=False):
        self.model, self.signatures, self.phone, self.graphs = model, signatures, phone, {}
        self.variables = [*model.variables, *(before.variables if before else [])]

    def answers(self, name, inputs):
        """The outputs of a signature, as arrays, for a server's inputs (with seed) or a phone's (with noise)."""
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        if name not in self.graphs:  # eagerly a recurrent model would take minutes
            specs = {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for k, v in tensors.items()}
            self.graphs[name] = tf.function(self._call, autograph=False).get_concrete_function(name, **specs)
        return {k: v.numpy() for k, v in self.graphs[name](**tensors).items()}

    def _call(self, name, **tensors):
        if self.phone:
            return phone_answer(self.signatures[name], self.model, tensors)
        return server_answer(self.signatures[name], self.model, tensors)


def error(got, want):
    """(largest absolute difference, the same as a share of want's range or size). NaN if shapes differ."""
    if got.shape != want.shape:
        return float("nan"), float("nan")
    if want.size and isinstance(want.flat[0], bytes) and want.flat[0].startswith(b"RIFF"):
        got, want = map(heard, (got, want))
    if want.dtype == object or not want.size:
        return (0.0, 0.0) if (got == want).all() else (float("inf"), float("inf"))
    got, want = got.astype(np.float64), want.astype(np.float64)
    scale = max(np.ptp(want), np.abs(want).max(), 1e-6)
    worst = float(np.abs(got - want).max())
    return worst, worst / scale


def heard(files):
    """The samples of WAV files of 16 bits and equal length, [B, N]: rounding may turn one by a level."""
    return np.stack([tf.audio.decode_wav(file)[0].numpy()[:, 0] for file in files])
