import dataclasses
import itertools
import json
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import hierarchical_autoencoder
from zoo.configs.hierarchical_autoencoder import PRESETS, HierarchicalAutoencoderConfig
from zoo.nn.decoding import FIRST
from zoo.nn.words import END, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "hierarchical_autoencoder.json").read_text())
EXPECTED, TRAPS, WEIGHTS, VARIANTS = (GOLDEN[key] for key in ("expected", "traps", "weights", "variants"))
V, S, L, H = 8, 4, 5, 3
THEIRS = np.array([4, 1, 0, 2, 5, 6, 7, 8, 3])  # their </d>, ..., words, </s> by the numbers inside our model
OURS = {theirs: ours for ours, theirs in enumerate(THEIRS.tolist())}
DOCUMENTS = GOLDEN["inputs"]["documents"]
KINDS = ("flat", "hierarchical", "attention")
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def documents(given=DOCUMENTS, sentences=S):
    """Documents of theirs as the field holds them."""
    text = np.full((len(given), sentences, L), END, np.int32)
    for rows, document in zip(text, given, strict=True):
        for row, sentence in zip(rows, document, strict=False):
            row[: len(sentence)] = [OURS[word] for word in sentence]
    return text


def weigh(stack, layers):
    for gates, cell in zip(stack.maps.values(), layers, strict=True):
        gates.set_weights([np.float32(np.concatenate([cell["W"], cell["U"]])), np.float32(cell["b"])])


def golden(kind, **changes):
    """The model with the weights of the golden numbers."""
    sizes = {"vocabulary": V, "sentences": S, "text_length": L, "embedding": 2, "hidden": H, "layers": 2}
    config = HierarchicalAutoencoderConfig(kind, **sizes, dropout=0.0, reverse=False)
    model = hierarchical_autoencoder.build(dataclasses.replace(config, **changes))
    model.table.rows.assign(np.concatenate([[WEIGHTS["emb"][2]], np.array(WEIGHTS["emb"])[THEIRS]]))
    model.out.set_weights([np.float32(WEIGHTS["W_o"])[:, THEIRS], np.zeros(9, np.float32)])
    weigh(model.reader["words"], WEIGHTS["word_enc"])
    weigh(model.writer["words"], WEIGHTS["word_dec"])
    if kind != "flat":
        weigh(model.reader["sentences"], WEIGHTS["sent_enc"])
        weigh(model.writer["sentences"], WEIGHTS["sent_dec_attention" if kind == "attention" else "sent_dec"])
    if kind == "attention":
        model.keys.set_weights([np.float32(WEIGHTS["W_a"])[:H]])
        model.query.set_weights([np.float32(WEIGHTS["W_a"])[H:]])
        model.v.assign(np.float32(WEIGHTS["U_a"])[:, 0])
    return model


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


# ------------------------------------------------------------------------------------------------------ golden numbers


@runs
def test_the_encoder(run):
    model = golden("hierarchical")
    state, h = run(lambda text: model.read(model.tokens(text)))(documents())
    for (h_layer, c_layer), h_of, c_of in zip(state, EXPECTED["e_D"]["h"], EXPECTED["e_D"]["c"], strict=True):
        close(h_layer, h_of)
        close(c_layer, c_of)
    for b, rows in enumerate(EXPECTED["h_s_enc"]):
        close(h[b, : len(rows)], rows)
    close(run(model.encode)(documents())["vector"], EXPECTED["e_D"]["h"][-1])


@runs
@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_the_decoder_gives_every_token(run, kind):
    model, expected = golden(kind), EXPECTED[kind]
    close(-run(model.loss_terms)({"text": documents()}, {})["negative_log_likelihood"], expected["log_p"])
    tokens = model.tokens(documents())
    log_p, alphas = run(model.log_probs)(tokens)
    log_p = log_p.numpy()
    for b, rows in enumerate(expected["ce"]):
        for i, row in enumerate(rows):
            at = log_p[b, i, np.arange(len(row)), tokens.ids[b, i, : len(row)]]
            close(-at, row)
        ends = expected["p_document_end_at_sentence_starts"][b]
        close(np.exp(log_p[b, : len(ends), 0, END]), ends)
    if kind == "attention":
        for i, rows in enumerate(expected["weights"]):
            for b, row in enumerate(rows):
                close(alphas[b, i, : len(row)], row)
        assert np.abs(alphas.numpy()[1, :, 2:]).max() == 0 and np.allclose(alphas.numpy().sum(-1), 1)


@pytest.mark.parametrize(
    "name",
    [
        "vector_before_end",
        "only_h_carried",
        "only_top_layer_carried",
        "always_from_e_D",
        "no_document_end",
        "end_replaces_sentence_end",
    ],
)
def test_the_traps_are_others(name):
    found = -golden("hierarchical").nats(documents())
    assert TRAPS[name]["instead_of"] == "expected.hierarchical.log_p"
    assert not np.allclose(found, TRAPS[name]["value"], rtol=1e-4)


@pytest.mark.parametrize("name", ["query_is_sentence_vector_log_p", "padding_attended"])
def test_the_traps_of_attention_are_others(name):
    assert not np.allclose(-golden("attention").nats(documents()), TRAPS[name]["value"], rtol=1e-4)


def test_h_without_tanh_as_in_the_authors_code():
    variant = VARIANTS["h_without_tanh"]
    close(-golden("hierarchical", tanh=False).nats(documents()), variant["log_p"])
    close(-golden("attention", tanh=False).nats(documents()), variant["log_p_attention"])


# ------------------------------------------------------------------------------------------------------------ by hand


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def advance(x, state, layers):
    after = []
    for (h, c), cell in zip(state, layers, strict=True):
        i, f, g, o = np.split(x @ np.array(cell["W"]) + h @ np.array(cell["U"]), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        x = sigmoid(o) * np.tanh(c)
        after.append((x, c))
    return after


def flat_by_hand(document, backwards):
    """log p of a document as one sequence, word by word in float64."""
    table, stream = np.array(WEIGHTS["emb"]), [word for sentence in document for word in [*sentence, 3]]
    state = [(np.zeros(H), np.zeros(H))] * 2
    for word in reversed(stream) if backwards else stream:
        state = advance(table[word], state, WEIGHTS["word_enc"])
    total, before = 0.0, 2
    for word in [*stream, 4]:
        state = advance(table[before], state, WEIGHTS["word_dec"])
        logits = state[-1][0] @ np.array(WEIGHTS["W_o"])
        total += logits[word] - np.log(np.exp(logits).sum())
        before = word
    return total


@runs
@pytest.mark.parametrize("backwards", [False, True])
def test_the_flat_one_is_one_long_sequence(run, backwards):
    found = run(golden("flat", reverse=backwards).nats)(documents())
    close(-found, [flat_by_hand(document, backwards) for document in DOCUMENTS])


def test_what_is_read_backwards_is_reversed_token_by_token():
    model, straight = golden("attention", reverse=True), golden("attention")
    _, h = model.read(model.tokens(documents()))
    table, keys = np.array(WEIGHTS["emb"]), {}
    for b, document in enumerate(DOCUMENTS):
        state = [(np.zeros(H), np.zeros(H))] * 2
        for i, sentence in reversed(list(enumerate(document))):
            words = [(np.zeros(H), np.zeros(H))] * 2
            for word in [3, *reversed(sentence)]:
                words = advance(table[word], words, WEIGHTS["word_enc"])
            state = advance(words[-1][0], state, WEIGHTS["sent_enc"])
            keys[b, i] = state[-1][0]
    for (b, i), row in keys.items():  # in the order of the document, whatever was read first
        close(h[b, i], row)
    assert not np.allclose(model.nats(documents()), straight.nats(documents()), rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing_to_the_last_bit(kind):
    model = golden(kind, sentences=6, reverse=True)
    batches = [{"text": documents(sentences=rows)} for rows in (3, 4, 6)]
    terms = tf.function(model.loss_terms, autograph=False)
    found = [terms(batch, {})["negative_log_likelihood"].numpy().tobytes() for batch in batches]
    assert found[0] == found[1] == found[2]
    training = tf.function(model.nats, autograph=False)(batches[0]["text"])  # which has batches as they come
    close(training, np.frombuffer(found[0], np.float32))


def test_the_end_is_said_of_all_documents_but_the_longest():
    """Of one with as many sentences as there is room for, it is the model that ends."""
    model = golden("hierarchical", sentences=3)
    longest = -sum(sum(row) for row in EXPECTED["hierarchical"]["ce"][0][:-1])
    close(-model.nats(documents(sentences=3)), [longest, EXPECTED["hierarchical"]["log_p"][1]])
    assert model.counts({"text": documents(sentences=3)})["words_and_end"].numpy().tolist() == [9, 7]
    assert golden("hierarchical").counts({"text": documents()})["words_and_end"].numpy().tolist() == [10, 7]
    assert model.counts({"text": documents(sentences=3)})["words"].numpy().tolist() == [6, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_later_word_changes_no_earlier_log_p(kind):
    """Of the decoder: what was read stays what it was."""
    model, text = golden(kind), documents([[[5, 6], [7, 8, 6], [6, 5]]])
    tokens = model.tokens(text)
    state_and_h = model.read(tokens)
    context = model.looked_at(tokens, state_and_h[1])
    model.read, model.looked_at = (lambda *given: state_and_h), (lambda *given: context)
    log_probs = tf.function(lambda text: model.log_probs(model.tokens(text))[0], autograph=False)
    whole = log_probs(text).numpy()
    for i, j in zip(*np.nonzero(tokens.said[0].numpy()), strict=True):
        changed = text.copy()
        changed[0, i, j] = 2 if text[0, i, j] != END else 4
        found = log_probs(changed).numpy()
        place = i * L + j  # which says the changed word itself
        flat, other = (x[0].reshape(S * L, -1) for x in (whole, found))
        said = tokens.said[0].numpy().reshape(-1) > 0
        assert (flat[: place + 1][said[: place + 1]] == other[: place + 1][said[: place + 1]]).all()
        assert place + 1 == S * L or (flat[place + 1 :] != other[place + 1 :]).any()


# ------------------------------------------------------------------------------------------------------------- writing


def stream(text):
    """A document [S, L] as the tokens that a decoder says one after the other."""
    return [word if word else V for row in text if row[0] for word in [*row[row != END], END]] + [END]


@runs
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_at_a_time_gives_what_all_at_once_does(run, kind):
    model, text = golden(kind, reverse=True), documents()
    step = run(lambda words, state, context: model.decode_step(words, state, context)[:2])
    for b in range(2):
        state, context = model.start(text[b : b + 1])
        before, total = FIRST, 0.0
        for word in stream(text[b]):
            log_p, state = step(tf.constant([before]), state, context)
            total += float(log_p[0, word])
            before = word
        assert -total == pytest.approx(float(model.nats(text)[b]), rel=1e-5)


def every_document(sentences, length, words):
    """All that can be written of these words, [N, S, L]."""
    each = [[*said] for count in range(1, length) for said in itertools.product(words, repeat=count)]
    for count in range(1, sentences + 1):
        for document in itertools.product(each, repeat=count):
            rows = np.zeros((sentences, length), np.int32)
            for row, sentence in zip(rows, document, strict=False):
                row[: len(sentence)] = sentence
            yield rows


def conditional(model, given, texts):
    """log p of every one of texts, when another document was read."""
    tokens = model.tokens(np.repeat(given, len(texts), 0))
    state, h = model.read(tokens)
    context = model.looked_at(tokens, h)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "read", lambda *arguments: (state, h))
        patch.setattr(model, "looked_at", lambda *arguments: context)
        return -model.nats(texts).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wide_beam_finds_what_enumeration_finds(kind):
    model = golden(kind, sentences=2, text_length=3)
    words = range(2, V)
    texts = np.stack(list(every_document(2, 3, words)))
    given = texts[[1700]]
    log_p = conditional(model, given, texts)
    best = texts[np.argmax(log_p)]
    said = model.reconstruct(given, "beam", 400)
    assert said["text"].numpy()[0].tolist() == best.tolist()
    assert float(said["score"][0]) == pytest.approx(log_p.max(), rel=1e-5)
    greedy = model.reconstruct(given)
    (place,) = [k for k, text in enumerate(texts) if (text == greedy["text"].numpy()[0]).all()]
    assert float(greedy["score"][0]) == pytest.approx(log_p[place], rel=1e-5)


@runs
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_is_a_document_with_the_ends_it_saw(run, kind):
    model = golden(kind, reverse=True)
    text = documents()[:, :3]
    said = run(lambda text: model.reconstruct(text))(text)
    found, ends = said["text"].numpy(), said["end"].numpy()
    assert found.shape == (2, S, L) and (found != UNKNOWN).all() and (found[:, 0, 0] != END).all()
    assert (found[:, :, -1] == END).all()  # all sentences are whole
    for b in range(2):
        count = int((found[b, :, 0] != END).sum())
        assert not found[b, count:].any()
        state, context = model.start(documents()[b : b + 1])
        before, starts, looks = FIRST, [], []
        for word in stream(found[b])[: None if count < S else -1]:
            log_p, state, alpha = model.decode_step(tf.constant([before]), state, context)
            if before in (FIRST, V):
                starts.append(float(np.exp(log_p[0, END])))
                looks.append(alpha)
            before = word
        np.testing.assert_allclose(ends[b, : len(starts)], starts, atol=1e-6)
        assert not ends[b, len(starts) :].any()
        if kind == "attention":
            rows = said["attention"].numpy()[b]
            np.testing.assert_allclose(rows[1 : len(looks)], np.concatenate(looks)[1:], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_who_would_never_end_is_ended(kind, method):
    """Every sentence after L - 1 words, at the cost of its end, the document after S sentences, at none."""
    model = golden(kind)
    model.out.set_weights([model.out.kernel.numpy(), np.float32([-30] + [0] * 7 + [-30])])
    said = model.reconstruct(documents()[:1], method, 3)
    assert said["end"].numpy().max() < 1e-9
    assert (said["text"].numpy()[0, :, :-1] > UNKNOWN).all() and not said["text"].numpy()[0, :, -1].any()
    assert -400 < float(said["score"][0]) < -4 * 29
    log_p = conditional(model, documents()[:1], said["text"].numpy())
    assert float(said["score"][0]) == pytest.approx(float(log_p[0]), rel=1e-5)


def test_one_document_knows_nothing_of_its_neighbours():
    model = golden("attention")
    both, alone = model.reconstruct(documents()), model.reconstruct(documents()[1:])
    for key in both:
        np.testing.assert_allclose(both[key][1:], alone[key], atol=1e-6)


def test_permuted_sentences_permute_where_they_are_looked_at():
    """Where what is read of a sentence is that sentence alone."""
    model = golden("attention")
    model.reader["sentences"].read = lambda ahead, states, kept: (states, ahead[..., :H])
    _, looks = model.log_probs(model.tokens(documents()))
    text = documents()[:1][:, [1, 0, 2, 3]]
    tokens = model.tokens(documents()[:1])
    _, h = model.read(tokens)
    permuted, h_permuted = model.read(model.tokens(text))
    np.testing.assert_allclose(h_permuted[:, :3], h.numpy()[:, [1, 0, 2]], atol=1e-6)
    _, other = model.tell(tokens, permuted, model.looked_at(model.tokens(text), h_permuted), None)
    np.testing.assert_allclose(other[0, :3, :3], looks.numpy()[0, :3][:, [1, 0, 2]], atol=1e-6)


def test_dropout_is_on_both_sides_and_keeps_the_mean():
    model = golden("attention", dropout=0.5)
    noise = model.training_noise(2, (1, 2))
    whole = model.nats(documents()).numpy()
    for name in ("read", "told", "said"):
        terms = model.training_terms({"text": documents()}, {name: noise[name]}, 0)
        assert not np.allclose(terms["negative_log_likelihood"], whole)
    assert np.allclose(model.loss_terms({"text": documents()}, noise)["negative_log_likelihood"], whole)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_sizes_that_build(preset):
    config = PRESETS[preset].model
    assert config.text_length > 1 and config.vocabulary > 3


def test_gradients_reach_every_weight_and_are_those_of_differences():
    model = golden("attention", reverse=True)
    total = tf.function(lambda: tf.reduce_sum(model.nats(documents())), autograph=False)
    with tf.GradientTape() as tape:
        loss = total()
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    numbers = np.random.default_rng(0)
    for variable, gradient in zip(variables, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.abs(gradient).max() > 1e-4, variable.path
        direction = np.sign(numbers.normal(size=gradient.shape)).astype(np.float32)
        before, sides = variable.numpy(), []
        for step in (1e-3, -1e-3):
            variable.assign(before + step * direction)
            sides.append(float(total()))
        variable.assign(before)
        slope = (sides[0] - sides[1]) / 2e-3
        assert (gradient * direction).sum() == pytest.approx(slope, rel=0.02, abs=0.02), variable.path
        assert math.isfinite(slope)
