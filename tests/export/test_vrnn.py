import numpy as np
import pytest

from export.declare.signature import phone_answer
from export.vrnn import signatures
from zoo import vrnn
from zoo.configs.vrnn import RNNConfig, VRNNConfig

NETS = {"steps": 5, "hidden": 4, "x_hidden": (3,), "decoder_hidden": (4,), "components": 2}
LATENT = {"z_size": 2, "z_hidden": (3,), "prior_hidden": (3,), "encoder_hidden": (3,)}


def models():
    yield vrnn.build(VRNNConfig(features=3, **NETS, **LATENT))
    yield vrnn.build(VRNNConfig("strokes", features=3, **NETS, **LATENT))
    yield vrnn.build(RNNConfig("bernoulli", features=7, **NETS))


@pytest.mark.parametrize("model", list(models()), ids=["vrnn", "strokes", "rnn"])
def test_a_phone_that_steps_draws_what_a_server_draws_at_once(model):
    offered = signatures(model, 3)
    noise = model.drawing_noise(2, (4, 5))
    whole = offered.server["generate"].body(noise=noise)[model.observed].numpy()
    state, parts = dict.fromkeys("hc", np.zeros((2, 4), np.float32)), []
    for t in range(5):
        now = {f"noise_{name}": each[:, t : t + 1] for name, each in noise.items()}
        found = phone_answer(offered.phone["step"], model, state | now)
        state = {name: found[name] for name in "hc"}
        parts.append(found[model.observed].numpy())
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", list(models()), ids=["vrnn", "strokes", "rnn"])
def test_a_phone_goes_on_from_what_it_read_step_by_step(model):
    offered, name = signatures(model, 3), model.observed
    begun, drawn = model.path_noise(2, (1, 2)), model.drawing_noise(2, (3, 4), 1)
    width = 3 if name == "audio" else 1  # entries of a step
    x = np.asarray(model.sample(2, (6, 7)), np.float32)[:, : 4 * width]
    length = np.full(2, 4 * width, np.int32)
    told = offered.server["continue"].body(**{name: x, "length": length}, noise={"begun": begun, "drawn": drawn})
    state = dict.fromkeys("hc", np.zeros((2, 4), np.float32))
    for t in range(4):
        now = {f"noise_{part}": each[:, t : t + 1] for part, each in begun.items()}
        state = phone_answer(offered.phone["read_step"], model, {name: x[:, t * width :][:, :width]} | state | now)
    found = phone_answer(offered.phone["step"], model, state | {f"noise_{part}": each for part, each in drawn.items()})
    np.testing.assert_allclose(found[name], told[name], rtol=1e-5, atol=1e-6)


def test_what_continues_does_not_look_behind_its_beginning():
    model = next(models())
    body = signatures(model, 3).server["continue"].body
    noise = {"begun": model.path_noise(2, (1, 2)), "drawn": model.drawing_noise(2, (3, 4))}
    audio, length = np.random.default_rng(0).uniform(-1, 1, (2, 15)).astype(np.float32), np.int32([6, 9])
    found = body(audio=audio, length=length, noise=noise)["audio"]
    changed = audio.copy()
    changed[0, 6:] = changed[1, 9:] = 0.5
    np.testing.assert_array_equal(body(audio=changed, length=length, noise=noise)["audio"], found)
    changed[0, :3] = -audio[0, :3]  # a whole frame: what is rectified to nothing of it is not of its opposite
    other = body(audio=changed, length=length, noise=noise)["audio"]
    np.testing.assert_array_equal(np.any(other != found, 1), [True, False])
