"""Train a sentence VAE, or its language model: python -m trainers.sentence_vae --preset docstrings"""

import functools

from trainers.declare.task import Figure, Task, later
from trainers.judges.options import Filling
from trainers.learn.command import main
from zoo.configs.sentence_vae import LanguageModelConfig, SentenceVAEConfig, StreamLanguageModelConfig
from zoo.declare import Measure

SCORED = 200  # words of a stream that are scored at once


def exhibits(model, shown):
    """What comes back of texts, samples, ways between texts, and filled gaps."""
    import tensorflow as tf

    from trainers.judges import filling
    from trainers.show import writing

    text = shown.batch["text"][: writing.SHOWN]
    blank = filling.gaps(tf.pad(text, [[0, 0], [0, model.config.text_length - text.shape[1]]]))
    found = (writing.strings(model, ids) for ids in (blank, model.impute(blank)["text"]))
    return {**writing.from_codes(model, shown), "imputations": writing.paired(*found)}


def stream_learner(*arguments):
    """The Learner of pieces of a stream, whose states go on from step to step."""
    import tensorflow as tf

    from trainers.learn.learner import Carrying
    from zoo.data.text import lanes

    class Streaming(Carrying):
        def batches(self, sets, start_step):
            tokens = lanes.stream(sets.train)
            return lanes.lanes(tokens, self.settings.batch_size, self.model.config.piece, start_step)

        def counts(self, batch):
            every = tf.ones_like(batch["target"], tf.float32)
            words = every * tf.cast(batch["target"] > 0, tf.float32)
            return {"words": tf.reduce_sum(words, 1), "words_and_end": tf.reduce_sum(every, 1)}

    return Streaming(*arguments)


def stream_figures(model, sets, split, seed):
    """The perplexity of a split as one stream in one lane, all but its first word."""
    import math

    import tensorflow as tf

    from zoo.data.text import lanes

    tokens, nats = lanes.stream(sets.splits[split]), 0.0
    states = model.begin(1)
    scored = tf.function(model.carried_terms, autograph=False, jit_compile=True)
    for batch, n in lanes.in_order(tokens, SCORED):
        terms, states = scored({name: batch[name][:, :n] for name in ("input", "target")}, {}, states)
        nats += float(terms["negative_log_likelihood"][0])
    says = "exp(nats / words) of all texts as one stream, over whose ends the state is carried, each END a word"
    measure = Measure("", says)
    return {"perplexity_stream": Figure(math.exp(nats / (len(tokens) - 1)), measure, examples=len(tokens) - 1)}


writing = functools.partial(later, "trainers.show.writing")
TASKS = {
    SentenceVAEConfig: Task(
        "sentence_vae",
        exhibits,
        writing("histograms"),
        writing("figures"),
        embed=writing("embed"),
        sample=writing("answered"),
        judge=later("trainers.judges.filling", "judge"),
        judging=Filling,
    ),
    LanguageModelConfig: Task("sentence_vae", writing("drawn"), sample=writing("told")),
    StreamLanguageModelConfig: Task(
        "sentence_vae",
        writing("drawn"),
        figures=stream_figures,
        best="perplexity_stream",
        learner=stream_learner,
        sample=writing("told"),
    ),
}

if __name__ == "__main__":
    main(TASKS)
