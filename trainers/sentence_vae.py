"""Train a sentence VAE, or its language model: python -m trainers.sentence_vae --preset docstrings"""

import dataclasses

from trainers.declare.task import Figure, Sampling, Task
from trainers.learn.command import main
from zoo.configs.sentence_vae import LanguageModelConfig, SentenceVAEConfig
from zoo.declare import Measure

SHOWN, WAY = 8, 6  # texts of an exhibit; texts on the way between two
WATCHED = 1000  # examples whose codes are compared
HIDDEN = 0.2  # share of a text that is hidden and filled in


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing(Sampling):
    """How texts are written."""

    count: int = 8
    """texts from the prior, or on the way between two inputs"""
    width: int = 5
    """beams of the search for missing words, which an input writes as ___"""


def exhibits(model, shown):
    """Reconstructions, samples, ways between texts and filled gaps."""

    from trainers.show.exhibits import Text

    text, z = shown.batch["text"][:SHOWN], shown.noise["z"][:SHOWN]
    mean, _ = model.posterior(text)
    said = strings(model, text)
    rebuilt, sampled = (strings(model, model.write(len(code), code)["text"]) for code in (mean, z))
    ways = model.homotopy(mean[:3:2], mean[1:4:2], WAY)
    blank, filled = (strings(model, ids) for ids in gaps(model, text))
    return {
        "reconstructions": Text(paired(said, rebuilt)),
        "samples": Text("\n".join(sampled)),
        "homotopies": Text("\n\n".join("\n".join(strings(model, way)) for way in ways)),
        "imputations": Text(paired(blank, filled)),
    }


def strings(model, ids):
    """Texts of ids [N, L]."""
    return [text.decode() for text in model.words.texts(ids).numpy()]


def paired(before, after):
    """Lines of one thing and of what became of it."""
    return "\n\n".join(f"{a}\n> {b}" for a, b in zip(before, after, strict=True))


def gaps(model, text):
    """Texts whose last words, a share HIDDEN of each, are UNKNOWN, and the same filled in: int32 [B, L] each."""
    import tensorflow as tf

    from zoo.nn.words import UNKNOWN

    text = tf.pad(text, [[0, 0], [0, model.config.text_length - text.shape[1]]])
    words = tf.reduce_sum(tf.cast(text > 0, tf.int32), 1, keepdims=True)
    kept = words - tf.maximum(1, tf.cast(HIDDEN * tf.cast(words, tf.float32), tf.int32))
    place = tf.range(text.shape[1])[None]
    blank = tf.where((place >= kept) & (place < words), UNKNOWN, text)
    return blank, model.impute(blank)["text"]


def histograms(model, shown):
    """The posterior's means and scales, and the rate of each unit, over examples and units."""
    from zoo.nn.gaussian import tfd

    mean, scale = model.posterior(shown.batch["text"])
    rates = tfd.kl_divergence(tfd.Normal(mean, scale), tfd.Normal(0.0, 1.0))
    return {"posterior/mean": mean, "posterior/scale": scale, "posterior/rate": rates}


def figures(model, sets, split, seed):
    """Whether z is used: units that vary, what they tell of the text, and what z of another text costs."""
    import numpy as np
    import tensorflow as tf

    from zoo import data
    from zoo.metrics import latent

    examples = sets.splits[split]
    found = {name: [] for name in ("mean", "scale", "z", "cost")}

    @tf.function(autograph=False, reduce_retracing=True)
    def told(batch, noise):
        code, text = model.encode(batch["text"], noise), batch["text"]
        others = tf.roll(code["z"], 1, 0)
        return code | {"cost": model.distortion(text, others) - model.distortion(text, code["z"])}

    for i, (batch, n) in enumerate(data.in_order(examples, min(250, examples.size))):
        noise = model.noise(len(batch["text"]), tf.random.fold_in([seed, 4], i))
        for name, values in told(batch, {"z": noise["z"]}).items():
            found[name] += list(values.numpy()[:n])
        if len(found["z"]) >= WATCHED:
            break
    found = {name: np.stack(values[:WATCHED]) for name, values in found.items()}
    count = len(found["z"])
    information = latent.mutual_information(found["mean"], found["scale"], found["z"])
    cost, error = float(found["cost"].mean()), float(found["cost"].std(ddof=1) / np.sqrt(count))
    return {
        "active_units": Figure(
            latent.active_units(found["mean"]),
            Measure("", "units of z whose posterior mean has a variance of 0.01 or more over texts", better="higher"),
            examples=count,
        ),
        "mutual_information": Figure(
            information,
            Measure("nats", "of text and z under q, at most the log of the number of examples", better="higher"),
            examples=count,
        ),
        "shuffled_z": Figure(
            cost,
            Measure("nats", "by how much the distortion grows with the z of another text", better="higher"),
            error,
            count,
        ),
    }


def embed(model, shown):
    """Posterior means; the points' labels are the texts' first words."""
    from trainers.show.exhibits import Scatter

    return Scatter(model.posterior(shown.batch["text"])[0].numpy(), shown.batch.get("label"))


def sample(model, texts, options):
    """Without inputs texts from the prior; of each input what comes back of it, or with ___ in it its words filled in;
    of two and more the way from each to the next."""
    import tensorflow as tf

    from trainers.show.exhibits import Text
    from trainers.show.sampling import Samples
    from zoo.configs.base import require

    require(options.count >= 2, "count", options.count, "at least 2")
    if not texts:
        z = model.noise(options.count, tf.constant([options.seed, 0]))["z"]
        lines = strings(model, model.write(options.count, z)["text"])
        return Samples({"z": z.numpy()}, {"samples": Text("\n".join(lines))}, lines)
    length = model.config.text_length
    given = tf.constant([text.replace("___", " <unk> ") for text in texts])
    unknown = [word for word in b" ".join(model.words.unknown(given).numpy()).decode().split() if word != "<unk>"]
    ids = model.words.ids(given, length)
    mean, scale = model.posterior(ids)
    lines = []
    for text, one, back in zip(texts, ids, strings(model, model.write(len(texts), mean)["text"]), strict=True):
        lines.append(f"{text}\n> {back}")
        if "___" in text:
            lines.append(f"= {strings(model, model.impute(one[None], width=options.width)['text'])[0]}")
    for i in range(len(texts) - 1):
        lines += ["", *strings(model, model.homotopy(mean[i : i + 1], mean[i + 1 : i + 2], options.count)[0])]
    if unknown:
        lines.append(f"unknown words: {', '.join(unknown)}")
    return Samples({"mean": mean.numpy(), "scale": scale.numpy()}, {"samples": Text("\n".join(lines))}, lines)


def said(model, shown):
    """Texts that the language model draws."""
    from trainers.show.exhibits import Text
    from zoo.nn.decoding import gumbel

    shape = [SHOWN, model.config.text_length, model.config.vocabulary]
    drawn = model.write(SHOWN, method="sample", noise=gumbel(shape, (0, 3)))["text"]
    return {"samples": Text("\n".join(strings(model, drawn)))}


TASKS = {
    SentenceVAEConfig: Task(
        "sentence_vae", exhibits, histograms, figures, embed=embed, sample=sample, sampling=Writing
    ),
    LanguageModelConfig: Task("sentence_vae", said),
}

if __name__ == "__main__":
    main(TASKS)
