import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.signal import Normalised, frames, mu_law, mu_law_decode, mu_law_encode, unframed

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "signal.json").read_text())["wavenet_mu_law"]
RUNS = pytest.mark.parametrize("run", [lambda f: f, lambda f: tf.function(f, autograph=False)], ids=["eager", "graph"])


@pytest.mark.parametrize(("length", "count"), [(12, 3), (13, 4), (1, 1), (15, 4)])
@RUNS
def test_frames_hold_consecutive_samples_and_come_apart_again(run, length, count):
    audio = np.float32(np.arange(1, 2 * length + 1).reshape(2, length))
    framed = run(lambda x: frames(x, 4))(audio)
    want = np.zeros((2, count, 4), np.float32)
    for b in range(2):
        for i in range(length):
            want[b, i // 4, i % 4] = audio[b, i]
    np.testing.assert_array_equal(framed, want)
    np.testing.assert_array_equal(run(unframed)(framed)[:, :length], audio)


def test_the_shapes_of_frames_are_as_static_as_they_can_be():
    framed = tf.function(lambda x: frames(x, 4), autograph=False)
    for length, count in ((9, 3), (None, None)):
        graph = framed.get_concrete_function(tf.TensorSpec([2, length]))
        assert graph.output_shapes.as_list() == [2, count, 4]
        graph = tf.function(unframed, autograph=False).get_concrete_function(tf.TensorSpec([None, count, 4]))
        assert graph.output_shapes.as_list() == [None, count and 4 * count]


def test_normalised_takes_mean_and_deviation_of_what_is_no_padding():
    stored = np.int16([[100, 300, 9999], [-50, 9999, 9999]])
    layer = Normalised()
    layer.build()
    layer.learn(stored, [2, 1], 1000)
    x = np.array([0.1, 0.3, -0.05])
    np.testing.assert_allclose([layer.mean, layer.deviation], [x.mean(), x.std()], rtol=1e-6)
    y = layer(np.float32(x))
    np.testing.assert_allclose([np.mean(y), np.std(y)], [0, 1], atol=1e-6)
    np.testing.assert_allclose(layer.inverse(y), x, atol=1e-7)
    assert not layer.trainable_variables and len(layer.variables) == 2


def test_normalised_without_a_centre_leaves_zero_where_it_is():
    layer = Normalised(centred=False)
    layer.build()
    layer.learn(np.float32([[[3, 4]], [[0, 2]]]))
    np.testing.assert_allclose(layer(np.float32([0, 5])), [0, 5 / np.sqrt((9 + 16 + 0 + 4) / 4)], rtol=1e-6)


def test_what_never_changes_cannot_be_normalised():
    layer = Normalised()
    layer.build()
    with pytest.raises(ValueError, match=r"got 6 values that are all 0\.5, expected ones that differ"):
        layer.learn(np.full((2, 3), 5), scaled=10)


@pytest.mark.parametrize("classes", [256, 64])
@RUNS
def test_mu_law_has_the_golden_numbers(run, classes):
    want = GOLDEN["expected"][f"mu_{classes - 1}"]
    x, edge = np.float32(want["x"]), np.float64(want["edge_x"])
    encode, decode = (run(lambda v, f=f: f(v, classes)) for f in (mu_law_encode, mu_law_decode))
    np.testing.assert_allclose(run(lambda v: mu_law(v, classes))(x), want["f"], rtol=1e-5)
    np.testing.assert_array_equal(encode(x), want["q"])
    np.testing.assert_allclose(decode(np.int32(want["q"])), want["decoded"], rtol=1e-5)
    np.testing.assert_allclose(decode(np.arange(8)), want["decode_first_8"], rtol=1e-5)
    np.testing.assert_allclose(decode(classes // 2 + np.arange(-1, 1)), want["decode_middle"], rtol=1e-5)
    np.testing.assert_array_equal(encode(np.float32(edge + 1e-6)), want["edge_q"])
    np.testing.assert_array_equal(encode(np.float32(edge - 1e-6)), np.array(want["edge_q"]) - 1)


@pytest.mark.parametrize("classes", [256, 64, 2])
def test_every_class_of_mu_law_comes_back(classes):
    index = np.arange(classes)
    np.testing.assert_array_equal(mu_law_encode(mu_law_decode(index, classes), classes), index)


def test_a_sample_is_off_by_no_more_than_half_a_class():
    x = np.linspace(-1, 1, 20001, dtype=np.float32)
    for classes in (256, 64):
        error = np.abs(mu_law_decode(mu_law_encode(x, classes), classes) - x).max()
        np.testing.assert_allclose(error, GOLDEN["expected"][f"mu_{classes - 1}"]["max_round_trip_error"], rtol=1e-2)


@pytest.mark.parametrize("trap", ["floor", "times_256", "linear"])
def test_mu_law_is_in_none_of_the_traps(trap):
    x, wrong = np.float32(GOLDEN["expected"]["mu_255"]["x"]), GOLDEN["traps"][trap]["wrong"]
    assert (mu_law_encode(x).numpy() != wrong).any()


def test_mu_is_one_less_than_the_classes():
    q, wrong = GOLDEN["expected"]["mu_255"]["q"], GOLDEN["traps"]["mu_256"]["wrong"]
    assert np.abs(mu_law_decode(q) - wrong).max() > 1e-3
