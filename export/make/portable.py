"""Portable files: a phone's functions for any number of examples, each a SavedModel of its own, without the tables,
strings and random operations that TensorFlow alone has. OpenVINO reads them as they are, ONNX Runtime by tf2onnx."""

import os
import shutil

from export.declare.signature import phone_function, phone_inputs
from export.make.savedmodel import plain, unfinished


def write(folder, keras):
    """FOLDER/SIGNATURE for each signature of a phone's reference.Keras; what lay there before goes."""
    aside = unfinished(folder)
    shutil.rmtree(aside, ignore_errors=True)
    for name, signature in keras.signatures.items():
        plain(aside / name, keras, phone_function(signature, keras.model, None, called(keras, name)))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def called(keras, name):
    """A function of an output's name: what it is called in the file, where an input may have the same name."""
    taken = phone_inputs(keras.signatures[name], keras.model)
    return lambda output: f"{output}_out" if output in taken else output
