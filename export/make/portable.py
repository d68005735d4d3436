"""Portable files: a phone's functions for any number of examples, each a SavedModel of its own, without the tables,
strings and random operations that TensorFlow alone has. OpenVINO reads them as they are, ONNX Runtime by tf2onnx."""

import os
import shutil

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.core.protobuf import saved_model_pb2

from export.declare.signature import phone_function, phone_inputs
from export.make.savedmodel import plain, unfinished


def write(folder, keras):
    """FOLDER/SIGNATURE for each signature of a phone's reference.Keras; what lay there before goes."""
    aside = unfinished(folder)
    shutil.rmtree(aside, ignore_errors=True)
    for name, signature in keras.signatures.items():
        plain(aside / name, keras, phone_function(signature, keras.model, None, called(keras, name)))
        spell_out(aside / name)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def called(keras, name):
    """A function of an output's name: what it is called in the file, where an input may have the same name."""
    taken = phone_inputs(keras.signatures[name], keras.model)
    return lambda output: f"{output}_out" if output in taken else output


def spell_out(folder):
    """Rewrites a SavedModel's log1p(x) as log(1 + x) and expm1(x) as -(1 - exp(x)), which tf2onnx (1.17) can convert.

    Both are off by less than the rounding of 1.
    """
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for function in saved.meta_graphs[0].graph_def.library.function:
        nodes = function.node_def
        for node in [node for node in nodes if node.op in ("Log1p", "Expm1")]:
            one, inner, x = f"{node.name}/one", f"{node.name}/inner", node.input[0]
            kind = node.attr["T"]
            number = tf.make_tensor_proto(1, kind.type)
            nodes.add(name=one, op="Const", attr={"dtype": kind, "value": attr_value_pb2.AttrValue(tensor=number)})
            if node.op == "Log1p":
                nodes.add(name=inner, op="AddV2", input=[f"{one}:output:0", x], attr={"T": kind})
                node.op, node.input[0] = "Log", f"{inner}:z:0"
            else:
                nodes.add(name=f"{node.name}/exp", op="Exp", input=[x], attr={"T": kind})
                nodes.add(name=inner, op="Sub", input=[f"{one}:output:0", f"{node.name}/exp:y:0"], attr={"T": kind})
                node.op, node.input[0] = "Neg", f"{inner}:z:0"
    path.write_bytes(saved.SerializeToString())
