"""Export TopicRNN, or a language model beside it: python -m export.topic_rnn RUN --out models

A server is sent texts and answers with topics and texts. A phone has no strings: it is given and gives ids, and writes
one word at a time with `decode_step`, theta and the state being in the caller's hands.
"""

from export.declare import meaning
from export.declare.signature import Input, Offered, Signature
from export.declare.strings import in_a_row
from export.declare.writing import LEAST
from export.make.command import main

TOLD, TOP = 3, 10  # topics that are told in words, and words of each
THETA = {
    "theta": "the posterior's mean; standard normal under the prior",
    "lda": "the number of topics times the proportions that LDA finds, less 1",
}


def signatures(model):
    """topics, log_prob, complete and generate; to phones decode_step in the place of the last two."""
    import tensorflow as tf

    given = {"text": in_a_row("text", model.fields["text"], model.words)}
    log_prob = Signature(
        lambda text: {"log_likelihood": -tf.reduce_sum(model.nats(text), 1)},
        given,
        "log p of a text and of the ends of its sentences, each word from those before it, in nats.",
        outputs=meaning.of("log_likelihood"),
    )
    server, phone = {}, {}
    if model.has_topics:
        says = "How much a text is about each topic."
        outputs = {"theta": THETA[model.config.context], "scale": "the posterior's standard deviation"}
        phone["topics"] = Signature(lambda text: topics(model, text), given, says, outputs=outputs)
        outputs |= {"words": f"the first {TOP} words of the {TOLD} topics with the largest theta, joined by blanks"}
        server["topics"] = Signature(lambda text: in_words(model, text), given, says, outputs=outputs)
    server |= {"log_prob": log_prob, **writing(model, given)}
    return Offered(server, {**phone, "log_prob": log_prob, "decode_step": decode_step(model)})


def topics(model, text):
    mean, scale = model.posterior(text)
    return {"theta": mean} | ({} if scale is None else {"scale": scale})


def in_words(model, text):
    """The same, and the words of the topics that a text is about most."""
    import tensorflow as tf

    with tf.init_scope():
        words, lines = model.topic_words(TOP), model.words.lines
    found = topics(model, text)
    _, most = tf.math.top_k(found["theta"], min(TOLD, model.config.topics))
    names = tf.constant([" ".join(lines[i] for i in row) for row in words])
    return {"words": tf.gather(names, most), **found}


def writing(model, given):
    """complete, and generate, of a topic if there are any."""
    import tensorflow as tf

    from zoo.topic_rnn import WRITTEN

    def said(tokens):
        return {"texts": model.words.texts(tokens), "tokens": tokens}

    def complete(text, noise):
        return said(model.write(tf.shape(text)[0], model.begun(text), noise=noise))

    def generate(noise, topic=None):
        return said(model.write(tf.shape(noise)[0], theta=None if topic is None else model.held(topic), noise=noise))

    drawing = {
        "draws": 1,
        "source": model.writing_noise,
        "outputs": {
            "texts": "the words of `tokens`, joined by blanks",
            "tokens": f"at most {WRITTEN} words as line numbers in the file of words, the first line being 0; 0, the "
            "end, after the last",
        },
    }
    topic = {"topic": Input((), "the one that is held", "int32", interval=(0, model.config.topics - 1))}
    goes_on = "Draws how a text goes on, up to the end of a sentence; behind a full stop a sentence more."
    draws = "Draws a sentence" + (" with one topic held." if model.has_topics else ".")
    return {
        "complete": Signature(complete, given, goes_on, **drawing),
        "generate": Signature(generate, topic if model.has_topics else {}, draws, **drawing),
    }


def decode_step(model):
    """One word more: the state is in the caller's hands, and so is theta."""
    import tensorflow as tf

    from zoo.nn.decoding import FIRST

    names = [f"state_{name}" for name in "hc"[: model.cell.states]]

    def step(word, theta=None, **states):
        log_p, after = model.step(word, tuple(states[name] for name in names), theta)
        return {"log_probs": tf.maximum(log_p, LEAST), **dict(zip(names, after, strict=True))}

    size = (model.config.hidden,)
    before = f"the word before, {FIRST} before the first one; 0 is the end of a sentence"
    inputs = {"word": Input((), before, "int32", interval=(FIRST, model.config.vocabulary - 1))}
    if model.has_topics:
        inputs["theta"] = Input((model.config.topics,), "as `topics` tells it of the words so far, or held")
    zero = "0 before the first word, then as the last call returned it"
    inputs |= {name: Input(size, zero) for name in names}
    outputs = dict.fromkeys(names, "the state, for the next decode_step")
    outputs |= {"log_probs": f"log p of every word after `word` in nats, {LEAST:g} or more"}
    return Signature(step, inputs, "One word more.", outputs=outputs)


if __name__ == "__main__":
    main("topic_rnn", signatures)
