"""The nats of a class among many, such as a word of a vocabulary."""

import tensorflow as tf


@tf.custom_gradient
def cross_entropy(logits, ids):
    """-log softmax(logits) at ids. logits: [..., V]; ids: int32 [...], of a known rank. Returns [...] nats.

    The gradient is written out: those of the softmax and of the choice would fill two more tensors as large as the
    logits. TensorFlow's own op asserts, which XLA reports.
    """
    highest = tf.reduce_max(logits, -1, keepdims=True)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(logits - highest), -1, keepdims=True))

    def gradient(upstream):
        p = tf.exp(logits - highest - log_sum)
        return upstream[..., None] * (p - tf.one_hot(ids, logits.shape[-1])), None

    said = tf.gather(logits, ids, batch_dims=len(ids.shape)) - highest[..., 0]
    return log_sum[..., 0] - said, gradient
