import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.cluster import KMeans

from zoo import topic_rnn
from zoo.configs.topic_rnn import TopicRNNConfig
from zoo.data.split import Split
from zoo.nn.words import END, PAD, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "topic_rnn.json").read_text())
EXPECTED, TRAPS, WEIGHTS, INPUTS = (GOLDEN[name] for name in ("expected", "traps", "weights", "inputs"))
THEIRS = np.array([3, 1, 0, 2, 4, 5, 6, 7])  # their </s>, <unk>, <pad> and <bos> by our numbers; the words are alike
SIZES = {"vocabulary": 8, "text_length": 9, "embedding": 3, "hidden": 4, "topics": 2, "inference": (3,), "window": 4}
NOISE = {"theta": np.float32(INPUTS["eps"])}
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def in_rows(documents, length):
    rows = np.full((len(documents), length), PAD, np.int32)
    for row, document in zip(rows, documents, strict=True):
        row[: len(document)] = document
    return rows


TEXT = in_rows([[*document, END] for document in INPUTS["documents"]], 6)


def stopping(model, words=(4, 5)):
    """The model with END, UNKNOWN and these as its stop words."""
    model.stop.assign(np.isin(np.arange(model.config.vocabulary), [END, UNKNOWN, *words]))
    return model


@pytest.fixture(scope="module")
def golden():
    """The model with the weights of the golden numbers."""
    model, w = stopping(topic_rnn.build(TopicRNNConfig(**SIZES, cell="rnn"))), WEIGHTS
    emb = np.array(w["emb"])
    model.table.rows.assign(np.concatenate([emb[2:3], emb[THEIRS]]))
    weigh(model.cell.maps["gates"], np.concatenate([w["W"], w["U"]]), w["b"])
    model.out.assign(np.concatenate([w["V_out"], w["B"]])[:, THEIRS])
    weigh(model.switch, w["Gamma"])
    model.bag.rows.assign(np.concatenate([np.zeros((7, 3)), w["W_g"]]))  # of what is no content word nothing counts
    model.bag_bias.assign(w["b_g"])
    weigh(model.head.mean, w["W1"], w["a1"])
    weigh(model.head.log_variance, 2 * np.array(w["W2"]), 2 * np.array(w["a2"]))  # theirs is of the deviation
    return model


def weigh(layer, *values):
    layer.set_weights([np.float32(value) for value in values])


def filled(scale=1.0, **changes):
    """A model of random weights with all words known."""
    model = topic_rnn.build(TopicRNNConfig(**{**SIZES, **changes}))
    if model.has_topics:
        stopping(model)
    numbers = np.random.default_rng(2)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, scale, v.shape))
    if model.config.context == "lda":
        model.shares.assign(numbers.dirichlet(np.ones(model.config.topics), model.config.vocabulary))
    model.words.learn([f"w{i}" for i in range(2, model.config.vocabulary)])
    return model


@runs
def test_the_bound_and_its_three_terms(run, golden):
    mean, scale = run(golden.posterior)(TEXT)
    np.testing.assert_allclose(mean, EXPECTED["mu"], atol=2e-6)
    np.testing.assert_allclose(np.log(scale), EXPECTED["log_sigma"], atol=2e-6)
    np.testing.assert_allclose(mean + scale * NOISE["theta"], EXPECTED["theta"], atol=2e-6)
    for terms in (run(golden.loss_terms)({"text": TEXT}, NOISE), run(golden.training_terms)({"text": TEXT}, NOISE, 0)):
        np.testing.assert_allclose(-terms["distortion"], EXPECTED["word_term"], rtol=1e-5)
        np.testing.assert_allclose(-terms["stops"], EXPECTED["stop_term"], rtol=1e-5)
        np.testing.assert_allclose(terms["rate"], EXPECTED["kl"], rtol=1e-5)
        bound = -sum(terms[name] for name in golden.measures["bound"].terms)
        np.testing.assert_allclose(bound, EXPECTED["bound"], rtol=1e-5)
        for trap in TRAPS.values():
            name = {"word_term": "distortion", "kl": "rate"}.get(trap["instead_of"].split(".")[1])
            found = bound if name is None else terms["rate"] if name == "rate" else -terms["distortion"]
            assert (np.abs(found - np.float32(trap["value"])) > 1e-2).all()


def test_theta_may_be_its_mean(golden):
    terms = golden.bound_terms(TEXT, {"theta": tf.zeros([2, 2])})
    np.testing.assert_allclose(-terms["distortion"], EXPECTED["theta_equals_mu_word_term"], rtol=1e-5)


@runs
def test_the_switch_is_summed_over(run, golden):
    h, _ = golden.read(np.pad(TEXT, ((0, 0), (1, 0)), constant_values=-1)[:, :-1])
    theta = np.repeat(np.float32(EXPECTED["theta"])[:, None], 6, 1)
    log_p = run(golden.log_probs)(h, theta)
    np.testing.assert_allclose(np.exp(log_p).sum(-1), 1, atol=1e-5)
    found = golden.of_words(log_p, TEXT).numpy()
    for row, want in zip(found, EXPECTED["marginal_log_p"], strict=True):
        np.testing.assert_allclose(row[: len(want)], want, rtol=1e-5)
    np.testing.assert_allclose(found.sum(1), EXPECTED["marginal_sum"], rtol=1e-5)


def test_theta_is_told_by_the_window_of_words_before(golden):
    past, eye = INPUTS["past"], np.zeros((9, 3), np.float32)
    eye[7, 0] = eye[8, 1] = 1  # the bag itself
    bag, bias = golden.bag.rows.numpy(), golden.bag_bias.numpy()
    golden.bag.rows.assign(eye)
    golden.bag_bias.assign(np.zeros(3))
    weigh(golden.head.mean, np.eye(3, 2), np.zeros(2))
    try:
        found = golden.past(np.int32([past["stream"]]))[0]
    finally:
        golden.bag.rows.assign(bag)
        golden.bag_bias.assign(bias)
        weigh(golden.head.mean, WEIGHTS["W1"], WEIGHTS["a1"])
    assert golden.config.window == past["window"]
    np.testing.assert_array_equal(found[:: past["every"]], past["X"])


CONTEXTS = pytest.mark.parametrize("context", ["theta", "lda", "none"])
LONG = in_rows([[2, 6, 4, END, 7, 3, 6, END, 2], [5, 7, END], [3, 2, 2, 6, 7, END]], 9)


@CONTEXTS
def test_no_word_is_told_by_itself_or_by_what_follows(context):
    model = filled(context=context, cell="gru")
    nats = model.nats(LONG).numpy()
    for t in range(9):
        changed = LONG.copy()
        changed[:, t:] = np.random.default_rng(t).permutation([2, 3, 6, 7, 6, 2, 3, 7, 6])[: 9 - t]
        found = model.nats(changed).numpy()
        np.testing.assert_array_equal(found[:, :t], np.where(LONG[:, :t] != PAD, nats[:, :t], found[:, :t]))
    others = LONG[:1].copy()
    others[0, 4] = 6  # content words before do tell
    assert (model.nats(others).numpy()[0, 5:] != nats[0, 5:]).all()
    logged = -model.nats(np.int32([[2, 6, w] for w in range(8)]))[:, 2]
    assert float(tf.reduce_logsumexp(logged)) == pytest.approx(0, abs=1e-5)  # all words that may follow


def test_words_before_the_window_tell_nothing_of_topics():
    model = filled(window=2)
    others = LONG.copy()
    others[:, 0] = 7
    past, found = (model.past(text).numpy() for text in (LONG, others))
    np.testing.assert_allclose(past[:, 3:], found[:, 3:], atol=1e-5)  # sums of other numbers, taken off again
    assert (past[0, 1:3] != found[0, 1:3]).all()


@CONTEXTS
@pytest.mark.parametrize("how", ["eager", "jit"])
def test_padding_changes_no_number(context, how):
    run = {"eager": lambda f: f, "jit": tf.function(autograph=False, jit_compile=True)}[how]
    model = filled(context=context, cell="lstm", text_length=12)
    noise = model.noise(3, tf.constant([1, 2]))
    want = run(model.loss_terms)({"text": LONG}, noise)
    for width in (10, 12):
        wide = np.pad(LONG, ((0, 0), (0, width - 9)), constant_values=PAD)
        found = run(model.loss_terms)({"text": wide}, noise)
        for name, term in want.items():
            np.testing.assert_array_equal(found[name], term)
        for name, term in model.training_terms({"text": wide}, noise, 0).items():
            np.testing.assert_allclose(term, want[name], rtol=1e-5)


def test_ends_of_sentences_count_and_padding_does_not():
    counts = filled().counts({"text": tf.constant(LONG)})
    assert counts["words"].numpy().tolist() == [7, 2, 5] and counts["words_and_end"].numpy().tolist() == [9, 3, 6]


@CONTEXTS
def test_a_stream_in_pieces_is_the_stream(context):
    model = filled(context=context)
    stream = np.random.default_rng(1).integers(0, 8, (1, 9)).astype(np.int32)
    window, state, found = np.full((1, 4), PAD, np.int32), None, []
    for piece in np.split(stream, [2, 3, 7], 1):
        nats, state = model.nats_after(window, piece, state)
        found.append(nats)
        window = np.concatenate([window, piece], 1)[:, -4:]
    np.testing.assert_allclose(np.concatenate(found, 1), model.nats(stream), rtol=1e-5)


def test_features_of_lda_by_a_loop():
    model = filled(context="lda")
    found, shares = model.past(LONG).numpy(), model.shares.numpy()
    for b, t in np.ndindex(*LONG.shape):
        words = [w for w in LONG[b, max(0, t - 4) : t] if w not in (PAD, END, UNKNOWN, 4, 5)]
        gamma = np.full(2, 1 / 2) + sum(shares[w] for w in words)
        np.testing.assert_allclose(found[b, t], 2 * gamma / gamma.sum() - 1, atol=1e-5)


def documents(count, seed, stops=20, topics=5, words=40, length=25):
    """Documents of one topic each, int32 [count, length], and the topics: two stop words, of ten pairs, a content word,
    and again. Stop words come first, then the words of each topic."""
    rng = np.random.default_rng(seed)
    topic, pair = rng.integers(0, topics, count), rng.integers(0, stops // 2, (count, length // 3))
    content = stops + words * topic[:, None] + rng.integers(0, words, pair.shape)
    text = UNKNOWN + 1 + np.stack([2 * pair, 2 * pair + 1, content], 2).reshape(count, -1)
    return np.int32(np.pad(text, ((0, 0), (0, length - text.shape[1])), constant_values=END)), topic


@CONTEXTS
def test_stop_words_are_frequent_or_english_or_marks(context):
    model = topic_rnn.build(TopicRNNConfig(**{**SIZES, "vocabulary": 9}, context=context, stop_share=0.5))
    model.words.learn(["the", "cat", "dog", "n't", "--", "$", "3"])
    rows = in_rows([[2, 3, 5, 8, 0], [3, 5, 4, 3, 7, 0], [5, 6, 3, 0, 8, 0], [1, 2, 0, 4, 3, 3]], 6)
    model.learn(Split({"text": rows}))
    if context == "none":
        assert not hasattr(model, "stop")
        return
    assert model.stop.numpy().tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 0]  # cat in all, dog and 3 in half, n't in three
    if context == "lda":
        np.testing.assert_allclose(model.shares.numpy().sum(1), 1, atol=1e-5)


def test_lda_tells_topics_apart():
    text, topic = documents(200, 0)
    model = topic_rnn.build(
        TopicRNNConfig(context="lda", vocabulary=222, text_length=25, embedding=2, hidden=2, topics=5)
    )
    model.words.learn([f"w{i}" for i in range(220)])
    model.learn(Split({"text": text}))
    assert np.flatnonzero(model.stop.numpy()).tolist() == list(range(22))
    found = model.posterior(text)[0].numpy().argmax(1)
    assert purity(found, topic) > 0.95


def purity(found, truth):
    """Share of those that belong to the class that most of their group belong to."""
    return sum(np.bincount(truth[found == k]).max() for k in np.unique(found)) / len(truth)


def learned(context, steps=100):
    keras.utils.set_random_seed(0)
    sizes = {"embedding": 16, "hidden": 32, "topics": 5, "inference": (32,), "window": 25}
    model = topic_rnn.build(TopicRNNConfig(context=context, vocabulary=222, text_length=25, **sizes))
    model.words.learn([f"w{i}" for i in range(220)])
    text, _ = documents(800, 0)
    model.learn(Split({"text": text}))
    optimizer, weights = keras.optimizers.Adam(1e-2), model.trainable_variables
    optimizer.build(weights)

    @tf.function(autograph=False)
    def gradients(text, noise):
        values = [v.value for v in weights]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(sum(model.training_terms({"text": text}, noise, 0).values()))
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, values)]

    for step in range(steps):
        batch = text[step * 32 % 800 :][:32]
        optimizer.apply(gradients(batch, model.noise(32, tf.constant([0, step]))), weights)
    return model


@pytest.mark.timeout(600)
def test_generated_topics_are_found_and_help():
    model, alone = learned("theta"), learned("none")
    b = model.out.numpy()[32:, 22:].T  # of every content word
    groups = KMeans(5, n_init=5, random_state=0).fit_predict(b)  # theta's axes are arbitrary: any turn is as likely
    assert purity(groups, np.repeat(np.arange(5), 40)) > 0.9
    text, topic = documents(200, 1)
    groups = KMeans(5, n_init=5, random_state=0).fit_predict(model.posterior(text)[0])
    assert purity(groups, topic) > 0.9
    ours, theirs = (np.exp(np.mean(each.nats(text))) for each in (model, alone))
    assert ours < 0.9 * theirs


@CONTEXTS
def test_what_is_written_is_likeliest_after_all_that_was_said(context, monkeypatch):
    monkeypatch.setattr(topic_rnn, "WRITTEN", 5)
    model = filled(context=context, cell="lstm")
    begun = in_rows([[2, 6, 4, END, 7, 3, 6], [5, 7, END]], 8)
    said = model.write(2, begun).numpy()
    for text, row in zip(begun, said, strict=True):
        text = text[text != PAD].tolist()
        for word in row:
            nats = model.nats(np.int32([[*text, w] for w in range(8)]))[:, -1].numpy()
            nats[UNKNOWN] = np.inf
            assert word == nats.argmin()
            text.append(word)
            if word == END:
                break


def test_a_topic_is_held_whatever_is_said(monkeypatch):
    monkeypatch.setattr(topic_rnn, "WRITTEN", 5)
    model = filled(0.5)
    theta = model.held(tf.constant([1, 0]))
    assert theta.numpy().tolist() == [[0, topic_rnn.HELD], [topic_rnn.HELD, 0]]
    said = model.write(2, theta=theta).numpy()
    before = np.pad(said, ((0, 0), (1, 0)), constant_values=-1)[:, :-1]
    log_p = model.log_probs(model.read(before)[0], np.repeat(theta[:, None], 5, 1)).numpy()
    log_p[..., UNKNOWN] = -np.inf
    for row, likeliest in zip(said, log_p.argmax(-1), strict=True):
        until = np.append(np.flatnonzero(row == END), 4)[0] + 1
        np.testing.assert_array_equal(row[:until], likeliest[:until])


def test_noise_draws_from_the_model():
    """The first word of many sentences, by its frequency."""
    model, many = filled(0.5), 4000
    first = model.write(many, noise=model.writing_noise(many, (0, 1)))[:, 0].numpy()
    p = np.exp(-model.nats(np.int32([[w] for w in range(8)]))[:, 0].numpy())
    p[UNKNOWN] = 0
    p /= p.sum()
    error = np.sqrt(p * (1 - p) / many) + 1e-9
    assert (np.abs(np.bincount(first, minlength=8) / many - p) < 4 * error).all()


def test_a_sentence_goes_on_unless_a_mark_ends_it():
    model = filled()
    model.words.learn(["a", ".", "b", "!", "c"])
    text = in_rows([[2, END], [2, 3, END], [2, END, 4, 5, END], [2, END, 4, END], [2, 6, 4, 6, 2]], 5)
    want = in_rows([[2], [2, 3, END], [2, END, 4, 5, END], [2, END, 4], [2, 6, 4, 6, 2]], 5)
    np.testing.assert_array_equal(model.begun(text), want)


def test_words_of_topics_are_content_words_by_their_bias():
    model = filled(vocabulary=10)
    model.words.learn([f"w{i}" for i in range(6)])  # numbers 2 to 7; 4 and 5 are stop words
    b = model.out.numpy()[4:]
    want = [sorted([2, 3, 6, 7], key=lambda i: -row[i])[:3] for row in b]
    assert model.topic_words(3).tolist() == want
    assert model.topic_words(9).shape == (2, 4)


def test_features_are_thetas_mean_and_the_last_state():
    model = filled(cell="gru")
    found = model.features(LONG)
    np.testing.assert_allclose(found["theta"], model.posterior(LONG)[0], atol=1e-6)
    for row, h in zip(LONG, found["h"], strict=True):
        np.testing.assert_allclose(h, model.read(row[None, row != PAD])[0][0, -1], atol=1e-5)
    assert filled(context="none").features(LONG).keys() == {"h"}
