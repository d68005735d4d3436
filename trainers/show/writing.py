"""What models that write texts show: what comes back of texts, samples, ways between two; and whether z is used."""

import os

import numpy as np
import tensorflow as tf

from trainers.declare.task import Figure
from trainers.show.exhibits import Scatter, Text
from trainers.show.sampling import Samples
from zoo import data
from zoo.configs.base import require
from zoo.declare import Measure
from zoo.metrics import latent
from zoo.nn.decoding import gumbel
from zoo.nn.gaussian import tfd
from zoo.nn.words import UNKNOWN_WORD

SHOWN, WAY = 8, 6  # texts of an exhibit; texts on the way between two
WATCHED = 1000  # examples whose codes are compared
EMBEDDED = 5000  # examples of a split whose labels are told from their codes
NEIGHBOURS = 10  # that vote for a label
BLANK = "___"  # how an input writes a word that is missing


def strings(model, ids):
    """Texts of ids [N, L]."""
    return [text.decode() for text in model.words.texts(ids).numpy()]


def paired(before, after):
    """Lines of one thing and of what became of it."""
    return Text("\n\n".join(f"{a}\n> {b}" for a, b in zip(before, after, strict=True)))


def from_codes(model, shown):
    """Of a VAE: texts as they come back, texts from the prior, and ways between two texts."""
    text, z = shown.batch["text"][:SHOWN], shown.noise["z"][:SHOWN]
    mean, _ = model.posterior(text)
    rebuilt, sampled = (strings(model, model.write(len(code), code)["text"]) for code in (mean, z))
    ways = model.homotopy(mean[:3:2], mean[1:4:2], WAY)
    where = {"map": Scatter(*embedded(model, shown.split, WATCHED))} if can_map(model, shown) else {}
    return where | {
        "reconstructions": paired(strings(model, text), rebuilt),
        "samples": Text("\n".join(sampled)),
        "homotopies": Text("\n\n".join("\n".join(strings(model, way)) for way in ways)),
    }


def can_map(model, shown):
    return model.config.z_size == 2 and "label" in shown.split.arrays


def drawn(model, shown):
    """Texts that a language model draws."""
    noise = gumbel([SHOWN, model.config.text_length, model.config.vocabulary], (0, 3))
    return {"samples": Text("\n".join(strings(model, model.write(SHOWN, method="sample", noise=noise)["text"])))}


def histograms(model, shown):
    """The posterior's means and scales, and the rate of each unit, over examples and units."""
    mean, scale = model.posterior(shown.batch["text"])
    rates = tfd.kl_divergence(tfd.Normal(mean, scale), tfd.Normal(0.0, 1.0))
    return {"posterior/mean": mean, "posterior/scale": scale, "posterior/rate": rates}


def spread(examples, most):
    """So many examples of a split at most, from all over it: neighbours may be alike. A zoo.data.Split."""
    chosen = np.sort(np.random.default_rng(0).permutation(examples.size)[:most])
    return data.Split({name: array[chosen] for name, array in examples.arrays.items()})


def embedded(model, examples, most):
    """Posterior means and labels of the examples, of at most so many, whose label is known."""

    @tf.function(autograph=False, reduce_retracing=True)
    def mean_of(text):
        return model.posterior(text)[0]

    examples, means = spread(examples, most), []
    for batch, n in data.in_order(examples, min(250, examples.size)):
        means += list(mean_of(batch["text"]).numpy()[:n])
    means, label = np.stack(means), examples.arrays["label"]
    return means[label >= 0], label[label >= 0]


def separation(model, sets, split):
    """Figures of how well codes tell the labels that they were learned without; none where there are too few labels."""
    if "label" not in sets.splits[split].arrays:
        return {}
    (z, label), (other, other_label) = (embedded(model, sets.splits[name], EMBEDDED) for name in ("train", split))
    if len(set(label)) < 2 or len(other) <= NEIGHBOURS:
        return {}
    near = f"texts whose {NEIGHBOURS} nearest posterior means (itself left out) vote for their label"
    linear = "texts whose label logistic regression says from the posterior mean, learned from training's"

    def figure(value, says):
        measure = Measure("fraction", says, better="higher")
        return Figure(value, measure, (value * (1 - value) / len(other)) ** 0.5, len(other))

    return {
        "nearest_neighbours": figure(latent.knn_accuracy(other, other_label, NEIGHBOURS), near),
        "linear_probe": figure(latent.probe_accuracy(z, label, other, other_label), linear),
    }


def figures(model, sets, split, seed):
    """Of a VAE: whether z is used, and what it tells of labels."""
    return usage(model, sets.splits[split], seed) | separation(model, sets, split)


def usage(model, examples, seed):
    """Figures of whether z is used: units that vary, what they tell of the text, and what z of another text costs."""

    @tf.function(autograph=False, reduce_retracing=True)
    def told(text, noise):
        code = model.encode(text, noise)
        others = model.distortion(text, tf.roll(code["z"], 1, 0))
        return code | {"cost": others - model.distortion(text, code["z"])}

    examples, found = spread(examples, WATCHED), {name: [] for name in ("mean", "scale", "z", "cost")}
    for i, (batch, n) in enumerate(data.in_order(examples, min(250, examples.size))):
        noise = model.noise(len(batch["text"]), tf.random.fold_in([seed, 4], i))
        for name, values in told(batch["text"], noise).items():
            found[name] += list(values.numpy()[:n])
    found = {name: np.stack(values) for name, values in found.items()}
    count = len(found["z"])
    cost, error = found["cost"].mean(), found["cost"].std(ddof=1) / np.sqrt(count)

    def figure(value, unit, says, error=None):
        return Figure(value, Measure(unit, says, better="higher"), error, count)

    information = latent.mutual_information(found["mean"], found["scale"], found["z"])
    varies = "units of z whose posterior mean has a variance of 0.01 or more over texts"
    most = f"of text and z under q, at most log {count:,}; an estimate, which may lie below 0"
    return {
        "active_units": figure(latent.active_units(found["mean"]), "", varies),
        "mutual_information": figure(information, "nats", most),
        "shuffled_z": figure(
            float(cost), "nats", "by how much the distortion grows with the z of another text", float(error)
        ),
    }


def embed(model, shown):
    """Posterior means, each with its text."""
    text = shown.batch["text"]
    label = shown.batch["label"].numpy() if "label" in shown.batch else None
    return Scatter(model.posterior(text)[0].numpy(), label, texts=strings(model, text))


def told(model, texts, options):
    """Samples of a language model: without inputs texts that it draws; of each input what it thinks of it."""
    if not texts:
        shape = [options.count, model.config.text_length, model.config.vocabulary]
        drawn = model.write(options.count, method="sample", noise=gumbel(shape, (options.seed, 0)))
        lines = strings(model, drawn["text"])
        return Samples({"tokens": drawn["text"].numpy()}, {"samples": Text("\n".join(lines))}, lines)
    ids = numbered(model, texts)
    nats = model.loss_terms({"text": ids}, {})["negative_log_likelihood"].numpy()
    words = model.counts({"text": ids})["words_and_end"].numpy()
    each = zip(texts, nats, np.exp(nats / words), strict=True)
    lines = [f"{text}\n> {cost:.2f} nats, perplexity {perplexity:.4g}" for text, cost, perplexity in each]
    lines += lost(model, texts)
    return Samples({"negative_log_likelihood": nats}, {"samples": Text("\n".join(lines))}, lines)


def answered(model, texts, options):
    """Samples: without inputs texts from the prior; of each input what comes back of it; of two and more the ways too.

    Of an input with BLANK in it the words filled in, by a model that can `impute`.
    """
    if not texts:
        z = model.noise(options.count, tf.constant([options.seed, 0]))["z"]
        lines = strings(model, model.write(options.count, z)["text"])
        return Samples({"z": z.numpy()}, {"samples": Text("\n".join(lines))}, lines)
    given = [text.replace(BLANK, f" {UNKNOWN_WORD} ") for text in texts]
    ids = numbered(model, given)
    mean, scale = model.posterior(ids)
    lines = []
    for text, one, back in zip(texts, ids, strings(model, model.write(len(texts), mean)["text"]), strict=True):
        lines.append(f"{text}\n> {back}")
        if BLANK in text and hasattr(model, "impute"):
            lines.append(f"= {strings(model, model.impute(one[None])['text'])[0]}")
    for i in range(len(texts) - 1):
        lines += ["", *strings(model, model.homotopy(mean[i : i + 1], mean[i + 1 : i + 2], WAY)[0])]
    lines += lost(model, given)
    return Samples({"mean": mean.numpy(), "scale": scale.numpy()}, {"samples": Text("\n".join(lines))}, lines)


def numbered(model, texts):
    """Texts as ids [N, L]. Raises ValueError for one without a word, and for the name of a file."""
    counts = model.words.count(tf.constant(texts)).numpy()
    for text, count in zip(texts, counts, strict=True):
        require(count, "inputs", repr(text), f"a text of one or more {model.words.units}")
        file = os.path.isfile(text)  # False of a text that is too long for a name
        require(not file, "inputs", f"{text}, a file", f'what is to be read: "$(cat {text})"')
    return model.words.ids(tf.constant(texts), model.config.text_length)


def lost(model, texts):
    """Lines about what the model does not read of texts: what lies behind its length, and words it does not know."""
    length = model.config.text_length
    cut = int((model.words.count(tf.constant(texts)).numpy() >= length).sum())
    lines = [f"cut: {cut} of {len(texts)} texts, after {length} {model.words.units}"] if cut else []
    unknown = b" ".join(model.words.unknown(tf.constant(texts)).numpy()).decode().split()
    found = [word for word in unknown if word != UNKNOWN_WORD]
    return lines + ([f"unknown words: {', '.join(found)}"] if found else [])


def replied(model, texts, reply):
    """Samples of a model that must be given texts. reply: (ids int32 [N, L]) -> (arrays, a line for each text)."""
    require(texts, "inputs", "none", f"one text or more; a {model.name} begins at them")
    arrays, said = reply(numbered(model, texts))
    lines = [f"{text}\n> {line}" for text, line in zip(texts, said, strict=True)] + lost(model, texts)
    return Samples(arrays, {"samples": Text("\n".join(lines))}, lines)
