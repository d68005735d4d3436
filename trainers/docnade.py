"""Train DocNADE or its language model: python -m trainers.docnade --preset docstrings"""

from trainers.declare.task import Figure, Task, later
from trainers.judges.options import Retrieving
from trainers.learn.command import main
from zoo.configs.docnade import DocNADEConfig, DocNADELMConfig
from zoo.declare import Measure

ORDERS, TOGETHER = 16, 10  # orders of an ensemble, and documents that are scored at once
TOPICS, STRONGEST = 20, 10  # units that are shown, and words of each
ASKED = 12  # words that are shown with those most like them
QUERIES, SEARCHED = 300, 5000  # documents of an exhibit's curve
SHARE = 0.02  # of documents that are retrieved, of which a figure tells


def exhibits(model, shown):
    """The words of each unit, words that are alike, and what part of retrieved documents belong together."""
    from trainers.judges import retrieval
    from trainers.show.exhibits import Text
    from trainers.show.writing import spread

    found = {"topics": Text("\n".join(topics(model, TOPICS))), "nearest": Text("\n".join(nearest(model, asked(model))))}
    if "label" in shown.split.arrays:
        queries, documents = spread(shown.split, QUERIES), spread(shown.training, SEARCHED)
        lines = {
            each.__name__[3:]: each(model, queries, documents) for each in (retrieval.by_model, retrieval.by_tfidf)
        }
        found["retrieval"] = retrieval.curve(lines)
    return found


def topics(model, count):
    """A line for each of so many units of the first layer: the words that move it up most."""
    import numpy as np

    rows = model.rows.numpy()[: len(known(model))]
    units = np.unique(np.linspace(0, rows.shape[1] - 1, min(count, rows.shape[1])).astype(int))
    best = np.argsort(-rows[:, units], 0, kind="stable")[:STRONGEST]
    return [f"{unit}: {' '.join(known(model)[k] for k in column)}" for unit, column in zip(units, best.T, strict=True)]


def known(model):
    """The words that count."""
    return model.words.lines[model.config.first_word :]


def asked(model):
    """Words from the most frequent to rare ones, by their numbers, to show their like."""
    import numpy as np

    first, many = model.config.first_word, len(known(model))
    return np.unique(first + np.geomspace(1, many, min(ASKED, many)).astype(int) - 1)


def nearest(model, words):
    """A line for each word, int [N]: those most like it, with their cosines."""
    import tensorflow as tf

    found, lines = model.nearest(tf.constant(words, tf.int32), min(STRONGEST, len(known(model)) - 1)), model.words.lines
    for word, others, cosines in zip(words, found["words"].numpy(), found["similarity"].numpy(), strict=True):
        pairs = [f"{lines[k]} {cosine:.2f}" for k, cosine in zip(others, cosines, strict=True) if k < len(lines)]
        yield f"{lines[word]}: {', '.join(pairs)}"


def histograms(model, shown):
    """What is kept of documents, over documents and units."""
    return {"vector": model.encode(shown.batch["text"])["vector"]}


def embed(model, shown):
    """What is kept of documents, each with its words."""
    from trainers.show.exhibits import Scatter
    from trainers.show.writing import strings

    text, label = shown.batch["text"], shown.batch.get("label")
    vectors = model.encode(text)["vector"].numpy()
    return Scatter(vectors, None if label is None else label.numpy(), texts=strings(model, text))


def figures(model, sets, split, seed):
    """A model of words alone to compare with; of a test the ensemble of orders too, which takes minutes; what part of
    retrieved documents belong together."""
    import numpy as np

    from trainers.judges import retrieval

    examples, counts = sets.splits[split], retrieval.bags(model, sets.train.arrays["text"]).sum(0)
    nats = -np.log(np.asarray(counts + 1) / (counts + 1).sum()).ravel()
    bags = retrieval.bags(model, examples.arrays["text"])
    found = {"perplexity_unigram": perplexity(bags @ nats, bags, "each word having its share of training's, plus one")}
    if split != "validation":
        says = f"nats of the mean probability over {ORDERS} random orders"
        found["perplexity_ensemble"] = perplexity(ensemble(model, examples, seed), bags, says)
    if "label" in examples.arrays and len(np.unique(examples.arrays["label"])) > 1:
        value = retrieval.by_model(model, examples, sets.train)[retrieval.SHARES.index(SHARE)]
        says = (
            f"documents of the query's class among those retrieved, the {SHARE:.0%} of training's {sets.train.size:,} "
            "whose vectors are most like its own by cosine"
        )
        found["precision"] = Figure(float(value), Measure("fraction", says, better="higher"))
    return found


def perplexity(nats, bags, says):
    """The Figure of documents' nats, [N], as exp of the mean over documents of nats a word."""
    import numpy as np

    from zoo.metrics.totals import total

    words = np.asarray(bags.sum(1)).ravel()
    values = {"nats": nats / np.maximum(words, 1), "documents": np.minimum(words, 1)}
    measure = Measure("", f"exp of the mean over documents of nats / word, {says}")
    value, error = total(values, ("nats",), "documents", True)
    return Figure(value, measure, error)


def ensemble(model, examples, seed):
    """-log of each document's mean probability over ORDERS orders, [N]."""
    import numpy as np
    import tensorflow as tf

    specs = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, ORDERS, None])

    @tf.function(autograph=False, input_signature=specs)
    def scored(text, order):
        return model.ensemble({"text": text}, {"order": order})

    text, nats = examples.arrays["text"], np.zeros(examples.size)
    order = np.argsort(examples.lengths["text"], kind="stable")  # so that no batch is wider than it must be
    for at in range(0, len(order), TOGETHER):
        chosen = order[at : at + TOGETHER]
        width = max(1, int(examples.lengths["text"][chosen].max()))
        noise = model.noise(len(chosen) * ORDERS, tf.random.fold_in([seed, 5], at))["order"]
        noise = tf.reshape(noise, [len(chosen), ORDERS, -1])[..., :width]
        nats[chosen] = -scored(tf.constant(text[chosen, :width]), noise).numpy()
    return nats


def sample(model, texts, options):
    """Without inputs the words of `count` units; of a word those most like it; of a text what the model thinks of it
    and which words it takes for likely in it."""
    import numpy as np
    import tensorflow as tf

    from trainers.show import writing
    from trainers.show.exhibits import Text
    from trainers.show.sampling import Samples
    from zoo.nn.words import UNKNOWN

    if not texts:
        lines = topics(model, options.count)
        return Samples({"rows": model.rows.numpy()}, {"samples": Text("\n".join(lines))}, lines)
    ids = writing.numbered(model, texts)
    noise = model.noise(len(texts) * ORDERS, tf.constant([options.seed, 0]))["order"]
    nats = -model.ensemble({"text": ids}, {"order": tf.reshape(noise, [len(texts), ORDERS, -1])}).numpy()
    vectors, counts = model.encode(ids)["vector"], model.counts({"text": ids})["words"].numpy()
    frequent = model.config.first_word - UNKNOWN - 1
    why = f"unknown, or of the {frequent} most frequent ones, which the model leaves out" if frequent else "unknown"
    likely, lines = np.argsort(-model.out.log_p(vectors).numpy(), 1, kind="stable"), []
    for text, row, cost, words, best in zip(texts, ids.numpy(), nats, counts, likely, strict=True):
        if not words:
            lines.append(f"{text}\n> none of its words counts: {why}")
        elif np.count_nonzero(row) == 1:
            lines += list(nearest(model, row[:1]))
        else:
            said = " ".join(known(model)[k] for k in best[:STRONGEST] if k < len(known(model)))
            lines.append(f"{text}\n> {cost:.2f} nats, perplexity {np.exp(cost / words):.4g}; likely: {said}")
    lines += writing.lost(model, texts)
    return Samples(
        {"vector": vectors.numpy(), "negative_log_likelihood": nats}, {"samples": Text("\n".join(lines))}, lines
    )


TASKS = {
    DocNADEConfig: Task(
        "docnade",
        exhibits,
        histograms,
        figures,
        best="perplexity_documents",
        embed=embed,
        sample=sample,
        judge=later("trainers.judges.retrieval", "judge"),
        judging=Retrieving,
    ),
    DocNADELMConfig: Task(
        "docnade", later("trainers.show.writing", "drawn"), sample=later("trainers.show.writing", "told")
    ),
}

if __name__ == "__main__":
    main(TASKS)
