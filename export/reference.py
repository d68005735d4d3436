"""What Keras itself answers, against which every exported file is measured."""

import numpy as np
import tensorflow as tf

from export.signature import noise_of_rows


def examples(model, inputs, n, seed=0):
    """n plausible arrays for each of inputs (name -> Input). Observations are the model's own samples."""
    numbers = np.random.default_rng(seed)
    values = {}
    for name, spec in inputs.items():
        if spec.dtype == "int32":
            values[name] = numbers.integers(0, 2**31, (n, *spec.shape), np.int32)
        elif spec.interval is None:
            values[name] = numbers.standard_normal((n, *spec.shape), np.float32)
        elif hasattr(model, "sample"):
            values[name] = np.clip(np.asarray(model.sample(n, (seed, 1)), np.float32), *spec.interval)
        else:
            values[name] = numbers.uniform(*spec.interval, (n, *spec.shape)).astype(np.float32)
    return values


class Keras:
    """Keras' answers to a model's signatures, each traced once for all batch sizes."""

    def __init__(self, model, signatures):
        self.model, self.signatures, self.graphs = model, signatures, {}

    def answers(self, name, inputs):
        """The outputs of a signature for a server's inputs (with seed) or a phone's (with noise), as arrays."""
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        which = name, *sorted(tensors)
        if which not in self.graphs:  # eagerly a recurrent model would take minutes
            specs = {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for k, v in tensors.items()}
            graph = tf.function(self._call, autograph=False).get_concrete_function(name, **specs)
            self.graphs[which] = graph
        return {k: v.numpy() for k, v in self.graphs[which](**tensors).items()}

    def _call(self, name, **tensors):
        signature = self.signatures[name]
        if "seed" in tensors:
            tensors["noise"] = noise_of_rows(self.model, tensors.pop("seed"), signature.draws)
        elif signature.draws:
            parts = {k: tensors.pop(k) for k in list(tensors) if k not in signature.inputs}
            tensors["noise"] = parts.get("noise", {k.removeprefix("noise_"): v for k, v in parts.items()})
        return signature.body(**tensors)


def error(got, want):
    """(largest absolute difference, the same as a share of want's range or size). NaN if shapes differ."""
    if got.shape != want.shape:
        return float("nan"), float("nan")
    if want.dtype == object or not want.size:
        return (0.0, 0.0) if (got == want).all() else (float("inf"), float("inf"))
    got, want = got.astype(np.float64), want.astype(np.float64)
    scale = max(np.ptp(want), np.abs(want).max(), 1e-6)
    worst = float(np.abs(got - want).max())
    return worst, worst / scale
