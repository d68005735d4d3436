"""Train a hierarchical autoencoder, or the flat one: python -m trainers.hierarchical_autoencoder --preset docstrings"""

import functools

from trainers.declare.task import Figure, Searching, Task
from trainers.learn.command import main
from zoo.configs.hierarchical_autoencoder import HierarchicalAutoencoderConfig
from zoo.declare import Measure

SHOWN, SCORED = 8, 300  # documents of an exhibit, and of a split that figures are of


def exhibits(model, shown):
    """Documents, and what comes back of them."""
    from trainers.show.exhibits import Text

    text = shown.batch["text"][:SHOWN]
    return {"reconstructions": Text("\n\n".join(both(model, text, writer(model)(text))))}


def both(model, text, said):
    """A document and behind > what came back of it, a sentence a line; with attention, where each looked most."""
    places = said["attention"].numpy().argmax(-1) + 1 if "attention" in said else None
    for k, (given, back) in enumerate(zip(sentences(model, text), sentences(model, said["text"]), strict=True)):
        looked = [f"  [{place}]" if i else "" for i, place in enumerate(places[k])] if model.looks else [""] * len(back)
        lines = [f"> {sentence}{look}" for sentence, look in zip(back, looked, strict=False)]
        yield "\n".join([*given, *lines])


def sentences(model, ids):
    """Documents of ids [N, S, L] as lists of their sentences, words being joined by blanks."""
    import tensorflow as tf

    _, rows, length = ids.shape
    texts = model.words.texts(tf.reshape(ids, [-1, length])).numpy().reshape(-1, rows)
    return [[text.decode() for text in document if text] for document in texts]


@functools.lru_cache(4)  # validations come again and again
def writer(model):
    import tensorflow as tf

    return tf.function(lambda text: model.reconstruct(text), reduce_retracing=True, autograph=False)


def figures(model, sets, split, seed):
    """How near what comes back of documents from all over a split is to them: words, pairs of words, order."""
    import numpy as np

    from trainers.show.writing import spread
    from zoo import data
    from zoo.metrics import text

    examples, documents, sources = spread(sets.splits[split], SCORED), [], []
    for batch, n in data.in_order(examples, min(100, examples.size)):
        documents += sentences(model, writer(model)(batch["text"])["text"])[:n]
        sources += sentences(model, batch["text"])[:n]
    corpus = [" ".join(each).split() for each in documents], [[" ".join(each).split()] for each in sources]
    bleu, rouge, errors = text.bleu(*corpus), text.rouge(*corpus), text.bleu_errors(*corpus)
    told, found = "of documents written greedily, <unk> of theirs being missed", {}
    for name in ("bleu1", "bleu2", "bleu3", "bleu4", *rouge):
        (label, definition), error = (text.DEFINITIONS | text.ROUGE_DEFINITIONS)[name], errors.get(name)
        value = (bleu | rouge)[name]
        found[name] = Figure(value, Measure("", f"{label}: {definition}, {told}", better="higher"), error, len(sources))
    pairs = [[[one.split() for one in each] for each in pair] for pair in zip(documents, sources, strict=True)]
    several = [pair for pair in pairs if len(pair[1]) > 1]
    if len(several) > 1:
        lost = text.coherence(*zip(*several, strict=True))
        says = "mean over pairs of sentences of how much their distance differs from that of those they are most like, "
        says += "of documents of two sentences or more; 0: order is kept"
        error = float(np.std(lost, ddof=1) / np.sqrt(len(lost)))
        found["coherence"] = Figure(float(np.mean(lost)), Measure("", says), error, len(lost))
    return found


def sample(model, texts, options):
    """What comes back of each document that is given."""
    import tensorflow as tf

    from trainers.show.exhibits import Text
    from trainers.show.sampling import Samples
    from zoo.configs.base import require
    from zoo.data.text.coverage import fits
    from zoo.data.text.encoding import encode_words
    from zoo.data.text.sentences import sentences as split
    from zoo.nn.spelling import tokens

    require(texts, "inputs", "none", "documents, which this model reads and writes again")
    documents, room = [[tokens(sentence) for sentence in split(text)] for text in texts], model.fields["text"].shape
    expected = f"1 to {room[0]} sentences of at most {room[1] - 1} words each"
    for document, text in zip(documents, texts, strict=True):
        require(document and fits(document, room), "inputs", repr(text), expected)
    ids = tf.constant(encode_words(documents, model.words.known, room))
    said = model.reconstruct(ids, "beam" if options.width > 1 else "greedy", options.width)
    lines = "\n\n".join(both(model, ids, said)).split("\n")
    known = set(model.words.known)
    if strange := dict.fromkeys(w for document in documents for words in document for w in words if w not in known):
        lines += ["", f"unknown words: {', '.join(strange)}"]
    arrays = {"vector": model.encode(ids)["vector"].numpy(), "text": said["text"].numpy()}
    return Samples(arrays, {"samples": Text("\n".join(lines))}, lines)


TASKS = {
    HierarchicalAutoencoderConfig: Task(
        "hierarchical_autoencoder", exhibits, figures=figures, sample=sample, sampling=Searching
    )
}

if __name__ == "__main__":
    main(TASKS)
