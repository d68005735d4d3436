import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.recurrence import affine, lstm, lstm_gates, only_forward, scan

ways = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)


def plain_loop(step, state, inputs, maps, outputs):
    """What scan computes, as one would write it: the oracle. maps: {name: function}."""
    ys = [[] for _ in outputs]
    for t in range(tf.nest.flatten(inputs)[0].shape[0]):
        state, y = step(state, tf.nest.map_structure(lambda x, t=t: x[t], inputs), maps)
        for kept, value in zip(ys, y, strict=True):
            kept.append(value)
    return state, [tf.stack(y) for y in ys]


class Case:
    """A step with two maps of unequal sizes, five states of unequal shapes and two inputs, all used differently.

    An LSTM drives an image that fades in, a delay line hands an old state through untouched, and one state only counts:
    whoever mixes up states, inputs, products or time steps gets another gradient.
    """

    outputs = ((None, 2), (None, 3, 4))

    def __init__(self, length, batch, units=5, policy="float32"):
        self.units = units
        rng = np.random.default_rng(length)
        self.maps = {  # in another order than that of the alphabet, in which TensorFlow flattens them
            "out": keras.layers.Dense(12, dtype=policy),
            "gates": keras.layers.Dense(4 * units, dtype=policy),
        }
        for name, rows in (("gates", 2 + units + 12), ("out", units)):
            self.maps[name].build((None, rows))
            for v in self.maps[name].variables:
                v.assign(rng.normal(size=v.shape) / 2)

        def draw(*shape):
            return tf.constant(rng.normal(size=shape), tf.float32)

        self.state = {
            "lstm": (draw(batch, units), draw(batch, units)),
            "image": draw(batch, 3, 4),
            "late": [draw(batch, units), draw(batch, 1)],
        }
        self.inputs = {"x": draw(length, batch, 2), "fade": draw(length, 1)}
        self.weights = [v.value for m in self.maps.values() for v in (m.kernel, m.bias)]
        self.targets = [draw(*s) for s in ((batch, units), (length, batch, 2), (length, batch, 3, 4))]

    def step(self, state, at, maps):
        (h, cell), image, (old, count) = state["lstm"], state["image"], state["late"]
        seen = tf.concat([at["x"], h, tf.reshape(tf.tanh(image), [-1, 12])], -1)
        new_h, cell = lstm(maps["gates"](seen), cell)
        ink = tf.reshape(maps["out"](new_h + old), [-1, 3, 4])
        image = image * tf.sigmoid(at["fade"]) + ink * h[:, :1, None]
        state = {"lstm": (new_h, cell), "image": image, "late": [h, count + 1]}
        return state, [new_h[:, :2] * old[:, 1:3], tf.sin(image)]

    def loss(self, state, ys, use):
        total = 0.0
        if "state" in use:
            total += tf.reduce_sum(tf.square(state["image"])) + tf.reduce_sum(state["lstm"][1] * self.targets[0])
            total += tf.reduce_sum(state["late"][0] * state["late"][1])
        if "outputs" in use:
            total += sum(tf.reduce_sum(y * w) for y, w in zip(ys, self.targets[1:], strict=True))
        return total

    def slow(self, state, inputs, weights, use="state, outputs", dtype=tf.float32):
        (k2, b2), (k1, b1) = weights[:2], weights[2:]
        maps = {"gates": lambda x: affine(x, k1, b1, dtype), "out": lambda x: affine(x, k2, b2, dtype)}
        state, ys = plain_loop(self.step, state, inputs, maps, self.outputs)
        return self.loss(state, ys, use), (state, ys)

    def quick(self, state, inputs, use="state, outputs"):
        state, ys = scan(self.step, state, inputs, self.maps, self.outputs)
        return self.loss(state, ys, use), (state, ys)

    def gradients(self, run, use="state, outputs", **options):
        """(values, gradients) of scan, then of the plain loop; by state, inputs and weights."""
        constants = (self.state, self.inputs)
        variables = [v.value for m in self.maps.values() for v in (m.kernel, m.bias)]

        @run
        def quick(state, inputs):
            with tf.GradientTape() as tape:
                tape.watch((state, inputs))
                loss, values = self.quick(state, inputs, use)
            return values, tape.gradient(loss, (state, inputs, variables), unconnected_gradients="zero")

        with tf.GradientTape() as tape:
            tape.watch((constants, self.weights))
            loss, values = self.slow(*constants, self.weights, use, **options)
        return quick(*constants), (
            values,
            tape.gradient(loss, (*constants, self.weights), unconnected_gradients="zero"),
        )


def assert_equal(got, want, rtol=1e-4, atol=1e-5):
    tf.nest.assert_same_structure(got, want)
    for g, w in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        np.testing.assert_allclose(g, w, rtol=rtol, atol=atol * (1 + np.abs(w).max()))


@ways
def test_scan_and_its_gradient_are_those_of_the_plain_loop(run):
    (values, gradients), (want_values, want_gradients) = Case(4, 3).gradients(run)
    assert_equal(values, want_values)
    assert_equal(gradients, want_gradients)
    assert all(np.abs(g).max() > 1e-3 for g in tf.nest.flatten(gradients[2]))


@pytest.mark.parametrize(("length", "batch"), [(1, 1), (1, 3), (7, 1)])
def test_one_step_and_one_example_are_no_special_case(length, batch):
    got, want = Case(length, batch).gradients(lambda f: f)
    assert_equal(got, want)


def test_a_loop_that_only_runs_forward_has_equal_values_and_refuses_a_gradient():
    case = Case(4, 3)
    _, want = case.quick(case.state, case.inputs)
    with only_forward(), tf.GradientTape() as tape:
        tape.watch(case.inputs)
        loss, got = case.quick(case.state, case.inputs)
    assert_equal(got, want, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="traced under only_forward has no gradient"):
        tape.gradient(loss, case.inputs)


@pytest.mark.parametrize("use", ["state", "outputs"])
def test_what_the_loss_does_not_use_adds_nothing_to_the_gradient(use):
    (_, gradients), (_, want) = Case(3, 2).gradients(tf.function, use)
    assert_equal(gradients, want)


def test_a_state_that_only_counts_hands_its_gradient_straight_back():
    case = Case(2, 3)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(case.state)
            state, _ = scan(case.step, case.state, case.inputs, case.maps, case.outputs)
            loss = tf.reduce_sum(state["late"][1])  # nothing but its own start moves it
        return tape.gradient(loss, (case.state, case.weights), unconnected_gradients="zero")

    state, weights = gradient()
    np.testing.assert_array_equal(state["late"][1], np.ones([3, 1]))
    for g in [*state["lstm"], state["image"], state["late"][0], *weights]:
        np.testing.assert_array_equal(g, np.zeros(g.shape))


def test_the_gradient_is_the_slope_in_any_direction():
    """Against differences of the plain loop in float64, along random directions through everything at once."""
    case = Case(5, 3)
    (_, gradients), _ = case.gradients(tf.function)
    gradients = np.concatenate([np.ravel(np.float64(g)) for g in tf.nest.flatten(gradients)])
    arguments = (case.state, case.inputs, case.weights)
    at = [np.float64(v) for v in tf.nest.flatten(arguments)]
    case.targets = [tf.cast(t, tf.float64) for t in case.targets]
    rng = np.random.default_rng(0)

    def loss(moved):
        state, inputs, (k2, b2, k1, b1) = tf.nest.pack_sequence_as(arguments, [tf.constant(v) for v in moved])
        maps = {"gates": lambda x: x @ k1 + b1, "out": lambda x: x @ k2 + b2}
        return case.loss(*plain_loop(case.step, state, inputs, maps, case.outputs), "state, outputs").numpy()

    for _ in range(4):
        way = [rng.normal(size=v.shape) for v in at]
        difference = [loss([v + s * 1e-6 * w for v, w in zip(at, way, strict=True)]) for s in (1, -1)]
        slope = (difference[0] - difference[1]) / 2e-6
        np.testing.assert_allclose(gradients @ np.concatenate([w.ravel() for w in way]), slope, rtol=1e-4)


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_products_in_bfloat16_have_the_gradient_of_the_plain_loop(run):
    """The loop with the same casts agrees to rounding, the one in float32 to bfloat16's 8 bits a product."""
    case = Case(4, 3, policy="mixed_bfloat16")
    got, want = case.gradients(run, dtype=tf.bfloat16)
    for g, w in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        assert g.dtype == tf.float32
        np.testing.assert_allclose(g, w, atol=0.01 * (1e-3 + np.abs(w).max()))
    values, gradients = got
    _, exact = Case(4, 3).gradients(lambda f: f)
    assert np.abs(values[0]["image"] - exact[0][0]["image"]).max() > 1e-5  # it was not float32 all along
    for g, w in zip(tf.nest.flatten((values, gradients)), tf.nest.flatten(exact), strict=True):
        assert np.linalg.norm(g - w) <= 0.05 * np.linalg.norm(w)


def test_scan_is_keras_lstm():
    units, rng = 3, np.random.default_rng(0)
    x = np.float32(rng.normal(size=(4, 6, 2)))
    layer = keras.layers.LSTM(units, return_sequences=True, return_state=True)
    layer.build(x.shape)
    for v in layer.variables:
        if v.path.endswith(("kernel", "bias")):
            v.assign(rng.normal(size=v.shape))
    kernel, recurrent, bias = layer.get_weights()[:3]
    gates = lstm_gates(units, "gates")
    gates.build((None, 2 + units))
    gates.set_weights([np.concatenate([kernel, recurrent]), bias])

    def step(state, x, maps):
        state = lstm(maps["gates"](tf.concat([x, state[0]], -1)), state[1])
        return state, [state[0]]

    start = (tf.zeros([4, units]), tf.zeros([4, units]))
    (h, cell), (hs,) = scan(step, start, tf.transpose(x, [1, 0, 2]), {"gates": gates}, [(None, units)])
    want_hs, want_h, want_cell = layer(x)
    np.testing.assert_allclose(tf.transpose(hs, [1, 0, 2]), want_hs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(h, want_h, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cell, want_cell, rtol=1e-4, atol=1e-6)


def test_a_fresh_lstm_remembers():
    gates = lstm_gates(2, "gates")
    gates.build((None, 3))
    np.testing.assert_array_equal(gates.bias, [0, 0, 1, 1, 0, 0, 0, 0])


@ways
def test_the_gradient_reaches_the_context(run):
    """Every step looks back on the same memory, through weights that are in no affine map."""
    rng = np.random.default_rng(0)
    gates = keras.layers.Dense(3)
    gates.build((None, 5))
    h, x, memory, v = (tf.constant(rng.normal(size=s), tf.float32) for s in ((2, 3), (4, 2, 2), (2, 6, 3), (3,)))

    def step(h, x, maps, memory, v):
        weights = tf.nn.softmax(tf.linalg.matvec(tf.tanh(memory + h[:, None]), v))  # [B, 6]
        seen = tf.einsum("bl,bld->bd", weights, memory)
        return tf.tanh(maps["gates"](tf.concat([x, h], -1))) + seen, [weights]

    def slow(h, x, memory, v):
        maps = {"gates": lambda x: affine(x, gates.kernel, gates.bias)}
        return plain_loop(lambda *a: step(*a, memory, v), h, x, maps, [(None, 6)])

    def quick(h, x, memory, v):
        return scan(step, h, x, {"gates": gates}, [(None, 6)], (memory, v))

    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch((h, x, memory, v))
            last, (weights,) = function(h, x, memory, v)
            loss = tf.reduce_sum(last**2) + tf.reduce_sum(weights * np.arange(6))
        return loss, tape.gradient(loss, (h, x, memory, v, gates.kernel.value, gates.bias.value))

    assert_equal(run(lambda: gradients(quick))(), gradients(slow))


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "jit"])
def test_the_number_of_steps_may_be_known_at_the_call_only(compiled):
    case = Case(length=3, batch=2)

    @tf.function(
        jit_compile=compiled,
        input_signature=[{name: tf.TensorSpec([None, *x.shape[1:]]) for name, x in case.inputs.items()}],
    )
    def loss_and_gradient(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            state, ys = scan(case.step, case.state, inputs, case.maps, case.outputs)
            loss = tf.reduce_sum(ys[0] ** 2) + tf.reduce_sum(state["image"])
        return loss, tape.gradient(loss, inputs)

    for steps in (3, 2):
        inputs = {name: x[:steps] for name, x in case.inputs.items()}
        expected = tf.function(loss_and_gradient.python_function)(inputs)
        assert_equal(loss_and_gradient(inputs), expected)


@ways
def test_one_tensor_may_be_two_states(run):
    gates, h, x = keras.layers.Dense(3), tf.ones([2, 3]), tf.zeros([2, 2, 1])
    gates.build((None, 3))

    def step(state, _, maps):
        a, b = state
        return (tf.tanh(maps["gates"](b)), a * b), []

    def gradient(loop):
        with tf.GradientTape() as tape:
            tape.watch(h)
            (a, b), _ = loop((h, h))
            loss = tf.reduce_sum(a + b)
        return tape.gradient(loss, h)

    slow = {"gates": lambda x: affine(x, gates.kernel, gates.bias)}
    want = gradient(lambda state: plain_loop(step, state, x, slow, []))
    np.testing.assert_allclose(
        run(lambda: gradient(lambda s: scan(step, s, x, {"gates": gates}, [])))(), want, rtol=1e-5
    )
