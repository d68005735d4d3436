import dataclasses
import json
import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf

from zoo import wavenet
from zoo.configs.wavenet import PRESETS, ContextWaveNetConfig, WaveNetClassifierConfig, WaveNetConfig
from zoo.nn import gated
from zoo.nn.signal import mu_law_decode

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "wavenet.json").read_text())
STACK, CONDITIONS, FAST = (GOLDEN[f"wavenet_{part}"] for part in ("stack", "conditioning", "fast_generation"))
Q = np.int32(STACK["inputs"]["q"])
SIZES = {"length": 20, "levels": 8, "residual": 4, "gate": 3, "skip": 5, "dilations": (1, 2, 4, 1)}
SMALL = {
    "classes": WaveNetConfig(**SIZES),
    "conditions": WaveNetConfig(
        **SIZES, by_label=True, labels=3, by_speaker=True, speakers=2, by_notes=True, notes=4, hop=5, note_channels=2
    ),
    "notes of a label": WaveNetConfig(
        **SIZES, by_label=True, labels=3, by_notes=True, notes=4, notes_of_label=True, hop=5, note_channels=2
    ),
    "repeated": WaveNetConfig(**SIZES, by_notes=True, notes=4, hop=5, upsampling="repeated"),
    "logistics": WaveNetConfig(**SIZES | {"levels": 512}, output="logistics", mixtures=3, by_label=True, labels=3),
    "context": ContextWaveNetConfig(
        **SIZES,
        by_label=True,
        labels=3,
        by_notes=True,
        notes=4,
        hop=5,
        note_channels=2,
        context_hop=4,
        context_dilations=(1, 2),
    ),
    "classifier": WaveNetClassifierConfig(**SIZES, labels=3, frame=4, convolution=6),
}


def randomised(config, seed=0):
    """A model with weights that are all different."""
    model, numbers = wavenet.build(config), np.random.default_rng(seed)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.5, v.shape).astype(np.float32))
    return model


@pytest.fixture(scope="module", params=SMALL)
def model(request):
    return randomised(SMALL[request.param])


def batch_of(model, size=3):
    numbers = np.random.default_rng(1)
    return {name: tf.constant(field.random(size, numbers)) for name, field in model.fields.items()}


def golden_model(**conditions):
    """The model of the golden numbers; what they call a condition's values are rows of its weights here."""
    w = {name: np.float32(value) for name, value in STACK["weights"].items()}
    sizes = {"levels": 5, "residual": 3, "gate": 2, "skip": 4, "dilations": (1, 2, 1), "length": 14}
    model = wavenet.build(WaveNetConfig(**sizes, **conditions))
    model.enter.kernel.assign(np.concatenate(w["K0"]))
    model.enter.bias.assign(w["b0"])
    layers = range(3)
    local = ["Uf", "Ug"] if model.config.by_notes else []
    taps = [
        np.concatenate([np.concatenate(w[f"K{part}{i}"]) for part in "fg"][k : k + 1]) for i in layers for k in (0, 1)
    ]
    both = [np.concatenate(taps[2 * i : 2 * i + 2], 1) for i in layers]
    if local:
        both = [np.concatenate([both[i], np.concatenate([w[f"{name}{i}"] for name in local], 1)]) for i in layers]
    model.stack.filters.assign(np.stack(both))
    model.stack.filter_biases.assign(np.stack([np.concatenate([w[f"bf{i}"], w[f"bg{i}"]]) for i in layers]))
    model.stack.residuals.assign(np.stack([w[f"Wr{i}"] for i in layers]))
    model.stack.residual_biases.assign(np.stack([w[f"br{i}"] for i in layers]))
    model.stack.skips.assign(np.concatenate([w[f"Ws{i}"] for i in layers]))
    model.stack.skip_bias.assign(sum(w[f"bs{i}"] for i in layers))
    if model.config.by_label:  # g is what each of two classes is
        g = np.float32(CONDITIONS["inputs"]["g"])
        of_g = [g @ np.concatenate([w[f"Vf{i}"], w[f"Vg{i}"]], 1) for i in layers]
        model.stack.conditions.assign(np.concatenate(of_g, 1))
    for layer, i in ((model.hidden, 1), (model.out, 2)):
        layer.kernel.assign(w[f"W{i}"])
        layer.bias.assign(w[f"b{i}"])
    return model


def golden_batch(**more):
    """Sounds whose classes are Q."""
    return {"audio": mu_law_decode(Q, 5), "length": np.int32([9, 9]), **more}


def nll(model, batch):
    return model.loss_terms(batch, {})["negative_log_likelihood"].numpy()


def differs(found, traps):
    for name, trap in traps.items():
        assert np.abs(found - np.float64(trap["wrong"])).max() > 1e-3, name


def test_stack_is_the_papers():
    model, expected = golden_model(), STACK["expected"]
    batch = golden_batch()
    nats, skips = model.nats(batch)
    np.testing.assert_allclose(skips, expected["skip"], atol=1e-5)
    np.testing.assert_allclose(model.numbers(skips), expected["logits"], atol=1e-5)
    np.testing.assert_allclose(nats, expected["nll"], atol=1e-5)
    found = nll(model, batch)
    np.testing.assert_allclose(found, expected["nll_per_sequence"], atol=1e-4, rtol=1e-5)
    differs(found, {name: trap for name, trap in STACK["traps"].items() if name != "bits"})
    measure = model.measures["bits_per_sample"]
    bits = measure.scale * found.sum() / model.counts(batch)[measure.per].numpy().sum()
    assert bits == pytest.approx(expected["bits_per_sample"], abs=1e-5)
    assert bits != pytest.approx(STACK["traps"]["bits"]["wrong"], abs=0.1)


def test_gradients_are_the_papers():
    model, expected = golden_model(), STACK["expected"]["loss_gradient"]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.loss_terms(golden_batch(), {})["negative_log_likelihood"]) / 18
    watched = [model.enter.kernel, model.stack.filters, model.stack.residuals, model.hidden.bias]
    enter, filters, residuals, bias = tape.gradient(loss, [v.value for v in watched])
    np.testing.assert_allclose(np.reshape(enter, [2, 5, 3]), expected["K0"], atol=1e-5)
    np.testing.assert_allclose(filters[1, :, :2], np.concatenate(expected["Kf1"]), atol=1e-5)
    np.testing.assert_allclose(filters[0, :, 2:], np.concatenate(expected["Kg0"]), atol=1e-5)
    np.testing.assert_allclose(residuals[0], expected["Wr0"], atol=1e-5)
    np.testing.assert_allclose(bias, expected["b1"], atol=1e-5)
    assert not np.any(residuals[2])


def test_a_class_conditions_filter_and_gate():
    model, expected = golden_model(by_label=True, labels=2), CONDITIONS["expected"]
    batch = golden_batch(label=np.int32([0, 1]))
    np.testing.assert_allclose(model.numbers(model.nats(batch)[1]), expected["global_logits"], atol=1e-5)
    found = nll(model, batch)
    np.testing.assert_allclose(found, expected["global_nll"], rtol=1e-5)
    differs(found, {"filter_only": CONDITIONS["traps"]["filter_only"]})
    unknown = nll(model, golden_batch(label=np.int32([-1, -1])))
    np.testing.assert_allclose(unknown, STACK["expected"]["nll_per_sequence"], rtol=1e-5)


class Series:
    """A series that is given as it is, in the place of notes."""

    def __init__(self, upsample):
        self.upsample = upsample

    def __call__(self, notes):
        return self.upsample(np.float32(CONDITIONS["inputs"]["l"]))


def test_a_slower_series_conditions_its_samples():
    expected, traps = CONDITIONS["expected"], CONDITIONS["traps"]
    notes = {"by_notes": True, "notes": 3, "hop": 3, "note_channels": 2}
    model = golden_model(**notes)
    kernel = np.float32(CONDITIONS["inputs"]["Kt"])  # [tap, in, out]
    upsampled = gated.Upsampled(3, 2)
    upsampled.build((None, None, 2))
    upsampled.map.kernel.assign(kernel.transpose(1, 0, 2).reshape(2, 6))
    batch = golden_batch(notes=np.zeros([2, 3], np.int32), label=np.int32([0, 1]))
    np.testing.assert_allclose(Series(upsampled)(None), expected["local_transposed_y"], atol=1e-6)
    model.notes = Series(upsampled)
    np.testing.assert_allclose(nll(model, batch), expected["local_transposed_nll"], rtol=1e-5)
    model.notes = Series(lambda series: tf.repeat(series, 3, 1))
    found = nll(model, batch)
    np.testing.assert_allclose(found, expected["local_repeat_nll"], rtol=1e-5)
    np.testing.assert_allclose(model.numbers(model.nats(batch)[1]), expected["local_repeat_logits"], atol=1e-5)
    differs(found, {name: traps[name] for name in ("shifted_condition", "tiled")})
    both = golden_model(**notes, by_label=True, labels=2)
    both.notes = model.notes
    np.testing.assert_allclose(nll(both, batch), expected["both_nll"], rtol=1e-5)


def test_notes_may_be_others_in_each_class():
    model = randomised(SMALL["notes of a label"])
    plain = randomised(dataclasses.replace(model.config, notes_of_label=False))
    for mine, theirs in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        if mine is model.notes.map.kernel:
            mine.assign(np.tile(theirs.numpy(), (3, 1)))  # alike in all classes
        else:
            mine.assign(theirs)
    batch = batch_of(model) | {"length": np.int32([20, 20, 20]), "label": np.int32([0, 1, 2])}
    np.testing.assert_allclose(nll(model, batch), nll(plain, batch), rtol=1e-6)
    row = np.zeros((12, 1), np.float32)
    row[4 * 1 + 2] = 1  # the second note of the class in the middle
    model.notes.map.kernel.assign_add(np.broadcast_to(row, model.notes.map.kernel.shape))
    batch["notes"] = np.int32([[2, 2, 2, 2], [1, 3, 2, 0], [2, 2, 2, 2]])
    changed = model.nats(batch)[0].numpy() != plain.nats(batch)[0].numpy()
    assert not changed[[0, 2]].any() and not changed[1, :10].any() and changed[1, 10:15].all()
    unknown = batch | {"label": np.int32([-1, -1, -1])}
    others = unknown | {"notes": np.zeros([3, 4], np.int32)}
    expected = nll(model, unknown)
    np.testing.assert_array_equal(nll(model, others), expected)
    model.notes.map.kernel.assign_add(tf.ones_like(model.notes.map.kernel))
    np.testing.assert_array_equal(nll(model, unknown), expected)  # no row is looked up
    with pytest.raises(ValueError, match=r"^model\.notes_of_label: got True, expected false where by_label"):
        WaveNetConfig(**SIZES, notes_of_label=True)


def test_fast_generation_makes_the_papers_samples():
    model, expected = golden_model(by_label=True, labels=2), FAST["expected"]
    uniforms = np.float32(FAST["inputs"]["uniforms"])[..., None]
    batch = {"label": np.int32([0, 1])}
    audio = model.generate(uniforms, batch)
    samples = model.samples.encode(audio)
    np.testing.assert_array_equal(samples, expected["samples"])
    found = model.numbers(model.features(samples, batch))
    np.testing.assert_allclose(found, expected["logits"], atol=1e-5)
    played, added = model.begin(2), model.stack.added(model.globally(batch))
    for t in range(14):  # by steps
        numbers, past = model.step(played, added)
        np.testing.assert_allclose(numbers, np.float32(expected["logits"])[:, t], atol=1e-5)
        played = wavenet.Played(past, tf.stack([played.last[:, 1], samples[:, t]], 1))
    for trap in FAST["traps"].values():
        right = np.float64(trap["right"])
        t = int(np.abs(np.float64(expected["logits"]) - right[:, None]).max((0, 2)).argmin())
        assert np.abs(found[:, t] - np.float64(trap["wrong"])).max() > 1e-3


def test_quick_generation_is_the_slow_one(model):
    """Drawn in compiled loops, and from the whole network run again for every sample: equal to the last class."""
    uniforms = model.uniforms(3, 19, (3, 4))
    batch = {name: x for name, x in batch_of(model).items() if name in ("speaker", "notes") or name in model.classes}
    whole = tf.function(lambda audio: model.numbers(model.features(model.samples.encode(audio), batch)))
    slow = np.zeros([3, 20], np.float32)
    for t in range(19):
        numbers = whole(tf.constant(slow))[:, t]
        slow[:, t] = model.samples.decode(model.samples.draw(numbers, uniforms[:, t], 0.8))
    model.piece = model.config.context_hop if isinstance(model, wavenet.ContextWaveNet) else 7
    quick = model.generate(uniforms, batch, temperature=0.8)
    np.testing.assert_allclose(quick, slow[:, :19], atol=1e-6)
    assert len(np.unique(quick)) > 3


def test_queues_are_faster_than_the_whole_network_for_every_sample():
    """Spoken digits' model. Naive: of every sample all that its layers see, two thousand samples."""
    model = wavenet.build(PRESETS["spoken-digits"].model)
    size, sees = model.piece, gated.field(model.config.dilations)
    whole = tf.function(lambda x: model.numbers(model.features(model.samples.encode(x), model.unknown(1))[:, -1:]))
    found = {}
    for voices in (1, 16):
        uniforms = model.uniforms(voices, size, (0, 1))
        found[voices] = voices * size / seconds(lambda u=uniforms: model.generate(u))
    naive = 1 / seconds(lambda: whole(tf.zeros([1, sees])))
    print(f"samples a second: {found[1]:,.0f} of one voice, {found[16]:,.0f} of 16, {naive:,.0f} of one, naive")
    assert found[1] > 20 * naive and found[16] > 2 * found[1]


def seconds(function):
    """The median of five calls, after one that compiles."""
    function()
    found = []
    for _ in range(5):
        began = time.perf_counter()
        function().numpy()
        found.append(time.perf_counter() - began)
    return np.median(found)


def test_a_clip_is_continued(model):
    """What is given stays, and what follows is what would have followed had it been drawn."""
    model.piece = model.config.context_hop if isinstance(model, wavenet.ContextWaveNet) else 7
    uniforms = model.uniforms(2, 16, (3, 4))
    drawn = model.generate(uniforms).numpy()
    given = np.where(np.arange(16) < [[5], [9]], drawn, np.nan).astype(np.float32)
    others = np.where(np.isnan(given)[..., None], uniforms, 0.5).astype(np.float32)
    np.testing.assert_array_equal(model.generate(others, given=given), drawn)


def test_a_sample_sees_those_before_it_alone(model):
    audio = np.random.default_rng(3).uniform(0.1, 1, (3, 20)).astype(np.float32)
    batch = batch_of(model) | {"length": np.int32([20, 20, 20]), "audio": audio}
    nats = model.nats(batch)[0].numpy()
    for t in range(20):
        other = np.where(np.arange(20) == t, -audio, audio)
        changed = np.abs(model.nats(batch | {"audio": other})[0].numpy() - nats).max(0) > 0
        assert not changed[:t].any() and changed[t]
        if isinstance(model, wavenet.ContextWaveNet):
            assert changed[t + 1 :].any() or t == 19
        else:  # 1 + 8 before
            assert changed[t + 1 : t + 11].all() and not changed[t + 11 :].any()


def test_padding_changes_no_number_to_the_last_bit(model):
    batch = batch_of(model) | {"length": np.int32([3, 12, 10])}
    real = np.arange(20) < batch["length"][:, None]
    batch["audio"] = np.where(real, batch["audio"], 0)
    long = model.loss_terms(batch, {})
    short = model.loss_terms(batch | {"audio": batch["audio"][:, :12]}, {})
    noisy = model.loss_terms(batch | {"audio": np.where(real, batch["audio"], 0.7).astype(np.float32)}, {})
    for name in long:
        assert long[name].numpy().tobytes() == short[name].numpy().tobytes() == noisy[name].numpy().tobytes()


def test_probabilities_of_all_sounds_sum_to_one():
    model = randomised(dataclasses.replace(SMALL["classes"], levels=3, length=4))
    every = np.stack(np.meshgrid(*[range(3)] * 4, indexing="ij"), -1).reshape(-1, 4)
    batch = {"audio": mu_law_decode(np.int32(every), 3), "length": np.full(81, 4, np.int32)}
    assert np.exp(-np.float64(nll(model, batch))).sum() == pytest.approx(1, abs=1e-5)


def test_a_classifier_tells_nothing_of_sounds_without_a_label():
    model = randomised(SMALL["classifier"])
    batch = batch_of(model) | {"label": np.int32([1, -1, 0])}
    terms = model.loss_terms(batch, {})
    log_p = tf.nn.log_softmax(model.classify(batch["audio"], batch["length"])["logits"]).numpy()
    np.testing.assert_allclose(terms["cross_entropy"], [-log_p[0, 1], 0, -log_p[2, 0]], rtol=1e-5)
    wrong = [log_p[0].argmax() != 1, False, log_p[2].argmax() != 0]
    np.testing.assert_array_equal(terms["error"], np.float32(wrong))
    np.testing.assert_array_equal(model.counts(batch)["labels"], [1, 0, 1])


def test_a_classifier_averages_real_samples_of_frames():
    """A double loop over frames and their samples."""
    model = randomised(SMALL["classifier"])
    skips = np.random.default_rng(2).normal(size=(2, 10, 5)).astype(np.float32)
    length = [10, 6]
    found = []
    for b in range(2):
        h = np.zeros([3, 5])
        for frame in range(3):
            real = [t for t in range(4 * frame, 4 * frame + 4) if t < length[b]]
            if real:
                h[frame] = np.maximum(skips[b, real], 0).mean(0)
        h = h[: -(-length[b] // 4)]
        for layer in model.convolutions:
            kernel, padded = layer.kernel.numpy(), np.pad(h, ((1, 1), (0, 0)))
            h = np.stack([sum(padded[t + k] @ kernel[k] for k in range(3)) + layer.bias for t in range(len(h))])
            h = np.maximum(h, 0)
        found.append(h.mean(0) @ model.head.kernel.numpy() + model.head.bias)
    np.testing.assert_allclose(model.judged(skips, np.int32(length)), found, rtol=1e-4)


def test_fields_are_the_papers():
    fields = STACK["expected"]["fields"]
    assert gated.field(STACK["inputs"]["dilations"]) + 1 == STACK["expected"]["field"]
    assert gated.field(PRESETS["spoken-digits"].model.dilations) == 2047
    assert gated.field(tuple(2**i for i in range(10))) == fields[0]["stack_only"]
