"""VRNN: a recurrent network with a latent variable at every step, of speech, music and handwriting; without, an RNN.

Chung, Kastner, Dinh, Goel, Courville and Bengio, 2015, arXiv:1506.02216; equation numbers are that paper's. The
particle bound (FIVO) is Maddison et al.'s, 2017, arXiv:1705.09279: particles go through a sequence together, and those
that explain it badly are replaced on the way.
Differs: forget gates start at 1; Keras' initial weights; a correlation for each component of strokes (config:
shared_rho); piano rolls, which are FIVO's. As the authors' code and not the text: the networks see h, not the LSTM's
cell, and 1e-4 lies under every standard deviation.

B batch, T steps (S the most), D features of a step, H units, Z latent size, N particles, F units of the last layer of
the features of z. What goes through time is time-major.
"""

import dataclasses
from typing import NamedTuple

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.configs.vrnn import VRNNConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import bound
from zoo.nn import mixtures, particles
from zoo.nn.gaussian import build_chain
from zoo.nn.model import Model
from zoo.nn.recurrence import lstm, lstm_gates, scan, summed, swap
from zoo.nn.signal import Normalised, frames, unframed

tfd = tfp.distributions
OBSERVED = {"gaussian": "audio", "mixture": "audio", "strokes": "strokes", "bernoulli": "sequence"}


def build(config):
    """The model of a config with all its variables."""
    model = (VRNN if isinstance(config, VRNNConfig) else RNN)(config)
    model.build()
    return model


def likelihood_of(config):
    """p(x_t | ...), see zoo.nn.mixtures."""
    if config.output == "strokes":
        return mixtures.Strokes(config.components, config.shared_rho)
    if config.output == "mixture":
        return mixtures.Mixture(config.features, config.components)
    return {"gaussian": mixtures.Gaussian, "bernoulli": mixtures.Bernoulli}[config.output](config.features)


class Seen(NamedTuple):
    """A batch as the model sees it, 0 where it is padding."""

    x: tf.Tensor  # [T, B, D], normalised
    real: tf.Tensor  # [T, B, D or 1], 1 for what is no padding: the last frame of a wave may be so in part
    mask: tf.Tensor  # [T, B], 1 for steps of which anything is real


class Rectified(keras.layers.Layer):
    """Rectified layers, one after the other; `maps` are their affine maps by name, for `scan`."""

    def __init__(self, sizes, name):
        super().__init__(name=name)
        self.dense = [keras.layers.Dense(size, name=f"{name}_{i}") for i, size in enumerate(sizes)]
        self.maps = {layer.name: layer for layer in self.dense}

    def build(self, input_shape):
        build_chain(self.dense, input_shape)
        self.built = True

    def through(self, x, maps, ahead=0.0):
        """x: [B, in]. ahead: [B, units], what the first layer adds up beside. Returns [B, units of the last]."""
        for name in self.maps:
            x, ahead = tf.nn.relu(maps[name](x) + ahead), 0.0
        return x


def called(maps):
    """The maps of `scan` as plain functions, for what needs no loop."""
    return {name: lambda x, layer=layer: tf.cast(layer(x), tf.float32) for name, layer in maps.items()}


def at_once(function, *sequences):
    """function([N, ...], ...) of [T, B, ...] tensors, of all T B rows at once: a structure of [T, B, ...] tensors."""
    steps, size = tf.unstack(tf.shape(sequences[0])[:2])
    # TensorFlow (2.21) works on eight numbers at a time, and the last few of a tensor, alone, differ in the last bit.
    more = -steps % 8

    def rows(x):
        x = tf.pad(x, [[0, more], *[[0, 0]] * (len(x.shape) - 1)])
        return tf.reshape(x, [-1, *x.shape[2:]])

    def steps_of(y):
        return tf.reshape(y, [steps + more, size, *y.shape[1:]])[:steps]

    return tf.nest.map_structure(steps_of, function(*map(rows, sequences)))


class RNN(Model):
    """The baseline: x_t from h_{t-1} by the decoder, h_t = LSTM(features of x_t, h_{t-1}); log p(x) is exact.

    `told` is what the decoder and, beside x_t, the LSTM are told at a step: here h_{t-1}.
    """

    told_size = property(lambda self: self.config.hidden)

    def __init__(self, config, name="rnn"):
        super().__init__(config, name)
        self.observed, self.likelihood = OBSERVED[config.output], likelihood_of(config)
        centred = self.observed == "audio"  # a pen that does not move stays where it is
        self.normalised = (
            Normalised(centred, dtype="float32", name="normalised") if self.observed != "sequence" else None
        )
        self.x_net = Rectified(config.x_hidden, "x")
        self.decoder = Rectified(config.decoder_hidden, "decoder")
        self.out = mixtures.head(self.likelihood.sizes, "out")
        # The LSTM's one affine map in two: what is known of all steps at once, and the rest.
        self.gates_x = keras.layers.Dense(4 * config.hidden, use_bias=False, name="gates_x")
        self.gates = lstm_gates(config.hidden, "gates")

    def build(self, input_shape=None):
        config = self.config
        if self.normalised:
            self.normalised.build()
        self.x_net.build((None, config.features))
        self.decoder.build((None, self.told_size))
        self.out.build((None, config.decoder_hidden[-1]))
        self.gates_x.build((None, config.x_hidden[-1]))
        self.gates.build((None, self.told_size))
        self.built = True

    @property
    def stride(self):
        """How many entries of what is observed a step takes: all samples of a frame, of else one."""
        return self.config.features if self.observed == "audio" else 1

    @property
    def fields(self):
        config, name = self.config, self.observed
        most = config.steps * self.stride
        shape = (most,) if name == "audio" else (most, config.features)
        interval = {"audio": (-1, 1), "sequence": (0, 1)}.get(name)
        return {
            name: Field(shape, interval=interval, ragged=True),
            "length": Field((), "int32", classes=most + 1, counts=name),
        }

    def learn(self, split):
        """The two numbers that a wave, or the way of a pen, is normalised by."""
        if self.normalised:
            name, values = self.observed, split.arrays[self.observed]
            values = values[..., 1:] if name == "strokes" else values
            self.normalised.learn(values, split.lengths.get(name), split.scaled.get(name, 1.0))

    @property
    def unit(self):
        """What a likelihood is of, where it is a density."""
        return "; x is normalised" if self.normalised else ""

    def per_step(self, *terms):
        return {
            "nats_per_step": Measure(
                "nats", f"{' + '.join(terms)}, divided by all steps{self.unit}", terms=terms, per="steps"
            )
        }

    @property
    def measures(self):
        name = "negative_log_likelihood"
        return {name: Measure("nats", f"-log p(x){self.unit}", likelihood=self.observed)} | self.per_step(name)

    def counts(self, batch):
        """{"steps": [B]}: of which anything is no padding."""
        return {"steps": tf.reduce_sum(self.seen(batch).mask, 0)}

    def seen(self, batch):
        """What is to see of a batch as `fields` has it, whatever its padding holds."""
        x, length = tf.cast(batch[self.observed], tf.float32), batch["length"]
        width = x.shape[1] or tf.shape(x)[1]
        real = tf.cast(tf.range(width)[None] < length[:, None], tf.float32)  # [B, L]
        if self.observed == "audio":
            x, real = frames(self.normalised(x), self.config.features), frames(real, self.config.features)
        else:
            real = real[..., None]
            if self.normalised:
                x = tf.concat([x[..., :1], self.normalised(x[..., 1:])], -1)
        x = tf.where(real > 0, x, 0.0)
        return Seen(swap(x), swap(real), swap(real)[..., 0])

    def restored(self, x):
        """{observed: as `fields` has it} of x, normalised [T, B, D]."""
        x = swap(x)
        if self.observed == "audio":
            x = tf.clip_by_value(self.normalised.inverse(unframed(x)), -1.0, 1.0)
        elif self.normalised:
            x = tf.concat([x[..., :1], self.normalised.inverse(x[..., 1:])], -1)
        return {self.observed: x}

    def zeros(self, size):
        """The state before the first step, (h, c): [size, H] each."""
        return (tf.zeros([size, self.config.hidden]),) * 2

    def parameters(self, told, maps):
        """Those of p(x_t | ...), [B, likelihood.size] (eq. 6). told: [B, F + H]."""
        return maps["out"](self.decoder.through(told, maps))

    def advance(self, gates_x, told, state, maps):
        """The state after x_t (eq. 7). gates_x: the LSTM's map of the features of x_t, [B, 4 H]."""
        return lstm(gates_x + maps["gates"](told), state[1])

    @property
    def x_maps(self):
        return {**self.x_net.maps, "gates_x": self.gates_x}

    @property
    def decoder_maps(self):
        return {**self.decoder.maps, "out": self.out}

    def ahead(self, x, maps):
        """What the loop is told of x_t, [B, D], which needs no state: a tuple, the LSTM's part first."""
        return (maps["gates_x"](self.x_net.through(x, maps)),)

    def log_likelihood(self, seen, told, maps):
        """log p(x_t | ...), [T, B]; 0 where a step is padding."""
        found = at_once(
            lambda told, x, real: self.likelihood.log_prob(self.parameters(told, maps), x, real),
            *(told, seen.x, seen.real),
        )
        return tf.where(seen.mask > 0, found, 0.0)

    def follow(self, seen, noise, state=None):
        """The state after the last real step, and [`told`, ...] of all steps, [T, B, ...] each."""

        def step(state, inputs, maps):
            (gates_x,), mask = inputs
            told = state[0]
            return held(self.advance(gates_x, told, state, maps), state, mask), [told]

        inputs = at_once(lambda x: self.ahead(x, called(self.x_maps)), seen.x), seen.mask
        start = self.zeros(tf.shape(seen.mask)[1]) if state is None else state
        return scan(step, start, inputs, {"gates": self.gates}, [[None, self.told_size]])

    def step_terms(self, batch, noise, state=None):
        """The loss terms of every step, {name: [T, B]} in nats, 0 where it is padding; the state after."""
        seen = self.seen(batch)
        state, (told,) = self.follow(seen, noise, state)
        return {"negative_log_likelihood": -self.log_likelihood(seen, told, called(self.decoder_maps))}, state

    def summed_terms(self, batch, noise, state=None):
        """{name: [B]} of all steps, and the state after."""
        terms, state = self.step_terms(batch, noise, state)
        return {name: summed(swap(each), self.config.steps) for name, each in terms.items()}, state

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: as `fields` has it, or less of the padding."""
        return self.summed_terms(batch, noise)[0]

    def begin(self, size):
        """What training carries from window to window, before the first: a tuple of [size, ...] tensors."""
        return self.zeros(size)

    def carried_terms(self, batch, noise, states):
        """The terms that training descends of windows of sequences, and what is carried on."""
        return self.summed_terms(batch, noise, states)

    def read(self, batch, noise):
        """The state after the last step of a beginning, which `generate` goes on from: a tuple of [B, H]."""
        return self.follow(self.seen(batch), noise)[0]

    def path_noise(self, size, seed, steps=None):
        """What `read` draws from, for so many steps; steps: S."""
        return {}

    def drawing_noise(self, size, seed, steps=None):
        """What `generate` draws from: {name: [size, steps, ...]}, see zoo.nn.mixtures. seed: int32[2]; steps: S."""
        shapes = self.likelihood.noise
        return {
            name: drawn(name in self.likelihood.uniform, [size, steps or self.config.steps, *shape], own)
            for (name, shape), own in zip(shapes.items(), split(seed, len(shapes)), strict=True)
        }

    def foretold(self, h, noise, maps):
        """`told` of a step that is yet to come. h: [B, H]; noise: {name: [B, ...]}."""
        return h

    foretelling_maps = property(lambda self: {})

    def generate(self, noise, state=None):
        """Sequences that are drawn step by step, no means: {observed: as `fields` has it, all steps of it real}.

        noise: as drawing_noise gives it, of as many steps as there are to be; state: after a beginning, default none.
        """

        size = tf.nest.flatten(noise)[0].shape[0] or tf.shape(tf.nest.flatten(noise)[0])[0]
        start = self.zeros(size) if state is None else state
        inputs = tf.nest.map_structure(swap, noise)
        _, (x,) = scan(self.drawn_step, start, inputs, self.drawing_maps, [[None, self.config.features]])
        return self.restored(x)

    @property
    def drawing_maps(self):
        return {**self.foretelling_maps, **self.decoder_maps, **self.x_maps, "gates": self.gates}

    def drawn_step(self, state, noise, maps):
        """(state after, [x_t, normalised, [B, D]]). noise: {name: [B, ...]}."""
        told = self.foretold(state[0], noise, maps)
        x = self.likelihood.draw(self.parameters(told, maps), noise)
        return self.advance(self.ahead(x, maps)[0], told, state, maps), [x]

    def generate_step(self, noise, state):
        """One step of `generate`: (the state after, {observed: [B, 1 step of it]})."""
        state, (x,) = self.drawn_step(state, noise, called(self.drawing_maps))
        return state, self.restored(x[None])

    def sample(self, n=16, seed=(0, 0)):
        """n sequences of all S steps."""
        return self.generate(self.drawing_noise(n, seed))[self.observed]


class VRNN(RNN):
    """z_t from the prior given h_{t-1}, x_t from z_t and h_{t-1}, h_t from all three.

    `told` is [features of z_t; h_{t-1}].
    """

    told_size = property(lambda self: self.config.z_hidden[-1] + self.config.hidden)

    def __init__(self, config):
        super().__init__(config, "vrnn")
        self.z_net = Rectified(config.z_hidden, "z")
        self.z_sizes = {"mean": config.z_size, "scale": config.z_size}
        self.prior_net = Rectified(config.prior_hidden, "prior") if config.prior == "learned" else None
        self.prior_head = mixtures.head(self.z_sizes, "prior_head") if self.prior_net else None
        # The encoder's first layer in two, as the LSTM's.
        self.encoder_x = keras.layers.Dense(config.encoder_hidden[0], use_bias=False, name="encoder_x")
        self.encoder = Rectified(config.encoder_hidden, "encoder")
        self.encoder_head = mixtures.head(self.z_sizes, "encoder_head")

    def build(self, input_shape=None):
        config = self.config
        super().build()
        self.z_net.build((None, config.z_size))
        if self.prior_net:
            self.prior_net.build((None, config.hidden))
            self.prior_head.build((None, config.prior_hidden[-1]))
        self.encoder_x.build((None, config.x_hidden[-1]))
        self.encoder.build((None, config.hidden))
        self.encoder_head.build((None, config.encoder_hidden[-1]))

    @property
    def measures(self):
        objective, found = self.config.objective, bound(self.observed)
        found |= {
            name: dataclasses.replace(found[name], says=found[name].says + self.unit)
            for name in ("bound", "distortion")
        }
        if objective == "bound":
            return found | self.per_step("distortion", "rate")
        how = "resampled on the way" if objective == "fivo" else "each alone"
        says = f"-log of the likelihood that {self.config.particles} particles estimate, {how}; "
        says += f"-log p(x) is in expectation at most this{self.unit}"
        return {objective: Measure("nats", says, likelihood=self.observed)} | self.per_step(objective) | found

    def noise(self, batch_size, seed, steps=None):
        """{"z": standard normal [B, steps, Z]}, and of an objective with particles "particles", [B, N, steps, Z], and
        the uniform "places", [B, steps]. seed: int32[2]; steps: S."""
        config = self.config
        return self.path_noise(batch_size, seed, steps) | (
            self.particle_noise(batch_size, tf.random.fold_in(seed, 1), config.particles, steps)
            if config.objective != "bound"
            else {}
        )

    def training_noise(self, batch_size, seed):
        return self.noise(batch_size, seed, self.config.window)

    def path_noise(self, batch_size, seed, steps=None):
        """{"z": standard normal [B, steps, Z]}; steps: S."""
        return {"z": tf.random.stateless_normal([batch_size, steps or self.config.steps, self.config.z_size], seed)}

    def particle_noise(self, batch_size, seed, count, steps=None):
        """What `fivo` and `importance` draw `count` particles from."""
        (normal, uniform), steps = split(seed, 2), steps or self.config.steps
        return {
            "particles": drawn(False, [batch_size, count, steps, self.config.z_size], normal),
            "places": drawn(True, [batch_size, steps], uniform),
        }

    def drawing_noise(self, size, seed, steps=None):
        """And "z", standard normal [size, steps, Z]."""
        return self.path_noise(size, tf.random.fold_in(seed, 1), steps) | super().drawing_noise(size, seed, steps)

    # One step: the paper's equations

    @property
    def encoder_maps(self):
        return {**self.encoder.maps, "encoder_head": self.encoder_head}

    @property
    def prior_maps(self):
        return {**self.prior_net.maps, "prior_head": self.prior_head} if self.prior_net else {}

    def gaussian(self, parameters):
        mean, scale = tf.split(parameters, 2, -1)
        return mean, mixtures.positive(scale)

    def prior(self, h, maps):
        """Mean and scale of p(z_t | ...), [B, Z] each (eq. 5). h: [B, H]."""
        if not self.prior_net:
            shape = [tf.shape(h)[0], self.config.z_size]
            return tf.zeros(shape), tf.ones(shape)
        return self.gaussian(maps["prior_head"](self.prior_net.through(h, maps)))

    def posterior(self, encoder_x, h, maps):
        """Mean and scale of q(z_t | x_t, ...), [B, Z] each (eq. 9). encoder_x: as `ahead` has it, second."""
        return self.gaussian(maps["encoder_head"](self.encoder.through(h, maps, encoder_x)))

    def tell(self, z, h, maps):
        """[features of z; h]."""
        return tf.concat([self.z_net.through(z, maps), h], -1)

    def ahead(self, x, maps):
        """The maps of the features of x_t for the LSTM and, if there is to be one, for the encoder."""
        features = self.x_net.through(x, maps)
        return tuple(maps[name](features) for name in ("gates_x", "encoder_x") if name in maps)

    def foretold(self, h, noise, maps):
        mean, scale = self.prior(h, maps)
        return self.tell(mean + scale * noise["z"], h, maps)

    foretelling_maps = property(lambda self: {**self.prior_maps, **self.z_net.maps})

    # Whole sequences

    def known(self, seen):
        """What `ahead` says of all steps, [T, B, ...] each."""
        maps = called({**self.x_maps, "encoder_x": self.encoder_x})
        return at_once(lambda x: self.ahead(x, maps), seen.x)

    def follow(self, seen, noise, state=None):
        """The state after the last real step, and [told, h, z, mean, scale] of q's path through z, [T, B, ...] each.

        noise: {"z": [B, T or more, Z]}.
        """

        def step(state, inputs, maps):
            (gates_x, encoder_x), mask, noise = inputs
            mean, scale = self.posterior(encoder_x, state[0], maps)
            z = mean + scale * noise
            told = self.tell(z, state[0], maps)
            after = held(self.advance(gates_x, told, state, maps), state, mask)
            return after, [told, state[0], z, mean, scale]

        maps = {**self.encoder_maps, **self.z_net.maps, "gates": self.gates}
        start = self.zeros(tf.shape(seen.mask)[1]) if state is None else state
        inputs = self.known(seen), seen.mask, swap(noise["z"])[: tf.shape(seen.mask)[0]]
        sizes = self.told_size, self.config.hidden, *[self.config.z_size] * 3
        return scan(step, start, inputs, maps, [[None, size] for size in sizes])

    def step_terms(self, batch, noise, state=None):
        """Minus eq. 11: {"distortion", "rate"}, [T, B] nats each, 0 where a step is padding; and the state after."""

        def divergence(h, mean, scale):
            prior = tfd.Normal(*self.prior(h, called(self.prior_maps)))
            return tf.reduce_sum(tfd.kl_divergence(tfd.Normal(mean, scale), prior), -1)

        seen = self.seen(batch)
        state, (told, h, _, mean, scale) = self.follow(seen, noise, state)
        rate = at_once(divergence, h, mean, scale)
        distortion = -self.log_likelihood(seen, told, called(self.decoder_maps))
        return {"distortion": distortion, "rate": tf.where(seen.mask > 0, rate, 0.0)}, state

    def loss_terms(self, batch, noise):
        """Minus the bound: {"distortion": [B], "rate": [B]} in nats; and minus that which training raises."""
        return super().loss_terms(batch, noise) | self.particle_terms(batch, noise)

    def particle_terms(self, batch, noise):
        estimates = {"importance": self.importance, "fivo": self.fivo}
        name = self.config.objective
        return {name: -estimates[name](batch, noise)} if name in estimates else {}

    def training_terms(self, batch, noise, step):
        """The terms of the bound, or minus that of particles."""
        return self.particle_terms(batch, noise) or self.loss_terms(batch, noise)

    def begin(self, size):
        config = self.config
        return self.particles_at_first(size, config.particles) if config.objective == "fivo" else super().begin(size)

    def carried_terms(self, batch, noise, states):
        if self.config.objective != "fivo":
            return super().carried_terms(batch, noise, states)
        estimate, states = self.filtered(batch, noise, states)
        return {"fivo": -estimate}, states

    def log_weights(self, batch, noise):
        """log p(x, z) - log q(z | x) of one path, [B] nats."""

        def log_ratios(h, z, mean, scale):
            return log_normal(z, *self.prior(h, called(self.prior_maps))) - log_normal(z, mean, scale)

        seen = self.seen(batch)
        _, (told, h, z, mean, scale) = self.follow(seen, noise)
        log_ratio = at_once(log_ratios, h, z, mean, scale)
        log_p = self.log_likelihood(seen, told, called(self.decoder_maps))
        return summed(swap(log_p + tf.where(seen.mask > 0, log_ratio, 0.0)), self.config.steps)

    def importance(self, batch, noise):
        """log of the mean weight of N paths, [B] nats. noise: {"particles": [B, N, S, Z]}."""
        z = noise["particles"]
        many = {name: tf.repeat(batch[name], z.shape[1], 0) for name in self.fields}
        weights = self.log_weights(many, {"z": tf.reshape(z, [-1, *z.shape[2:]])})
        return log_mean(tf.reshape(weights, [-1, z.shape[1]]))

    def fivo(self, batch, noise):
        """log of the likelihood as N particles estimate it, [B] nats: its exponential is right on average.

        Particles are proposed by the posterior and resampled as the config says. noise: {"particles": [B, N, S, Z],
        "places": [B, S]}.
        """
        begin = self.particles_at_first(tf.shape(batch["length"])[0], noise["particles"].shape[1])
        return self.filtered(batch, noise, begin)[0]

    def particles_at_first(self, size, count):
        """h, c, [size, N, H] each, and the log of their weights, [size, N]."""
        zeros = tf.zeros([size, count, self.config.hidden])
        return zeros, zeros, tf.fill([size, count], -tf.math.log(float(count)))

    def filtered(self, batch, noise, states):
        """`fivo` given all before, which `states` come from, as `particles_at_first` has them; the states after."""
        seen, eps = self.seen(batch), noise["particles"]
        count, steps, size = eps.shape[1], tf.shape(seen.mask)[0], tf.shape(seen.mask)[1]
        always = self.config.resampling == "always"
        *states, log_weights = states

        def many(x):  # [B N, ...]
            return tf.repeat(x, count, 0)

        def step(state, inputs, maps):
            *state, log_weights, total = state
            (gates_x, encoder_x), x, real, mask, noise, places = inputs
            h = state[0]
            prior, posterior = self.prior(h, maps), self.posterior(many(encoder_x), h, maps)
            z = posterior[0] + posterior[1] * noise
            told = self.tell(z, h, maps)
            log_p = self.likelihood.log_prob(self.parameters(told, maps), many(x), many(real))
            gained = tf.reshape(log_p + log_normal(z, *prior) - log_normal(z, *posterior), [-1, count])
            after = log_weights + gained
            estimate = tf.reduce_logsumexp(after, 1)  # log p(x_t | x_1 .. x_{t-1}), [B]
            chosen, after = particles.resample(after - estimate[:, None], places, always)
            new = self.advance(many(gates_x), told, state, maps)
            new = [particles.taken(state, chosen) for state in new]
            after = tf.where(mask[:, None] > 0, after, log_weights)
            return (*new, after, total + tf.where(mask > 0, estimate, 0.0)), []

        maps = {**self.prior_maps, **self.encoder_maps, **self.z_net.maps, **self.decoder_maps, "gates": self.gates}
        noises = tf.reshape(eps, [-1, *eps.shape[2:]]), noise["places"]
        inputs = self.known(seen), *seen, *(swap(x)[:steps] for x in noises)
        start = *(tf.reshape(x, [size * count, self.config.hidden]) for x in states), log_weights, tf.zeros([size])
        *states, log_weights, total = scan(step, start, inputs, maps, [])[0]
        return total, (*(tf.reshape(x, [size, count, self.config.hidden]) for x in states), log_weights)


def held(after, before, mask):
    """The state after a step, or before it where mask, [B], is 0."""
    return tuple(tf.where(mask[:, None] > 0, new, old) for new, old in zip(after, before, strict=True))


def log_normal(x, mean, scale):
    """[...] nats of [..., Z]."""
    return tf.reduce_sum(tfd.Normal(mean, scale).log_prob(x), -1)


def log_mean(log_weights):
    """[B, N] -> [B]."""
    return tf.reduce_logsumexp(log_weights, 1) - tf.math.log(float(log_weights.shape[1]))


def split(seed, count):
    return tf.unstack(tf.random.split(seed, count), count)


def drawn(uniform, shape, seed):
    draw = tf.random.stateless_uniform if uniform else tf.random.stateless_normal
    return draw(shape, seed)
