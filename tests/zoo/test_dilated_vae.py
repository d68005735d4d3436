import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from zoo import dilated_vae
from zoo.configs.dilated_vae import PRESETS, DilatedLanguageModelConfig, DilatedVAEConfig
from zoo.nn.dilated import field

SIZES = {"vocabulary": 9, "text_length": 12, "embedding": 3, "outer": 6, "inner": 4, "dilations": (1, 2)}
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
