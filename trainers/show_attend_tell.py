"""Train Show, Attend and Tell: python -m trainers.show_attend_tell"""

import functools

from trainers.learn.command import main
from trainers.learn.task import Task

WIDTH = 5  # of beam search, in figures and pictures
TOLD = 4  # examples whose attention is shown word by word


def panels(model, batch, noise):
    """Captions of the images, and for some the image anew for every word, clear where the model looked."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.illustration import attention_strip

    told, texts = tell(model, batch)
    longest = max(len(text.split()) for text in texts[:TOLD])
    strips = [
        attention_strip(model, batch["image"][i].numpy(), text, told["attention"][i], longest, batch["references"][i])
        for i, text in enumerate(texts[:TOLD])
    ]
    return {"captions": pictures.captioned(batch["image"], texts), "attention": np.concatenate(strips)}


def tell(model, batch):
    """({"attention" ...} as arrays, texts) of beam search for a batch."""
    told = teller(model)({name: batch[name] for name in model.input_shapes if name != "caption"})
    texts = [text.decode() for text in model.words.captions(told["ids"]).numpy()]
    return {name: value.numpy() for name, value in told.items()}, texts


@functools.lru_cache(2)  # validations come again and again
def teller(model):
    import tensorflow as tf

    return tf.function(lambda batch: model.caption(batch, "beam", WIDTH), reduce_retracing=True)


def figures(model, split, seed):
    """Scores of the captions of every picture against all its references; of scenes, where the attention was."""
    from zoo import data
    from zoo.metrics import text

    if not split.pictures:  # made anew at each visit: there is nothing to score twice alike
        return {}
    many, attention, hypotheses = len(split.pictures.captions), [], []
    for batch, n in data.in_order(split, min(100, many)):  # the first example of each picture comes first
        told, texts = tell(model, batch)
        hypotheses += [one.split() for one in texts[:n]]
        attention += list(told["attention"][:n])
        if len(hypotheses) >= many:
            break
    references = [[text.tokens(one) for one in several] for several in split.pictures.captions]
    found = text.scores(hypotheses[:many], references)
    scored = {name: (value, "", ", ".join(text.DEFINITIONS[name])) for name, value in found.items()}
    if "mask" in split.pictures.facts:
        scored |= pointing(hypotheses[:many], attention, model.config.grid, split.pictures.facts)
    return scored


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
        "pointing": (float(np.mean(hits)), "", f"{of}those whose largest weight is at a place that the object touches"),
        "attention_on_object": (float(np.mean(masses)), "", f"{of}the mean weight on the object's pixels"),
    }


def covered(mask, grid):
    """The share of each cell of a grid (rows, columns) that a mask [H, W] covers; cells may cut pixels."""
    import numpy as np

    for axis, cells in enumerate(grid):
        whole = np.repeat(mask, cells, axis)  # each pixel as so many slices, of which a cell takes `side`
        side = mask.shape[axis]
        mask = np.add.reduceat(whole, np.arange(0, whole.shape[axis], side), axis) / side
    return mask


def learner(*arguments):
    """Learns from what training alone draws; hard attention compares its cost with a moving average."""
    import keras
    import tensorflow as tf

    from trainers.learn.learner import Learner, all_sum
    from zoo.nn.words import mask
    from zoo.show_attend_tell import moving_average

    class Teller(Learner):
        baseline = 0.0

        def terms(self, batch, noise):
            return self.model.loss_terms(batch, noise, training=True, baseline=self.baseline)

    class Hard(Teller):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.baseline = keras.Variable(0.0, trainable=False, name="baseline")  # nats per word

        @property
        def variables(self):
            return {**super().variables, "baseline": self.baseline}

        def step(self, batch, noise):
            values = super().step(batch, noise)
            words = all_sum(tf.reduce_sum(mask(batch["caption"])) / self.settings.batch_size)
            sampled = noise["expectation"][0] == 0
            moved = moving_average(self.baseline, values["distortion"] / words)
            self.baseline.assign(tf.where(sampled, moved, self.baseline))
            return values

    model = arguments[0]
    return (Hard if model.config.attention == "hard" else Teller)(*arguments)


TASK = Task("show_attend_tell", panels, figures=figures, best="bleu4", learner=learner)

if __name__ == "__main__":
    main(TASK)
