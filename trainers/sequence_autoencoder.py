"""Pre-train on texts without labels, then classify: python -m trainers.sequence_autoencoder --preset docstrings

A classifier begins there: --preset docstrings-classes --init-from runs/sequence_autoencoder/docstrings:reader
"""

import dataclasses

from trainers.declare.task import Sampling, Task
from trainers.learn.command import main
from zoo.configs.sequence_autoencoder import ClassifierConfig, PretrainingConfig

BEGUN = 3  # words of a text that a language model goes on from


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing(Sampling):
    count: int = 4
    """of a language model: continuations of each input"""


def exhibits(model, shown):
    """What comes back of texts; or how a language model goes on from their first words."""
    from trainers.show import writing

    text = shown.batch["text"][: writing.SHOWN]
    if model.config.task == "autoencoder":
        back = model.reconstruct(text)["text"]
        return {"reconstructions": writing.paired(writing.strings(model, text), writing.strings(model, back))}
    begun = text[:, :BEGUN]
    return {"continuations": writing.paired(writing.strings(model, begun), continued(model, begun, (0, 3)))}


def continued(model, text, seed):
    """What a language model draws after texts, as strings."""
    from trainers.show import writing
    from zoo.nn.decoding import gumbel

    noise = gumbel([len(text), model.config.text_length, model.config.vocabulary], seed)
    return writing.strings(model, model.extend(text, "sample", noise)["text"])


def histograms(model, shown):
    """The state after the last word, over texts and units."""
    state, _ = model.summary_of(shown.batch["text"])
    return dict(zip(("state/h", "state/c"), state, strict=True))


def classified(model, shown):
    """Texts with the class that is found, and which classes are taken for which."""
    from trainers.show import classes, writing

    text, label = shown.batch["text"], shown.batch["label"].numpy()
    return {
        "classes": writing.paired(writing.strings(model, text), classes.judged(model, text, label)),
        "confusion": classes.confusion(model, shown.split),
    }


def sample(model, texts, options):
    """Of each input: what comes back of it, or how a language model goes on."""
    from trainers.show import writing

    def back(ids):
        state = {name: values.numpy() for name, values in model.encode(ids).items()}
        return state, writing.strings(model, model.reconstruct(ids)["text"])

    def on(ids):
        drawn = [continued(model, ids, (options.seed, i)) for i in range(options.count)]
        return {}, ["\n> ".join(several) for several in zip(*drawn, strict=True)]

    return writing.replied(model, texts, back if model.config.task == "autoencoder" else on)


def name(model, texts, options):
    """Of each input the classes with their probabilities."""
    from trainers.show import classes

    return classes.answered(model, texts)


TASKS = {
    PretrainingConfig: Task("sequence_autoencoder", exhibits, histograms, sample=sample, sampling=Writing),
    ClassifierConfig: Task("sequence_autoencoder", classified, histograms, best="error", sample=name),
}

if __name__ == "__main__":
    main(TASKS)
