import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import dilated_vae
from zoo.configs.dilated_vae import PRESETS, DilatedClassConfig, DilatedLanguageModelConfig, DilatedVAEConfig
from zoo.nn.dilated import field

SIZES = {"vocabulary": 9, "text_length": 12, "embedding": 3, "outer": 6, "inner": 4, "dilations": (1, 2)}
GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "dilated_vae.json").read_text())["labels"]
TEXT = np.int32([[4, 6, 5, 2, 3, 0, 0], [7, 4, 4, 6, 5, 8, 0]])


@pytest.fixture(params=["vae", "language model"])
def model(request):
    """With weights that are all different."""
    vae = request.param == "vae"
    config = DilatedVAEConfig(**SIZES, z_size=2, encoder_hidden=5) if vae else DilatedLanguageModelConfig(**SIZES)
    model, numbers = dilated_vae.build(config), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape).astype(np.float32))
    return model


def terms(model, text):
    return model.loss_terms({"text": text}, model.noise(len(text), (0, 1)))


def test_padding_changes_nothing_to_the_last_bit(model):
    short, long = terms(model, TEXT), terms(model, np.pad(TEXT, ((0, 0), (0, 5))))
    for name in short:
        assert short[name].numpy().tobytes() == long[name].numpy().tobytes()


def test_what_is_written_word_by_word_has_the_score_of_the_whole(model):
    z = tf.constant([[0.3, -1.0], [1.2, 0.4]]) if model.decoder.takes_z else None
    for method in ("greedy", "beam"):
        said = model.write(2, z, method)
        if (said["text"][:, -1] == 0).numpy().all():  # both have ended
            np.testing.assert_allclose(said["score"], -model.distortion(said["text"], z), rtol=1e-4)


def test_without_z_it_is_the_language_model():
    """Weights of z that are 0 leave the language model with the same weights."""
    vae = dilated_vae.build(DilatedVAEConfig(**SIZES, z_size=2, encoder_hidden=5))
    plain = dilated_vae.build(DilatedLanguageModelConfig(**SIZES))
    for ours, theirs in zip(plain.decoder.variables, vae.decoder.variables, strict=True):
        ours.assign(theirs[: ours.shape[0]])
    kernel = vae.decoder.enter.kernel
    kernel.assign(np.concatenate([kernel.numpy()[:3], np.zeros((2, 6), np.float32)]))
    nats = plain.loss_terms({"text": TEXT}, {})["negative_log_likelihood"]
    np.testing.assert_allclose(terms(vae, TEXT)["distortion"], nats, rtol=1e-6)


def test_dropout_is_of_training_alone(model):
    model.config = dataclasses.replace(model.config, dropout=0.5)
    noise = model.training_noise(2, (0, 1))
    batch = {"text": TEXT}
    name = next(iter(model.loss_terms(batch, noise)))
    plain = model.loss_terms(batch, noise)[name]
    assert (model.training_terms(batch, noise, 0)[name] != plain).numpy().all()
    model.config = dataclasses.replace(model.config, dropout=0.0)
    np.testing.assert_array_equal(model.training_terms(batch, noise, 0)[name], plain)


def test_presets_have_the_fields_of_the_paper():
    found = {name: field(PRESETS[f"ptb-{name}"].model.dilations) for name in ("scnn", "mcnn", "lcnn", "vlcnn")}
    assert found == {"scnn": 15, "mcnn": 63, "lcnn": 125, "vlcnn": 187}


@pytest.fixture(scope="module")
def classes():
    """A model of three classes."""
    model = dilated_vae.build(DilatedClassConfig(**SIZES, z_size=2, encoder_hidden=5, classes=3, free_class=0.5))
    numbers = np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape).astype(np.float32))
    return model


def batch(*labels):
    return {"text": TEXT, "label": np.int32(labels)}


def test_relaxed_classes_and_their_rate(classes):
    given, expected = (GOLDEN[part] for part in ("inputs", "expected"))
    log_q, noise = np.log(np.float32(given["q"])), np.float32(given["gumbel"])
    found = dilated_vae.relaxed(log_q, noise, given["tau"]).numpy()
    np.testing.assert_allclose(found, expected["gumbel_softmax"], atol=1e-6)
    assert np.abs(found - GOLDEN["traps"]["probabilities_for_logs"]["value"]).max() > 0.01
    np.testing.assert_allclose(classes.class_rate(log_q), expected["kl_y"], atol=1e-6)


def test_a_score_sums_the_class_out(classes):
    """U(x) = sum_y q(y | x) (L(x, y) - log q(y | x)), of L(x, y) one class at a time."""
    noise = classes.noise(2, (0, 1))
    h = classes.encoder.read(TEXT)
    q = np.float64(tf.nn.softmax(classes.class_head(h)))
    bounds = np.zeros((2, 3))
    for y in range(3):
        mean, scale = (np.float64(x) for x in classes.head(np.concatenate([h, np.eye(3, dtype="f")[[y, y]]], 1)))
        code = np.float32(np.concatenate([mean + scale * noise["z"], np.eye(3)[[y, y]]], 1))
        rate = (0.5 * (mean**2 + scale**2 - 1) - np.log(scale)).sum(1)
        bounds[:, y] = -classes.distortion(TEXT, code).numpy() - rate - np.log(3)
    found = classes.loss_terms(batch(1, -1), noise)
    nats = found["distortion"] + found["rate"] + found["class_rate"]
    np.testing.assert_allclose(-nats, (q * (bounds - np.log(q))).sum(1), rtol=1e-5)
    assert found["error"].numpy().tolist() == [float(q[0].argmax() != 1), 0.0]
    assert classes.counts(batch(1, -1))["labels"].numpy().tolist() == [1.0, 0.0]


def test_a_mean_log_weight_is_the_bound(classes):
    many = {name: np.repeat(x, 4000, 0) for name, x in batch(-1, -1).items()}
    noise = classes.noise(8000, (0, 2))
    weights = classes.log_weights(many, noise).numpy().reshape(2, -1)
    terms = classes.loss_terms(many, noise)
    nats = sum(terms[name].numpy() for name in ("distortion", "rate", "class_rate")).reshape(2, -1)
    np.testing.assert_allclose(weights.mean(1), -nats.mean(1), atol=5 * weights.std(1).max() / 4000**0.5)


def test_training_is_told_the_classes_that_are_known(classes):
    noise, last = classes.training_noise(2, (0, 1)), classes.config.annealing_steps
    known, unknown = (classes.training_terms(batch(*labels), noise, last) for labels in ([2, 0], [-1, -1]))
    log_q = classes.classify(TEXT)["logits"].numpy()
    np.testing.assert_allclose(known["cross_entropy"], -10 * log_q[[0, 1], [2, 0]], rtol=1e-5)
    np.testing.assert_allclose(known["class_rate"], np.log([3, 3]), rtol=1e-6)
    assert not known["free"].numpy().any() and not unknown["cross_entropy"].numpy().any()
    kl = (np.exp(log_q) * (log_q + np.log(3))).sum(1)
    np.testing.assert_allclose(unknown["class_rate"] + unknown["free"], np.maximum(0.5, kl), rtol=1e-5)
    classes.config = dataclasses.replace(classes.config, temperature=1e-3)
    sharp = classes.training_terms(batch(-1, -1), noise, last)
    likely = np.argmax(log_q + noise["class"].numpy(), 1)
    told = classes.training_terms(batch(*likely), noise, last)
    np.testing.assert_allclose(sharp["distortion"], told["distortion"], rtol=1e-4)
