"""What models that name the classes of texts show: examples, and which classes are taken for which."""

import numpy as np
import tensorflow as tf

from trainers.show.exhibits import Text
from trainers.show.writing import replied, spread
from zoo import data

COUNTED = 1000  # examples of a confusion table


def probabilities(model, text):
    """Of the classes, for texts, int32 [N, T]. Returns a NumPy array [N, classes]."""
    return tf.nn.softmax(model.classify(text)["logits"]).numpy()


def names_of(model):
    """What each class is called."""
    return [name.decode() for name in model.names.texts(range(model.config.classes)).numpy()]


def ranked(model, text):
    """A line for each text: its classes with their probabilities, the likeliest first."""
    names = names_of(model)
    return [
        ", ".join(f"{names[k]} {row[k]:.2f}" for k in np.argsort(-row, kind="stable"))
        for row in probabilities(model, text)
    ]


def answered(model, texts):
    """Samples of inputs: the classes of each with their probabilities."""
    return replied(model, texts, lambda ids: ({"probabilities": probabilities(model, ids)}, ranked(model, ids)))


def judged(model, text, label):
    """A line for each text: the class found and its probability, and the right one if that is known and another."""
    probs, names = probabilities(model, text), names_of(model)
    return [
        f"{names[row.argmax()]} {row.max():.2f}" + ("" if k in (row.argmax(), -1) else f", but is {names[k]}")
        for row, k in zip(probs, label, strict=True)
    ]


def confusion(model, examples):
    """Counts of COUNTED examples of a split: a row for each right class, a column for each found."""
    names = names_of(model)
    classify, counts = tf.function(model.classify, autograph=False, reduce_retracing=True), {}
    examples = spread(examples, COUNTED)
    for batch, n in data.in_order(examples, min(250, examples.size)):
        found = classify(batch["text"])["logits"].numpy().argmax(-1)[:n]
        for pair in zip(batch["label"].numpy()[:n], found, strict=True):
            counts[pair] = counts.get(pair, 0) + 1
    return table(np.array([[counts.get((i, j), 0) for j in range(len(names))] for i in range(len(names))]), names)


def table(counts, names):
    """A table of counts [right, found] as Text."""
    first = max(map(len, [*names, "right, found"]))
    widths = [max(len(name), len(str(column.max()))) for name, column in zip(names, counts.T, strict=True)]
    rows = [("right, found", names), *zip(names, counts, strict=True)]
    lines = [
        "  ".join([row.ljust(first), *(str(cell).rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for row, cells in rows
    ]
    return Text("\n".join(lines))
