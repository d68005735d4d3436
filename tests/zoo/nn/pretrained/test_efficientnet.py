import itertools

import keras
import numpy as np
import pytest

from zoo.nn.pretrained import efficientnet


def state_of(name, rng, channels, expanded, out, kernel):
    """A block's weights as PyTorch lays them out, no two alike."""
    shapes = {"expand": (expanded, channels, 1, 1), "depthwise": (expanded, 1, kernel, kernel)}
    shapes["project"] = (out, expanded, 1, 1)
    if expanded == channels:
        del shapes["expand"]
    state = {}
    for part, shape in shapes.items():
        state[f"_{name}._{part}_conv.weight"] = rng.normal(size=shape)
        for fact in ("weight", "bias", "running_mean", "running_var"):
            values = rng.normal(size=shape[0])
            norm = efficientnet.NORMS[part]
            state[f"_{name}.{norm}.{fact}"] = np.abs(values) + 0.1 if fact == "running_var" else values
    return state


def oracle(x, state, name, kernel, stride, channels):
    """The block one number after the other, with TensorFlow's padding: the odd pixel of it at the end."""
    names = {part: f"_{name}._{part}_conv.weight" for part in efficientnet.NORMS}

    def norm(y, part):
        w, b, m, v = (state[f"_{name}.{efficientnet.NORMS[part]}.{fact}"] for fact in FACTS)
        return (y - m) / np.sqrt(v + 1e-3) * w + b

    def pointwise(y, part):
        return norm(y @ state[names[part]][:, :, 0, 0].T, part)

    y = np.clip(pointwise(x, "expand"), 0, 6) if names["expand"] in state else x
    batch, height, width, _ = y.shape
    out = np.zeros((batch, -(-height // stride), -(-width // stride), y.shape[-1]))
    before = [
        max((n - 1) * stride + kernel - size, 0) // 2 for n, size in zip(out.shape[1:3], x.shape[1:3], strict=True)
    ]
    for i, j, a, b in itertools.product(range(out.shape[1]), range(out.shape[2]), range(kernel), range(kernel)):
        row, column = i * stride + a - before[0], j * stride + b - before[1]
        if 0 <= row < height and 0 <= column < width:
            out[:, i, j] += y[:, row, column] * state[names["depthwise"]][:, 0, a, b]
    y = pointwise(np.clip(norm(out, "depthwise"), 0, 6), "project")
    return y + x if stride == 1 and x.shape[-1] == channels else y


FACTS = ("weight", "bias", "running_mean", "running_var")


@pytest.mark.parametrize(
    ("kernel", "stride", "expansion", "channels"),
    [(3, 1, 1, 6), (3, 1, 6, 4), (5, 2, 6, 3), (3, 2, 6, 5), (5, 1, 6, 4)],
)
@pytest.mark.parametrize("size", [(5, 7), (6, 8)], ids=["odd", "even"])
def test_a_block_is_the_one_of_the_weights_network(size, kernel, stride, expansion, channels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *size, 4))
    state = state_of("blocks.7", rng, 4, 4 * expansion, channels, kernel)
    image = keras.Input((*size, 4))
    model = keras.Model(image, efficientnet.block(image, "blocks.7", kernel, stride, expansion, channels))
    efficientnet.take(model, state)
    want = oracle(x, state, "blocks.7", kernel, stride, channels)
    np.testing.assert_allclose(model(np.float32(x)), want, rtol=1e-4, atol=1e-4)


def test_the_stages_have_the_papers_sizes():
    net = efficientnet.lite0(224)
    sides, channels = (112, 56, 28, 14, 14, 7, 7), (16, 24, 40, 80, 112, 192, 320)
    assert [stage.shape[1:] for stage in net.outputs] == list(zip(sides, sides, channels, strict=True))
    kernels, biases = (sum(int(np.prod(v.shape)) for v in net.weights if len(v.shape) == rank) for rank in (4, 1))
    head = 320 * 1280 + 2 * 1280 + 1281 * 1000
    assert kernels + 2 * biases == 4_652_008 - head  # published; there every channel has a scale beside its bias


def test_the_stem_takes_its_own_weights_and_standardises():
    image = keras.Input((6, 6, 3))
    net = efficientnet.lite0(32)
    rng = np.random.default_rng(0)
    state = {"_conv_stem.weight": rng.normal(size=(32, 3, 3, 3))}
    state |= {f"_bn0.{fact}": rng.uniform(0.5, 1, 32) for fact in FACTS}
    stem = keras.Model(image, efficientnet.convolution(net.get_layer("standard")(image), "stem", 32, 3, 2))
    efficientnet.take(stem, state)
    x = rng.uniform(size=(2, 6, 6, 3))
    at = np.einsum("bijc,ocij->bo", (x[:, 2:5, 2:5] * 255 - 127) / 128, state["_conv_stem.weight"])
    w, b, m, v = (state[f"_bn0.{fact}"] for fact in FACTS)
    np.testing.assert_allclose(stem(np.float32(x))[:, 1, 1], (at - m) / np.sqrt(v + 1e-3) * w + b, rtol=1e-4)
