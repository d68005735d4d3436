"""Train DocNADE or its language model: python -m trainers.docnade --preset docstrings"""

from trainers.declare.task import Task, later
from trainers.learn.command import main
from zoo.configs.docnade import DocNADEConfig, DocNADELMConfig

TASKS = {
    DocNADEConfig: Task("docnade", best="perplexity_documents"),
    DocNADELMConfig: Task(
        "docnade", later("trainers.show.writing", "drawn"), sample=later("trainers.show.writing", "told")
    ),
}

if __name__ == "__main__":
    main(TASKS)
