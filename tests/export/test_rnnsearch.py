import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import phone_function, server_function
from export.rnnsearch import signatures
from zoo import catalogue
from zoo.nn.decoding import FIRST
from zoo.nn.words import END


@pytest.fixture(scope="module", params=[True, False], ids=["search", "encdec"])
def model(request):
    config = catalogue.preset("rnnsearch", "smoke").model
    sizes = {"source_vocabulary": 8, "target_vocabulary": 9, "source_length": 7, "target_length": 6}
    config = dataclasses.replace(config, units="cased", attention=request.param, **sizes)
    model = catalogue.build("rnnsearch", config)
    numbers = np.random.default_rng(3)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape).astype(np.float32))
    model.source_words.learn(["Ein", "Hund", "läuft", "im", "Schnee", "."])
    model.target_words.learn(["A", "dog", "'s", "run", "in", "snow", "."])
    return model


def test_a_text_goes_in_and_a_translation_comes_out(model):
    server = signatures(model, 3).server
    assert next(iter(server)) == "translate"  # what a request without a name gets
    texts = tf.constant(["Ein Hund läuft.", "Der Schnee"])
    said = server_function(server["translate"], model)(source=texts)
    assert said["unknown_words"].numpy().tolist() == [b"", b"Der"]
    ids = model.source_words.ids(texts, 7)
    expected = model.translate(ids, "beam", 3)
    np.testing.assert_array_equal(said["tokens"], expected["target"])
    np.testing.assert_allclose(said["score"], expected["score"], rtol=1e-5)
    assert said["translations"].numpy().tolist() == model.target_words.texts(expected["target"]).numpy().tolist()
    assert ("attention" in said) == model.config.attention
    log_prob = server_function(server["log_prob"], model)
    found = log_prob(source=texts, target=tf.constant(["A dog's run.", "snow"]))
    target = np.int32([[2, 3, 4, 5, 8, 0], [7, 0, 0, 0, 0, 0]])
    nats = model.loss_terms({"source": ids, "target": target}, {})["negative_log_likelihood"]
    np.testing.assert_allclose(found["log_likelihood"], -nats, rtol=1e-5)
    assert found["source_unknown_words"].numpy().tolist() == [b"", b"Der"]


def test_a_phones_search_word_by_word_finds_what_the_whole_call_does(model):
    phone = signatures(model, 3).phone
    (source,) = phone["encode"].inputs.values()
    encode, step, whole = (phone_function(phone[name], model, 1) for name in ("encode", "decode_step", "translate"))
    for ids in source.example(4, np.random.default_rng(0)):
        given = encode(source=tf.constant(ids[None]))
        word, words, score, looks = FIRST, [], 0.0, []
        while len(words) < model.config.target_length and word != END:
            said = step(word=tf.constant([word]), **given)
            given |= {"state": said["state"]}
            word = int(np.argmax(said["log_probs"][0]))
            score += float(said["log_probs"][0, word])
            words.append(word)
            looks.append(said.get("attention", tf.zeros([1, 0]))[0])
        found = whole(source=tf.constant(ids[None]))
        assert (
            found["tokens"].numpy()[0, : len(words)].tolist() == words
            and not found["tokens"][0, len(words) :].numpy().any()
        )
        assert float(found["score"][0]) == pytest.approx(score, rel=1e-5)
        if model.config.attention:
            np.testing.assert_allclose(found["attention"][0, : len(words)], looks, atol=1e-5)
