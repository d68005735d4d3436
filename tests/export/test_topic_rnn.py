import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import phone_function, server_function
from export.topic_rnn import signatures
from zoo import catalogue
from zoo.data.text.encoding import encode_together
from zoo.nn.decoding import FIRST
from zoo.nn.words import END, PAD, UNKNOWN

WORDS = ["a", "cat", "dog", "sat", "ran", "it", "rains", "."]


@pytest.fixture(scope="module", params=["theta", "lda", "none"])
def model(request):
    config = catalogue.preset("topic_rnn", "smoke").model
    config = dataclasses.replace(config, context=request.param, vocabulary=10, text_length=13, window=5)
    model = catalogue.build("topic_rnn", config)
    numbers = np.random.default_rng(3)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape).astype(np.float32))
    model.words.learn(WORDS)
    if model.has_topics:
        model.stop.assign(np.isin(np.arange(10), [END, UNKNOWN, 2, 9]))
    if request.param == "lda":
        model.shares.assign(numbers.dirichlet(np.ones(3), 10))
    return model


IDS = encode_together([[["a", "cat", "sat", "."], ["it", "rains", "."]], [["a", "zebra"]]], WORDS, 13)
TEXTS = tf.constant(["A cat sat. It rains.", "a zebra"])


def test_texts_go_in_and_topics_and_log_p_come_out(model):
    server = signatures(model).server
    said = server_function(server["log_prob"], model)(text=TEXTS)
    assert said["unknown_words"].numpy().tolist() == [b"", b"zebra"]
    np.testing.assert_allclose(said["log_likelihood"], -tf.reduce_sum(model.nats(IDS), 1), rtol=1e-5)
    assert next(iter(server)) == ("topics" if model.has_topics else "log_prob")  # what a request without a name gets
    if model.has_topics:
        found = server_function(server["topics"], model)(text=TEXTS)
        theta = model.posterior(IDS)[0].numpy()
        np.testing.assert_allclose(found["theta"], theta, rtol=1e-5, atol=1e-6)
        best = [model.words.lines[i] for i in model.topic_words(10)[theta[0].argmax()]]
        assert found["words"].numpy()[0, 0].decode().split() == best


def test_a_text_goes_on_with_its_own_seed(model):
    complete = server_function(signatures(model).server["complete"], model)
    both = complete(text=TEXTS, seed=tf.constant([[1, 2], [3, 4]]))
    alone = complete(text=TEXTS[1:], seed=tf.constant([[3, 4]]))
    np.testing.assert_array_equal(both["tokens"][1:], alone["tokens"])
    lines = model.words.lines
    for text, ids in zip(both["texts"].numpy(), both["tokens"].numpy(), strict=True):
        assert text.decode().split() == [lines[i] for i in ids if i]


def test_a_sentence_is_drawn_of_a_topic(model):
    seeds = tf.constant([[i, 7] for i in range(4)])
    generate = server_function(signatures(model).server["generate"], model)
    topic = {"topic": tf.constant([0, 1, 2, 0])} if model.has_topics else {}
    said = generate(seed=seeds, **topic)["tokens"].numpy()
    assert said.shape == (4, 50) and (said != UNKNOWN).all() and len(np.unique(said[:, 0])) > 1


def test_a_phone_adds_up_word_by_word_what_the_whole_says(model):
    """With theta as `topics` tells it of the words so far."""
    phone = signatures(model).phone
    assert list(phone) == [*(["topics"] if model.has_topics else []), "log_prob", "decode_step"]
    functions = {name: phone_function(phone[name], model, 1) for name in phone}
    whole = functions["log_prob"](text=tf.constant(IDS[:1]))["log_likelihood"]
    given = {name: tf.zeros([1, *spec.shape]) for name, spec in phone["decode_step"].inputs.items()}
    given["word"], total = tf.constant([FIRST]), 0.0
    words = IDS[0][IDS[0] != PAD]
    for t, word in enumerate(words):
        if model.has_topics:
            window = np.full((1, 13), PAD, np.int32)
            window[0, : min(t, 5)] = words[max(0, t - 5) : t]
            given["theta"] = functions["topics"](text=tf.constant(window))["theta"]
        said = functions["decode_step"](**given)
        total += float(said["log_probs"][0, word])
        given |= {name: said[name] for name in given.keys() & said.keys()} | {"word": tf.constant([word])}
    assert total == pytest.approx(float(whole[0]), rel=1e-5)
