"""Pictures of what a model of captions looks at: words while it draws, places while it tells."""

import numpy as np

from trainers import pictures


def texts_of(model, caption):
    """Captions [B, L] as strings."""
    return [text.decode() for text in model.words.captions(caption).numpy()]


def attended(text, weights):
    """The word of a caption that has the largest weight at each step. weights: [T, L]."""
    words = text.split() or [""]
    return [words[i] for i in weights[:, : len(words)].argmax(1)]


def attention_strip(model, image, text, attention, length=None, references=()):
    """A picture above its references, then a panel for each word of a text: clear where attention [T, L] is large.

    length: panels, the last ones empty if the text has fewer words.
    """
    words = text.split()
    plain = pictures.enlarged(image)
    panels = pictures.highlighted(image, attention[: len(words)].reshape(-1, *model.config.grid))
    empty = [np.full_like(plain, 255)] * (max(length or 1, len(words)) - len(words))
    labels = ["; ".join(references[:2]), *words, *[""] * len(empty)]
    return pictures.captioned(np.stack([plain, *panels, *empty]), labels, len(labels), scale=1)
