import json
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo import vrnn
from zoo.configs.vrnn import PRESETS, RNNConfig, VRNNConfig

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "vrnn.json").read_text())
SIZES = {"steps": 4, "hidden": 3, "x_hidden": (3,), "decoder_hidden": (5,), "components": 3}
LATENT = {"z_size": 2, "z_hidden": (4,), "prior_hidden": (2,), "encoder_hidden": (3,)}
HEADS = {"gaussian": ["xm", "xs"], "mixture": ["xm", "xs", "c"], "strokes": ["xm", "xs", "c", "b", "r"]}
CASES = {"gaussian": "vrnn_gauss", "mixture": "vrnn_gmm", "strokes": "vrnn_handwriting"}
runs = pytest.mark.parametrize(
    "run",
    [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)],
    ids=["eager", "graph", "jit"],
)


def weigh(layer, *values):
    layer.set_weights([np.float32(value) for value in values])


def weighed(model, w):
    """A model with the weights of golden numbers."""
    w = {name: np.array(value) for name, value in w.items()}
    heads = HEADS[model.config.output]
    weigh(model.x_net.dense[0], w["Wx"], w["bx"])
    weigh(model.decoder.dense[0], w["Wd"], w["bd"])
    weigh(model.out, *(np.concatenate([w[kind + head] for head in heads], -1) for kind in "Wb"))
    features = model.config.x_hidden[-1]
    weigh(model.gates_x, w["Wl"][:features])
    weigh(model.gates, np.concatenate([w["Wl"][features:], w["Ul"]]), w["bl"])
    if "Wz" in w:
        weigh(model.z_net.dense[0], w["Wz"], w["bz"])
        if model.prior_net:
            weigh(model.prior_net.dense[0], w["Wp"], w["bp"])
            weigh(model.prior_head, *(np.concatenate([w[f"{kind}pm"], w[f"{kind}ps"]], -1) for kind in "Wb"))
        weigh(model.encoder_x, w["Wq"][:features])
        weigh(model.encoder.dense[0], w["Wq"][features:], w["bq"])
        weigh(model.encoder_head, *(np.concatenate([w[f"{kind}qm"], w[f"{kind}qs"]], -1) for kind in "Wb"))
    return model


def golden(output="gaussian", weights=None, **changes):
    weights = weights or dict(GOLDEN[CASES[output]]["weights"])
    if changes.get("shared_rho"):
        weights |= {"Wr": np.array(weights["Wr"])[:, :1], "br": weights["br"][:1]}
    features = 3 if output == "strokes" else 2
    config = VRNNConfig(output=output, features=features, **SIZES, **LATENT | changes)
    return weighed(vrnn.build(config), weights)


def baseline():
    config = RNNConfig(features=2, **SIZES)
    return weighed(vrnn.build(config), GOLDEN["vrnn_rnn_baseline"]["weights"])


def batch_of(output="gaussian"):
    inputs = GOLDEN[CASES[output]]["inputs"]
    x, steps = np.float32(inputs["x"]), np.int32(inputs["lengths"])
    if output == "strokes":
        return {"strokes": x, "length": steps}
    return {"audio": x.reshape(len(x), -1), "length": 2 * steps}


def noise_of(eps=GOLDEN["vrnn_gauss"]["inputs"]["eps"]):
    """(T, B, Z) -> {"z": [B, T, Z]}."""
    return {"z": np.float32(eps).transpose(1, 0, 2)}


def bound_of(terms):
    return -(terms["distortion"] + terms["rate"]).numpy()


def differs(found, case):
    for name, trap in GOLDEN[case]["traps"].items():
        wrong = np.array(trap["wrong"])
        assert wrong.shape != found.shape or not np.allclose(found, wrong, rtol=1e-4), name


@runs
@pytest.mark.parametrize("output", CASES)
def test_the_bound_of_every_output(run, output):
    case, model = CASES[output], golden(output)
    found = bound_of(run(model.loss_terms)(batch_of(output), noise_of()))
    np.testing.assert_allclose(found, GOLDEN[case]["expected"]["bound"], rtol=1e-5)
    differs(found, case)


def test_every_step_of_the_bound():
    model, expected = golden(), GOLDEN["vrnn_gauss"]["expected"]
    terms, _ = model.step_terms(batch_of(), noise_of())
    mask = np.array(GOLDEN["vrnn_gauss"]["inputs"]["mask"])
    np.testing.assert_allclose(terms["distortion"], (-mask * expected["log_px"]).T, rtol=1e-5)
    np.testing.assert_allclose(terms["rate"], (mask * expected["kl"]).T, rtol=1e-5, atol=1e-6)
    (h, _), (_, before, z, mean, scale) = model.follow(model.seen(batch_of()), noise_of())
    real = mask.T[..., None] > 0
    for found, name in ((z, "z"), (mean, "enc_mu"), (scale, "enc_sig")):
        np.testing.assert_allclose(
            np.where(real, found, 0), np.where(real, np.swapaxes(expected[name], 0, 1), 0), rtol=1e-5
        )
    np.testing.assert_allclose(before[1], np.array(expected["h"])[:, 0], rtol=1e-5)
    np.testing.assert_allclose(h, [expected["h"][0][3], expected["h"][1][1]], rtol=1e-5)  # the last real ones
    prior = model.prior(before[1], vrnn.called(model.prior_maps))
    for found, name in zip(prior, ("prior_mu", "prior_sig"), strict=True):
        np.testing.assert_allclose(found, np.array(expected[name])[:, 1], rtol=1e-5)


def test_the_gradient_of_the_bound():
    model, expected = golden(), GOLDEN["vrnn_gauss"]["expected"]["loss_gradient"]
    layers = {
        "Wps": (model.prior_head.kernel, np.s_[:, 2:]),
        "Wqs": (model.encoder_head.kernel, np.s_[:, 2:]),
        "bl": (model.gates.bias, np.s_[:]),
        "Wz": (model.z_net.dense[0].kernel, np.s_[:]),
        "bx": (model.x_net.dense[0].bias, np.s_[:]),
    }
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(-sum(model.training_terms(batch_of(), noise_of(), 0).values()))
    found = tape.gradient(loss, [variable.value for variable, _ in layers.values()])
    assert float(loss) == pytest.approx(GOLDEN["vrnn_gauss"]["expected"]["loss"], rel=1e-5)
    for (name, (_, part)), gradient in zip(layers.items(), found, strict=True):
        np.testing.assert_allclose(gradient.numpy()[part], expected[name], rtol=1e-4, atol=1e-5)


def test_a_standard_prior():
    terms = golden(prior="standard").loss_terms(batch_of(), noise_of())
    np.testing.assert_allclose(bound_of(terms), GOLDEN["vrnn_gauss"]["expected"]["vrnn_i_bound"], rtol=1e-5)


def test_one_correlation_for_all_components():
    terms = golden("strokes", shared_rho=True).loss_terms(batch_of("strokes"), noise_of())
    shared = GOLDEN["vrnn_handwriting"]["traps"]["shared_rho"]["wrong"]
    np.testing.assert_allclose(bound_of(terms), shared, rtol=1e-5)


def test_an_encoder_tied_to_the_prior_costs_nothing():
    w = GOLDEN["vrnn_gauss"]["weights"]
    tied = {f"{kind}q{part}": w[f"{kind}p{part}"] for kind in "Wb" for part in ("m", "s")}
    tied |= {"Wq": np.concatenate([np.zeros((3, 2)), w["Wp"]]), "bq": w["bp"]}
    model = golden(encoder_hidden=(2,), weights=w | tied)
    np.testing.assert_allclose(model.loss_terms(batch_of(), noise_of())["rate"], 0, atol=1e-6)


@runs
def test_importance_weights_and_their_estimate(run):
    model, case = golden(objective="importance", particles=3), GOLDEN["vrnn_importance"]
    eps = np.float32(case["inputs"]["eps"])  # (K, T, B, Z)
    log_w = np.stack([run(model.log_weights)(batch_of(), noise_of(one)) for one in eps])
    np.testing.assert_allclose(log_w, case["expected"]["log_w"], rtol=1e-5)
    noise = {"particles": eps.transpose(2, 0, 1, 3)}
    found = run(model.training_terms)(batch_of(), noise, 0)
    np.testing.assert_allclose(-found["importance"], case["expected"]["estimate"], rtol=1e-5)
    differs(-found["importance"].numpy(), "vrnn_importance")


@runs
def test_the_baseline_is_exact(run):
    found = -run(baseline().loss_terms)(batch_of(), {})["negative_log_likelihood"].numpy()
    np.testing.assert_allclose(found, GOLDEN["vrnn_rnn_baseline"]["expected"]["log_likelihood"], rtol=1e-5)
    differs(found, "vrnn_rnn_baseline")


@runs
def test_what_is_drawn_from_given_noise(run):
    model, case = golden(), GOLDEN["vrnn_gauss"]
    model.normalised.deviation.assign(0.01)  # a wave ends at 1
    noise = {name: np.float32(case["inputs"][f"generation_eps_{x}"])[None] for name, x in (("z", "z"), ("value", "x"))}
    found = run(model.generate)(noise)["audio"]
    np.testing.assert_allclose(100 * found[0], np.ravel(case["expected"]["generation"]["x"]), rtol=1e-5)


@pytest.mark.parametrize("kind", ["vrnn", "rnn"])
def test_what_follows_a_beginning_is_as_if_it_had_been_drawn_at_once(kind):
    """The state after a beginning is that of drawing it: z is found again from the noise."""
    model = golden() if kind == "vrnn" else baseline()
    noise = model.drawing_noise(2, (3, 4), steps=4)
    model.normalised.deviation.assign(0.01)
    whole = model.generate(noise)["audio"]
    batch, path = {"audio": whole[:, :4], "length": np.int32([4, 4])}, {}
    if kind == "vrnn":
        maps, h = vrnn.called({**model.prior_maps, **model.encoder_maps}), tf.zeros([2, 3])
        eps, seen = np.zeros((2, 2, 2), np.float32), model.seen(batch)
        for t in range(2):
            mean, scale = model.prior(h, maps)
            z = mean + scale * noise["z"][:, t]
            mean, scale = model.posterior(model.known(seen)[1][t], h, maps)
            eps[:, t] = (z - mean) / scale
            h = model.follow(seen, {"z": eps})[1][1][1]
        path = {"z": eps}
    rest = {name: each[:, 2:] for name, each in noise.items()}
    found = model.generate(rest, model.read(batch, path))["audio"]
    np.testing.assert_allclose(found, whole[:, 4:], rtol=1e-4, atol=1e-6)


def test_draws_are_of_the_distribution_that_scores_them():
    """The mean of -log p(x) over what the baseline draws of one step is that distribution's entropy."""
    model = baseline()
    model.normalised.deviation.assign(0.01)
    x = model.generate(model.drawing_noise(20_000, (1, 2), steps=1))["audio"]
    nats = model.loss_terms({"audio": x, "length": np.full(20_000, 2)}, {})["negative_log_likelihood"].numpy()
    told = model.parameters(tf.zeros([1, 3]), vrnn.called(model.decoder_maps))
    scale = vrnn.mixtures.positive(told[0, 2:]).numpy()
    entropy = np.sum(np.log(scale) + 0.5 * np.log(2 * math.pi * math.e))
    assert abs(nats.mean() - entropy) < 4 * nats.std() / math.sqrt(len(nats))


@pytest.mark.parametrize("output", CASES)
def test_padding_changes_no_number_to_the_last_bit(output):
    model, batch = golden(output, objective="fivo", particles=3), batch_of(output)
    name = model.observed
    noise = model.noise(2, (5, 6))
    step = 2 if name == "audio" else 1
    short = {name: batch[name][:1, : 2 * step], "length": batch["length"][1:]}
    short[name] = batch[name][1:, : 2 * step]
    long = {name: batch[name][1:].copy(), "length": batch["length"][1:]}
    long[name][:, 2 * step :] = np.nan
    own = {key: each[1:] for key, each in noise.items()}
    one, other = model.loss_terms(short, own), model.loss_terms(long, own)
    for key in one:
        assert one[key].numpy().tobytes() == other[key].numpy().tobytes(), key
    assert model.counts(short)["steps"].numpy() == model.counts(long)["steps"].numpy() == 2


def test_of_a_frame_in_part_only_what_is_real_counts():
    """Its density is the marginal one: of a Gaussian, a sum over the real samples."""
    model = golden()
    batch = batch_of() | {"length": np.int32([7, 1])}
    whole, part = model.seen(batch_of()), model.seen(batch)
    np.testing.assert_array_equal(part.mask[:, 0], [1, 1, 1, 1])
    np.testing.assert_array_equal(part.mask[:, 1], [1, 0, 0, 0])
    assert part.x[3, 0, 1] == 0 and (part.x[:3, 0] == whole.x[:3, 0]).numpy().all()
    terms, _ = model.step_terms(batch, noise_of())
    told = model.parameters(model.follow(part, noise_of())[1][0][3], vrnn.called(model.decoder_maps))
    mean, scale = told[0, 0].numpy(), vrnn.mixtures.positive(told[0, 2]).numpy()
    x = batch["audio"][0, 6]
    expected = 0.5 * ((x - mean) / scale) ** 2 + np.log(scale) + 0.5 * np.log(2 * math.pi)
    assert float(terms["distortion"][3, 0]) == pytest.approx(expected, rel=1e-5)
    assert model.counts(batch)["steps"].numpy().tolist() == [4, 1]


# A linear-Gaussian state space as a VRNN whose h is z: z_t = A z_{t-1} + N(0, Q), x_t = C z_t + N(0, R)

A = np.float32([[0.9, 0.2], [-0.3, 0.7]])
C = np.float32([[1.0, 0.5], [-0.4, 1.2], [0.3, 0.3]])
Q, R = np.float32([0.8, 0.5]), np.float32([0.7, 0.6, 0.9])  # standard deviations
STEPS = 6


class StateSpace(vrnn.VRNN):
    """Its networks are called, as the loop wants it, and not heard. q is the prior moved halfway to what x says."""

    def prior(self, h, maps):
        super().prior(h, maps)
        return h[:, :2] @ A.T, tf.ones_like(h[:, :2]) * Q

    def ahead(self, x, maps):
        return (*super().ahead(x, maps)[:1], x)

    def posterior(self, encoder_x, h, maps):
        super().posterior(tf.zeros([tf.shape(h)[0], 3]), h, maps)
        mean = h[:, :2] @ A.T
        return mean + 0.3 * (encoder_x - mean @ C.T) @ C, tf.ones_like(mean) * Q * 0.8

    def parameters(self, told, maps):
        super().parameters(told, maps)
        z = told[:, :2]
        return tf.concat([z @ C.T, tf.ones([tf.shape(z)[0], 3]) * np.log(np.expm1(R - 1e-4))], 1)

    def tell(self, z, h, maps):
        return tf.concat([z, super().tell(z, h, maps)[:, 2:]], 1)

    def advance(self, gates_x, told, state, maps):
        super().advance(gates_x, told, state, maps)
        return tf.pad(told[:, :2], [[0, 0], [0, 1]]), state[1]


def kalman(x):
    """log p(x) of x [T, 3], in float64."""
    mean, cov, total = np.zeros(2), np.zeros((2, 2)), 0.0
    a, c = A.astype("f8"), C.astype("f8")
    for row in x:
        mean, cov = a @ mean, a @ cov @ a.T + np.diag(Q.astype("f8") ** 2)
        innovation, s = row - c @ mean, c @ cov @ c.T + np.diag(R.astype("f8") ** 2)
        total -= 0.5 * (innovation @ np.linalg.solve(s, innovation) + np.linalg.slogdet(2 * np.pi * s)[1])
        gain = cov @ c.T @ np.linalg.inv(s)
        mean, cov = mean + gain @ innovation, cov - gain @ c @ cov
    return total


def state_space(resampling="half", copies=2000):
    """The model, many copies of one sequence, and its exact log p."""
    sizes = SIZES | {"steps": STEPS, "features": 3, "decoder_hidden": (5,)}
    model = StateSpace(VRNNConfig(**sizes, **LATENT, resampling=resampling))
    model.build()
    x = np.random.default_rng(4).normal(0, 1.3, (STEPS, 3)).astype(np.float32)
    batch = {"audio": tf.tile(x.reshape(1, -1), [copies, 1]), "length": tf.fill([copies], 3 * STEPS)}
    return model, batch, kalman(x)


def estimates(model, batch, count, seed=(1, 2)):
    size = batch["length"].shape[0]
    noise = model.particle_noise(size, seed, count)
    run = tf.function(lambda how, n: how(batch, n), autograph=False)
    return (run(how, noise).numpy().astype("f8") for how in (model.importance, model.fivo))


@pytest.mark.parametrize("resampling", ["half", "always"])
def test_bounds_rise_to_the_exact_likelihood_and_are_unbiased(resampling):
    model, batch, exact = state_space(resampling)
    last = {"importance": bound_of(model.loss_terms(batch, model.noise(2000, (1, 1)))).mean()}
    last["fivo"] = last["importance"]
    assert last["fivo"] < exact - 1
    for count in (4, 16, 64):
        for name, found in zip(last, estimates(model, batch, count), strict=True):
            assert last[name] < found.mean() < exact + 4 * found.std() / math.sqrt(2000)
            last[name] = found.mean()
            ratio = np.exp(found - exact)  # an estimate of the likelihood by the likelihood
            assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(2000)
    assert last["fivo"] == pytest.approx(exact, abs=0.2)  # the plain bound is 6.1 below


def test_with_one_particle_the_particle_bound_is_the_bound():
    model, batch, _ = state_space(copies=500)
    noise = model.particle_noise(500, (1, 2), 1)
    path = {"z": noise["particles"][:, 0]}
    log_w = model.log_weights(batch, path).numpy()
    np.testing.assert_allclose(model.fivo(batch, noise), log_w, rtol=1e-4, atol=1e-4)
    gap = log_w - bound_of(model.loss_terms(batch, path))
    assert abs(gap.mean()) < 4 * gap.std() / math.sqrt(500)


@pytest.mark.parametrize("resampling", ["half", "always"])
def test_the_particle_bound_and_its_gradient_are_those_of_a_plain_loop(resampling):
    """N = 3; the choice of who goes on is no function of the weights to the gradient."""
    model = golden(objective="fivo", particles=3, resampling=resampling)
    batch, noise, count = batch_of(), model.noise(2, (8, 9)), 3
    seen = model.seen(batch)
    maps = vrnn.called({**model.x_maps, "encoder_x": model.encoder_x, **model.prior_maps, **model.encoder_maps})
    maps |= vrnn.called({**model.z_net.maps, **model.decoder_maps, "gates": model.gates})

    def plain():
        resampled, totals = [], []
        for b in range(2):
            h = c = tf.zeros([count, 3])
            log_w, total = tf.fill([count], -math.log(count)), 0.0
            for t in range([4, 2][b]):
                x = tf.tile(seen.x[t, b][None], [count, 1])
                gates_x, encoder_x = model.ahead(x, maps)
                prior, q = model.prior(h, maps), model.posterior(encoder_x, h, maps)
                z = q[0] + q[1] * noise["particles"][b, :, t]
                told = model.tell(z, h, maps)
                log_p = model.likelihood.log_prob(model.parameters(told, maps), x)
                log_w += log_p + vrnn.log_normal(z, *prior) - vrnn.log_normal(z, *q)
                total += tf.reduce_logsumexp(log_w)
                log_w -= tf.reduce_logsumexp(log_w)
                h, c = model.advance(gates_x, told, (h, c), maps)
                w = np.exp(log_w.numpy().astype("f8"))
                resampled.append(bool(1 / np.sum(w**2) < count / 2))
                if resampling == "always" or resampled[-1]:
                    places = (float(noise["places"][b, t]) + np.arange(count)) / count
                    chosen = [int(np.searchsorted(np.cumsum(w / w.sum()), place, "right")) for place in places]
                    h, c, log_w = tf.gather(h, chosen), tf.gather(c, chosen), tf.fill([count], -math.log(count))
            totals.append(total)
        assert True in resampled and False in resampled
        return tf.stack(totals)

    variables = [v.value for v in model.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        expected, found = plain(), model.fivo(batch, noise)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for one, other in zip(tape.gradient(expected, variables), tape.gradient(found, variables), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_sizes_that_build(preset):
    config = PRESETS[preset].model
    assert config.steps > 1 and (config.features == 3 or config.output != "strokes")


@pytest.mark.parametrize("kind", ["rnn", "bound", "fivo"])
def test_windows_that_carry_the_state_are_the_whole(kind):
    """4 steps of 2 samples in windows of 2 steps: the terms add up, however the rows' lengths end in them."""
    model = baseline() if kind == "rnn" else golden(objective=kind, particles=3)
    batch, noise = batch_of(), model.noise(2, (8, 9))
    whole = model.training_terms(batch, noise, 0)
    states, found = model.begin(2), {name: np.zeros(2) for name in whole}
    for start in (0, 2):
        length = np.clip(batch["length"] - 2 * start, 0, 4)
        window = {"audio": batch["audio"][:, 2 * start : 2 * start + 4], "length": length}
        part = {"z": noise["z"][:, start : start + 2]} if noise else {}
        if kind == "fivo":
            part["particles"] = noise["particles"][:, :, start : start + 2]
            part["places"] = noise["places"][:, start : start + 2]
        terms, states = model.carried_terms(window, part, states)
        for name, value in terms.items():
            found[name] += value
    for name, value in whole.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)


def test_paths_weighed_at_their_end_are_not_cut_into_windows():
    with pytest.raises(ValueError, match=r"model.window: got 2, expected 0"):
        VRNNConfig(objective="importance", window=2)
