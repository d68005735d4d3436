import numpy as np
import pytest
import tensorflow as tf

from export.declare import reference
from export.declare.signature import (
    Input,
    Signature,
    noise_of_rows,
    phone_function,
    phone_inputs,
    server_function,
    server_inputs,
)

SEEDS = np.int32([[1, 2], [3, 4], [1, 2]])


def test_a_row_of_noise_is_the_models_own_for_its_seed(toy):
    noise = noise_of_rows(toy, SEEDS, 1)
    np.testing.assert_array_equal(noise[1], toy.noise(1, [3, 4])[0])
    four = noise_of_rows(toy, SEEDS, 4)
    assert four.shape == (3, 4, 5, 3)
    np.testing.assert_array_equal(four[1], toy.noise(4, [3, 4]))


def test_an_answer_depends_on_its_own_row_alone(toy, toy_signatures):
    x = np.random.default_rng(0).uniform(size=(3, 5, 2)).astype(np.float32)
    for name in ("one", "four"):
        call = server_function(toy_signatures[name], toy)
        whole = call(x=tf.constant(x), seed=tf.constant(SEEDS))["y"]
        for k in range(3):
            alone = call(x=tf.constant(x[k : k + 1]), seed=tf.constant(SEEDS[k : k + 1]))["y"]
            np.testing.assert_allclose(whole[k], alone[0], rtol=1e-6)


def test_two_noises_give_two_outputs(toy, toy_signatures):
    call = phone_function(toy_signatures["one"], toy, None)
    x = tf.fill([1, 5, 2], 0.5)
    first, second = (call(x=x, noise=toy.noise(1, [0, k]))["y"] for k in (1, 2))
    assert np.abs(first - second).max() > 0.1


def test_noise_of_several_parts_becomes_several_inputs():
    class Model:
        variables = ()

        def noise(self, batch_size, seed):
            return {"z": tf.random.stateless_normal([batch_size, 2], seed), "u": tf.zeros([batch_size, 3])}

    signature = Signature(lambda noise: {"y": noise["z"][:, 0] + noise["u"][:, 0]}, {}, "", draws=1)
    assert {k: v.shape for k, v in phone_inputs(signature, Model()).items()} == {"noise_z": (2,), "noise_u": (3,)}
    inputs = {"noise_z": np.float32([[1, 2]]), "noise_u": np.float32([[10, 20, 30]])}
    call = phone_function(signature, Model(), None)
    assert call(**{k: tf.constant(v) for k, v in inputs.items()})["y"].numpy() == 11
    assert reference.Keras(Model(), {"s": signature}, phone=True).answers("s", inputs)["y"] == 11


def test_specifications_name_every_input(toy_signatures):
    assert list(server_inputs(toy_signatures["one"])) == ["x", "seed"]
    assert list(server_inputs(toy_signatures["none"])) == ["x"]
    assert Input((5, 2), "", interval=(0, 1)).expected() == "float32 [batch, 5, 2] in [0, 1]"


@pytest.mark.parametrize(
    ("index", "value", "message"),
    [
        ((1, 2, 0), np.nan, "got value [nan]"),
        ((2, 4, 1), 1.5, "got value [1.5]"),
        ((0, 0, 0), -0.1, "got value [-0.1]"),
    ],
)
def test_a_value_outside_is_refused_by_name(toy, toy_signatures, index, value, message):
    x = np.full((3, 5, 2), 0.5, np.float32)
    x[index] = value
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        server_function(toy_signatures["none"], toy)(x=tf.constant(x))
    assert f"x: {message}" in str(caught.value)
    assert "expected float32 [batch, 5, 2] in [0, 1]" in str(caught.value)


def test_one_seed_for_three_examples_is_refused(toy, toy_signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="seed: got a batch of 1, expected 3 as in x"):
        server_function(toy_signatures["one"], toy)(x=tf.fill([3, 5, 2], 0.5), seed=tf.constant(SEEDS[:1]))
