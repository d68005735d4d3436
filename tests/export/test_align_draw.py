import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import zoo
from export.align_draw import signatures
from export.declare.signature import phone_inputs, server_function, server_inputs
from export.prove import proof
from zoo import catalogue

SEEDS = np.int32([[1, 2], [3, 4], [5, 6]])


@pytest.fixture(scope="module")
def models(exported):
    return {name: exported(name) / name / "1" for name in ("align_draw", "caption_vae")}


def texts(*captions):
    return np.array([caption.encode() for caption in captions], object)


@pytest.mark.parametrize("name", ["align_draw", "caption_vae"])
def test_the_c_api_paints_captions_and_names_the_words_that_are_unknown(models, exported, name):
    good = {"caption": texts("A red hat.", "the GREEN square", "zebra, the man's"), "seed": SEEDS}
    lone = {"caption": texts("the hat"), "seed": SEEDS[:1]}
    empty, long = texts("a", " ", "a"), texts("a", "a", "red " * 20)
    requests = [
        proof.Request("good", "generate", good),
        proof.Request("alone", "generate", lone),
        proof.Request("others", "generate", good | {"caption": texts("a red hat .", "the blue", "a")}),
        proof.Request("empty", "generate", good | {"caption": empty}),
        proof.Request("too long", "generate", good | {"caption": long}),
    ]
    good, alone, others, empty, long = proof.ask(models[name], requests)
    (out, error), one, other, no_word, too_long = good[:2], alone.outputs, others.outputs, empty.error, long.error
    assert error is None
    assert list(out["unknown_words"]) == [b"", b"green", b"zebra ,"] and list(one["unknown_words"]) == [b""]
    model = zoo.load(exported(name).parent / "run")
    ids = [[2, 3, 8, 9], [6, 1, 4], [1, 1, 6, 7]]
    ids = np.int32([row + [0] * (20 - len(row)) for row in ids])
    for k in range(3):
        want = model.decode(model.noise(1, SEEDS[k]), ids[k : k + 1])["image"][0]
        np.testing.assert_allclose(out["images"][k], want, atol=1e-5)
    np.testing.assert_allclose(out["images"][0], other["images"][0], atol=1e-6)  # the same words, spelled otherwise
    assert np.abs(out["images"][1] - other["images"][1]).max() > 1e-4
    assert set(out) == {"images", "unknown_words"}
    assert "caption: got number of words [0], expected string [batch], each a caption of 1 to 19 words" in no_word
    assert "caption: got number of words [20], expected" in too_long


@pytest.mark.parametrize("variant", ["align", "last", "vector"])
def test_every_variant_offers_what_it_has(variant):
    config = dataclasses.replace(catalogue.preset("align_draw", "smoke").model, variant=variant, image_shape=(5, 4, 1))
    model = catalogue.build("align_draw", config)
    model.words.learn(["a", "hat"])
    declared = signatures(model, 2)
    call = server_function(declared["generate_steps"], model)
    caption = tf.constant(["a hat", "hat", "a"])
    whole = call(caption=caption, seed=tf.constant(SEEDS))
    assert set(whole) - {"word_weights"} == {"images", "canvases", "windows", "unknown_words"}
    assert ("word_weights" in whole) == (variant == "align")
    alone = call(caption=caption[1:2], seed=tf.constant(SEEDS[1:2]))
    np.testing.assert_allclose(alone["images"][0], whole["images"][1], atol=1e-6)
    assert {k: v.dtype for k, v in server_inputs(declared["reconstruct"]).items()} == {
        "images": "float32",
        "caption": "string",
        "seed": "int32",
    }
    phone = phone_inputs(declared["log_likelihood"], model)
    assert {k: (v.dtype, v.shape) for k, v in phone.items()} == {
        "images": ("float32", (5, 4, 1)),
        "caption": ("int32", (20,)),
        "noise": ("float32", (2, 3, 4)),
    }


def test_a_model_that_has_learned_no_word_is_not_exported():
    model = catalogue.build("align_draw", catalogue.preset("align_draw", "smoke").model)
    with pytest.raises(ValueError, match="words: got an empty vocabulary"):
        server_function(signatures(model, 2)["generate"], model)
