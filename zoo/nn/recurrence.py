"""Recurrence in the graph: a loop over time with a frugal gradient, and the LSTM.

A recurrent network here is a step over affine maps: the maps (Keras Dense layers) hold every weight, the step holds
the arithmetic between them. That is what lets `scan` keep only the products for the way back.
"""

import contextlib
import contextvars

import keras
import tensorflow as tf

_only_forward = contextvars.ContextVar("only_forward", default=False)


@contextlib.contextmanager
def only_forward():
    """Loops traced inside keep nothing for a gradient, and refuse one (RuntimeError): for graphs that are exported.

    TensorFlow drops by itself what is kept in vain; LiteRT does not (2.21), and its file grows tenfold.
    """
    token = _only_forward.set(True)
    try:
        yield
    finally:
        _only_forward.reset(token)


def is_only_forward():
    """Whether what is traced here is traced under only_forward."""
    return _only_forward.get()


def lstm(gates, cell):
    """An LSTM's state from its gates, an affine map of [input; h]: [B, 4 units], in the order i, f, g, o.

    Forget gates, no peepholes. cell: [B, units]. Returns (h, cell).
    """
    i, f, g, o = tf.split(gates, 4, -1)
    cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(cell), cell


def lstm_gates(units, name):
    """The affine map of an LSTM. Its forget gates start with bias 1, so that a fresh cell remembers."""

    def bias(shape, dtype=None):
        return tf.concat([tf.zeros(units), tf.ones(units), tf.zeros(2 * units)], 0)

    return keras.layers.Dense(4 * units, bias_initializer=bias, name=name)


def affine(x, kernel, bias, dtype=tf.float32):
    """x @ kernel + bias in float32, the product itself in dtype."""
    return tf.cast(tf.cast(x, dtype) @ tf.cast(kernel, dtype), tf.float32) + bias


def swap(x):
    """Batch first to time first and back."""
    return tf.transpose(x, [1, 0, *range(2, len(x.shape))])


def summed(steps, width):
    """Sums over T of [B, T, ...], [B, ...], added up in one width whatever the padding, at least T: sums of other
    widths differ in the last bit."""
    more = [[0, 0], [0, width - tf.shape(steps)[1]], *[[0, 0]] * (len(steps.shape) - 2)]
    return tf.reduce_sum(tf.pad(steps, more), 1)


def scan(step, state, inputs, maps, outputs, context=()):
    """Runs state, ys = step(state, x_t, maps, *context) over time, in one graph loop.

    step: calls each of maps, {name: function from [B, in] to [B, out]}, exactly once; whatever else it closes over is
    a constant to the gradient. state: a structure of [B, ...] tensors. inputs: a structure of [T, ...] tensors.
    maps: {name: built Dense layer}. outputs: the shape of each y, None standing for the batch. context: float tensors
    of any shapes that every step sees and the gradient reaches, such as what attention looks at.
    Returns (last state, [[T, B, ...] for each y]).

    The gradient is that of the plain loop. The way back reads every step's state and products and computes what lies
    between them again, which costs less than writing it down and reading it back.
    """
    first = tf.nest.flatten(inputs)[0]
    length = first.shape[0] or tf.shape(first)[0]
    dtypes = {name: layer.compute_dtype for name, layer in maps.items()}
    biases = {name: tf.zeros(m.units) if m.bias is None else tf.convert_to_tensor(m.bias) for name, m in maps.items()}
    weights = {name: (tf.convert_to_tensor(m.kernel), biases[name]) for name, m in maps.items()}
    arguments = (state, inputs, weights, tuple(context))
    states = len(tf.nest.flatten(state))
    no_way_back = is_only_forward()

    @tf.custom_gradient
    def run(*flat):
        state, inputs, weights, context = tf.nest.pack_sequence_as(arguments, flat)

        def forward(t, state, ys, kept):
            products = {}

            def mapped(name):
                def call(x):
                    products[name] = affine(x, *weights[name], dtypes[name])
                    return products[name]

                return call

            keep = tf.nest.flatten(state)
            state, y = step(state, _at(inputs, t), {name: mapped(name) for name in weights}, *context)
            keep = [] if no_way_back else [*keep, *(products[name] for name in weights)]
            return t + 1, state, _write(ys, t, y), _write(kept, t, keep)

        shapes = [v.shape for v in tf.nest.flatten(state)]
        shapes += [[shapes[0][0], kernel.shape[1]] for kernel, _ in weights.values()]
        ys = [[shapes[0][0], *shape[1:]] for shape in outputs]  # LiteRT wants the batch where it is known
        start = (0, state, _arrays(length, ys), _arrays(length, [] if no_way_back else shapes))
        _, last, ys, kept = _repeat(forward, length, start)

        def gradient(*upstream):
            if no_way_back:
                raise RuntimeError("a loop traced under only_forward has no gradient; trace it outside")
            d_last, d_ys = upstream[:states], upstream[states:]
            # Transposed once: inside the loop it would be done again for every step.
            across = {n: tf.transpose(tf.cast(kernel, dtypes[n])) for n, (kernel, _) in weights.items()}

            def backward(k, d_state, d_inputs, around, d_context):
                t = length - 1 - k
                keep = [array.read(t) for array in kept]
                # Run eagerly, an array gives back the very tensor it was given, which may be two states at once.
                before = tf.nest.pack_sequence_as(state, [tf.identity(x) for x in keep[:states]])
                products = dict(zip(weights, keep[states:], strict=True))
                x, sides = _at(inputs, t), {}
                with tf.GradientTape() as tape:
                    tape.watch((before, x, context))
                    again = {n: _replay(products[n], across[n], dtypes[n], sides, n) for n in weights}
                    after, y = step(before, x, again, *context)
                targets = [*tf.nest.flatten(after), *y]
                d_state, d_x, d_now = tape.gradient(
                    targets,
                    (before, x, context),
                    [*d_state, *(d[t] for d in d_ys)],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                return (
                    k + 1,
                    tf.nest.flatten(d_state),
                    _write(d_inputs, t, tf.nest.flatten(d_x)),
                    _write(around, t, [side for n in weights for side in sides[n]]),
                    tf.nest.map_structure(tf.add, d_context, d_now),
                )

            d_inputs = _arrays(length, [v.shape[1:] for v in tf.nest.flatten(inputs)])
            widths = [[shapes[0][0], width] for kernel, _ in weights.values() for width in kernel.shape]
            start = (0, list(d_last), d_inputs, _arrays(length, widths), tf.nest.map_structure(tf.zeros_like, context))
            _, d_state, d_inputs, around, d_context = _repeat(backward, length, start)
            # One product over all steps: added up step by step, every kernel's gradient would be read and written anew.
            around = [tf.reshape(each, [-1, each.shape[-1]]) for each in _stack(around)]
            d_weights = {
                n: (_kernel_gradient(x, d, dtypes[n]), tf.reduce_sum(d, 0))
                for n, x, d in zip(weights, around[::2], around[1::2], strict=True)
            }
            return [*d_state, *_stack(d_inputs), *tf.nest.flatten([d_weights, d_context])]

        return [*tf.nest.flatten(last), *_stack(ys)], gradient

    flat = run(*tf.nest.flatten(arguments))
    return tf.nest.pack_sequence_as(state, flat[:states]), flat[states:]


def _replay(product, across, dtype, sides, name):
    """The affine map whose product is known already: only its gradient computes. across: kernel transposed.

    sides[name] becomes what is mapped and the product's gradient, of which the kernel's is made.
    """

    @tf.custom_gradient
    def known(x):
        sides[name] = x, tf.zeros_like(product)  # unless the gradient reaches the product

        def gradient(d):
            sides[name] = x, d
            return tf.cast(tf.cast(d, dtype) @ across, x.dtype)

        return tf.identity(product), gradient

    return known


def _kernel_gradient(x, d, dtype):
    return tf.cast(tf.matmul(tf.cast(x, dtype), tf.cast(d, dtype), transpose_a=True), tf.float32)


def _repeat(body, times, start):
    return tf.while_loop(lambda t, *_: t < times, body, start, maximum_iterations=times)


def _arrays(length, shapes):
    return [tf.TensorArray(tf.float32, length, element_shape=shape, clear_after_read=False) for shape in shapes]


def _write(arrays, t, values):
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def _stack(arrays):
    return [array.stack() for array in arrays]


def _at(structure, t):
    if is_only_forward():  # OpenVINO (2026.4) reads x[t] wrongly in a loop of a LiteRT file, and says nothing
        return tf.nest.map_structure(lambda x: tf.gather(x, t), structure)
    return tf.nest.map_structure(lambda x: x[t], structure)
