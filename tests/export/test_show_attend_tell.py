import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import zoo
from export.declare.signature import server_function
from export.make import command, package
from export.prove import proof
from export.show_attend_tell import LEAST, signatures
from zoo import catalogue
from zoo.nn.decoding import FIRST
from zoo.nn.pretrained import extractors
from zoo.nn.words import END, UNKNOWN

WIDTH = 3  # as in conftest


@pytest.fixture(scope="module")
def model(exported):
    return zoo.load(exported("show_attend_tell").parent / "run")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).uniform(size=(5, 9, 20, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def phone(exported):
    return Interpreter(model_path=str(exported("show_attend_tell") / "show_attend_tell.tflite"))


def test_a_caption_is_what_a_beam_of_the_exported_width_finds(exported, model):
    images = np.random.default_rng(0).uniform(size=(60, 9, 20, 3)).astype(np.float32) ** 4
    served = tf.saved_model.load(str(exported("show_attend_tell") / "show_attend_tell" / "1")).signatures
    got = served["caption_images"](images=tf.constant(images))
    assert got["attention"].shape == (60, 20, 2, 3)
    said = {width: tf.function(model.caption)({"image": images}, "beam", width) for width in (2, 3, 4)}
    for width in (2, 4):  # another width would show
        assert np.abs(said[width]["score"] - said[WIDTH]["score"]).max() > 1e-3
    want = said[WIDTH]
    np.testing.assert_array_equal(got["tokens"], want["ids"])
    np.testing.assert_allclose(got["score"], want["score"], rtol=1e-5)
    np.testing.assert_allclose(got["attention"], tf.reshape(want["attention"], got["attention"].shape), atol=1e-6)
    known = ["a", "red", "square", "above", "the", "man's", "hat", ".", "blue", "circle"]
    for text, tokens in zip(got["captions"].numpy(), got["tokens"].numpy(), strict=True):
        assert text.decode().split() == [known[token - 2] for token in tokens if token != END]


def test_a_caption_does_not_depend_on_the_other_images(model, images):
    call = server_function(signatures(model, WIDTH).server["caption_images"], model)
    whole = call(images=tf.constant(images))
    for k in range(len(images)):
        alone = call(images=tf.constant(images[k : k + 1]))
        np.testing.assert_array_equal(alone["tokens"][0], whole["tokens"][k])
        np.testing.assert_allclose(alone["score"][0], whole["score"][k], rtol=1e-5)


def test_a_file_gets_the_caption_of_its_picture(model):
    call = {name: server_function(one, model) for name, one in signatures(model, WIDTH).server.items()}
    image = np.random.default_rng(1).integers(0, 256, (9, 20, 3), np.uint8)
    of_file = call["caption"](image_bytes=tf.io.encode_png(image)[None])
    of_image = call["caption_images"](images=tf.constant(image[None] / np.float32(255)))
    np.testing.assert_array_equal(of_file["captions"], of_image["captions"])
    np.testing.assert_allclose(of_file["score"], of_image["score"], rtol=1e-5)


def test_a_phone_tells_what_keras_tells_greedily_in_one_call_and_word_by_word(phone, model, images):
    run = {name: phone.get_signature_runner(name) for name in ("caption_images", "start", "decode_step")}
    greedy = {k: v.numpy() for k, v in tf.function(model.caption)({"image": images}, "greedy").items()}
    for k in range(5):
        image = images[k : k + 1]
        state = run["start"](images=image)
        context = {name: state.pop(name) for name in ("annotations", "keys")}
        word, alive, score = np.int32([FIRST]), True, 0.0
        tokens, attention = np.zeros(20, np.int32), np.zeros((20, 2, 3))
        for t in range(20):
            step = run["decode_step"](word=word, **state, **context)
            assert step["log_probs"][0, UNKNOWN] == LEAST
            state = {name: step[name] for name in state}
            word = step["log_probs"].argmax(1).astype(np.int32) if alive else np.int32([END])
            if alive:
                tokens[t], attention[t] = word[0], step["attention"][0]
                score += step["log_probs"][0, word[0]]
            alive = alive and word[0] != END
        np.testing.assert_array_equal(tokens, greedy["ids"][k])
        np.testing.assert_allclose(score, greedy["score"][k], rtol=1e-5)
        np.testing.assert_allclose(attention.reshape(20, 6), greedy["attention"][k], atol=1e-5)
        whole = run["caption_images"](images=image)
        np.testing.assert_array_equal(whole["tokens"][0], tokens)
        np.testing.assert_allclose(whole["score"][0], score, rtol=1e-5)
        np.testing.assert_allclose(whole["attention"][0], attention, atol=1e-5)


def build(**sizes):
    settings = catalogue.preset("show_attend_tell", "smoke").model
    model = catalogue.build("show_attend_tell", dataclasses.replace(settings, **sizes))
    model.words.learn(["a", "red", "hat"])
    return model


def test_a_frozen_network_goes_with_the_model_that_learned_with_it(tmp_path, monkeypatch, write_run, capfd):
    def stand_in(name):
        """EfficientNet-Lite0's shapes; other weights at every call: those of an export are in the export."""
        layers = [keras.layers.Conv2D(320, 1, 32), keras.layers.Reshape((49, 320))]
        return keras.Sequential([keras.Input((224, 224, 3)), *layers])

    monkeypatch.setattr(extractors, "extractor", stand_in)
    monkeypatch.setattr(package, "real", lambda *_: {})  # scenes as large as this would take gigabytes
    sizes = {"encoder": "efficientnet-lite0", "annotations": (49, 320), "caption_length": 4, "vocabulary": 12}
    run = write_run(tmp_path / "run", "show_attend_tell", "smoke", sizes)
    package.export("show_attend_tell", signatures, command.Search(str(run), tmp_path / "models", width=2))
    version = tmp_path / "models" / "show_attend_tell" / "1"
    assert proof.prove(version) == []
    printed = capfd.readouterr().out
    assert "C API  caption_images" in printed and "show_attend_tell.tflite start/keys" in printed
    served = tf.saved_model.load(str(version)).signatures
    image = tf.io.encode_png(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8))
    assert served["caption"](image_bytes=image[None])["attention"].shape == (1, 4, 7, 7)


def test_a_model_without_attention_has_no_keys_and_one_of_two_channels_takes_no_files():
    model = build(attention="uniform", image_shape=(8, 8, 2))
    offered = signatures(model, 2)
    assert set(offered.server) == {"caption_images"}
    assert "keys" not in offered.phone["decode_step"].inputs and "annotations" in offered.phone["decode_step"].inputs


def test_gray_models_take_files_with_colours():
    call = server_function(signatures(build(image_shape=(8, 8, 1)), 2).server["caption"], None)
    assert call(image_bytes=tf.io.encode_jpeg(np.zeros((9, 12, 3), np.uint8))[None])["tokens"].shape == (1, 20)
