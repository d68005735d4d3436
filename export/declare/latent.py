"""The signatures of every model with a latent z: DRAW, VAE and VRAE share their words, hence this list."""

import dataclasses

from export.declare import meaning
from export.declare.signature import Input, Signature

STEPS = ("canvases", "windows", "read_windows", "word_weights")  # outputs that tell how a picture was painted


def signatures(model, k, steps=False):
    """generate, decode, reconstruct, encode, and log_likelihood from k posterior samples.

    steps: a model that paints step by step; the first three have a twin of their own that tells the steps, too.
    """
    import tensorflow as tf

    ((observed, field),) = model.fields.items()
    many = observed + "s"
    sample = tf.function(model.sample, autograph=False)  # eagerly a recurrent model takes a second
    x = observations(observed, field, lambda n, numbers: sample(n, tf.constant(seed(numbers))))
    z = Input(tuple(model.noise(1, (0, 0)).shape[1:]), "the latent; standard normal under the prior")
    painting = {
        "generate": Signature(lambda noise: model.decode(noise), {}, f"Draws new {many} from the prior.", draws=1),
        "decode": Signature(lambda z: model.decode(z), {"z": z}, f"Turns a given z into {many}."),
        "reconstruct": Signature(
            lambda noise, **batch: model.reconstruct(batch[many], noise),
            {many: x},
            f"Sends {many} through the posterior and back.",
            draws=1,
        ),
    }
    return {
        **painted(painting, observed, steps),
        "encode": Signature(
            lambda noise, **batch: model.encode(batch[many], noise),
            {many: x},
            "The posterior's mean and scale, and one sample z.",
            draws=1,
            outputs=meaning.of("z", "mean", "scale"),
        ),
        "log_likelihood": Signature(
            lambda noise, **batch: log_likelihood(model, {observed: batch[many]}, noise, k),
            {many: x},
            estimate("log p(x)", k),
            draws=k,
            outputs=meaning.of("log_likelihood"),
        ),
    }


def painted(signatures, observed, steps):
    """Signatures that answer what is observed alone, since an answer with all steps is many times as long.

    signatures: name -> Signature whose body returns a model's dictionary. steps: each has a twin, NAME_steps, that
    returns all of it.
    """
    many, offered = observed + "s", {}

    def answer(signature, alone):
        def body(**tensors):
            found = signature.body(**tensors)
            return {many: found[observed]} | ({} if alone else {k: v for k, v in found.items() if k != observed})

        says = signature.says if alone else f"{signature.says[:-1]}, and tells every step."
        outputs = meaning.of(many, *(() if alone else STEPS))
        return dataclasses.replace(signature, body=body, says=says, outputs=outputs)

    for name, signature in signatures.items():
        offered[name] = answer(signature, alone=True)
    for name, signature in signatures.items() if steps else ():
        offered[f"{name}_steps"] = answer(signature, alone=False)
    return offered


def observations(observed, field, sample):
    """The Input of several of what a field holds; its examples are sample(n, numpy's Generator)."""
    import numpy as np

    def example(n, numbers):
        return np.clip(np.asarray(sample(n, numbers), np.float32), *field.interval)

    says = f"{observed}s, scaled as in training (see Values)"
    return Input.of(observed, field, says, example=example)


def seed(numbers):
    """A seed, int32[2], from numpy's Generator."""
    return tuple(map(int, numbers.integers(0, 2**31, 2)))


def log_likelihood(model, batch, noise, k):
    """{"log_likelihood": [B]} from k samples of the posterior.

    batch: name -> [B, ...]. noise: a tensor, or a structure of them, [B, K, ...]; [B, ...] where k is 1.
    """
    import tensorflow as tf

    def repeated(x):  # [B K, ...]: one large product beats K small ones
        many = tf.repeat(x, k, axis=0)
        many.set_shape([x.shape[0] and x.shape[0] * k, *x.shape[1:]])
        return many

    def flat(x):
        return x if k == 1 else tf.reshape(x, [-1, *x.shape[2:]])

    batch, noise = tf.nest.map_structure(repeated, batch), tf.nest.map_structure(flat, noise)
    weights = tf.reshape(model.log_weights(batch, noise), [-1, k])
    return {"log_likelihood": tf.reduce_logsumexp(weights, 1) - tf.math.log(float(k))}


def estimate(what, k):
    return f"Importance-weighted estimate of {what} in nats from {k} posterior sample{'s'[: k > 1]}."
