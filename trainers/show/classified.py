"""What models that name the class of a text show."""

import numpy as np
import tensorflow as tf

from trainers.show.exhibits import Text
from trainers.show.sampling import Samples
from trainers.show.writing import SHOWN, strange, strings


def classes(model, text):
    """Names of the classes and p of each, float32 [B, C]. text: int32 [B, T]."""
    p = tf.nn.softmax(model.classify(text)["logits"]).numpy()
    known = model.vocabularies["label"].known
    return [*known, *(f"class {k}" for k in range(len(known), p.shape[1]))], p


def lines(names, p):
    """Of each text its likeliest classes, the first three."""
    ranked = np.argsort(-p, 1)[:, :3]
    return [", ".join(f"{names[k]} {row[k]:.0%}" for k in best) for row, best in zip(p, ranked, strict=True)]


def exhibit(model, shown):
    """Texts, the classes found, and the right one."""
    text, label = shown.batch["text"][:SHOWN], shown.batch["label"][:SHOWN].numpy()
    names, p = classes(model, text)
    right = [f" ({names[k]})" if k >= 0 else "" for k in label]
    each = zip(strings(model, text), lines(names, p), right, strict=True)
    return Text("\n\n".join(f"{said}\n> {found}{known}" for said, found, known in each))


def answered(model, texts):
    """Samples of inputs: the classes of each."""
    names, p = classes(model, model.words.ids(tf.constant(texts), model.config.text_length))
    said = [f"{text}\n> {found}" for text, found in zip(texts, lines(names, p), strict=True)]
    said += strange(model, texts)
    return Samples({"probabilities": p}, {"classes": Text("\n".join(said))}, said)
