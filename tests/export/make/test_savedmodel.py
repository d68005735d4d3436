import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from export.declare import reference
from export.declare.signature import Signature, server_inputs
from export.make import savedmodel


def save(base, toy, signatures):
    examples, keras = {}, reference.Keras(toy, signatures)
    for name, signature in signatures.items():
        inputs = reference.examples(server_inputs(signature), 2)
        examples[name] = inputs, keras.answers(name, inputs)
    return savedmodel.write(base, keras, "one", examples, {"k": 1}, "# card\n")


def test_versions_count_up_and_hold_everything(tmp_path, toy, toy_signatures):
    assert [save(tmp_path / "toy", toy, toy_signatures).name for _ in range(2)] == ["1", "2"]
    (tmp_path / "toy" / "10").mkdir()
    version = save(tmp_path / "toy", toy, toy_signatures)
    assert version.name == "11"
    assert (version / "README.md").read_text() == "# card\n"
    assert (
        len(tf.train.list_variables(str(version / "variables" / "variables"))) == 2 + 1
    )  # once each; the object graph
    assert not savedmodel.unfinished(tmp_path / "toy").exists()
    assert {path.name for path in (tmp_path / "toy").iterdir()} == {"1", "2", "10", "11"}  # some servers try all
    signatures = tf.saved_model.load(str(version)).signatures
    assert set(signatures) == {"one", "four", "none", "serving_default"}
    with np.load(version / savedmodel.EXAMPLES) as stored:
        inputs = {k: tf.constant(stored[f"one/inputs/{k}"]) for k in ("x", "seed")}
        np.testing.assert_array_equal(signatures["serving_default"](**inputs)["y"], stored["one/outputs/y"])
        warm = dict(savedmodel.read_warm_up(version))
        assert set(warm) == set(toy_signatures)
        np.testing.assert_array_equal(warm["four"]["seed"], stored["four/inputs/seed"][:1])


KILLED = """
import os, signal, sys
import tensorflow as tf
from export.declare import reference
from export.make import savedmodel
from export.declare.signature import Signature

class Model:
    variables, vocabularies = [], {}
    def noise(self, batch_size, seed):
        return tf.random.stateless_normal([batch_size, 2], seed)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

savedmodel._write_warm_up = die  # the graph and the weights are on the disk by now
signatures = {"one": Signature(lambda noise: {"y": noise}, {}, "", 1)}
savedmodel.write(sys.argv[1], reference.Keras(Model(), signatures), "one", {}, {}, "")
"""


def test_a_killed_export_leaves_nothing_that_a_server_would_load(tmp_path, toy, toy_signatures):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "toy")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (savedmodel.unfinished(tmp_path / "toy") / "saved_model.pb").exists()  # it was well under way
    assert savedmodel.versions(tmp_path / "toy") == []
    assert list((tmp_path / "toy").iterdir()) == []
    assert save(tmp_path / "toy", toy, toy_signatures).name == "1"
    assert not savedmodel.unfinished(tmp_path / "toy").exists()
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["1"]


def _compiled(noise):
    return {"y": tf.function(tf.tanh, jit_compile=True)(noise)}


def _python(noise):
    return {"y": tf.ensure_shape(tf.numpy_function(np.tanh, [noise], tf.float32), noise.shape)}


def _half(noise):
    return {"y": tf.cast(noise, tf.bfloat16)}


@pytest.mark.parametrize(("body", "word"), [(_compiled, "XLA"), (_python, "Python"), (_half, "bfloat16")])
def test_what_a_server_cannot_run_is_not_exported(tmp_path, toy, body, word):
    keras = reference.Keras(toy, {"one": Signature(body, {}, "", 1)})
    with pytest.raises(ValueError, match=word):
        savedmodel.write(tmp_path / "toy", keras, "one", {}, {}, "")
    assert savedmodel.versions(tmp_path / "toy") == []
