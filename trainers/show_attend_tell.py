"""Train Show, Attend and Tell: python -m trainers.show_attend_tell"""

import dataclasses
import functools
import itertools
import pathlib
import sys

from trainers.declare.task import Figure, Searching, Task, later
from trainers.learn.command import main
from zoo.configs.base import require
from zoo.configs.show_attend_tell import ShowAttendTellConfig
from zoo.declare import Measure

WIDTH = 5  # of beam search, in figures and pictures
TOLD = 4  # examples whose attention is shown word by word


@dataclasses.dataclass(frozen=True, kw_only=True)
class Telling(Searching):
    """How pictures are described."""

    width: int = WIDTH
    length_norm: float = 0.0
    """captions are compared by log p / words to this power: 0 prefers short ones, 1 the mean of a word"""
    hardest: bool = False
    """look at the most probable place alone at every word, as hard attention does"""

    def __post_init__(self):
        super().__post_init__()
        require(0 <= self.length_norm <= 10, "length_norm", self.length_norm, "a power from 0 to 10")


def exhibits(model, shown):
    """Captions of the images, and for some the image anew for every word, clear where the model looked."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.exhibits import Picture
    from trainers.show.illustration import attention_strip

    told, texts = tell(model, shown.batch)
    longest = max(len(text.split()) for text in texts[:TOLD])
    if shown.split.source:
        rows = shown.batch["picture"].numpy()
        images = shown.split.source.image[rows] / np.float32(255)
        references = [shown.split.source.captions[row] for row in rows]
    else:
        images, references = shown.batch["image"].numpy(), [()] * len(texts)
    strips = [
        attention_strip(model, images[i], text, told["attention"][i], longest, references[i])
        for i, text in enumerate(texts[:TOLD])
    ]
    return {"captions": Picture(pictures.captioned(images, texts)), "attention": Picture(np.concatenate(strips))}


def tell(model, batch, hardest=False):
    """({"attention" ...} as arrays, texts) of beam search for a batch. hardest: see ShowAttendTell.decode_step."""
    told = teller(model, hardest)({name: batch[name] for name in model.fields if name != "caption"})
    texts = [text.decode() for text in model.words.texts(told["ids"]).numpy()]
    return {name: value.numpy() for name, value in told.items()}, texts


@functools.lru_cache(4)  # validations come again and again
def teller(model, hardest=False):
    import tensorflow as tf

    told = lambda batch: model.caption(batch, "beam", WIDTH, hardest=hardest)  # noqa: E731
    return tf.function(told, reduce_retracing=True, autograph=False)


def figures(model, sets, split, seed):
    """Scores of the captions of every picture against all its references; of scenes, where the attention was.

    Hard attention is scored with the expectation of its places, which picks the weights, and as what it is, with one
    place for each word: "hard_" is before the names of these figures.
    """
    examples = sets.splits[split]
    if not examples.source:  # made anew at each visit: there is nothing to score twice alike
        return {}
    found = scored(model, examples)
    if model.config.attention == "hard":
        way = "looking at the likeliest place alone for each word"
        found |= {f"hard_{name}": figure for name, figure in scored(model, examples, way, hardest=True).items()}
    return found


def scored(model, examples, way="", hardest=False):
    """The figures of one way to look, whose definitions begin with it."""
    from zoo import data
    from zoo.metrics import text

    many, attention, hypotheses = len(examples.source.captions), [], []
    for batch, n in data.in_order(examples, min(100, many)):  # the first example of each picture comes first
        told, texts = tell(model, batch, hardest)
        hypotheses += [one.split() for one in texts[:n]]
        attention += list(told["attention"][:n])
        if len(hypotheses) >= many:
            break
    corpus = hypotheses[:many], [[text.tokens(one) for one in several] for several in examples.source.captions]
    scores, errors = text.scores(*corpus), text.bleu_errors(*corpus)
    found = {}

    def add(name, value, *definition):
        says = ", ".join(filter(None, [way, *definition]))
        better = "" if name == "length_ratio" else "higher"
        found[name] = Figure(value, Measure("", says, better=better), errors.get(name), many)

    for name, value in scores.items():
        ratio = f"length ratio {scores['length_ratio']:.3f}" if name.startswith("bleu") else ""
        add(name, value, *text.DEFINITIONS[name], ratio)
    if "mask" in examples.source.facts:
        for name, pair in pointing(hypotheses[:many], attention, model.config.grid, examples.source.facts).items():
            add(name, *pair)
    return found


def pointing(hypotheses, attention, grid, facts):
    """How the attention of words that name an object in the picture lies to that object.

    attention: [T, L] of each hypothesis; facts: of scenes, see zoo.data.captioned.compositions.
    """
    import numpy as np

    from zoo.data.captioned.compositions import OBJECTS

    hits, masses = [], []
    for m, (words, weights) in enumerate(zip(hypotheses, attention, strict=True)):
        objects = [OBJECTS[o] for o in facts["object"][m] if o >= 0]
        for word, alpha in zip(words, weights, strict=False):
            named = [k for k, name in enumerate(objects) if word in (name, f"{name}s", f"{name}es")]
            if not named:
                continue
            mask = np.isin(facts["mask"][m], [k + 1 for k in named])
            cells = covered(mask, grid).ravel()
            hits.append((cells > 0)[alpha >= alpha.max()].mean())
            masses.append((alpha * cells).sum())
    if not hits:  # what is not said is nowhere
        return {}
    of = "of words that name an object of the scene, "
    return {
        "pointing": (float(np.mean(hits)), f"{of}those whose largest weight is at a place that the object touches"),
        "attention_on_object": (float(np.mean(masses)), f"{of}the mean weight on the object's pixels"),
    }


def covered(mask, grid):
    """The share of each cell of a grid (rows, columns) that a mask [H, W] covers; cells may cut pixels."""
    import numpy as np

    for axis, cells in enumerate(grid):
        whole = np.repeat(mask, cells, axis)  # each pixel as so many slices, of which a cell takes `side`
        side = mask.shape[axis]
        mask = np.add.reduceat(whole, np.arange(0, whole.shape[axis], side), axis) / side
    return mask


def sample(model, paths, options):
    """A line for each picture file, and a picture of the attention word by word."""
    import numpy as np
    import tensorflow as tf

    from trainers.show.exhibits import Picture
    from trainers.show.illustration import attention_strip
    from trainers.show.sampling import Samples
    from zoo.configs.base import require
    from zoo.data.pictures.files import picture

    require(paths, "inputs", "none", "picture files, which this model describes")
    height, width, channels = model.picture_shape
    look, paths, made = eye(model), [pathlib.Path(path) for path in paths], Samples({}, {}, [])
    for path, name in zip(paths, names(paths), strict=True):
        try:
            image = picture(path.read_bytes(), height, width) / np.float32(255)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            print(f"error: {path}: no picture that can be read ({reason})", file=sys.stderr, flush=True)
            made = made._replace(failed=made.failed + 1)
            continue
        image = image if channels == 3 else tf.image.rgb_to_grayscale(image).numpy()
        told = model.caption(look(image[None]), "beam", options.width, options.length_norm, hardest=options.hardest)
        (text,) = (text.decode() for text in model.words.texts(told["ids"]).numpy())
        made.exhibits[name] = Picture(attention_strip(model, image, text, told["attention"][0].numpy()))
        made.lines.append(f"{path}: {text} (log p {float(told['score'][0]):.2f} nats; {name}.png)")
    return made


def eye(model):
    """A function of images, float32 [B, H, W, C] in [0, 1], that gives a batch as the model takes it."""
    from zoo.nn.pretrained import extractors

    key = next(iter(model.fields))
    look = (lambda images: images) if key == "image" else extractors.extractor(key)
    return lambda images: {key: look(images)}


def names(paths):
    """What the exhibit of each path is called: its own name, numbered where that is taken by another."""
    taken = set()
    for path in paths:
        tries = itertools.chain([path.stem], (f"{path.stem}-{k}" for k in itertools.count(2)))
        name = next(name for name in tries if name not in taken)
        taken.add(name)
        yield name


def learner(*arguments):
    """Hard attention compares its cost with a moving average."""
    import keras
    import tensorflow as tf

    from trainers.learn.learner import Learner, all_sum
    from zoo.nn.words import mask
    from zoo.show_attend_tell import moving_average

    class Hard(Learner):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.baseline = keras.Variable(0.0, trainable=False, name="baseline")  # nats per word

        def terms(self, batch, noise, step):
            return self.model.training_terms(batch, noise, step, baseline=self.baseline)

        @property
        def variables(self):
            return {**super().variables, "baseline": self.baseline}

        def step(self, batch, noise, step):
            values = super().step(batch, noise, step)
            words = all_sum(tf.reduce_sum(mask(batch["caption"])) / self.settings.batch_size)
            sampled = noise["expectation"][0] == 0
            moved = moving_average(self.baseline, values["distortion"] / words)
            self.baseline.assign(tf.where(sampled, moved, self.baseline))
            return values

    model = arguments[0]
    return (Hard if model.config.attention == "hard" else Learner)(*arguments)


TASKS = {
    ShowAttendTellConfig: Task(
        "show_attend_tell",
        exhibits,
        figures=figures,
        best="bleu4",
        learner=learner,
        sample=sample,
        sampling=Telling,
        judge=later("trainers.judges.neighbours", "judge"),
    )
}

if __name__ == "__main__":
    main(TASKS)
