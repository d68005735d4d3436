"""Pre-train on texts without labels, then classify: python -m trainers.sequence_autoencoder --preset docstrings"""

from trainers.declare.task import Task
from trainers.learn.command import main
from zoo.configs.sequence_autoencoder import ClassifierConfig, PretrainingConfig

TASKS = {
    PretrainingConfig: Task("sequence_autoencoder"),
    ClassifierConfig: Task("sequence_autoencoder", best="error"),
}

if __name__ == "__main__":
    main(TASKS)
