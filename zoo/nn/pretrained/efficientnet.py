"""EfficientNet-Lite0: what it sees, not what it calls it.

Tan and Le, 2019, arXiv:1905.11946, in the Lite variant that its authors published in 2020: no squeeze-and-excitation,
ReLU6 for swish. Differs: it is frozen, so batch norms are part of the convolutions before them; no head, no dropout.
"""

import keras
import numpy as np
from keras import layers

EPSILON = 1e-3  # of its batch norms
STEM = 32
STAGES = (  # kernel, stride of the first block, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
NORMS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}  # which follows which convolution of a block


def lite0(side):
    """images [B, side, side, 3] in [0, 1] -> what every stage puts out, [B, h, w, channels], as a Keras model."""
    image = keras.Input((side, side, 3), name="image")
    x = layers.Rescaling(255 / 128, -127 / 128, name="standard")(image)  # as all of the Lite family
    x = relu6(convolution(x, "stem", STEM, 3, 2))
    stages, number = [], 0
    for kernel, stride, expansion, channels, blocks in STAGES:
        for i in range(blocks):
            x = block(x, f"blocks.{number}", kernel, 1 if i else stride, expansion, channels)
            number += 1
        stages.append(x)
    return keras.Model(image, stages, name="efficientnet_lite0")


def block(x, name, kernel, stride, expansion, channels):
    """An inverted bottleneck: widened, seen place by place and channel by channel, narrowed without a nonlinearity."""
    y = x
    if expansion > 1:
        y = relu6(convolution(y, f"{name}.expand", expansion * x.shape[-1]))
    y = layers.DepthwiseConv2D(kernel, stride, "same", name=f"{name}.depthwise")(y)
    y = convolution(relu6(y), f"{name}.project", channels)
    return layers.add([x, y]) if stride == 1 and x.shape[-1] == channels else y


def convolution(x, name, channels, kernel=1, stride=1):
    return layers.Conv2D(channels, kernel, stride, "same", name=name)(x)


def relu6(x):
    return layers.ReLU(6)(x)


def take(model, state):
    """Gives a model of these convolutions the weights of a state dictionary of efficientnet_lite_pytorch."""
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            continue
        place, _, part = layer.name.rpartition(".")
        kernel, norm = (f"_{place}._{part}_conv", f"_{place}.{NORMS[part]}") if place else (f"_conv_{part}", "_bn0")
        names = (f"{kernel}.weight", *(f"{norm}.{n}" for n in ("weight", "bias", "running_mean", "running_var")))
        kernel, gamma, beta, mean, variance = (np.float64(state[name]) for name in names)
        scale = gamma / np.sqrt(variance + EPSILON)
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)  # PyTorch's are [out, in, rows, columns]
        layer.set_weights([(kernel * scale[:, None, None, None]).transpose(order), beta - mean * scale])
