import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import sentence_vae
from zoo.configs.sentence_vae import PRESETS, LanguageModelConfig, SentenceVAEConfig, StreamLanguageModelConfig
from zoo.nn.words import END, UNKNOWN

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "sentence_vae.json").read_text())
EXPECTED, TRAPS = GOLDEN["expected"], GOLDEN["traps"]
THEIRS = np.array([3, 1, 0, 2, 4, 5, 6, 7])  # their </s>, <unk>, <pad> and <bos> by our numbers; the words are alike
LENGTH = 6
SIZES = {"vocabulary": 8, "text_length": LENGTH, "embedding": 3, "hidden": 4}
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def texts(sentences=GOLDEN["inputs"]["sentences"], length=LENGTH):
    rows = np.zeros((len(sentences), length), np.int32)
    for row, sentence in zip(rows, sentences, strict=True):
        row[: len(sentence)] = sentence
    return rows


def weigh(layer, *values):
    layer.set_weights([np.float32(value) for value in values])


def weigh_decoder(decoder, z_size):
    w = GOLDEN["weights"]
    decoder.table.rows.assign(np.concatenate([[w["emb_dec"][2]], np.array(w["emb_dec"])[THEIRS]]))
    rows = np.array(w["dec"]["W"])[: 3 + z_size]
    weigh(decoder.cells[0].maps["gates"], np.concatenate([rows, w["dec"]["U"]]), w["dec"]["b"])
    weigh(decoder.out, np.array(w["W_o"])[:, THEIRS], np.array(w["b_o"])[THEIRS])


def golden(z_to, **changes):
    """The model with the weights of the golden numbers."""
    config = SentenceVAEConfig(**SIZES, encoder_hidden=5, z_size=2, z_to=z_to, **changes)
    model, w = sentence_vae.build(config), GOLDEN["weights"]
    table = np.concatenate([np.zeros((1, 3)), np.array(w["emb_enc"])[THEIRS]])
    model.encoder.table.rows.assign(table)
    for cell, name in zip(model.encoder.cells, ("enc", "enc_backward"), strict=False):
        weigh(cell.maps["gates"], np.concatenate([w[name]["W"], w[name]["U"]]), w[name]["b"])
    if not config.bidirectional:
        weigh(model.head.mean, w["W_mu"], w["b_mu"])
        weigh(model.head.log_variance, w["W_lv"], w["b_lv"])
    if z_to != "input":
        weigh(model.decoder.start, w["W_0"], w["b_0"])
    weigh_decoder(model.decoder, 0 if z_to == "init" else 2)
    return model


NOISE = {"z": np.float32(GOLDEN["inputs"]["eps"]), "words": np.float32(GOLDEN["inputs"]["u"])}
NOISE["words"] = np.pad(NOISE["words"], ((0, 0), (1, 0)))  # FIRST's place has a number, too


@runs
def test_the_encoder_and_its_rate(run):
    model = golden("both")
    np.testing.assert_allclose(run(model.encoder.read)(texts()), EXPECTED["h_enc"], atol=2e-6)
    code = run(model.encode)(texts(), NOISE)
    np.testing.assert_allclose(code["mean"], EXPECTED["mu"], atol=2e-6)
    np.testing.assert_allclose(2 * np.log(code["scale"]), EXPECTED["lv"], atol=2e-6)
    np.testing.assert_allclose(code["z"], EXPECTED["z"], atol=2e-6)
    terms = run(model.loss_terms)({"text": texts()}, NOISE)
    np.testing.assert_allclose(terms["rate"], EXPECTED["kl"], atol=2e-6)
    assert not np.allclose(terms["rate"], TRAPS["kl_log_sigma"], atol=1e-3)
    assert not np.allclose(code["mean"], TRAPS["last_padded_state"], atol=1e-3)


def test_both_directions_are_read_to_their_ends():
    model = golden("both", bidirectional=True)
    np.testing.assert_allclose(model.encoder.read(texts()), GOLDEN["bidirectional_h_enc"], atol=2e-6)


@runs
@pytest.mark.parametrize("z_to", ["init", "input", "both"])
def test_the_bound_wherever_z_goes(run, z_to):
    model = golden(z_to)
    terms = run(model.loss_terms)({"text": texts()}, NOISE)
    expected = EXPECTED[f"z_to_{z_to}"]
    np.testing.assert_allclose(terms["distortion"], expected["rec"], rtol=2e-6)
    np.testing.assert_allclose(terms["distortion"] + terms["rate"], expected["bound_beta_1"], rtol=2e-6)
    for beta, name in ((1.0, "loss_beta_1"), (0.3, "loss_beta_0p3")):
        config = dataclasses.replace(model.config, annealing="constant", annealing_start=beta)
        model.config = config
        loss = sum(run(model.training_terms)({"text": texts()}, {"z": NOISE["z"]}, 0).values())
        assert float(tf.reduce_mean(loss)) == pytest.approx(expected[name], rel=2e-6)
    assert not np.allclose(terms["distortion"], TRAPS["no_mask"], rtol=1e-3)


@runs
@pytest.mark.parametrize(("keep", "name"), [(0.6, "word_dropout"), (0.0, "inputless")])
def test_words_that_are_not_told(run, keep, name):
    model = golden("both", keep=keep, annealing="constant", annealing_start=1.0)
    terms = run(model.training_terms)({"text": texts()}, NOISE, 0)
    np.testing.assert_allclose(terms["distortion"], EXPECTED[name]["rec"], rtol=2e-6)
    scored = model.loss_terms({"text": texts()}, NOISE)["distortion"]
    np.testing.assert_allclose(scored, EXPECTED["inputless" if keep == 0 else "z_to_both"]["rec"], rtol=2e-6)
    assert not np.allclose(terms["distortion"], TRAPS["bos_dropped"], rtol=1e-3)


def test_z_of_another_sentence_and_its_mean():
    model = golden("both")
    z = np.float32(EXPECTED["z"])[EXPECTED["shuffled_z"]["order"]]
    np.testing.assert_allclose(model.distortion(texts(), z), EXPECTED["shuffled_z"]["rec"], rtol=2e-6)
    mean, _ = model.posterior(texts())
    np.testing.assert_allclose(model.distortion(texts(), mean), EXPECTED["z_equals_mu"]["rec"], rtol=2e-6)


def test_the_gradient_of_the_last_bias():
    model = golden("both", annealing="constant", annealing_start=1.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(sum(model.training_terms({"text": texts()}, {"z": NOISE["z"]}, 0).values()))
    gradient = tape.gradient(loss, model.decoder.out.bias.value)
    np.testing.assert_allclose(gradient, np.array(EXPECTED["gradient_b_o_of_loss_beta_1"])[THEIRS], atol=2e-6)


def language_model(**changes):
    model = sentence_vae.build(LanguageModelConfig(**SIZES, **changes))
    weigh_decoder(model.decoder, 0)
    return model


@runs
def test_the_language_model_is_the_decoder_without_z(run):
    found = run(language_model().loss_terms)({"text": texts()}, {})
    np.testing.assert_allclose(found["negative_log_likelihood"], EXPECTED["language_model"]["rec"], rtol=2e-6)


@pytest.mark.parametrize("name", ["vae", "language_model"])
def test_perplexities(name):
    model = golden("both") if name == "vae" else language_model()
    batch, want = {"text": texts()}, GOLDEN["perplexities"][name]
    terms, counts = model.loss_terms(batch, NOISE), model.counts(batch)
    for key, measure in model.measures.items():
        if measure.exp:
            nats = sum(terms[term].numpy().sum() for term in measure.terms)
            found = math.exp(nats / counts[measure.per].numpy().sum())
            assert found == pytest.approx(want["sentence" if key == "perplexity" else "words_only_loose"], rel=2e-6)


@pytest.mark.parametrize("name", ["vae", "language_model"])
def test_padding_changes_nothing_to_the_last_bit(name):
    model = golden("both") if name == "vae" else language_model()
    model.config = dataclasses.replace(model.config, text_length=11)
    noise = {"z": NOISE["z"]}
    short, long = (model.loss_terms({"text": texts(length=length)}, noise) for length in (6, 11))
    for key in short:
        assert short[key].numpy().tobytes() == long[key].numpy().tobytes()


def test_a_later_word_changes_no_earlier_logit():
    model = golden("both")
    text, z = texts(), np.float32(EXPECTED["z"])

    def logits(words):
        return model.decoder.logits(model.decoder.read(words, z)[1]).numpy()

    whole = logits(text)
    for t in range(LENGTH):
        changed = text.copy()
        changed[:, t] = 7
        other = logits(changed)
        assert (other[:, :t] == whole[:, :t]).all()
        assert (other[:, t:] != whole[:, t:]).any() or (changed == text).all()


def score(model, ids, z):
    """log p of a text by the parallel pass, UNKNOWN never being said."""
    return -float(model.distortion(np.int32([ids]), z)[0])


@pytest.mark.parametrize("keep", [1.0, 0.0])
def test_greedy_and_beam_find_what_enumeration_finds(keep):
    model = golden("both", keep=keep)
    model.config = dataclasses.replace(model.config, text_length=3)
    z = np.float32(EXPECTED["z"])[:1]
    words = [i for i in range(8) if i != UNKNOWN]
    every = [[a, *b] for a in words for b in ([END, END], *([b, c] for b in words for c in words)) if a or not any(b)]
    every = {tuple(ids if END not in ids else ids[: ids.index(END)] + [END] * (3 - ids.index(END))) for ids in every}
    best = max((ids for ids in every if END in ids), key=lambda ids: score(model, list(ids), z))
    found = model.write(1, z, "beam", width=64)
    assert tuple(found["text"].numpy()[0]) == best
    assert float(found["score"][0]) == pytest.approx(score(model, list(best), z), rel=1e-5)
    greedy = []
    for _ in range(3):
        greedy.append(
            max(words, key=lambda word: score(model, [*greedy, word, *[2] * 3][:3] if 0 else [*greedy, word], z))
        )
        if greedy[-1] == END:
            break
    said = model.write(1, z)["text"].numpy()[0]
    assert said[: len(greedy)].tolist() == greedy


def test_known_words_stay_and_missing_ones_are_the_likeliest():
    model = golden("both")
    text = texts([[4, UNKNOWN, 5], [7, 4, UNKNOWN, UNKNOWN, 5]])
    z = np.float32(EXPECTED["z"])[:2]
    found = model.write(2, z, "beam", width=64, given=text)["text"].numpy()
    assert (found[text != UNKNOWN] == text[text != UNKNOWN]).all()
    for row, given, code in zip(found, text, z, strict=True):
        blanks = np.flatnonzero(given == UNKNOWN)
        options = np.stack(np.meshgrid(*[[2, 3, 4, 5, 6, 7]] * len(blanks)), -1).reshape(-1, len(blanks))
        filled = [np.where(given == UNKNOWN, 0, given) for _ in options]
        for one, words in zip(filled, options, strict=True):
            one[blanks] = words
        best = max(filled, key=lambda ids: score(model, ids.tolist(), code[None]))
        assert row.tolist() == best.tolist()


def test_a_homotopy_begins_and_ends_where_it_is_said_to():
    model = golden("both")
    z = np.float32(EXPECTED["z"])
    (way,) = model.homotopy(z[:1], z[1:2], 4).numpy()
    assert (way[[0, -1]] == model.write(2, z[:2])["text"].numpy()).all()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_sizes_that_build(preset):
    config = PRESETS[preset].model
    assert config.text_length > 1 and config.vocabulary > 3


def test_a_bag_of_words_has_no_order():
    config = SentenceVAEConfig(**SIZES, encoder_hidden=5, z_size=2, reader="bag")
    model, numbers = sentence_vae.build(config), np.random.default_rng(0)
    for v in model.encoder.trainable_variables:
        v.assign(numbers.normal(0, 1, v.shape).astype(np.float32))
    rows, bias = model.encoder.table.rows.numpy(), model.encoder.bias.numpy()
    text = np.int32([[4, 2, 4, 5, 0, 0], [5, 4, 2, 4, 0, 0], [0] * 6])
    found = model.encoder.read(text).numpy()
    expected = (2 * rows[5] + rows[3] + rows[6]) / 2 + bias  # row 0 is what no word is
    np.testing.assert_allclose(found[0], np.maximum(expected, 0), rtol=1e-5)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    np.testing.assert_allclose(found[2], np.maximum(bias, 0), rtol=1e-6)


def stream_model(**changes):
    config = StreamLanguageModelConfig(**SIZES, piece=3, layers=2, **changes)
    model, numbers = sentence_vae.build(config), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape).astype(np.float32))
    return model


def test_a_stream_in_pieces_is_the_stream_at_once():
    model, tokens = stream_model(), np.random.default_rng(1).integers(0, 8, (2, 13)).astype(np.int32)

    def scored(start, stop, states):
        pieces = {"input": tokens[:, start:stop], "target": tokens[:, start + 1 : stop + 1]}
        terms, states = model.carried_terms(pieces, {}, states)
        return terms["negative_log_likelihood"].numpy(), states

    whole, _ = scored(0, 12, model.begin(2))
    nats, states = np.zeros(2), model.begin(2)
    for start in range(0, 12, 3):
        more, states = scored(start, start + 3, states)
        nats += more
    np.testing.assert_allclose(nats, whole, rtol=1e-5)
    again, _ = scored(0, 3, states)
    first, _ = scored(0, 3, model.begin(2))
    assert again != pytest.approx(first, rel=1e-3)


def test_a_text_alone_is_a_stream_that_begins_behind_an_end():
    model, text = stream_model(), np.int32([[4, 6, 5, 0]])
    batch = {"input": np.int32([[0, 4, 6, 5]]), "target": text}
    expected = model.carried_terms(batch, {}, model.begin(1))[0]["negative_log_likelihood"]
    np.testing.assert_allclose(model.loss_terms({"text": text}, {})["negative_log_likelihood"], expected, rtol=1e-5)


def test_dropout_is_between_all_layers():
    model = stream_model(dropout=0.5)
    assert {name: tuple(x.shape) for name, x in model.training_noise(2, (0, 1)).items()} == {
        "input": (2, LENGTH, 3),
        "layer_1": (2, LENGTH, 4),
        "output": (2, LENGTH, 4),
    }
    batch = {"input": np.int32([[0, 4, 6]]), "target": np.int32([[4, 6, 5]])}
    kept = {name: np.ones((1, 3, size), np.float32) for name, size in (("input", 3), ("layer_1", 4), ("output", 4))}
    plain = model.carried_terms(batch, {}, model.begin(1))[0]["negative_log_likelihood"].numpy()
    for name in kept:
        some = {**kept, name: np.zeros_like(kept[name])}
        found = model.carried_terms(batch, some, model.begin(1))[0]["negative_log_likelihood"].numpy()
        assert found != pytest.approx(plain)
