"""Train TopicRNN, or a language model beside it: python -m trainers.topic_rnn --preset docstrings"""

import dataclasses
import functools

from trainers.declare.task import Sampling, Task, later
from trainers.learn.command import main
from zoo.configs.topic_rnn import TopicRNNConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing(Sampling):
    """How sentences are drawn."""

    count: int = 3
    """sentences of each topic, or that go on with each input"""
    topic: int | None = None
    """the one that is held (default: each in turn)"""


def learner(model, settings, *arguments):
    """The network that infers theta is moved by Adam: gradient descent as a language model likes it kills its units."""
    from trainers.learn.learner import Learner, optimizer

    class Inferring(Learner):
        def groups(self):
            apart = set(map(id, model.inference_variables))
            others = [v for v in model.trainable_variables if id(v) not in apart]
            adam = dataclasses.replace(settings, optimizer="adam", learning_rate=model.config.inference_rate)
            return [(optimizer(settings), others), (optimizer(adam), model.inference_variables)]

    return (Inferring if model.infers else Learner)(model, settings, *arguments)


topics = functools.partial(later, "trainers.show.topics")
TASKS = {
    TopicRNNConfig: Task(
        "topic_rnn",
        topics("exhibits"),
        figures=topics("figures"),
        best="perplexity_stream",
        learner=learner,
        sample=topics("answered"),
        sampling=Writing,
        judge=later("trainers.judges.topics", "judge"),
    )
}

if __name__ == "__main__":
    main(TASKS)
