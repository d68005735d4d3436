import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export.declare import latent, reference
from export.declare.signature import Input, Signature, phone_function
from export.make import child, litert
from zoo import catalogue
from zoo.configs.draw import DRAWConfig


def test_every_kind_equals_keras_and_one_past_its_limit_is_refused(toy, toy_signatures, tmp_path, monkeypatch):
    keras = reference.Keras(toy, toy_signatures, phone=True)
    records = litert.convert(keras, ("float32", "dynamic", "float16", "int8"))
    for kind, record in records.items():
        assert "refused" not in record, record
        assert set(record["errors"]) == {"one/y", "four/y", "none/total"}
        assert "FULLY_CONNECTED" in record["operations"] or "BATCH_MATMUL" in record["operations"]
        assert max(share for _, share in record["errors"].values()) <= litert.LIMITS[kind]
    assert max(worst for worst, _ in records["float32"]["errors"].values()) < 1e-5
    assert records["int8"]["errors"]["one/y"][0] > 1e-4  # so it is truly another file

    litert.write(tmp_path / "toy.tflite", records["float32"]["content"])
    run = Interpreter(model_path=str(tmp_path / "toy.tflite")).get_signature_runner("one")
    x = np.full((2, 5, 2), 0.5, np.float32)
    noise = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    y = np.concatenate([run(x=x[k : k + 1], noise=noise[k : k + 1])["y"] for k in range(2)])
    np.testing.assert_allclose(y, toy.answer(x, noise)["y"], atol=1e-5)
    assert np.abs(y[0] - y[1]).max() > 0.1  # the noise is truly an input
    assert not list(tmp_path.glob(".*"))

    run = child.run

    def made_before(module, folder, *kinds):
        if module != "export.make.convert":
            return run(module, folder, *kinds)
        (folder / "int8.tflite").write_bytes(records["int8"]["content"])
        (folder / "int8.json").write_text(json.dumps({"operations": []}))

    monkeypatch.setattr(child, "run", made_before)
    monkeypatch.setitem(litert.LIMITS, "int8", 1e-9)
    refused = litert.convert(keras, ("int8",))["int8"]["refused"]
    assert "it converts but is not the model any more" in refused


def test_a_kind_that_the_converter_dies_of_takes_no_other_with_it(toy, toy_signatures, monkeypatch):
    asked = []

    def run(_, folder, *kinds):
        asked.append(kinds)
        for kind in kinds:
            if kind == "dynamic":
                raise child.Crash("it was stopped by SIGSEGV")
            (folder / f"{kind}.json").write_text(json.dumps({"refused": f"no {kind}"}))

    monkeypatch.setattr(child, "run", run)
    records = litert.convert(reference.Keras(toy, toy_signatures, phone=True), ("float32", "dynamic", "int8"))
    assert asked == [("float32", "dynamic", "int8"), ("int8",)]
    assert {kind: record["refused"] for kind, record in records.items()} == {
        "float32": "the converter cannot: no float32",
        "dynamic": "the converter cannot: it was stopped by SIGSEGV",
        "int8": "the converter cannot: no int8",
    }


def test_an_operation_without_builtin_is_named(toy):
    body = Signature(lambda x: {"y": tf.linalg.cholesky(x)}, {"x": Input((2, 2), "a matrix")}, "")
    assert (
        "Cholesky"
        in litert.convert(reference.Keras(toy, {"root": body}, phone=True), ("float32",))["float32"]["refused"]
    )


def test_a_loop_that_collects_outputs_leaves_for_one_example(toy):
    def body(x):  # [B, 5, 2] -> running sums [B, 5, 2]
        def step(t, total, sums):
            total += x[:, t]
            return t + 1, total, sums.write(t, total)

        sums = tf.TensorArray(tf.float32, 5, element_shape=[x.shape[0], 2])
        sums = tf.while_loop(lambda t, *_: t < 5, step, (0, tf.zeros_like(x[:, 0]), sums))[2]
        return {"y": tf.transpose(sums.stack(), [1, 0, 2])}

    signatures = {"sums": Signature(body, {"x": Input((5, 2), "numbers")}, "")}
    record = litert.convert(reference.Keras(toy, signatures, phone=True), ("float32",))["float32"]
    assert "WHILE" in record["operations"]
    assert record["errors"]["sums/y"][0] < 1e-6


def test_draw_without_attention_leaves_without_windows():
    model = catalogue.build("draw", DRAWConfig((7, 5, 1), steps=3, hidden=8, z_size=4, attention=False))
    signatures = latent.signatures(model, 2, steps=True)
    signatures = {name: signatures[name] for name in ("decode_steps", "encode", "log_likelihood")}  # hold every part
    record = litert.convert(reference.Keras(model, signatures, phone=True), ("float32",))["float32"]
    graph = phone_function(signatures["encode"], model, 1).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    # z, mean, scale; nothing for a gradient, which LiteRT would carry along as megabytes of zeros
    assert sum(node.op == "TensorListReserve" for node in nodes) == 3
    outputs = {"decode_steps/images", "decode_steps/canvases", "encode/z", "encode/mean", "encode/scale"}
    assert set(record["errors"]) == outputs | {"log_likelihood/log_likelihood"}


@pytest.mark.parametrize(("kind", "name"), [("float32", "draw.tflite"), ("int8", "draw-int8.tflite")])
def test_the_plain_name_is_the_float_file(kind, name):
    assert litert.file_name("draw", kind) == name
