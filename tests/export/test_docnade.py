import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import phone_function, server_function
from export.docnade import signatures
from zoo import catalogue

WORDS = ["the", "cat", "dog", "purrs", "barks", "ship", "sails"]
ORDERS = 5


@pytest.fixture(scope="module", params=["full", "tree"])
def model(request):
    config = catalogue.preset("docnade", "smoke").model
    config = dataclasses.replace(
        config, softmax=request.param, vocabulary=9, text_length=6, first_word=3, hidden=(4, 3)
    )
    model = catalogue.build("docnade", config)
    numbers = np.random.default_rng(3)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape).astype(np.float32))
    model.words.learn(WORDS)
    return model


@pytest.fixture(scope="module")
def offered(model):
    return signatures(model, ORDERS)


def test_a_text_goes_in_and_its_vector_comes_out(model, offered):
    embed = server_function(offered.server["embed"], model)
    said = embed(text=tf.constant(["the cat barks", "Barks the cat!", "a zebra"]))
    assert said["unknown_words"].numpy().tolist() == [b"", b"!", b"a zebra"]
    np.testing.assert_allclose(said["vector"][:1], model.encode(np.int32([[3, 6, 0, 0, 0, 0]]))["vector"], rtol=1e-6)
    np.testing.assert_allclose(said["vector"][0], said["vector"][1], rtol=1e-5)  # no order, "the" does not count


def test_a_probability_is_the_mean_over_the_orders_of_a_seed(model, offered):
    text, seed = tf.constant(["cat dog purrs ship", "cat"]), tf.constant([[1, 2], [3, 4]])
    said = server_function(offered.server["log_prob"], model)(text=text, seed=seed)["log_likelihood"].numpy()
    order = model.noise(ORDERS, (1, 2))["order"]
    ids = np.repeat(np.int32([[3, 4, 5, 7, 0, 0]]), ORDERS, 0)
    nats = model.loss_terms({"text": ids}, {"order": order})["negative_log_likelihood"]
    assert said[0] == pytest.approx(np.log(np.mean(np.exp(-nats))), rel=1e-5)
    one = model.loss_terms({"text": np.int32([[3, 0, 0, 0, 0, 0]])}, {})["negative_log_likelihood"]
    assert said[1] == pytest.approx(-float(one[0]), rel=1e-5)  # there is one order of one word
    phone = phone_function(offered.phone["log_prob"], model, 1)
    found = phone(text=tf.constant(ids[:1]), noise_order=order[None])["log_likelihood"]
    assert float(found[0]) == pytest.approx(said[0], rel=1e-5)


def test_one_order_alone(model):
    server = signatures(model, 1).server["log_prob"]
    said = server_function(server, model)(text=tf.constant(["cat dog"]), seed=tf.constant([[1, 2]]))["log_likelihood"]
    ids = np.int32([[3, 4, 0, 0, 0, 0]])
    nats = model.loss_terms({"text": ids}, model.noise(1, (1, 2)))["negative_log_likelihood"]
    assert float(said[0]) == pytest.approx(-float(nats[0]), rel=1e-5)


def test_words_like_a_word(model, offered):
    said = server_function(offered.server["nearest"], model)(word=tf.constant(["Dog", "the", "owl"]))
    rows = model.rows.numpy() / np.linalg.norm(model.rows.numpy(), axis=1, keepdims=True)
    cosines = rows @ rows[1]
    order = [k for k in np.argsort(-cosines) if k != 1]
    assert [word.decode() for word in said["words"].numpy()[0]] == [WORDS[1 + k] for k in order]
    np.testing.assert_allclose(said["similarity"][0], cosines[order], rtol=1e-5)
    assert (said["similarity"].numpy()[1:] == 0).all() and said["unknown_words"].numpy()[2] == b"owl"
    phone = phone_function(offered.phone["nearest"], model, 1)(word=tf.constant([4]))
    np.testing.assert_array_equal(phone["tokens"], said["tokens"][:1])
