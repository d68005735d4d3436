import itertools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import docnade
from zoo.configs.docnade import DocNADEConfig, DocNADELMConfig
from zoo.metrics.totals import total
from zoo.nn.decoding import FIRST
from zoo.nn.words import END, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "docnade.json").read_text())
SHALLOW, LANGUAGE, DEEP = (GOLDEN[name] for name in ("docnade", "docnade_lm", "deep_docnade"))
V, H, L = 7, 3, 9
FIRST_WORD = 4  # two words that do not count, beside END and UNKNOWN
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)
heads = pytest.mark.parametrize("softmax", ["full", "tree"])


def model_of(**changes):
    sizes = {"vocabulary": V + FIRST_WORD, "text_length": L, "first_word": FIRST_WORD, "hidden": (H,)}
    return docnade.build(DocNADEConfig(**sizes | changes))


def golden(softmax="full", **changes):
    """The model with the weights of the golden numbers."""
    model, weights = model_of(softmax=softmax, **changes), SHALLOW["weights"]
    model.rows.assign(weights["W"])
    model.bias.assign(weights["c"])
    if softmax == "full":
        model.out.dense.set_weights([np.float32(weights["U"]), np.float32(weights["b"])])
    else:
        model.out.nodes.assign(weights["V_nodes"])
        model.out.bias.assign(weights["b_nodes"])
        given = SHALLOW["inputs"]
        model.out.way, model.out.turn = np.int32(given["path"]), np.float32(given["turn"])
        model.out.there = np.float32(given["path_mask"])
    return model


def random(**changes):
    """A model with weights away from 0."""
    model, numbers = model_of(**changes), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape))
    return model


def texts(*documents, length=L, first=FIRST_WORD):
    """Documents of words from 0 on, as the field holds them."""
    found = np.full((len(documents), length), END, np.int32)
    for row, document in zip(found, documents, strict=True):
        row[: len(document)] = np.array(document) + first
    return found


def in_orders(orders, length=L):
    """Noise by which document k has the order orders[k]: the places of its words, the first one first."""
    noise = np.full((len(orders), length), 0.99, np.float32)
    for row, order in zip(noise, orders, strict=True):
        row[list(order)] = np.arange(len(order)) / 10
    return {"order": noise}


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


DOCUMENT, SECOND = SHALLOW["inputs"]["document"], SHALLOW["inputs"]["second_document"]
EXPECTED = SHALLOW["expected"]


# ------------------------------------------------------------------------------------------------------ golden numbers


@runs
def test_what_is_known_before_each_word(run):
    model = golden()

    def known(text):
        before = tf.cumsum(model.vectors(*model.ordered(text, {})), 1, exclusive=True)
        return model.hidden(before)

    close(run(known)(texts(DOCUMENT))[0, : len(DOCUMENT)], EXPECTED["h"])


@runs
@pytest.mark.parametrize(("softmax", "name"), [("full", "log_p"), ("tree", "tree_log_p")])
def test_every_word_after_those_before_it(run, softmax, name):
    model = golden(softmax)
    h, words = np.float32([EXPECTED["h"]]), np.int32([DOCUMENT])
    close(run(model.out.log_p)(h)[0], EXPECTED[f"{name}_all_words"])
    close(-run(model.out.nats)(h, words[..., None])[0, :, 0], EXPECTED[name])
    close(-run(lambda text: model.nats(*model.ordered(text, {})))(texts(DOCUMENT))[0, : len(DOCUMENT)], EXPECTED[name])
    terms = run(lambda text: model.loss_terms({"text": text}, {}))(texts(DOCUMENT))
    close(-terms["negative_log_likelihood"], [EXPECTED[name.replace("log_p", "log_likelihood")]])


def test_tanh_and_a_second_document():
    terms = golden().loss_terms({"text": texts(SECOND)}, {})
    close(-terms["negative_log_likelihood"], [EXPECTED["second_log_likelihood"]])
    terms = golden(activation="tanh").loss_terms({"text": texts(DOCUMENT)}, {})
    close(-terms["negative_log_likelihood"], [EXPECTED["tanh_log_likelihood"]])


def test_a_documents_vector_is_of_all_its_words():
    close(golden().encode(texts(DOCUMENT))["vector"], [EXPECTED["representation"]])


def test_perplexity_is_of_the_mean_over_documents_of_nats_a_word():
    model, batch = golden(), {"text": texts(DOCUMENT, SECOND, [])}
    values = {**model.loss_terms(batch, {}), **model.counts(batch)}
    found = {
        name: total(values, measure.terms or (name,), measure.per, measure.exp)[0]
        for name, measure in model.measures.items()
    }
    close(found["perplexity_documents"], EXPECTED["perplexity_of_both"])
    close(found["perplexity_pooled"], SHALLOW["traps"]["perplexity_by_tokens"]["value"])


@runs
def test_the_noise_orders_the_words(run):
    """An order given by numbers is that order, whatever stands between the words, which does not count."""
    orders, model = EXPECTED["orders"]["orders"], golden()
    between = np.full((3, L), UNKNOWN, np.int32)
    places = [0, 2, 3, 5, 7]
    between[:, places], between[:, 1] = texts(*[DOCUMENT] * 3)[:, :5], FIRST_WORD - 1
    between[:, 8] = END
    noise = in_orders([[places[k] for k in order] for order in orders])
    terms = run(model.loss_terms)({"text": between}, noise)
    close(-terms["negative_log_likelihood"], EXPECTED["orders"]["log_likelihood"])
    close(-terms["nats_per_word"] * 5, EXPECTED["orders"]["log_likelihood"])
    ensemble = model.ensemble({"text": between[:1]}, {"order": noise["order"][None]})
    close(ensemble, [EXPECTED["orders"]["log_of_mean_probability"]])


def deep():
    model, weights = model_of(hidden=(H, H), loss="split"), DEEP["weights"]
    model.rows.assign(weights["W1"])
    model.bias.assign(weights["c1"])
    model.layers_above[0].set_weights([np.float32(weights["W2"]), np.float32(weights["c2"])])
    model.out.dense.set_weights([np.float32(weights["U"]), np.float32(weights["b"])])
    return model


@runs
def test_deep_from_one_place_is_unbiased(run):
    """Over all orders and places its mean is what all words cost on average, each after those before it."""
    model, document, expected = deep(), DEEP["inputs"]["document"], DEEP["expected"]
    close(model.encode(texts(document[:2]))["vector"], [expected["hidden_after_two_words"]])
    text = texts(*[document] * 4)
    place = {"place": np.float32([0.1, 0.3, 0.6, 0.9])}
    terms = run(lambda text, noise: model.training_terms({"text": text}, noise, 0))
    given = terms(text, in_orders([range(4)] * 4) | place)["negative_log_likelihood"]
    close(given, expected["loss_by_split_in_the_given_order"])
    scored = run(lambda text, noise: model.loss_terms({"text": text}, noise))
    close(
        scored(text, in_orders([range(4)] * 4))["negative_log_likelihood"],
        [expected["minus_log_p_in_the_given_order"]] * 4,
    )
    orders = list(itertools.permutations(range(4)))
    split = [terms(text, in_orders([order] * 4) | place)["negative_log_likelihood"] for order in orders]
    whole = scored(texts(*[document] * 24), in_orders(orders))["negative_log_likelihood"]
    close(np.mean(split), expected["mean_over_orders_and_splits"])
    close(np.mean(whole), expected["mean_over_orders_of_minus_log_p"])


def language(document=True, **changes):
    sizes = {"vocabulary": V, "text_length": 5, "window": 2, "embedding": 2, "hidden": H, "dropout": 0.0}
    model = docnade.build(DocNADELMConfig(**sizes | changes, activation="sigmoid", document=document))
    weights, decoder = LANGUAGE["weights"], model.decoder
    decoder.rows.assign(weights["W_LM"])
    if document:
        decoder.bag.assign(weights["W_DN"])
    decoder.distances.set_weights([np.float32(weights["U_k"]).reshape(-1, H), np.float32(weights["c"])])
    decoder.out.set_weights([np.float32(weights["V_out"]), np.float32(weights["b"])])
    return model


@runs
@pytest.mark.parametrize(("document", "name"), [(True, "log_p"), (False, "baseline_log_p")])
def test_words_in_their_order(run, document, name):
    model, text = language(document), np.int32([LANGUAGE["inputs"]["document"]])
    before = np.concatenate([[[FIRST]], text[:, :-1]], 1).astype(np.int32)

    def log_p(before):
        return tf.nn.log_softmax(model.decoder.logits(model.decoder.read(before)[1]))

    found, expected = run(log_p)(before).numpy()[0], LANGUAGE["expected"]
    close([found[t, word] for t, word in enumerate(text[0]) if t != 1], np.delete(expected[name], 1))
    close(found[1, 0], expected[name][1])
    close(found[range(5), text[0]].sum(), expected[name.replace("log_p", "log_likelihood")])
