"""Train names of numbers: python -m trainers.number_names"""

import dataclasses

from trainers.declare.task import Sampling, Task
from trainers.learn.command import main
from zoo.configs.number_names import NumberNamesConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completing(Sampling):
    """How names are completed."""

    count: int = 4
    """names for each beginning; 1 is the likeliest one"""


def exhibits(model, shown):
    """Every name as the model goes on after its first word."""
    import tensorflow as tf

    from trainers.show.exhibits import Text

    name = shown.batch["name"]
    begun = tf.where(tf.range(name.shape[1]) < 1, name, 0)
    return {"samples": Text("\n".join(tell(model, begun)))}


def tell(model, begun, noise=None):
    """A line for each beginning, int32 [B, L]: the whole name and its likeliest last digit."""
    told = model.complete(begun, noise)
    names = [name.decode() for name in model.words.texts(told["ids"]).numpy()]
    return [f"{name} ({digit})" for name, digit in zip(names, told["digit"].numpy().argmax(-1), strict=True)]


def sample(model, beginnings, options):
    """Names that begin with the inputs."""
    import tensorflow as tf

    from trainers.show.exhibits import Text
    from trainers.show.sampling import Samples
    from zoo.configs.base import require
    from zoo.nn.decoding import gumbel

    require(beginnings, "inputs", "none", "beginnings in quotes, such as 'two hundred', which this model completes")
    require(options.count >= 1, "count", options.count, "at least 1 name for each beginning")
    config = model.config
    texts = [beginning for beginning in beginnings for _ in range(options.count)]
    unknown = model.words.unknown(tf.constant(texts)).numpy()
    require(not any(unknown), "inputs", b", ".join(filter(None, unknown)).decode(), "words that the model has learned")
    begun = model.words.ids(tf.constant(texts), config.name_length)
    noise = gumbel([len(texts), config.name_length, config.vocabulary], (options.seed, 0))
    lines = tell(model, begun, noise if options.count > 1 else None)
    return Samples({}, {"samples": Text("\n".join(lines))}, lines)


def learner(*arguments):
    """Adagrad for the embedding, whose words come seldom, and what the settings ask for for all else."""
    from trainers.learn.learner import Learner, optimizer

    class Two(Learner):
        def groups(self):
            embedding = self.model.embedding
            others = [v for v in self.model.trainable_variables if v is not embedding]
            rare = dataclasses.replace(self.settings, optimizer="adagrad", learning_rate=0.1)
            return [(optimizer(self.settings), others), (optimizer(rare), [embedding])]

    return Two(*arguments)


TASKS = {
    NumberNamesConfig: Task("number_names", exhibits, learner=learner, sample=sample, sampling=Completing),
}

if __name__ == "__main__":
    main(TASKS)
