import itertools
import json
import math
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


@pytest.mark.parametrize("trap", ["word_sees_itself", "turns_inverted", "path_mask_forgotten"])
def test_traps_have_other_numbers(trap):
    trap = SHALLOW["traps"][trap]
    terms = golden("tree" if "tree" in trap["instead_of"] else "full").loss_terms({"text": texts(DOCUMENT)}, {})
    assert abs(-float(terms["negative_log_likelihood"][0]) - trap["value"]) > 0.1


# ----------------------------------------------------------------------------------------------------- beyond the paper


@pytest.mark.parametrize("size", [2, 3, 7, 8, 100, 2000])
def test_a_balanced_tree_has_a_leaf_for_every_word(size):
    way, turn, there = docnade.balanced_tree(size)
    assert way.max() == size - 2 and way.min() == 0
    assert {*there.sum(1)} <= {math.floor(math.log2(size)), math.ceil(math.log2(size))}
    leaves = {tuple(zip(w[real > 0], t[real > 0], strict=True)) for w, t, real in zip(way, turn, there, strict=True)}
    assert len(leaves) == size and all(first == 0 for (first, _), *_ in leaves)  # every way begins at the root
    again, *_ = docnade.balanced_tree(size)
    np.testing.assert_array_equal(way, again)


@heads
@pytest.mark.parametrize("hidden", [(3,), (5, 4)])
def test_probabilities_of_all_words_sum_to_one(softmax, hidden):
    model = random(vocabulary=25, hidden=hidden, softmax=softmax)
    h = np.random.default_rng(1).normal(0, 1, (2, 4, hidden[-1])).astype(np.float32)
    log_p = model.out.log_p(h).numpy()
    assert log_p.shape == (2, 4, 21)
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, rtol=1e-5)
    every = np.tile(np.arange(21, dtype=np.int32), (2, 4, 1))
    np.testing.assert_allclose(model.out.nats(h, every), -log_p, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.out.nats(h, every[..., 6:7]), -log_p[..., 6:7], rtol=1e-5, atol=1e-6)


@heads
@pytest.mark.parametrize("loss", ["prefixes", "split"])
def test_padding_changes_no_number(softmax, loss):
    model = random(softmax=softmax, loss=loss, text_length=16)
    text = texts([2, 0, 5, 2, 6], [3], [], [1, 1, 4], length=16)
    noise = model.training_noise(4, (1, 2))
    for terms in (model.loss_terms, lambda batch, noise: model.training_terms(batch, noise, 0)):
        for name, wide in terms({"text": text}, noise).items():
            np.testing.assert_array_equal(terms({"text": text[:, :5]}, noise)[name], wide)
    assert float(model.loss_terms({"text": text}, noise)["nats_per_word"][2]) == 0
    np.testing.assert_allclose(model.encode(text[:, :5])["vector"], model.encode(text)["vector"], rtol=1e-6)


@heads
def test_both_ways_to_pay_for_words_have_one_gradient(softmax):
    """The quick way for one word an h, and the general way."""
    model = random(softmax=softmax)
    h, words = np.random.default_rng(1).normal(0, 1, (5, H)).astype(np.float32), np.int32([[3], [0], [6], [3], [1]])
    gradients = []
    for pay in (lambda: model.out.nats(h, words), lambda: model.out.nats(h, np.repeat(words, 2, 1))[:, :1]):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(pay())
        gradients.append([tf.convert_to_tensor(g) for g in tape.gradient(loss, model.out.trainable_variables)])
    for one, other in zip(*gradients, strict=True):
        assert np.abs(one).max() > 0.1
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_orders_are_all_as_likely():
    """Of three words between others, over many seeds: each of the six orders a sixth of the time."""
    model, many = model_of(), 6000
    text = np.repeat(
        np.int32([[FIRST_WORD + 3, UNKNOWN, FIRST_WORD, FIRST_WORD + 5, END, END, END, END, END]]), many, 0
    )
    words, real = model.ordered(text, model.noise(many, (3, 4)))
    assert (real.numpy() == [1, 1, 1, 0, 0, 0, 0, 0, 0]).all()
    orders, counts = np.unique(words.numpy()[:, :3], axis=0, return_counts=True)
    assert {tuple(order) for order in orders.tolist()} == {*itertools.permutations([0, 3, 5])}
    assert np.abs(counts - many / 6).max() < 4 * math.sqrt(many / 6)


def test_the_place_is_one_of_all_words():
    """Also where a uniform number times D rounds up to D."""
    model, text = random(loss="split"), texts([1, 2, 3])
    words, real = model.ordered(text, {})
    nats = [float(model.nats_behind(words, real, np.float32([u]))[0]) for u in (0.0, 0.4, 0.7, 1 - 2**-24, 1.0)]
    assert len({*nats[:3]}) == 3 and nats[2] == nats[3] == nats[4] and np.isfinite(nats).all()


def test_nearest_words_are_by_the_cosine_and_not_the_word_itself():
    model = random(vocabulary=FIRST_WORD + 6)
    rows = model.rows.numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = model.nearest(np.int32([FIRST_WORD + 2, UNKNOWN, FIRST_WORD - 1]), 3)
    want = [k for k in np.argsort(-(rows @ rows[2])) if k != 2][:3]
    assert found["words"].numpy()[0].tolist() == [k + FIRST_WORD for k in want]
    np.testing.assert_allclose(found["similarity"][0], (rows @ rows[2])[want], rtol=1e-5)
    assert (found["similarity"].numpy()[1:] == 0).all()


@pytest.mark.parametrize("document", [True, False])
@pytest.mark.parametrize("window", [1, 3])
def test_a_language_model_word_by_word_says_what_it_says_at_once(document, window):
    sizes = {"vocabulary": V, "text_length": 6, "window": window, "embedding": 2, "hidden": H}
    model, numbers = docnade.build(DocNADELMConfig(**sizes, document=document)), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape))
    text = np.int32([[3, 4, 3, 6, 2, 0], [5, 0, 0, 0, 0, 0]])
    before = np.pad(text[:, :-1], ((0, 0), (1, 0)), constant_values=FIRST)
    whole = tf.nn.log_softmax(model.decoder.logits(model.decoder.read(before)[1])).numpy()
    states = model.decoder.begin(2)
    for t in range(6):
        log_p, states = model.decoder.step(before[:, t], states)
        np.testing.assert_allclose(
            np.delete(log_p, UNKNOWN, 1), np.delete(whole[:, t], UNKNOWN, 1), rtol=1e-4, atol=1e-5
        )
    loss = model.loss_terms({"text": text}, {})["negative_log_likelihood"]
    paid = [-whole[0, range(6), text[0]].sum(), -whole[1, range(2), text[1, :2]].sum()]
    np.testing.assert_allclose(loss, paid, rtol=1e-5)
    narrow = model.loss_terms({"text": text[1:, :3]}, {})["negative_log_likelihood"]
    np.testing.assert_array_equal(narrow, loss[1:])


def test_a_far_word_is_known_by_the_bag_alone():
    """The first of six words changes the last one's probability where there is a bag, of a window of two words."""
    changes = []
    for document in (True, False):
        model = language(document)
        h = [model.decoder.read(np.int32([[FIRST, first, 3, 4, 5, 6]]))[1][0, -1].numpy() for first in (2, 3)]
        changes.append(np.abs(h[0] - h[1]).max())
    assert changes[0] > 0.01 and changes[1] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_word": 1}, "model.first_word: got 1, expected at least 2"),
        ({"vocabulary": 5, "first_word": 4}, "model.vocabulary: got 5, expected at least 6: two words that count"),
        ({"hidden": ()}, "model.hidden: got .* expected one positive size or more"),
        ({"softmax": "flat"}, "model.softmax: got 'flat', expected 'full' or 'tree'"),
    ],
)
def test_a_config_that_is_no_model_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DocNADEConfig(**changes)
