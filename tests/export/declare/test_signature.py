import numpy as np
import pytest
import tensorflow as tf

from export.declare import reference
from export.declare.signature import (
    Input,
    Signature,
    Text,
    noise_of_rows,
    phone_function,
    phone_inputs,
    server_function,
    server_inputs,
)
from export.prove import proof

SEEDS = np.int32([[1, 2], [3, 4], [1, 2]])


def test_a_row_of_noise_is_the_models_own_for_its_seed(toy):
    noise = noise_of_rows(toy.noise, SEEDS, 1)
    np.testing.assert_array_equal(noise[1], toy.noise(1, [3, 4])[0])
    four = noise_of_rows(toy.noise, SEEDS, 4)
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


def test_noise_may_be_nested_and_each_part_says_its_distribution():
    class Model:
        variables = ()

        def noise(self, batch_size, seed):
            normal = tf.random.stateless_normal([batch_size, 2], seed)
            return {"z": [normal, normal + 1], "coin": tf.ones([batch_size])}

    def body(noise):  # each [B, 4, ...]
        first, second = noise["z"]
        return {"y": tf.reduce_sum(first + 10 * second, [1, 2]) + 100 * tf.reduce_sum(noise["coin"], 1)}

    signature = Signature(body, {}, "", draws=4, noise={"noise_coin": "a coin, 0 or 1"})
    inputs = phone_inputs(signature, Model())
    assert {k: v.shape for k, v in inputs.items()} == {"noise_z_0": (4, 2), "noise_z_1": (4, 2), "noise_coin": (4,)}
    assert inputs["noise_coin"].says.startswith("a coin, 0 or 1")
    assert inputs["noise_z_0"].says.startswith("independent standard normal")
    given = {"noise_z_0": np.ones((3, 4, 2)), "noise_z_1": np.full((3, 4, 2), 2), "noise_coin": np.full((3, 4), 3)}
    call = phone_function(signature, Model(), 3)
    answer = call(**{k: tf.constant(v, tf.float32) for k, v in given.items()})
    np.testing.assert_array_equal(answer["y"], [8 + 10 * 16 + 100 * 12] * 3)
    drawn = reference.examples(inputs, 5)
    assert (drawn["noise_coin"] == 1).all() and drawn["noise_z_1"].shape == (5, 4, 2)
    np.testing.assert_allclose(drawn["noise_z_1"].std(), 1, atol=0.5)


COUNTS = {"n": Input((2,), "counts", "int32", interval=(-1, 12_345_678))}
ADDS = Signature(lambda n: {"sum": tf.reduce_sum(n, 1)}, COUNTS, "")


@pytest.mark.parametrize("bad", [-2, 12_345_679])
def test_an_integer_outside_its_range_is_refused_by_name(bad):
    call = server_function(ADDS, None)
    assert call(n=tf.constant([[-1, 12_345_678]]))["sum"].numpy() == 12_345_677
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"n: got value \[" + str(bad) + r"\], expected int32"
    ) as caught:
        call(n=tf.constant([[0, 3], [bad, 0]]))
    assert "[batch, 2] in [-1, 12345678]" in str(caught.value)


def test_the_proof_asks_integers_that_are_one_too_far():
    good = reference.examples(COUNTS, 3)
    wrong = {r.what: r.inputs["n"] for r in proof.bad_requests("adds", COUNTS, good)}
    assert wrong["n: too small"].min() == -2 and wrong["n: too large"].max() == 12_345_679
    assert {value.dtype for value in wrong.values()} == {np.dtype(np.int32)}


def test_several_inputs_may_be_text_and_each_of_several_strings():
    def text(shape):
        def example(n, numbers):
            return np.full((n, *shape), b"word", object)

        def read(strings, refuse_unless):
            length = tf.strings.length(strings)
            with tf.control_dependencies([refuse_unless(tf.reduce_all(length > 0), "length", length)]):
                return tf.cast(tf.identity(length), tf.float32), {"bytes": length}

        return Input(shape, "", text=Text("a word", "", example, read, {"none": b""}, shape=shape))

    inputs = {"one": text(()), "three": text((3,))}
    signature = Signature(lambda one, three: {"sum": one + tf.reduce_sum(three, 1)}, inputs, "")
    assert {k: v.expected() for k, v in server_inputs(signature).items()} == {
        "one": "string [batch], each a word",
        "three": "string [batch, 3], each a word",
    }
    call = server_function(signature, None)
    said = call(one=tf.constant(["a", "bb"]), three=tf.constant([["a", "b", "c"], ["aa", "b", "c"]]))
    np.testing.assert_array_equal(said["sum"], [4, 6])
    np.testing.assert_array_equal(said["three_bytes"], [[1, 1, 1], [2, 1, 1]])
    np.testing.assert_array_equal(said["one_bytes"], [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="three: got length"):
        call(one=tf.constant(["a"]), three=tf.constant([["a", "", "c"]]))
    good = reference.examples(server_inputs(signature), 3)
    for request in proof.bad_requests("sum", server_inputs(signature), good):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{request.names}: got"):
            call(**{k: tf.constant(v) for k, v in request.inputs.items()})


def test_a_signature_may_draw_noise_of_its_own(toy):
    def source(n, seed):
        return tf.random.stateless_uniform([n, 4], seed)

    signature = Signature(lambda noise: {"y": noise}, {}, "", draws=1, source=source)
    assert {name: spec.shape for name, spec in phone_inputs(signature, toy).items()} == {"noise": (4,)}
    found = server_function(signature, toy)(seed=tf.constant(SEEDS))["y"]
    np.testing.assert_array_equal(found[1], source(1, [3, 4])[0])
    np.testing.assert_array_equal(phone_function(signature, toy, None)(noise=found)["y"], found)
