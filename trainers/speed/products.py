"""The matrix products of a training step: how many there are, and how fast TensorFlow alone can make them here."""

import math
from typing import NamedTuple

import tensorflow as tf

from trainers.learn.learner import cut

COVERED = 0.95  # of a step's operations are timed, the large products; the rest counts at their rate
BURST_GFLOP, MAX_BURST = 2.0, 256  # a timed burst makes one product again and again, so many operations or times


class Product(NamedTuple):
    """A matrix product or convolution of a graph, in a form that can be made again."""

    type: str  # of the op, as in tf.raw_ops
    operands: tuple  # of (name, dtype, shape, None), or (name, dtype, shape, values) where integers
    attributes: tuple  # of (name, value)
    gflop: float  # billions of multiplications and additions

    def __str__(self):
        shapes = [str(list(shape)) for _, _, shape, values in self.operands if values is None]
        turned = [name for name, value in self.attributes if value is True and name[:3] in ("tra", "adj")]
        return " ".join([self.type, " x ".join(shapes), *turned])


def count(learner, batch, noise):
    """The products in one update of a learner from this batch, forward and backward.

    Returns {(Product of the whole batch, the same of one core's part of it): times}, their GFLOP, and the GFLOP of
    those that the model writes as multiply and sum, as DRAW does with its filters. The former are the graph's MatMul,
    BatchMatMul and Conv ops, times the trips of the loops around them. The latter count three times their forward
    pass, for a gradient to each factor; what the way back computes anew is no work and counts once.
    """
    part = [cut(x, learner.shards)[0] for x in (batch, noise)]
    whole = _products(learner.losses_and_gradients, batch, noise, 0)
    parts = _products(learner.losses_and_gradients, *part, 0) if learner.shards > 1 else whole
    pairs = {}
    for (product, times), (piece, _) in zip(whole, parts, strict=True):
        pairs[product, piece] = pairs.get((product, piece), 0) + times
    gflop = sum(product.gflop * times for product, times in whole)
    summed = sum(_multiply_and_sum(op) * times for op, times in _operations(learner.terms, batch, noise, 0))
    return pairs, gflop, 3 * summed / 1e9


def largest(pairs):
    """The fewest of `count`'s pairs that make up COVERED of its operations, the largest first."""
    ranked = sorted(pairs.items(), key=lambda pair: -pair[0][0].gflop * pair[1])
    wanted, chosen = COVERED * sum(product.gflop * times for (product, _), times in ranked), {}
    for (product, part), times in ranked:
        if wanted > 0:
            chosen[product, part] = times
            wanted -= product.gflop * times
    return chosen


def ways(product, part, cores):
    """The ways to make a product: {name: (function without arguments, products it makes)}.

    By XLA or not, and at once with all threads or a part of the batch on each core at the same time, as the trainer.
    """
    times = min(MAX_BURST, math.ceil(BURST_GFLOP / product.gflop))
    found = {}
    for mode, xla in (("graph", False), ("xla", True)):
        found[mode] = _burst(product, times, 1, xla), times
        if cores > 1:
            found[f"{mode}, {cores} parts"] = _burst(part, times, cores, xla), times
    return found


def _burst(product, times, copies, xla):
    """A function that makes `times` products in a row, in `copies` rows at the same time."""
    make = getattr(tf.raw_ops, product.type)
    fixed = {name: list(values) for name, _, _, values in product.operands if values is not None}
    free = [(name, dtype, shape) for name, dtype, shape, values in product.operands if values is None]
    names = [name for name, *_ in free]

    @tf.function(jit_compile=xla, autograph=False)
    def row(first, *others):
        def body(first, _):
            y = make(**dict(zip(names, (first, *others), strict=True)), **fixed, **dict(product.attributes))
            # The next product must wait for this one and differ from it, or a compiler makes one of all.
            return first + 1e-20 * tf.reshape(y, [-1])[0], y

        return tf.while_loop(lambda *_: True, body, body(first, None), maximum_iterations=times - 1)[1]

    operands = [[tf.random.uniform(shape, dtype=dtype) for _, dtype, shape in free] for _ in range(copies)]

    @tf.function(autograph=False)
    def rows(operands):
        return [row(*each) for each in operands]

    traced = rows.get_concrete_function(operands)
    return lambda: [y.numpy() for y in traced(operands)]


def _products(function, *arguments):
    return [(_product(op), times) for op, times in _operations(function, *arguments) if op.type in FLOP]


def _operations(function, *arguments):
    """(op, how often it runs) for every op that a function needs, in its loops and in what it calls as well."""

    def walk(graph, times):
        needed = _needed(graph)
        for op in graph.get_operations():
            if op not in needed:
                continue
            if op.type in ("While", "StatelessWhile"):
                trips = tf.get_static_value(op.inputs[1])  # where tf.while_loop puts its maximum_iterations
                if trips is None:
                    raise ValueError(f"{op.name}: got a loop of any length, expected maximum_iterations")
                yield from walk(inside(graph, op.get_attr("body")), times * int(trips))
            elif "PartitionedCall" in op.type:
                yield from walk(inside(graph, op.get_attr("f")), times)
            else:
                yield op, times

    def inside(graph, function):
        return graph._get_function(function.name).graph

    return list(walk(tf.function(function, autograph=False).get_concrete_function(*arguments).graph, 1))


def _needed(graph):
    """The ops on which a function's outputs depend; the gradient of a convolution leaves others, which never run."""
    needed, waiting = set(), [x.op for x in graph.outputs]
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [*(x.op for x in op.inputs), *op.control_inputs]
    return needed


def _product(op):
    operands = [  # the one integer operand is the shape that the result of a convolution's gradient shall have
        (arg.name, x.dtype.name, tuple(x.shape), tuple(op.outputs[0].shape) if x.dtype.is_integer else None)
        for arg, x in zip(op.op_def.input_arg, op.inputs, strict=True)
    ]
    attributes = {a.name: op.get_attr(a.name) for a in op.op_def.attr if a.type != "type"}
    hashable = [(name, tuple(value) if isinstance(value, list) else value) for name, value in attributes.items()]
    return Product(op.type, tuple(operands), tuple(hashable), FLOP[op.type](op) / 1e9)


def _matmul(op):
    adjoint = "transpose_a" if op.type == "MatMul" else "adj_x"
    return 2 * op.outputs[0].shape.num_elements() * op.inputs[0].shape[-2 if op.get_attr(adjoint) else -1]


def _convolution(outputs, kernel):
    """Two operations for each output and each weight it sees; at the borders some of them are left out."""
    return 2 * outputs.shape.num_elements() * math.prod(kernel.shape[:-1])


FLOP = {
    "MatMul": _matmul,
    "BatchMatMulV2": _matmul,
    "BatchMatMulV3": _matmul,
    "Conv2D": lambda op: _convolution(op.outputs[0], op.inputs[1]),
    "Conv2DBackpropInput": lambda op: _convolution(op.inputs[2], op.inputs[1]),
    "Conv2DBackpropFilter": lambda op: _convolution(op.inputs[2], op.outputs[0]),
}


def _multiply_and_sum(op):
    """The operations of a sum over products of a with b if that is a matrix product, else 0."""
    if op.type != "Sum" or op.inputs[0].op.type != "Mul":
        return 0
    a, b = (x.shape.as_list() for x in op.inputs[0].op.inputs)
    summed = {axis % max(len(a), 1) for axis in tf.get_static_value(op.inputs[1]).ravel()}
    # A matrix product has an axis that a alone has, one that b alone has, and sums over one that both have.
    product = len(a) == len(b) and any(m > n for m, n in zip(a, b, strict=True)) and any(map(int.__lt__, a, b))
    shared = product and all(a[axis] == b[axis] for axis in summed)
    return 2 * op.inputs[0].shape.num_elements() if shared else 0
