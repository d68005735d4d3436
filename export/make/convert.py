"""Convert a SavedModel to LiteRT in a process of its own, since the converter may crash or keep its memory.

    python -m export.make.convert FOLDER KIND ...

Reads FOLDER/model, a SavedModel, and FOLDER/calibration.npz ("SIGNATURE/NAME" -> [N, ...], for int8). Writes
FOLDER/KIND.tflite and FOLDER/KIND.json, {"operations": [...]} or {"refused": reason}, of one kind after the other.
"""

import json
import os
import pathlib
import re
import sys

import numpy as np

CALIBRATION = 50  # examples of each signature; int8 learns its ranges from them


def convert(folder, kind):
    import tensorflow as tf

    with np.load(folder / "calibration.npz") as given:
        examples = {}
        for name in given.files:
            signature, key = name.split("/", 1)
            examples.setdefault(signature, {})[key] = given[name]
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "model"), signature_keys=sorted(examples))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":  # weights and activations, with float inputs and outputs

        def calibration():
            for signature, inputs in examples.items():
                for n in range(len(next(iter(inputs.values())))):
                    yield signature, {key: value[n : n + 1] for key, value in inputs.items()}

        converter.representative_dataset = calibration
    return converter.convert()


def operations(model):
    """The names of all operations in a LiteRT file, in every subgraph."""
    from tensorflow.lite.python import schema_py_generated as schema

    codes = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0)).operatorCodes
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    builtin = {names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes}
    custom = {f"CUSTOM:{code.customCode.decode()}" for code in codes if code.customCode}
    return sorted(builtin - {"CUSTOM"} | custom)


def reason(error):
    """What a long complaint comes down to: the operations without a builtin, or its first line."""
    text = str(error)
    names = sorted(set(re.findall(r"'tf\.([A-Za-z0-9_]+)' op", text)) | set(re.findall(r"Flex(\w+)", text)))
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"no builtin operation for {', '.join(names)}" if names else first[:300]


def main(folder, *kinds):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = pathlib.Path(folder)
    for kind in kinds:
        try:
            model = convert(folder, kind)
        except Exception as error:  # whatever it raises, the reason is the answer
            answer = {"refused": reason(error)}
        else:
            found = operations(model)
            foreign = [name for name in found if name.startswith(("CUSTOM:", "Flex"))]
            answer = {"refused": f"no builtin operation for {', '.join(foreign)}"} if foreign else {"operations": found}
            (folder / f"{kind}.tflite").write_bytes(model)
        (folder / f"{kind}.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
