"""What models share that paint a canvas glimpse by glimpse through a window (arXiv:1502.04623, section 3.2).

B batch, T glimpses, N points along a window.
"""

import math

import keras
import tensorflow as tf

from zoo.nn.filterbank import filters, look, paint, window


def window_head(name, side=1.0):
    """The affine map to a window's five numbers; the window starts centred and takes that share of the longer side."""
    return keras.layers.Dense(
        5,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=lambda shape, dtype=None: tf.constant([0, 0, 0, math.log(side), 0], tf.float32),
        name=name,
    )


def glimpse(parameters, images, n):
    """Eq. 27, of several images [B, H, W, C] through the one window that parameters [B, 5] ask for.

    Returns ([B, N N C], one image after the other, and the Window).
    """
    height, width = images[0].shape[1:3]
    at = window(parameters, height, width, n)
    f_y, f_x = filters(at, height, width, n)
    return tf.concat([flat(look(image, f_y, f_x, at.gamma)) for image in images], -1), at


def stroke(parameters, patch, image_shape, n):
    """Eq. 29: what a patch [B, N N C] adds to the canvas through the window that parameters [B, 5] ask for.

    Returns ([B, H, W, C], Window).
    """
    height, width, channels = image_shape
    at = window(parameters, height, width, n)
    f_y, f_x = filters(at, height, width, n)
    return paint(tf.reshape(patch, [-1, n, n, channels]), f_y, f_x, at.gamma), at


def stacked(at):
    """A window as a list of one tensor [B, 5], of none without attention."""
    return [] if at is None else [tf.stack(at, -1)]


def flat(x):
    """[B, ...] as [B, everything]."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])
