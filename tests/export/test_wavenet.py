import numpy as np
import pytest
import tensorflow as tf

from export.wavenet import signatures
from zoo import wavenet
from zoo.configs.wavenet import ContextWaveNetConfig, WaveNetConfig

SIZES = {"length": 40, "rate": 400, "levels": 8, "residual": 4, "gate": 3, "skip": 5, "dilations": (1, 2, 4)}
CONDITIONS = {"by_label": True, "labels": 3, "by_notes": True, "notes": 4, "hop": 5}


def randomised(config):
    model, numbers = wavenet.build(config), np.random.default_rng(0)
    for v in model.trainable_variables:
        v.assign(numbers.normal(0, 0.7, v.shape).astype(np.float32))
    return model


@pytest.mark.parametrize(
    "how", [{}, {"notes_of_label": True}, {"output": "logistics", "levels": 512, "upsampling": "repeated"}]
)
def test_a_phone_makes_sample_by_sample_what_a_server_makes_at_once(how):
    """Each row of a batch at a time of its own: the second one begins three calls later."""
    model = randomised(WaveNetConfig(**SIZES | CONDITIONS | how))
    numbers = np.random.default_rng(1)
    told = {"label": np.int32([2, -1]), "notes": numbers.integers(0, 4, (2, 8)).astype(np.int32)}
    uniforms = model.uniforms(2, 20, (0, 1)).numpy()
    offered = signatures(model, 1)
    expected = offered.server["generate"].body(noise=tf.constant(uniforms), **told)["audio"].numpy()
    step = offered.phone["step"]
    assert set(step.inputs) == {"uniforms", "time", "rows", "last", "label", "notes"}

    def start():
        empty = model.samples.before
        return {
            "time": np.zeros(2, np.int32),
            "rows": np.zeros((2, *step.inputs["rows"].shape), np.float32),
            "last": np.full((2, 2), empty, step.inputs["last"].dtype),
        }

    state, found = start(), [[], []]
    call = tf.function(step.body)
    for i in range(23):
        if i == 3:
            fresh = start()
            state = {name: np.stack([x[0], fresh[name][1]]) for name, x in state.items()}
        late = np.minimum(np.array([i, i - 3]), 19)
        said = call(uniforms=uniforms[[0, 1], np.maximum(late, 0)], **state, **told)
        state = {name: said[name].numpy() for name in state}
        for b in range(2):
            if 0 <= [i, i - 3][b] < 20:
                found[b].append(float(said["audio"][b]))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_phone_tells_a_context_stack_of_each_frame():
    model = randomised(ContextWaveNetConfig(**SIZES | CONDITIONS, context_hop=4, context_dilations=(1, 2)))
    numbers = np.random.default_rng(1)
    label, notes = np.int32([2, -1]), numbers.integers(0, 4, (2, 8)).astype(np.int32)
    uniforms = model.uniforms(2, 20, (0, 1)).numpy()
    expected = model.generate(uniforms, {"label": label, "notes": notes}).numpy()
    phone = signatures(model, 1).phone
    for voice in range(2):
        now = {name: np.zeros((1, *phone["step"].inputs[name].shape), np.float32) for name in ("rows", "told")}
        now |= {"time": np.int32([0]), "last": np.full((1, 2), model.samples.before, np.int32)}
        of_frame = {name: np.zeros((1, *one.shape), one.dtype) for name, one in phone["frame"].inputs.items()}
        who, found = label[[voice]], []
        for i in range(20):
            if i % 4 == 0:
                frame = np.float32(found[-4:] or [0] * 4)[None]
                said = phone["frame"].body(**of_frame | {"frame": frame, "label": who})
                now["told"] = np.asarray(said.pop("told"))
                of_frame |= {name: np.asarray(x) for name, x in said.items()}
            drawn = uniforms[[voice], i]
            said = phone["step"].body(uniforms=drawn, **now, label=who, notes=notes[[voice]])
            found.append(float(said.pop("audio")[0]))
            now |= {name: np.asarray(x) for name, x in said.items()}
        np.testing.assert_allclose(found, expected[voice], atol=1e-6)


def test_a_server_goes_on_with_a_clip_and_weighs_it():
    model = randomised(ContextWaveNetConfig(**SIZES, context_hop=4, context_dilations=(1, 2)))
    offered = signatures(model, 1)
    made = {"generate", "continue", "log_likelihood"}
    assert set(offered.server) == made | {f"{name}_wav" for name in made}
    uniforms = model.uniforms(2, 40, (0, 1))
    drawn = model.generate(uniforms).numpy()
    audio, length = drawn[:, :20] * (np.arange(20) < [[7], [20]]), np.int32([7, 20])
    found = offered.server["continue"].body(noise=uniforms, audio=np.float32(audio), length=length)["audio"]
    np.testing.assert_array_equal(found, drawn)
    batch = {"audio": drawn, "length": np.int32([40, 11])}
    nats = model.loss_terms(batch, {})["negative_log_likelihood"]
    np.testing.assert_array_equal(offered.server["log_likelihood"].body(**batch)["log_likelihood"], -nats)
