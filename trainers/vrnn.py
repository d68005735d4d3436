"""Train a VRNN, or its baseline without z: python -m trainers.vrnn --preset tones"""

import dataclasses
import functools
import itertools

from trainers.declare.task import Judging, Sampling, Task, later
from trainers.learn.command import main
from zoo.configs.vrnn import RNNConfig, VRNNConfig

SHOWN = 4  # sequences to look at or to listen to
LONGEST = 200  # steps of those in exhibits, of wherever one would have more


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing(Sampling):
    """For sequences."""

    steps: int = 0
    """of each; 0: as many as the longest that the model learned from"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counting(Judging):
    """For likelihoods by particles."""

    particles: int = 16
    """that follow each sequence"""


def exhibits(model, shown):
    """Samples, what follows the first half of examples, and where z tells most."""
    steps = min(LONGEST, model.config.steps)
    drawn = in_graph(model.generate)(model.drawing_noise(SHOWN, (0, 1), steps))[model.observed].numpy()
    found = paint(model, list(drawn), "samples")
    begun, batch, noise = beginnings(model, shown)
    state = in_graph(model.read)(batch, noise)
    more = in_graph(model.generate)(model.drawing_noise(len(begun), (0, 2), steps // 2), state)
    found |= paint(model, joined(begun, more[model.observed].numpy()), "continuations")
    return found | (rates(model, shown) if isinstance(model.config, VRNNConfig) else {})


@functools.lru_cache(8)  # validations come again and again
def in_graph(function):
    """A function of a model as a graph: eagerly a thousand steps would take a minute."""
    import tensorflow as tf

    return tf.function(function, autograph=False, reduce_retracing=True)


def joined(begun, more):
    import numpy as np

    return [np.concatenate(pair) for pair in zip(begun, more, strict=True)]


def first(shown, count=SHOWN):
    """The first examples, and their noise."""
    import tensorflow as tf

    return tf.nest.map_structure(lambda x: x[:count], (dict(shown.batch), shown.noise))


def beginnings(model, shown):
    """The first half of examples: a list of arrays, a batch of them and its noise."""
    import tensorflow as tf

    batch, noise = first(shown)
    length = model.stride * tf.maximum(1, tf.cast(model.counts(batch)["steps"], tf.int32) // 2)
    length = tf.minimum(length, batch["length"])
    values = batch[model.observed].numpy()
    return [row[:n] for row, n in zip(values, length.numpy(), strict=True)], batch | {"length": length}, noise


def paint(model, sequences, name):
    """Exhibits of arrays as the model's field holds them, without padding."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.exhibits import Midi, Picture, Sound
    from zoo.data.music.tunes import lowest_note

    if model.observed == "audio":
        return {f"{name}-{i:02}": Sound(wave, model.config.rate) for i, wave in enumerate(sequences)}
    if model.observed == "strokes":
        return {name: Picture(pictures.handwriting(sequences))}
    lowest = lowest_note(model.config.features)
    rolls = [pictures.piano_roll(roll, lowest=lowest) for roll in sequences[:SHOWN]]
    rolls = [np.pad(roll, ((0, 6), (0, 0), (0, 0)), constant_values=255) for roll in rolls]
    width = max(roll.shape[1] for roll in rolls)
    rolls = [np.pad(roll, ((0, 0), (0, width - roll.shape[1]), (0, 0)), constant_values=255) for roll in rolls]
    tunes = {f"{name}-{i:02}": Midi(roll, lowest) for i, roll in enumerate(sequences)}
    return {name: Picture(np.concatenate(rolls)), **tunes}


def rates(model, shown):
    """The rate of each step of the first example, over what happens in it."""
    import numpy as np

    from trainers.show.exhibits import Curve

    batch, noise = first(shown, 1)
    steps = int(model.counts(batch)["steps"][0])
    rate = in_graph(model.step_terms)(batch, noise)[0]["rate"][:steps, 0].numpy()
    x = model.seen(batch).x[:steps, 0].numpy()
    if model.observed == "audio":
        told, signal = "loudness", np.sqrt(np.mean(x**2, 1))
    elif model.observed == "strokes":
        told, signal = "pen lifted", x[:, 0]
    else:
        told, signal = "notes that begin or end", np.abs(np.diff(x, axis=0, prepend=0)).sum(1)
    scaled = signal * rate.max() / max(signal.max(), 1e-6)
    at = np.arange(steps)
    return {"rate": Curve({"rate": (at, rate), f"{told}, scaled": (at, scaled)}, "step")}


def histograms(model, shown):
    """The rate of every step."""
    mask = model.seen(shown.batch).mask > 0
    return {"rate/step": in_graph(model.step_terms)(dict(shown.batch), shown.noise)[0]["rate"][mask]}


def sample(model, inputs, options):
    """Samples: sequences drawn step by step; of inputs, WAV or MIDI files, how each of them goes on."""
    import numpy as np
    import tensorflow as tf

    from trainers.show.sampling import BATCH, SHOWN, Samples
    from zoo.configs.base import require

    require(options.steps >= 0, "steps", options.steps, "a number of steps, or 0 for as many as training's longest")
    seeds = tf.random.split((options.seed, 0), 2)
    begun, state, lines = [], None, []
    if inputs:
        read, lines = zip(*(read_beginning(model, name) for name in inputs), strict=True)
        begun = [row for row in read for _ in range(options.count)]
        state = state_after(model, begun, seeds[0])
    generate, parts = in_graph(model.generate), []
    size = len(begun) or options.count
    for start in range(0, size, BATCH):
        seed = tf.random.fold_in(seeds[1], start)
        noise = model.drawing_noise(min(BATCH, size - start), seed, options.steps or None)
        at = state and tuple(part[start : start + BATCH] for part in state)
        parts.append(generate(noise, at)[model.observed].numpy())
    drawn = np.concatenate(parts)
    shown = joined(begun[:SHOWN], drawn[:SHOWN]) if begun else list(drawn[:SHOWN])
    return Samples({"samples": drawn}, paint(model, shown, "samples"), [*itertools.chain.from_iterable(lines)])


def read_beginning(model, name):
    """(What a file holds, as the model's field does; lines about what of it is changed or left out.)"""
    import pathlib

    import numpy as np

    from trainers.show.sampling import recorded
    from zoo.data.music import midi

    if model.observed == "audio":
        return recorded(name, model.config.rate)
    if model.observed == "sequence":
        notes = model.config.features
        roll, beyond = midi.read(pathlib.Path(name), notes)
        left = f"{name}: notes left out that a roll of {notes} has no place for: {beyond:,}"
        return np.float32(roll / 255), [left] if beyond else []
    raise ValueError("inputs: got files, expected none; a model of strokes begins at nothing")


def state_after(model, begun, seed):
    """The state after beginnings of any length: arrays as the model's field holds them, without padding."""
    import numpy as np

    lengths = np.int32([len(row) for row in begun])
    padded = np.stack([np.pad(row, [(0, lengths.max() - len(row)), *[(0, 0)] * (row.ndim - 1)]) for row in begun])
    batch = {model.observed: padded, "length": lengths}
    steps = int(model.counts(batch)["steps"].numpy().max())
    return model.read(batch, model.path_noise(len(begun), seed, steps))


def learner(model, settings, *arguments):
    """The Learner of whole sequences, or of windows, whose states go on from step to step."""
    from trainers.learn.learner import Carrying, Learner
    from zoo.data.windows import windows

    class Windows(Carrying):
        def batches(self, sets, start_step):
            length = model.config.window * model.stride
            return windows(sets.train, model.observed, length, settings.batch_size, settings.seed, start_step)

    return (Windows if model.config.window else Learner)(model, settings, *arguments)


TASKS = {
    VRNNConfig: Task(
        "vrnn",
        exhibits,
        histograms,
        learner=learner,
        sample=sample,
        sampling=Drawing,
        judge=later("trainers.judges.particles", "judge"),
        judging=Counting,
    ),
    RNNConfig: Task("vrnn", exhibits, learner=learner, sample=sample, sampling=Drawing),
}

if __name__ == "__main__":
    main(TASKS)
