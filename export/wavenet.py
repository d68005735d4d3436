"""Export WaveNet or the classifier on its features: python -m export.wavenet RUN --out models

A server makes a piece of sound in one call, or goes on with one. A phone makes a sample a call: the state is in the
caller's hands, and so is the randomness.
"""

from export.declare import meaning
from export.declare.signature import Input, Offered, Signature
from export.declare.sounds import with_files
from export.make.command import main
from zoo.configs.wavenet import ContextWaveNetConfig, WaveNetClassifierConfig

PIECE = 0.1  # seconds that a server makes at a time

SOUNDS = "samples, mono, from -1 to 1; 0 behind the end of those shorter than the input"


def signatures(model, k):
    """generate, continue and log_likelihood; to phones log_likelihood and step, with a context stack frame, too."""
    return classifier(model) if isinstance(model.config, WaveNetClassifierConfig) else sounds(model)


def sounds(model):
    """Offered by models that make sounds."""
    import tensorflow as tf

    config, told = model.config, conditions(model)
    piece = max(2, min(round(PIECE * config.rate), config.length // 2))

    def generate(noise, **batch):
        return {"audio": model.generate(noise, batch)}

    def go_on(noise, audio, length, **batch):
        given = tf.where(tf.range(2 * piece) < length[:, None], tf.pad(audio, [[0, 0], [0, piece]]), float("nan"))
        return {"audio": model.generate(noise, batch, given)}

    def log_likelihood(**batch):
        return {"log_likelihood": -model.loss_terms(batch, {})["negative_log_likelihood"]}

    clip = {
        "audio": Input((piece,), SOUNDS, interval=(-1, 1)),
        "length": Input((), "how many samples are no padding", "int32", interval=(0, piece)),
    }
    made = {"audio": f"samples from -1 to 1, {config.rate:,} a second"}
    server = {
        "generate": Signature(
            generate,
            told,
            f"{piece:,} samples of a new sound.",
            draws=1,
            source=lambda n, seed: model.uniforms(n, piece, seed),
            outputs=made,
        ),
        "continue": Signature(
            go_on,
            clip | told,
            f"The samples that are given, and what comes after them up to {2 * piece:,}.",
            draws=1,
            source=lambda n, seed: model.uniforms(n, 2 * piece, seed),
            outputs=made,
        ),
        "log_likelihood": Signature(
            log_likelihood,
            observed(model) | told,
            "log p of the samples of a sound in nats.",
            outputs=meaning.of("log_likelihood"),
        ),
    }
    phone = {"log_likelihood": server["log_likelihood"], **by_the_sample(model)}
    return Offered(with_files(server, config.rate), phone)


def observed(model):
    """The Inputs that a whole sound is."""
    fields = model.fields
    return {
        "audio": Input.of("audio", fields["audio"], SOUNDS),
        "length": Input.of("length", fields["length"], "how many samples are no padding"),
    }


def conditions(model):
    """The Inputs that condition a sound."""
    found = {
        name: Input(
            (), f"the number of the {name}, -1 for one that is not known", "int32", interval=(-1, names.size - 1)
        )
        for name, names in model.classes.items()
    }
    if model.config.by_notes:
        says = f"the note, or the part of a word, of every {model.config.hop} samples, 0 being none"
        found["notes"] = Input.of("notes", model.fields["notes"], says)
    return found


def by_the_sample(model):
    """step: one sample more; of a model with a context stack frame, too: what a frame tells of the samples of the
    next."""
    import tensorflow as tf

    from zoo.nn.gated import TAPS

    config, kind = model.config, model.samples
    in_frames = isinstance(config, ContextWaveNetConfig)

    def step(uniforms, time, rows, last, told=None, **batch):
        y = [of_sample(time, batch)] if config.by_notes else []
        y += [tf.gather(told, (time % config.context_hop)[:, None], batch_dims=1)[:, 0]] if in_frames else []
        added = model.stack.added(model.globally(batch))
        skips, rows = advanced(model.stack, model.entered(last), time, rows, added, tf.concat(y, -1) if y else None)
        sample = kind.draw(model.numbers(skips), uniforms, 1.0)
        return {
            "audio": kind.decode(sample),
            "time": time + 1,
            "rows": rows,
            "last": tf.stack([last[:, 1], sample], 1),
        }

    def of_sample(time, batch):
        """What the notes tell of one sample, [B, C]."""
        notes = tf.pad(batch["notes"], [[0, 0], [0, 1]])
        note = tf.gather(notes, tf.minimum(time // config.hop, room)[:, None], batch_dims=1)
        known = model.of_class(note, batch)  # [B, 1, kinds]
        y = tf.gather(model.notes(known), (time % config.hop)[:, None], batch_dims=1) if model.notes else known
        return y[:, 0]

    def frame(frame, frames, frame_rows, **batch):
        added = model.context.added(model.globally(batch))
        skips, rows = advanced(model.context, model.read_frame(frame), frames, frame_rows, added)
        return {"told": model.tell(skips[:, None]), "frames": frames + 1, "frame_rows": rows}

    room = model.fields["notes"].shape[0] if config.by_notes else 0
    dtype = "int32" if kind.draws == 1 else "float32"
    before = "the two samples before, the older one first; -1 for none" if kind.draws == 1 else "the two samples before"
    kept = "0 before the first {}, then as the last call returned it"
    inputs = {
        "uniforms": Input(
            (kind.draws,), "independent uniform numbers in [0, 1), fresh for every call", interval=(0, 1)
        ),
        "time": Input((), "samples made before", "int32", interval=(0, config.length - 1)),
        "rows": Input(room_of(model.stack), kept.format("sample")),
        "last": Input((TAPS,), before, dtype, interval=(-1, config.levels - 1) if kind.draws == 1 else (-1, 1)),
    }
    state = dict.fromkeys(("time", "rows", "last"), "the state, for the next call")
    says, outputs = "One sample more.", {"audio": "the sample, from -1 to 1", **state}
    if not in_frames:
        return {"step": Signature(step, inputs | conditions(model), says, outputs=outputs)}
    hop = config.context_hop
    inputs["told"] = Input((hop, config.context_channels), f"as frame returned it, which is called every {hop} samples")
    of_frame = {
        "frame": Input((hop,), f"the {hop} samples before; 0 before the first", interval=(-1, 1)),
        "frames": Input((), "frames read before", "int32", interval=(0, -(-config.length // hop) - 1)),
        "frame_rows": Input(room_of(model.context), kept.format("frame")),
    }
    heard = {name: one for name, one in conditions(model).items() if name in model.classes}
    state = dict.fromkeys(("frames", "frame_rows"), "the state, for the next call")
    return {
        "frame": Signature(
            frame,
            of_frame | heard,
            f"What a frame tells of the {hop} samples behind it.",
            outputs={"told": "for step", **state},
        ),
        "step": Signature(step, inputs | conditions(model), says, outputs=outputs),
    }


def room_of(stack):
    """The shape of what a phone remembers of a stack: [layers, steps, channels]."""
    return len(stack.dilations), max(stack.dilations), stack.residual


def advanced(stack, h, time, rows, added, y=None):
    """One step of a stack whose rows, [B, L, M, R], each have a time of their own: (sum of skips, rows)."""
    import tensorflow as tf

    most = max(stack.dilations)
    old = tf.gather(rows, (time[:, None] - tf.constant(stack.dilations))[..., None] % most, batch_dims=2)
    skips, new = stack.advance(h, tf.transpose(old[:, :, 0], [1, 0, 2]), added, y)
    here = tf.range(most) == (time % most)[:, None]
    return skips, tf.where(here[:, None, :, None], tf.transpose(new, [1, 0, 2])[:, :, None], rows)


def classifier(model):
    """Offered by the classifier: classify, a server's with the name of the class."""
    import tensorflow as tf

    def classify(audio, length):
        logits = model.classify(audio, length)["logits"]
        return {"probabilities": tf.nn.softmax(logits), "logits": logits}

    def in_words(audio, length):
        found = classify(audio, length)
        return {"class": model.names.texts(tf.argmax(found["logits"], -1)), **found}

    outputs = {
        "probabilities": "of the classes, in the order of the lines in the file of classes",
        "logits": "of the same",
    }
    says = "The class of a sound."
    server = Signature(in_words, observed(model), says, outputs={"class": "the name of the likeliest", **outputs})
    phone = Signature(classify, observed(model), says, outputs=outputs)
    return Offered(with_files({"classify": server}, model.config.rate), {"classify": phone})


if __name__ == "__main__":
    main("wavenet", signatures)
