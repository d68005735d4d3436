"""VAE: a variational auto-encoder of images, fully connected or convolutional.

Kingma and Welling, 2014, arXiv:1312.6114. The bound is estimator B: closed rate, one posterior sample.
Differs: Adam for Adagrad, no weight decay, Keras' initial weights for N(0, 0.01); ReLU and convolutions are
not the paper's.

B batch, H x W x C an image, Z latent size.
"""

import keras

from zoo.declare import Field
from zoo.nn.gaussian import GaussianHead, GaussianVAE, apply_chain, bernoulli, build_chain


def build(config):
    """The model of a config with all its variables."""
    model = VAE(config)
    model.build()
    return model


class VAE(GaussianVAE):
    """Bernoulli pixels, networks by config.network."""

    def __init__(self, config):
        super().__init__(config, "vae")
        self.encoder, self.decoder = (conv if config.network == "conv" else mlp)(config)
        self.head = GaussianHead(config.z_size, name="posterior")

    def build(self, input_shape=None):
        self.head.build(build_chain(self.encoder, (None, *self.config.image_shape)))
        build_chain(self.decoder, (None, self.z_size))
        self.built = True

    @property
    def fields(self):
        return {"image": Field(self.config.image_shape, interval=(0, 1))}

    def posterior(self, x):
        """Mean and scale of q(z | x), [B, Z] each. x: [B, H, W, C] in [0, 1]."""
        return self.head(apply_chain(self.encoder, x))

    def likelihood(self, z):
        """p(x | z): independent Bernoulli pixels. z: [B, Z]."""
        return bernoulli(apply_chain(self.decoder, z))


def mlp(config):
    """Hidden layers up to the posterior, and the same in reverse from z to the logits (appendix C)."""
    layers, activation = keras.layers, config.activation
    height, width, channels = config.image_shape

    encoder = [layers.Flatten(), *(layers.Dense(units, activation) for units in config.hidden)]

    decoder = [layers.Dense(units, activation) for units in reversed(config.hidden)]
    decoder += [layers.Dense(height * width * channels), layers.Reshape(config.image_shape)]
    return encoder, decoder


def conv(config):
    """Each of config.filters halves the image on the way in and doubles it on the way out."""
    layers, activation = keras.layers, config.activation
    height, width, channels = config.image_shape
    small = (height >> len(config.filters), width >> len(config.filters), config.filters[-1])

    encoder = [layers.Conv2D(n, 3, 2, "same", activation=activation) for n in config.filters]
    encoder += [layers.Flatten(), *(layers.Dense(units, activation) for units in config.hidden)]

    decoder = [layers.Dense(small[0] * small[1] * small[2], activation), layers.Reshape(small)]
    decoder += [layers.Conv2DTranspose(n, 3, 2, "same", activation=activation) for n in reversed(config.filters)]
    decoder += [layers.Conv2DTranspose(channels, 3, 1, "same")]
    return encoder, decoder
