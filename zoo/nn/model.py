"""What everything else may ask of a paper's model."""

import keras


class Model(keras.Model):
    """A model built from its config alone, all variables there after build().

    A subclass defines these, and of what stands below as much as its paper has:
    fields: {name: zoo.declare.Field}, what a batch holds, what is modelled first;
    measures: {name: zoo.declare.Measure}, what the terms mean, the one that training is watched by first;
    loss_terms(batch, noise): {name: [B]}, what scores are made of. batch: as `fields` says; noise: as `noise` gives it.
    """

    log_weights = None  # (batch, noise) -> log p(x, z) - log q(z | x) of one posterior sample, [B] nats
    decode = None  # (noise, ...) -> {name: [B, ...]}, from the prior
    classify = None  # (x) -> {"logits": [B, classes], ...}

    def __init__(self, config, name):
        super().__init__(name=name)
        self.config = config

    @property
    def modelled(self):
        """The field that the model gives a likelihood to, "" if it gives none."""
        return next((one.likelihood for one in self.measures.values() if one.likelihood), "")

    @property
    def subject(self):
        """The field that scores are about: the modelled one, else the first."""
        return self.modelled or next(iter(self.fields))

    @property
    def vocabularies(self):
        """The vocabularies that training data must teach: {name of a field: zoo.nn.words.Words}."""
        return {}

    def learn(self, split):
        """Takes from the training split, a zoo.data.Split, what descent does not find, such as a deviation."""

    def noise(self, batch_size, seed):
        """All the randomness of one pass: a structure of [B, ...] tensors. seed: int32[2]."""
        return {}

    def training_noise(self, batch_size, seed):
        """That of a pass in training: what `noise` has, and what is random there alone, such as what is dropped."""
        return self.noise(batch_size, seed)

    def counts(self, batch):
        """What measures are divided by, such as the words of each example: {name: [B]}."""
        return {}

    def training_terms(self, batch, noise, step):
        """{name: [B]}, the sum of which training descends; step: int32, the updates made before.

        noise: as `training_noise` gives it.
        """
        return self.loss_terms(batch, noise)
