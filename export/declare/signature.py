"""What a model offers to the outside: functions with named, batched inputs and a dictionary of outputs.

One declaration serves two worlds. A server is given a seed, a phone is given the noise itself; a server is given
text, a phone the numbers that stand for it:

    SavedModel   body(images=..., noise=the model's noise for each row of the input `seed` int32 [batch, 2])
    LiteRT       body(images=..., noise=the input `noise`)   no random op, no check, builtin operations only

A seed a row, not a seed a request: a server that merges requests along the batch axis then changes no answer.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple


@dataclasses.dataclass(frozen=True)
class Text:
    """What a server is sent in the place of an input: strings for each example, which it reads itself."""

    wants: str  # what each string is, for an error or the model card
    says: str  # more about it, for the model card
    example: Callable[[int, Any], Any]  # (n, numpy's Generator) -> n such strings, an object array of bytes
    # (strings [batch, *shape], refuse_unless(condition, what, got)) -> (the input's values, outputs that tell of them)
    read: Callable[[Any, Callable], tuple[Any, dict]]
    refused: dict[str, bytes]  # what is wrong -> a string that read refuses
    shape: tuple[int, ...] = ()  # of the strings of one example; (): one string
    write: Callable[[Any], Any] | None = None  # examples as the data holds them -> such strings; None: they are not
    tells: dict[str, str] = dataclasses.field(default_factory=dict)  # what read's outputs mean
    # (strings) -> (values of the input by other means than TensorFlow, their largest mean difference), for the proof
    twin: Callable[[Any], tuple[Any, float]] | None = None


@dataclasses.dataclass(frozen=True)
class Input:
    """One input, without its batch axis."""

    shape: tuple[int, ...]
    says: str  # for the model card
    dtype: str = "float32"
    interval: tuple[float, float] | None = None  # values outside are refused; NaN and infinity always are
    example: Callable[[int, Any], Any] | None = None  # (n, numpy's Generator) -> n plausible values; else noise is
    text: Text | None = None
    data: str = ""  # the name in a batch of data of what this is, if it is there

    @classmethod
    def of(cls, name, field, says, **more):
        """What a zoo.declare.Field, called `name` in a batch of data, holds: its shape, type, range and examples.

        A ragged one comes filled with its padding up to the most that it holds. more: what is not as the field says;
        an axis of any length needs a length here, in shape.
        """
        field = dataclasses.replace(field, shape=tuple(more.pop("shape", field.shape)))
        interval = (min(0, field.pad), field.classes - 1) if field.classes else field.interval
        known = {"dtype": field.dtype, "interval": interval, "example": field.random, "data": name}
        return cls(field.shape, says, **known | more)

    def sent(self):
        """The input as a server is sent it."""
        if not self.text:
            return self
        text = {"says": self.text.says, "example": self.text.example}
        return dataclasses.replace(self, shape=self.text.shape, dtype="string", interval=None, **text)

    def expected(self, batch="batch"):
        """As an error or a card says it: float32 [batch, 28, 28, 1] in [0, 1]."""
        inside = " in [{}, {}]".format(*map(_number, self.interval)) if self.interval else ""
        inside += f", each {self.text.wants}" if self.dtype == "string" else ""
        return f"{self.dtype} [{', '.join(map(str, (batch, *self.shape)))}]{inside}"


def _number(x):
    return str(int(x)) if x == int(x) else f"{x:g}"


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of batched tensors, passed by name, that returns a dict of batched tensors.

    draws: how many times the noise is drawn for one example. 0: body takes none. 1: body's `noise` has a leading axis
    [batch]. K > 1: leading axes [batch, K].
    source: (count, seed) -> noise, a structure of [count, ...] tensors; None: model.noise.
    outputs: name -> what it means, its unit and range; of more outputs, perhaps, than every config has.
    noise: name of a phone's input -> its distribution, where that is not NORMAL.
    """

    body: Callable[..., dict]
    inputs: dict[str, Input]
    says: str  # one sentence for the model card
    draws: int = 0
    source: Callable | None = None
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    noise: dict[str, str] = dataclasses.field(default_factory=dict)


class Offered(NamedTuple):
    """What a model offers to a server and to a phone, where these differ: name -> Signature, for each of them."""

    server: dict[str, Signature]
    phone: dict[str, Signature]
    before: Any = None  # a Keras model that the signatures call and that the model itself does not hold
    fields: dict | None = None  # of the data that make real examples, {name: zoo.declare.Field}; None: the model's


NORMAL = "independent standard normal numbers"
SEED = Input(
    (2,),
    "two integers an example; the same pair gives the same answer, whatever else is in the batch",
    "int32",
)


def server_inputs(signature):
    """The inputs as a server sees them: the declared ones, some as text, and a seed if there is randomness."""
    return {k: v.sent() for k, v in signature.inputs.items()} | ({"seed": SEED} if signature.draws else {})


def phone_inputs(signature, model):
    """The inputs as a phone sees them: the declared ones, and the noise itself in place of the seed."""
    return signature.inputs | (_noise_inputs(signature, model) if signature.draws else {})


def _noise_inputs(signature, model):
    """An Input for each tensor of the structure of the noise: noise, or noise_z, noise_coin_0, ..."""
    import keras

    draws, source, found = signature.draws, signature.source or model.noise, {}
    for path, value in keras.tree.flatten_with_path(_once(source)):
        name = "_".join(["noise", *map(str, path)])

        def example(n, numbers, path=path):
            drawn = source(n * draws, tuple(map(int, numbers.integers(0, 2**31, 2))))
            value = dict(keras.tree.flatten_with_path(drawn))[path].numpy()
            return value if draws == 1 else value.reshape(n, draws, *value.shape[1:])

        shape = tuple(value.shape[1:]) if draws == 1 else (draws, *value.shape[1:])
        says = f"{signature.noise.get(name, NORMAL)}, fresh for every call"
        found[name] = Input(shape, says, value.dtype.name, example=example)
    return found


def _once(source):
    """An example of the noise, whatever graph is being traced."""
    import tensorflow as tf

    with tf.init_scope():
        return source(1, (0, 0))


def server_answer(signature, model, tensors):
    """What body says to tensors as a server is sent them: noise from seeds, strings read."""
    import tensorflow as tf

    tensors, told = dict(tensors), {}
    several = sum(spec.text is not None for spec in signature.inputs.values()) > 1
    for name, spec in signature.inputs.items():
        if spec.text:
            refuse = functools.partial(_refuse_unless, name, spec.sent())
            with tf.name_scope(name):  # what fails in there is told by the name of its operation
                tensors[name], more = spec.text.read(tensors[name], refuse)
            told |= {f"{name}_{key}": value for key, value in more.items()} if several else more
    if signature.draws:
        tensors["noise"] = noise_of_rows(signature.source or model.noise, tensors.pop("seed"), signature.draws)
    return signature.body(**tensors) | told


def meanings(signature):
    """Output -> what it means, of all outputs that a signature may have."""
    found, texts = dict(signature.outputs), {k: v.text for k, v in signature.inputs.items() if v.text}
    for name, text in texts.items():
        found |= {f"{name}_{key}" if len(texts) > 1 else key: says for key, says in text.tells.items()}
    return found


def phone_answer(signature, model, tensors):
    """What body says to tensors as a phone gives them: with noise among them."""
    import tensorflow as tf

    given = {k: v for k, v in tensors.items() if k in signature.inputs}
    if signature.draws:
        parts = [tensors[name] for name in _noise_inputs(signature, model)]
        given["noise"] = tf.nest.pack_sequence_as(_once(signature.source or model.noise), parts)
    return signature.body(**given)


def server_function(signature, model):
    """A concrete function of the server's inputs, ready to be saved: checks, noise from seeds, body."""
    inputs = server_inputs(signature)
    return _concrete(lambda **tensors: server_answer(signature, model, checked(tensors, inputs)), inputs, None)


def phone_function(signature, model, batch, called=str):
    """The same body with noise as an input. batch: int, or None for any. called(output): its name in the file."""
    import tensorflow as tf

    def call(**tensors):
        # What comes straight out of a loop is wrong in LiteRT.js (2.5.3) and refused by CompiledModel (2.3).
        return {called(k): tf.maximum(v, v.dtype.min) for k, v in phone_answer(signature, model, tensors).items()}

    return _concrete(call, phone_inputs(signature, model), batch)


def _concrete(call, inputs, batch):
    import tensorflow as tf

    from zoo.nn.recurrence import only_forward

    specs = {k: tf.TensorSpec([batch, *v.shape], v.dtype, name=k) for k, v in inputs.items()}
    with only_forward():
        return tf.function(call, autograph=False).get_concrete_function(**specs)


def noise_of_rows(source, seeds, draws):
    """source(draws, seed) for every row of seeds [B, 2]: [B, ...] for one, [B, draws, ...] for more."""
    import tensorflow as tf

    specs = tf.nest.map_structure(lambda v: tf.TensorSpec([draws, *v.shape[1:]][draws == 1 :], v.dtype), _once(source))

    def row(seed):
        noise = source(draws, seed)
        return tf.nest.map_structure(lambda v: v[0], noise) if draws == 1 else noise

    return tf.map_fn(row, seeds, fn_output_signature=specs)


def checked(tensors, inputs):
    """The same tensors, or an InvalidArgumentError: which input, what came and what was expected.

    A server compares neither shapes nor values with the signature. Shapes are asked of a tensor of unknown
    shape: where the specification gives the answer, TensorFlow may fold the test into a constant.
    """
    import tensorflow as tf

    seen, sizes = {}, {}
    for name, spec in inputs.items():
        x = tf.compat.v1.placeholder_with_default(tensors[name], shape=None, name=name)
        shape = tf.shape(x)
        padded = tf.concat([shape, tf.fill([1 + len(spec.shape)], -1)], 0)[: 1 + len(spec.shape)]
        right = tf.constant(spec.shape, tf.int32, [len(spec.shape)])
        same = tf.equal(tf.size(shape), 1 + len(spec.shape)) & tf.reduce_all(padded[1:] == right)
        with tf.control_dependencies([_refuse_unless(name, spec, same, "shape", shape)]):
            x = tf.ensure_shape(tf.identity(x), [None, *spec.shape])
        if x.dtype.is_floating or spec.interval:
            low, high = spec.interval or (x.dtype.min, x.dtype.max)
            # NaN is on neither side; min and max would hide one that is not alone, so the first offender is shown.
            bad = tf.boolean_mask(x, ~((x >= low) & (x <= high)))[:1]
            with tf.control_dependencies([_refuse_unless(name, spec, tf.equal(tf.size(bad), 0), "value", bad)]):
                x = tf.identity(x)
        seen[name], sizes[name] = x, tf.shape(x)[0]
    first, *others = sizes
    for name in others:  # one seed for five images would be broadcast, and all five would share their noise
        message = tf.strings.format(
            name + ": got a batch of {}, expected {} as in " + first, (sizes[name], sizes[first])
        )
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(sizes[name], sizes[first]), [message])]):
            seen = {k: tf.identity(v) for k, v in seen.items()}
    return seen


def _refuse_unless(name, spec, condition, what, got):
    import tensorflow as tf

    message = tf.strings.format(f"{name}: got {what} {{}}, expected {spec.expected()}", got)
    return tf.debugging.Assert(condition, [message])
