"""Train WaveNet, one with a context stack, or the classifier on its features:
python -m trainers.wavenet --preset tones"""

import dataclasses
import itertools

from trainers.declare.task import Sampling, Task, later
from trainers.judges.options import Sounding
from trainers.learn.command import main
from zoo.configs.base import require, suggestion
from zoo.configs.wavenet import ContextWaveNetConfig, WaveNetClassifierConfig, WaveNetConfig

SHOWN = 3  # sounds in the exhibits
PRIMED = 0.5  # of an example's real samples, after which it is continued


@dataclasses.dataclass(frozen=True, kw_only=True)
class Saying(Sampling):
    """How sounds are drawn."""

    count: int = 4
    """sounds, or continuations of each input"""
    label: str = ""
    """the class of all of them, its name or number (default: every class in turn)"""
    speaker: str = ""
    """who speaks, the name or number (default: everyone in turn)"""
    notes: tuple[int, ...] = ()
    """the notes to play, one for each hop (default: from the first to the last, as the sound goes on)"""
    seconds: float = 1.0
    """how long they are, with what they continue"""
    temperature: float = 1.0
    """below 1 what is likely becomes likelier, 0 being silence or a hum"""


def exhibits(model, shown):
    """Sounds of the conditions of examples, beside these, drawn from nothing and from their first halves."""
    import numpy as np
    import tensorflow as tf

    from trainers.show.exhibits import Sound

    batch = {name: x[:SHOWN].numpy() for name, x in shown.batch.items()}
    audio, length, rate = batch["audio"], batch["length"], model.config.rate
    told = {name: tf.constant(batch[name]) for name in model.fields if name not in ("audio", "length")}
    uniforms = model.uniforms(len(audio), int(length.max()), (0, 3))
    half = np.arange(length.max()) < PRIMED * length[:, None]
    given = np.where(half, audio[:, : length.max()], np.nan).astype(np.float32)
    found = {}
    for name, sounds in {
        "original": audio,
        "sample": model.generate(uniforms, told).numpy(),
        "continued": model.generate(uniforms, told, given).numpy(),
    }.items():
        found |= {f"{name}-{i}": Sound(sound[: length[i]], rate) for i, sound in enumerate(sounds)}
    return found


def classes(model, shown):
    """Which class each example is taken for."""
    import tensorflow as tf

    from trainers.show.exhibits import Text

    probs = tf.nn.softmax(model.classify(shown.batch["audio"], shown.batch["length"])["logits"]).numpy()
    names = [name.decode() for name in model.names.texts(range(model.config.labels)).numpy()]
    lines = [
        f"{names[row.argmax()]} {row.max():.2f}" + ("" if k in (row.argmax(), -1) else f", but is {names[k]}")
        for row, k in zip(probs, shown.batch["label"].numpy(), strict=True)
    ]
    return {"classes": Text("\n".join(lines))}


def sample(model, inputs, options):
    """Sounds of the classes that are asked for; of inputs, which are WAV files, how they go on."""
    import numpy as np
    import tensorflow as tf

    from trainers.show.exhibits import Sound
    from trainers.show.sampling import Samples, recorded

    count, rate = options.count, model.config.rate
    require(options.temperature > 0, "temperature", options.temperature, "a positive number")
    require(options.seconds > 0, "seconds", options.seconds, "a positive number")
    clips, changed = zip(*(recorded(path, rate) for path in inputs), strict=True) if inputs else ((), ())
    size, samples = count * max(1, len(clips)), max(1, round(options.seconds * rate))
    given = np.full([size, samples], np.nan, np.float32)
    for i, each in enumerate(clips):
        require(len(each) < samples, "seconds", options.seconds, f"more than the {len(each) / rate:.2f} of {inputs[i]}")
        given[i * count : (i + 1) * count, : len(each)] = each
    asked = {"label": options.label, "speaker": options.speaker}
    batch = {name: tf.constant(chosen(names, name, asked[name], size)) for name, names in model.classes.items()}
    if model.config.by_notes:
        most, room = model.config.notes, model.fields["notes"].shape[0]
        hops = -(-samples // model.config.hop)
        notes = options.notes or tuple(1 + k * (most - 1) // hops for k in range(hops))
        require(all(0 <= n < most for n in notes), "notes", notes, f"numbers from 0 to {most - 1}")
        batch["notes"] = tf.constant([(*notes, *[0] * room)[:room]] * size)
    uniforms = model.uniforms(size, samples, (options.seed, 0))
    found = model.generate(uniforms, batch, given, options.temperature).numpy()
    width = len(str(size - 1))
    sounds = {f"sound-{i:0{width}}": Sound(each, rate) for i, each in enumerate(found)}
    lines = [f"{name}: {samples / rate:.2f} s, temperature {options.temperature:g}" for name in sounds]
    lines += itertools.chain.from_iterable(changed)
    return Samples({"audio": found, **{name: x.numpy() for name, x in batch.items()}}, sounds, lines)


def chosen(names, field, asked, size):
    """Numbers of the classes that are asked for by name or number, all in turn by default: int32 [size]."""
    import numpy as np

    known = names.known
    if not asked:
        return (np.arange(size) % max(1, len(known))).astype(np.int32)
    if asked not in known and not asked.lstrip("-").isdigit():
        raise ValueError(f"{field}: got {asked!r}, expected one of {', '.join(known)}{suggestion(asked, known)}")
    number = known.index(asked) if asked in known else int(asked)
    require(-1 <= number < names.size, field, asked, f"a number from -1, not known, to {names.size - 1}")
    return np.full(size, number, np.int32)


def which(model, inputs, options):
    """Which class each input, a WAV file, is of."""
    import numpy as np
    import tensorflow as tf

    from trainers.show.exhibits import Text
    from trainers.show.sampling import Samples, recorded

    require(inputs, "inputs", "none", "one WAV file or more, to say the class of")
    names, lines, found = model.names.known, [], []
    for path in inputs:
        audio, changed = recorded(path, model.config.rate)
        audio = audio[None, : model.config.length]
        length = tf.constant([audio.shape[1]])
        probs = tf.nn.softmax(model.classify(tf.constant(audio), length)["logits"])[0].numpy()
        best = np.argsort(-probs, kind="stable")[: len(names)]
        lines.append(f"{path}\n> " + ", ".join(f"{names[k]} {probs[k]:.2f}" for k in best))
        lines += changed
        found.append(probs)
    return Samples({"probabilities": np.stack(found)}, {"classes": Text("\n".join(lines))}, lines)


DRAWN = Task(
    "wavenet",
    exhibits,
    sample=sample,
    sampling=Saying,
    judge=later("trainers.judges.sounds", "judge"),
    judging=Sounding,
)
TASKS = {
    WaveNetConfig: DRAWN,
    ContextWaveNetConfig: DRAWN,
    WaveNetClassifierConfig: Task("wavenet", classes, best="error", sample=which),
}

if __name__ == "__main__":
    main(TASKS)
