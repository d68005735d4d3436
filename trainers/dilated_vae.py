"""Train a VAE with a dilated decoder, or its language model: python -m trainers.dilated_vae --preset docstrings"""

from trainers.declare.task import Task
from trainers.learn.command import main
from zoo.configs.dilated_vae import DilatedLanguageModelConfig, DilatedVAEConfig


def exhibits(*arguments):
    """What comes back of texts, samples, and ways between texts."""
    from trainers.show import writing

    return writing.from_codes(*arguments)


def histograms(*arguments):
    from trainers.show import writing

    return writing.histograms(*arguments)


def figures(model, sets, split, seed):
    from trainers.show import writing

    return writing.usage(model, sets.splits[split], seed)


def embed(*arguments):
    from trainers.show import writing

    return writing.embed(*arguments)


def sample(*arguments):
    """Texts from the prior; or of each input what comes back of it, and the ways between inputs."""
    from trainers.show import writing

    return writing.answered(*arguments)


def told(*arguments):
    """Texts that the language model draws; or of each input how likely it is."""
    from trainers.show import writing

    return writing.told(*arguments)


def drawn(*arguments):
    from trainers.show import writing

    return writing.drawn(*arguments)


TASKS = {
    DilatedVAEConfig: Task("dilated_vae", exhibits, histograms, figures, embed=embed, sample=sample),
    DilatedLanguageModelConfig: Task("dilated_vae", drawn, sample=told),
}

if __name__ == "__main__":
    main(TASKS)
