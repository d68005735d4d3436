"""The signatures of every model with a latent z: DRAW, VAE and VRAE share their words, hence this list."""

from export.declare.signature import Input, Signature


def signatures(model, k):
    """generate, decode, reconstruct, encode, and log_likelihood from k posterior samples."""
    ((observed, field),) = model.fields.items()
    shape = field.shape
    many = observed + "s"
    x = observations(many, shape, lambda n, numbers: model.sample(n, seed(numbers)))
    z = Input(tuple(model.noise(1, (0, 0)).shape[1:]), "the latent; standard normal under the prior")

    def named(outputs):
        """The model's dictionary with batched names, without what this config leaves empty."""
        return {many if k == observed else k: v for k, v in outputs.items() if 0 not in v.shape}

    return {
        "generate": Signature(
            lambda noise: named(model.decode(noise)), {}, f"Draws new {many} from the prior.", draws=1
        ),
        "decode": Signature(lambda z: named(model.decode(z)), {"z": z}, f"Turns a given z into {many}."),
        "reconstruct": Signature(
            lambda noise, **batch: named(model.reconstruct(batch[many], noise)),
            {many: x},
            f"Sends {many} through the posterior and back.",
            draws=1,
        ),
        "encode": Signature(
            lambda noise, **batch: model.encode(batch[many], noise),
            {many: x},
            "The posterior's mean and scale, and one sample z.",
            draws=1,
        ),
        "log_likelihood": Signature(
            lambda noise, **batch: log_likelihood(model, {observed: batch[many]}, noise, k),
            {many: x},
            estimate("log p(x)", k),
            draws=k,
        ),
    }


def observations(many, shape, sample):
    """The Input of observations in [0, 1]; its examples are sample(n, numpy's Generator)."""
    import numpy as np

    def example(n, numbers):
        return np.clip(np.asarray(sample(n, numbers), np.float32), 0, 1)

    return Input(tuple(shape), f"{many}, scaled as in training", interval=(0, 1), example=example)


def seed(numbers):
    """A seed, int32[2], from numpy's Generator."""
    return tuple(map(int, numbers.integers(0, 2**31, 2)))


def log_likelihood(model, batch, noise, k):
    """{"log_likelihood": [B]} from k samples of the posterior. batch: name -> [B, ...]; noise: [B, K, ...]."""
    import tensorflow as tf

    def repeated(x):  # [B K, ...]: one large product beats K small ones
        many = tf.repeat(x, k, axis=0)
        many.set_shape([x.shape[0] and x.shape[0] * k, *x.shape[1:]])
        return many

    flat = noise if k == 1 else tf.reshape(noise, [-1, *noise.shape[2:]])
    weights = tf.reshape(model.log_weights(tf.nest.map_structure(repeated, batch), flat), [-1, k])
    return {"log_likelihood": tf.reduce_logsumexp(weights, 1) - tf.math.log(float(k))}


def estimate(what, k):
    return f"Importance-weighted estimate of {what} in nats from {k} posterior sample{'s'[: k > 1]}."
