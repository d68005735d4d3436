"""The Gaussian filterbank of DRAW's selective attention (arXiv:1502.04623, section 3.2)."""

from typing import NamedTuple

import tensorflow as tf


class Window(NamedTuple):
    """Where and how an N x N grid of Gaussian filters lies on an image; each [B]."""

    g_x: tf.Tensor  # centre in pixels, the first pixel being 1 as in the paper
    g_y: tf.Tensor
    delta: tf.Tensor  # stride in pixels, one for both axes
    variance: tf.Tensor  # of the Gaussians, in pixels squared
    gamma: tf.Tensor  # intensity


def window(parameters, height, width, n):
    """Eq. 21 to 24: the window that five unbounded numbers ask for. parameters: [B, 5]."""
    g_x, g_y, log_variance, log_delta, log_gamma = tf.unstack(parameters, axis=-1)
    # One point has no stride; any value serves, the widest agrees with the paper's formula at n = 2.
    stride = (max(height, width) - 1) / max(n - 1, 1)
    return Window(
        (width + 1) / 2 * (g_x + 1),
        (height + 1) / 2 * (g_y + 1),
        stride * tf.exp(log_delta),
        tf.maximum(tf.exp(log_variance), 1e-12),  # the gradient divides by its square
        tf.exp(log_gamma),
    )


def filterbank(centre, delta, variance, length, n):
    """Eq. 19, 20, 25, 26: n Gaussian filters along an axis of the given length.

    centre, delta: [B] in pixels, the first pixel being 1; variance: [B] in pixels squared. Returns [B, n, length];
    a row sums to 1, or to less where its filter has left the image.
    """
    i = tf.range(n, dtype=tf.float32)  # from 0; the paper counts from 1
    mu = centre[:, None] + (i - (n - 1) / 2) * delta[:, None]  # [B, n]
    pixel = tf.range(1, length + 1, dtype=tf.float32)  # [length]
    f = tf.exp(-tf.square(pixel - mu[..., None]) / (2 * variance[:, None, None]))  # [B, n, length]
    return f / tf.maximum(tf.reduce_sum(f, -1, keepdims=True), 1e-8)


def filters(window, height, width, n):
    """The vertical and horizontal filterbanks of a window: F_y [B, n, height], F_x [B, n, width]."""
    return (
        filterbank(window.g_y, window.delta, window.variance, height, n),
        filterbank(window.g_x, window.delta, window.variance, width, n),
    )


def look(image, f_y, f_x, gamma):
    """Eq. 27: the N x N glimpse of an image. image: [B, H, W, C]. Returns [B, N, N, C]."""
    f_x = gamma[:, None, None] * f_x
    if not _small(f_y, f_x, image):
        rows = _across(f_y, image)  # [B, N, W, C]
        return _swap(_across(f_x, _swap(rows)))
    rows = tf.reduce_sum(f_y[:, :, :, None, None] * image[:, None], 2)
    return tf.reduce_sum(f_x[:, None, :, :, None] * rows[:, :, None], 3)  # [B, N, N, C]


def paint(patch, f_y, f_x, gamma):
    """Eq. 29: an N x N patch laid onto the image. patch: [B, N, N, C]. Returns [B, H, W, C]."""
    f_x = f_x / gamma[:, None, None]
    if not _small(f_y, f_x, patch):
        rows = _swap(_across(f_x, _swap(patch), transpose=True))  # [B, N, W, C]
        return _across(f_y, rows, transpose=True)
    rows = tf.reduce_sum(f_x[:, None, :, :, None] * patch[:, :, :, None], 2)
    return tf.reduce_sum(f_y[:, :, :, None, None] * rows[:, :, None], 1)  # [B, H, W, C]


def _small(f_y, f_x, x):
    """Whether multiplying and summing beats products of matrices, which batches of small ones do not repay on a CPU."""
    n, height, width, channels = f_y.shape[1], f_y.shape[2], f_x.shape[2], x.shape[3]
    return n * height * width * channels < 16_000


def _across(f, x, transpose=False):
    """A product along the second axis of x [B, K, L, C] with f [B, M, K], or [B, K, M] if transposed: [B, M, L, C]."""
    _, k, length, channels = x.shape
    made = tf.matmul(f, tf.reshape(x, [-1, k, length * channels]), transpose_a=transpose)
    return tf.reshape(made, [-1, made.shape[1], length, channels])


def _swap(x):
    """[B, H, W, C] to [B, W, H, C] and back."""
    return tf.transpose(x, [0, 2, 1, 3])
