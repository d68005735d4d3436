"""How the weight of the rate rises in training, and free bits: remedies for a z that is not used.

Bowman et al., 2016 (arXiv:1511.06349) for the weight; Kingma et al., 2016 (arXiv:1606.04934) for free bits; Fu et al.,
2019 (arXiv:1903.10145) for cycles.
"""

import tensorflow as tf

CYCLES, RISING = 4, 0.5  # of "cyclic": how often it starts again, and the share of a cycle that it rises in


def weight(kind, step, steps, start=0.0):
    """The weight of the rate, in [0, 1]. step: int32, the updates made before; steps: until it is 1, or nearly.

    "constant": always start; "linear": from start on; "logistic": 1/2 in the middle, 0.2 and 99.8 % at the ends;
    "cyclic": CYCLES times from 0.
    """
    t = tf.cast(step, tf.float32) / steps
    if kind == "constant":
        return tf.constant(start)
    if kind == "linear":
        return tf.minimum(1.0, start + (1 - start) * t)
    if kind == "logistic":
        return tf.sigmoid(12.5 * (t - 0.5))
    return tf.where(t < 1, tf.minimum(1.0, (CYCLES * t) % 1 / RISING), 1.0)


def free(rates, bits):
    """What a rate falls short of `bits` nats in each unit: added to it, such a unit's gradient is none.

    rates: [B, Z], nats. The mean over the batch decides. Returns [B]; with the rates' sum, its mean is that of
    sum_d max(bits, mean_b rates).
    """
    short = tf.cast(tf.reduce_mean(rates, 0) < bits, tf.float32)
    return tf.reduce_sum(short * (bits - rates), 1)
