"""WaveNet: a sound, sample by sample, each from those before it through a stack of dilated causal convolutions.

van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior and Kavukcuoglu, 2016, arXiv:1609.03499.
Equation numbers below are that paper's. A class or a speaker conditions all samples, a series of notes each its own
samples; one that is not known (-1) adds nothing.
Differs: every layer sees zeros before the start, the first input being the zero vector; biases are everywhere; what
conditions a sample is not shifted with the samples that are read. 16 bits under a mixture of discretised logistics are
a later paper's (arXiv:1701.05517, arXiv:1711.10433). A context stack reads frames, and says nothing of its own frame.

B batch, T samples, L the most of them, N samples at a time, R residual channels, S skip channels, C channels of local
conditions.
"""

import functools
from typing import NamedTuple

import keras
import tensorflow as tf

from zoo.configs.wavenet import ContextWaveNetConfig, WaveNetClassifierConfig, WaveNetConfig
from zoo.declare import Field, Measure
from zoo.declare.measure import bits
from zoo.nn.classes import cross_entropy
from zoo.nn.dilated import taps
from zoo.nn.gated import TAPS, GatedStack, Past, Upsampled
from zoo.nn.logistics import Companded, Logistics
from zoo.nn.model import Model
from zoo.nn.recurrence import summed
from zoo.nn.signal import frames
from zoo.nn.words import Names

PIECE = 1000  # samples that one call of the compiled loop makes


def build(config):
    """The model of a config with all its variables."""
    kinds = {
        WaveNetConfig: WaveNet,
        ContextWaveNetConfig: ContextWaveNet,
        WaveNetClassifierConfig: WaveNetClassifier,
    }
    model = kinds[type(config)](config)
    model.build()
    return model


class Played(NamedTuple):
    """Where a sound is that is made sample by sample."""

    past: Past
    last: tf.Tensor  # [B, 2], the two samples before, the older first
    context: tuple = ()  # what a context stack remembers, and the frame that it has not read


class WaveNet(Model):
    """p(x_t | x_1 .. x_{t-1}) (eq. 1) by gated units (eq. 2), given classes and notes (eq. 3)."""

    piece = PIECE  # samples that `play` is asked for at a time

    def __init__(self, config, name="wavenet"):
        super().__init__(config, name)
        self.samples = (
            Companded(config.levels) if config.output == "classes" else Logistics(config.levels, config.mixtures)
        )
        sizes = {"label": config.labels * config.by_label, "speaker": config.speakers * config.by_speaker}
        self.classes = {name: Names(size, name=name) for name, size in sizes.items() if size}
        self.enter = keras.layers.Dense(config.residual, name="enter")  # of the two samples before, the older first
        self.notes = None
        if config.by_notes and config.upsampling == "transposed":
            self.notes = Upsampled(config.hop, config.note_channels, name="notes")
        self.stack = GatedStack(
            config.residual,
            config.gate,
            config.skip,
            config.dilations,
            for_all=sum(sizes.values()),
            for_each=self.local_channels,
            name="stack",
        )
        self.hidden = keras.layers.Dense(config.skip, name="hidden")
        self.out = keras.layers.Dense(self.samples.size, name="out")

    @property
    def local_channels(self):
        """C, of what conditions single samples."""
        config = self.config
        if not config.by_notes:
            return 0
        return config.note_channels if self.notes else self.kinds

    @property
    def kinds(self):
        """How many notes there are, those of each class apart where they mean something else there."""
        return self.config.notes * (self.config.labels if self.config.notes_of_label else 1)

    def build(self, input_shape=None):
        config = self.config
        for names in self.classes.values():
            names.build()
        self.enter.build((None, TAPS * self.samples.inputs))
        if self.notes:
            self.notes.build((None, None, self.kinds))
        self.stack.build()
        self.hidden.build((None, config.skip))
        self.out.build((None, config.skip))
        self.built = True

    @property
    def fields(self):
        config = self.config
        found = {
            "audio": Field((config.length,), "float32", interval=(-1, 1), ragged=True),
            "length": Field((), "int32", classes=config.length + 1, counts="audio"),
            **{name: Field((), "int32", classes=names.size) for name, names in self.classes.items()},
        }
        if config.by_notes:
            found["notes"] = Field((-(-config.length // config.hop),), "int32", classes=config.notes)
        return found

    @property
    def measures(self):
        return {
            "negative_log_likelihood": Measure("nats", self.says, likelihood="audio"),
            **bits("negative_log_likelihood", per="samples"),
        }

    @property
    def says(self):
        """What is scored."""
        kind = "classes of mu-law" if self.config.output == "classes" else "levels"
        return f"-log p of the samples of a sound as {self.config.levels:,} {kind}"

    @property
    def vocabularies(self):
        return self.classes

    def counts(self, batch):
        """{"samples": [B]}, those that are no padding."""
        return {"samples": tf.cast(batch["length"], tf.float32)}

    # All samples at once

    def globally(self, batch):
        """What conditions all samples: a 1 for each class that is known, [B, G], None of a model that takes none."""
        found = [ones(batch[name], names.size) for name, names in self.classes.items()]
        return tf.concat(found, -1) if found else None

    def of_class(self, notes, batch):
        """A 1 for each note, none where they are of a class that is not known. notes: int32 [B, N].

        Returns [B, N, kinds].
        """
        label = batch["label"][:, None] if self.config.notes_of_label else 0
        return ones(notes + self.config.notes * label, self.kinds)

    def locally(self, batch, length):
        """What conditions every sample, [B, length, C], None of a model that takes no notes."""
        config = self.config
        if not config.by_notes:
            return None
        notes = self.of_class(batch["notes"], batch)
        y = self.notes(notes) if self.notes else tf.repeat(notes, config.hop, 1)
        return tf.pad(y, [[0, 0], [0, tf.maximum(length - tf.shape(y)[1], 0)], [0, 0]])[:, :length]

    def features(self, samples, batch):
        """The sum of skips at every sample, of those before it: [B, T, S]. samples: as encoded, [B, T]."""
        x = self.samples.read(samples)
        h = tf.cast(self.enter(taps(tf.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]]), 1, TAPS)), tf.float32)
        return self.stack.along(h, self.globally(batch), self.conditions(samples, batch))

    def conditions(self, samples, batch):
        """What conditions every sample, of samples [B, T]: [B, T, C] or None."""
        return self.locally(batch, tf.shape(samples)[1])

    def numbers(self, skips):
        """What the distribution of a sample is made from. skips: [..., S]."""
        h = tf.nn.relu(self.hidden(tf.nn.relu(skips)))
        return tf.cast(self.out(h), tf.float32)

    def nats(self, batch):
        """-log p of every sample given those before, 0 of padding: [B, T]; and the features it is said from."""
        samples = self.samples.encode(batch["audio"])
        skips = self.features(samples, batch)
        real = tf.range(tf.shape(samples)[1]) < batch["length"][:, None]
        return tf.where(real, self.samples.nats(self.numbers(skips), samples), 0.0), skips

    def loss_terms(self, batch, noise):
        """{"negative_log_likelihood": [B]} in nats. batch: as `fields` says; T may be less than L."""
        return {"negative_log_likelihood": summed(self.nats(batch)[0], self.config.length)}

    # Sample by sample

    def begin(self, size):
        """What is remembered before the first sample. size: B."""
        before = tf.fill([size, TAPS], self.samples.before)
        return Played(self.stack.begin(size), before)

    def entered(self, last):
        """What the first layer is told of the two samples before. last: [B, 2]. Returns [B, R]."""
        old, new = tf.split(tf.convert_to_tensor(self.enter.kernel), TAPS)
        return self.samples.read_by(old, last[:, 0]) + self.samples.read_by(new, last[:, 1]) + self.enter.bias

    def step(self, played, added, y=None):
        """What the next sample's distribution is made from, and the Past. y: of that sample, [B, C]."""
        skips, past = self.stack.step(self.entered(played.last), played.past, added, y)
        return self.numbers(skips), past

    def play(self, played, uniforms, given, temperature, batch, y=None):
        """N samples more in one loop: (samples as encoded [B, N], Played).

        uniforms: [B, N, samples.draws]; given: audio [B, N], NaN where a sample is to be drawn. batch: the conditions;
        y: those of these samples, [B, N, C].
        """
        count = uniforms.shape[1]
        given, drawn_at = self.samples.encode(tf.where(tf.math.is_nan(given), 0.0, given)), tf.math.is_nan(given)
        added = self.stack.added(self.globally(batch))
        told = [tf.transpose(x, [1, 0, *range(2, len(x.shape))]) for x in (uniforms, given, drawn_at)]
        y = None if y is None else tf.transpose(y, [1, 0, 2])

        def body(i, past, last, said):
            numbers, past = self.step(Played(past, last), added, None if y is None else y[i])
            drawn = self.samples.draw(numbers, told[0][i], temperature)
            sample = tf.where(told[2][i], drawn, told[1][i])
            return i + 1, past, tf.stack([last[:, 1], sample], 1), said.write(i, sample)

        said = tf.TensorArray(given.dtype, count, element_shape=[given.shape[0]])
        start = (0, played.past, played.last, said)
        _, past, last, said = tf.while_loop(lambda i, *_: i < count, body, start, maximum_iterations=count)
        return tf.transpose(said.stack()), Played(past, last, played.context)

    @functools.cached_property
    def looped(self):
        """`play`, compiled once for every number of voices."""
        return tf.function(self.play, jit_compile=True, autograph=False)

    def uniforms(self, size, count, seed):
        """The randomness of `count` samples: uniform numbers [size, count, draws]. seed: int32[2]."""
        return tf.random.stateless_uniform([size, count, self.samples.draws], seed)

    def generate(self, uniforms, batch=None, given=None, temperature=1.0):
        """Sounds, sample by sample: audio [B, T] in [-1, 1].

        uniforms: [B, T, draws], one row a sound: as `uniforms` gives them. batch: {name: [B, ...]}, the conditions that
        the model takes; one that is left out is not known, notes being none. given: audio [B, T], NaN from where it is
        to go on, default all. temperature: of every draw; below 1 what is likely becomes likelier.
        """
        size, count = uniforms.shape[0] or tf.shape(uniforms)[0], uniforms.shape[1]
        given = tf.fill([size, count], float("nan")) if given is None else given
        batch = self.unknown(size) | (batch or {})
        more = -count % self.piece  # whole pieces: nothing is compiled twice
        uniforms = tf.pad(uniforms, [[0, 0], [0, more], [0, 0]])
        given = tf.pad(given, [[0, 0], [0, more]])
        y = self.locally(batch, count + more)
        batch = {name: batch[name] for name in self.classes}
        # One of its own makes an export depend on XLA, which a server need not have.
        play = self.play if tf.inside_function() else self.looped
        played, found = self.begin(size), []
        for start in range(0, count, self.piece):
            now = [None if x is None else x[:, start : start + self.piece] for x in (uniforms, given, y)]
            samples, played = play(played, *now[:2], tf.constant(temperature, tf.float32), batch, now[2])
            found.append(samples)
        return self.samples.decode(tf.concat(found, 1)[:, :count])

    def unknown(self, size):
        """Conditions that say nothing: {name: [B, ...]}."""
        found = {name: tf.fill([size], -1) for name in self.classes}
        if self.config.by_notes:
            found["notes"] = tf.zeros([size, self.fields["notes"].shape[0]], tf.int32)
        return found


class ContextWaveNet(WaveNet):
    """WaveNet whose samples are conditioned by a stack over the frames before theirs (section 2.6)."""

    def __init__(self, config):
        super().__init__(config, "context_wavenet")
        self.piece = config.context_hop
        self.context_enter = keras.layers.Dense(config.context_residual, name="context_enter")
        sizes = config.context_residual, config.context_gate, config.context_skip, config.context_dilations
        self.context = GatedStack(*sizes, for_all=self.stack.for_all, name="context")
        self.spread = Upsampled(config.context_hop, config.context_channels, name="spread")

    @property
    def local_channels(self):
        return super().local_channels + self.config.context_channels

    def build(self, input_shape=None):
        config = self.config
        self.context_enter.build((None, config.context_hop))
        self.context.build()
        self.spread.build((None, None, config.context_skip))
        super().build()

    def read_frame(self, frame):
        """What the context's first layer is told of frames, [..., hop]: [..., Rc]."""
        return tf.cast(self.context_enter(frame), tf.float32)

    def tell(self, skips):
        """What the samples behind frames are told of them, [B, N hop, C]. skips: the context's, [B, N, Sc]."""
        return self.spread(tf.nn.relu(skips))

    def conditions(self, samples, batch):
        framed = frames(self.samples.decode(samples), self.config.context_hop)
        before = tf.pad(framed[:, :-1], [[0, 0], [1, 0], [0, 0]])
        said = self.tell(self.context.along(self.read_frame(before), self.globally(batch)))[:, : tf.shape(samples)[1]]
        local = super().conditions(samples, batch)
        return said if local is None else tf.concat([local, said], -1)

    def begin(self, size):
        frame = tf.zeros([size, self.config.context_hop])
        return super().begin(size)._replace(context=(self.context.begin(size), frame))

    def play(self, played, uniforms, given, temperature, batch, y=None):
        """A frame more. See WaveNet; N is context_hop."""
        past, frame = played.context
        added = self.context.added(self.globally(batch))
        skips, past = self.context.step(self.read_frame(frame), past, added)
        said = self.tell(skips[:, None])
        y = said if y is None else tf.concat([y, said], -1)
        samples, played = super().play(played, uniforms, given, temperature, batch, y)
        return samples, played._replace(context=(past, self.samples.decode(samples)))


class WaveNetClassifier(WaveNet):
    """The class of a sound from WaveNet's features, averaged over frames (section 3.4): two losses, the class and the
    next sample."""

    def __init__(self, config):
        super().__init__(config, "wavenet_classifier")
        self.names = Names(config.labels, name="names")
        self.convolutions = [
            keras.layers.Conv1D(config.convolution, config.width, padding="same", name=f"convolution_{i}")
            for i in range(config.convolutions)
        ]
        self.head = keras.layers.Dense(config.labels, name="class")

    def build(self, input_shape=None):
        super().build()
        self.names.build()
        size = self.config.skip
        for layer in self.convolutions:
            layer.build((None, None, size))
            size = layer.filters
        self.head.build((None, size))

    @property
    def fields(self):
        return {**super().fields, "label": Field((), "int32", classes=self.config.labels)}

    @property
    def measures(self):
        nats = "-log of the probability of the right class"
        return {
            "cross_entropy": Measure("nats", nats, per="labels"),
            "error": Measure(
                "fraction", "sounds whose likeliest class is another one, of those with a label", per="labels"
            ),
            **super().measures,
        }

    @property
    def vocabularies(self):
        return {**super().vocabularies, "label": self.names}

    def counts(self, batch):
        """Those of samples, and "labels": 1 where the class is known, [B]."""
        return {**super().counts(batch), "labels": tf.cast(batch["label"] >= 0, tf.float32)}

    def judged(self, skips, length):
        """Logits of the classes, [B, labels], of features [B, T, S], the first `length` [B] of which are real."""
        frame, steps = self.config.frame, tf.shape(skips)[1]
        real = tf.cast(tf.range(steps) < length[:, None], tf.float32)[..., None]  # [B, T, 1]

        def framed(x):
            x = tf.pad(x, [[0, 0], [0, -steps % frame], [0, 0]])
            return tf.reduce_sum(tf.reshape(x, [tf.shape(x)[0], -1, frame, x.shape[2]]), 2)

        count = framed(real)  # [B, frames, 1]
        h, there = framed(tf.nn.relu(skips) * real) / tf.maximum(count, 1.0), tf.cast(count > 0, tf.float32)
        for layer in self.convolutions:
            h = tf.cast(tf.nn.relu(layer(h)), tf.float32) * there
        h, many = (summed(each, self.config.length) for each in (h, there))
        return tf.cast(self.head(h / many), tf.float32)

    def classify(self, audio, length):
        """audio: [B, T]; length: int32 [B]. Returns {"logits": [B, labels]}."""
        return {"logits": self.judged(self.nats({"audio": audio, "length": length})[1], length)}

    def loss_terms(self, batch, noise):
        """{"cross_entropy", "negative_log_likelihood"} in nats, and "error": [B]. No label is told of -1."""
        nats, skips = self.nats(batch)
        known, label = batch["label"] >= 0, tf.maximum(batch["label"], 0)
        logits = self.judged(skips, batch["length"])
        wrong = tf.argmax(logits, -1, label.dtype) != label
        return {
            "cross_entropy": tf.where(known, cross_entropy(logits, label), 0.0),
            "error": tf.cast(wrong & known, tf.float32),
            "negative_log_likelihood": summed(nats, self.config.length),
        }

    def training_terms(self, batch, noise, step):
        """The class's nats, and those a sample by config.generative."""
        terms = self.loss_terms(batch, noise)
        each = terms["negative_log_likelihood"] / self.counts(batch)["samples"]
        return {"cross_entropy": terms["cross_entropy"], "next_sample": self.config.generative * each}


def ones(number, size):
    """A 1 in the place of each number, none of one below 0: float32 [..., size]. number: int32 [...]."""
    # LiteRT (2.3) makes a lookup of rows of a product with one_hot, which fails at -1.
    return tf.one_hot(tf.maximum(number, 0), size) * tf.cast(number >= 0, tf.float32)[..., None]
