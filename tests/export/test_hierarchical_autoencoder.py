import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import phone_function, server_function
from export.hierarchical_autoencoder import signatures
from zoo import catalogue
from zoo.nn.decoding import FIRST
from zoo.nn.words import END

WORDS = ["a", "cat", "dog", "sat", "ran", "it", "rains", "."]


@pytest.fixture(scope="module", params=["flat", "hierarchical", "attention"])
def model(request):
    config = catalogue.preset("hierarchical_autoencoder", "smoke").model
    config = dataclasses.replace(config, kind=request.param, vocabulary=10, sentences=3, text_length=5, layers=2)
    model = catalogue.build("hierarchical_autoencoder", config)
    numbers = np.random.default_rng(3)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape).astype(np.float32))
    model.words.learn(WORDS)
    return model


def test_a_phones_search_word_by_word_finds_what_the_whole_call_does(model):
    phone, config = signatures(model).phone, model.config
    (text,) = phone["start"].inputs.values()
    start, step, whole = (phone_function(phone[name], model, 1) for name in ("start", "decode_step", "reconstruct"))
    for ids in text.example(4, np.random.default_rng(0)):
        given = {name: tf.zeros([1, *spec.shape]) for name, spec in phone["decode_step"].inputs.items()}
        given |= start(text=tf.constant(ids[None]))
        given["word"], rows, row, score = tf.constant([FIRST]), [], [], 0.0
        while len(rows) < config.sentences:
            said = step(**given)
            given |= {name: said[name] for name in given.keys() & said.keys()}
            log_p = said["log_probs"].numpy()[0]
            word = config.vocabulary if len(row) == config.text_length - 1 else int(np.argmax(log_p))
            score += log_p[word]
            if word == END:
                break
            if word == config.vocabulary:
                rows.append(row)
                row = []
            else:
                row.append(word)
            given["word"] = tf.constant([word])
        found = whole(text=tf.constant(ids[None]))
        assert [line[line != END].tolist() for line in found["tokens"].numpy()[0] if line[0]] == rows
        assert float(found["score"][0]) == pytest.approx(score, rel=1e-5)


def test_a_document_goes_in_and_comes_out(model):
    server = signatures(model).server
    assert next(iter(server)) == "reconstruct"  # what a request without a name gets
    said = server_function(server["reconstruct"], model)(text=tf.constant(["A cat sat. It rains.", "a zebra"]))
    assert said["unknown_words"].numpy().tolist() == [b"", b"zebra"]
    known = [*model.words.lines]
    for text, ids in zip(said["texts"].numpy(), said["tokens"].numpy(), strict=True):
        assert text.decode().split() == [known[i] for i in ids.ravel() if i]
    text = tf.constant(["A cat sat. It rains."])
    log_p = server_function(server["log_prob"], model)(text=text)["log_likelihood"]
    ids = np.int32([[[2, 3, 5, 9, 0], [7, 8, 9, 0, 0], [0] * 5]])
    assert float(log_p[0]) == pytest.approx(-float(model.nats(ids)[0]), rel=1e-5)
    vector = server_function(server["encode"], model)(text=text)["vector"]
    np.testing.assert_allclose(vector, model.encode(ids)["vector"], atol=1e-6)
