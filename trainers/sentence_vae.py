"""Train a sentence VAE, or its language model: python -m trainers.sentence_vae --preset docstrings"""

from trainers.declare.task import Task
from trainers.learn.command import main
from zoo.configs.sentence_vae import LanguageModelConfig, SentenceVAEConfig

HIDDEN = 0.2  # share of a text that is hidden and filled in


def exhibits(model, shown):
    """What comes back of texts, samples, ways between texts, and filled gaps."""
    from trainers.show import writing

    found = (writing.strings(model, ids) for ids in gaps(model, shown.batch["text"][: writing.SHOWN]))
    return {**writing.from_codes(model, shown), "imputations": writing.paired(*found)}


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


def histograms(*arguments):
    from trainers.show import writing

    return writing.histograms(*arguments)


def figures(model, sets, split, seed):
    from trainers.show import writing

    return writing.usage(model, sets.splits[split], seed) | writing.separation(model, sets, split)


def embed(*arguments):
    from trainers.show import writing

    return writing.embed(*arguments)


def sample(model, texts, options):
    """Texts from the prior; or of each input what comes back of it, with ___ in it the words filled in."""
    from trainers.show import writing

    return writing.answered(model, texts, options, lambda ids: model.impute(ids)["text"])


def told(*arguments):
    """Texts that the language model draws; or of each input how likely it is."""
    from trainers.show import writing

    return writing.told(*arguments)


def drawn(*arguments):
    from trainers.show import writing

    return writing.drawn(*arguments)


TASKS = {
    SentenceVAEConfig: Task("sentence_vae", exhibits, histograms, figures, embed=embed, sample=sample),
    LanguageModelConfig: Task("sentence_vae", drawn, sample=told),
}

if __name__ == "__main__":
    main(TASKS)
