"""The signatures of every model with a latent z: DRAW, VAE and VRAE share their words, hence this list."""

from export.signature import Input, Signature


def signatures(model, k):
    """generate, decode, reconstruct, encode, and log_likelihood from k posterior samples."""
    import tensorflow as tf

    ((observed, shape),) = model.input_shapes.items()  # image or sequence
    many = observed + "s"
    x = Input(tuple(shape), f"{many}, scaled as in training", interval=(0, 1))
    z = Input(tuple(model.noise(1, (0, 0)).shape[1:]), "the latent; standard normal under the prior")

    def named(outputs):
        """The model's dictionary with batched names, without what this config leaves empty."""
        return {many if k == observed else k: v for k, v in outputs.items() if 0 not in v.shape}

    def log_likelihood(noise, **batch):
        x = batch[many]
        repeated = tf.repeat(x, k, axis=0)  # [B K, ...]: one large product beats K small ones
        repeated.set_shape([x.shape[0] and x.shape[0] * k, *shape])
        flat = noise if k == 1 else tf.reshape(noise, [-1, *noise.shape[2:]])
        weights = tf.reshape(model.log_weights({observed: repeated}, flat), [-1, k])
        return {"log_likelihood": tf.reduce_logsumexp(weights, 1) - tf.math.log(float(k))}

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
            log_likelihood,
            {many: x},
            f"Importance-weighted estimate of log p(x) in nats from {k} posterior sample{'s'[: k > 1]}.",
            draws=k,
        ),
    }
