"""Train a VAE with a dilated decoder, or its language model: python -m trainers.dilated_vae --preset docstrings"""

import functools

from trainers.declare.task import Task, later
from trainers.learn.command import main
from zoo.configs.dilated_vae import DilatedClassConfig, DilatedLanguageModelConfig, DilatedVAEConfig


def of_classes(model, shown):
    """Texts and the classes found; and of every class the texts of the same few z."""
    from trainers.show import classes, writing

    text, label = shown.batch["text"][: writing.SHOWN], shown.batch["label"].numpy()[: writing.SHOWN]
    found = writing.paired(writing.strings(model, text), classes.judged(model, text, label))
    return {"classes": found, "samples": by_class(model, shown.noise["z"][:4])}


def by_class(model, z):
    """Texts of every class, from the same z [N, Z]."""
    import tensorflow as tf

    from trainers.show import writing
    from trainers.show.exhibits import Text

    count, n = model.config.classes, len(z)
    code = tf.concat([tf.tile(z, [count, 1]), tf.repeat(tf.eye(count), n, 0)], 1)
    texts = writing.strings(model, model.write(count * n, code)["text"])
    return Text("\n\n".join("\n".join([f"class {k}:", *texts[k * n : (k + 1) * n]]) for k in range(count)))


def clusters(model, sets, split, seed):
    """How well the classes found are the right ones if each is called what most of its texts are in validation."""
    import numpy as np
    import tensorflow as tf

    from trainers.declare.task import Figure
    from zoo import data
    from zoo.declare import Measure

    classify = tf.function(model.classify, autograph=False, reduce_retracing=True)

    def found(split):
        batches = data.in_order(sets.splits[split], 250)
        pairs = [(classify(batch["text"])["logits"][:n].numpy().argmax(1), batch["label"][:n]) for batch, n in batches]
        return (np.concatenate(each) for each in zip(*pairs, strict=True))

    cluster, label = found("validation")
    counted = np.zeros([model.config.classes] * 2, int)
    np.add.at(counted, (cluster[label >= 0], label[label >= 0]), 1)
    cluster, label = found(split)
    right, used = np.argmax(counted, 1)[cluster[label >= 0]] == label[label >= 0], np.unique(cluster)
    says = "texts whose class is the one of most texts of validation that are likeliest in the same"
    return {
        "cluster_accuracy": Figure(
            right.mean(), Measure("fraction", says, better="higher"), right.std() / len(right) ** 0.5, len(right)
        ),
        "clusters": Figure(len(used), Measure("", "classes that are the likeliest of some text", better="")),
    }


def sample_classes(model, texts, options):
    """Texts of every class from the same z; or the classes of inputs."""
    import tensorflow as tf

    from trainers.show import classes
    from trainers.show.sampling import Samples

    if texts:
        return classes.answered(model, texts)
    z = model.noise(options.count, tf.constant([options.seed, 0]))["z"]
    found = by_class(model, z)
    return Samples({"z": z.numpy()}, {"samples": found}, found.words.split("\n"))


writing = functools.partial(later, "trainers.show.writing")
TASKS = {
    DilatedVAEConfig: Task(
        "dilated_vae",
        writing("from_codes"),
        writing("histograms"),
        writing("figures"),
        embed=writing("embed"),
        sample=writing("answered"),
    ),
    DilatedClassConfig: Task(
        "dilated_vae",
        of_classes,
        writing("histograms"),
        clusters,
        best="error",
        embed=writing("embed"),
        sample=sample_classes,
    ),
    DilatedLanguageModelConfig: Task("dilated_vae", writing("drawn"), sample=writing("told")),
}

if __name__ == "__main__":
    main(TASKS)
