"""Export RNNsearch, or its encoder-decoder: python -m export.rnnsearch RUN --out models

A server is sent texts and answers with their translations, by beam search. A phone has no strings: it is given and
gives ids, translates greedily in one call, or one word at a time, `encode` and then `decode_step` with what the last
call returned.
"""

from export.declare.signature import Input, Offered, Signature
from export.declare.strings import text
from export.declare.writing import LEAST
from export.make.command import main


def signatures(model, width):
    """translate and log_prob; to phones encode and decode_step beside."""
    source = {"source": text("source", model.fields["source"], model.source_words)}
    pair = source | {"target": text("target", model.fields["target"], model.target_words)}

    def told(source, **method):
        said = model.translate(source, **method)
        return {"tokens": said.pop("target"), **said}

    def in_words(source):
        found = told(source, method="beam", width=width)
        return {"translations": model.target_words.texts(found["tokens"]), **found}

    tokens = {
        "tokens": "the words as line numbers in the target's file of words, the first line being 0; 0, the end, after "
        "the last",
        "score": "log p of the words and of the end, in nats",
        "attention": "how much each word looked at each word of the source, [target, source]; 0 after the end",
    }
    words = {"translations": "the words of `tokens`, joined"} | tokens
    best = f"The best translation that a beam of width {width} finds, compared by log p / words."
    greedy = "The translation of the most probable word, and again."
    log_prob = Signature(
        lambda source, target: {
            "log_likelihood": -model.loss_terms({"source": source, "target": target}, {})["negative_log_likelihood"]
        },
        pair,
        "log p of a translation and its end, the source given.",
        outputs={"log_likelihood": "log p in nats"},
    )
    server = {"translate": Signature(in_words, source, best, outputs=words), "log_prob": log_prob}
    phone = {"translate": Signature(told, source, greedy, outputs=tokens), "log_prob": log_prob}
    return Offered(server, phone | by_the_word(model, source))


def by_the_word(model, source):
    """encode and decode_step: the state of a search is in the caller's hands."""
    import tensorflow as tf

    from zoo.nn.decoding import FIRST

    names = ("annotations", "keys", "real") if model.config.attention else ("summary",)
    with tf.init_scope():
        shapes = [tuple(x.shape[1:]) for x in model.start(tf.zeros([1, *model.fields["source"].shape], tf.int32))[1]]

    def encode(source):
        s, context = model.start(source)
        return {"state": s, **dict(zip(names, context, strict=True))}

    def decode_step(word, state, **context):
        log_p, state, alpha = model.decode_step(state, word, *(context[name] for name in names))
        looked = {"attention": alpha} if model.config.attention else {}
        return {"log_probs": tf.maximum(log_p, LEAST), "state": state, **looked}

    before = f"the word before, {FIRST} before the first one"
    given = {"word": Input((), before, "int32", interval=(FIRST, model.config.target_vocabulary - 1))}
    given["state"] = Input((model.config.hidden,), "as encode or the last call returned it")
    given |= {name: Input(shape, "as encode returned it") for name, shape in zip(names, shapes, strict=True)}
    after = {"state": "for the next decode_step"}
    step_out = after | {
        "log_probs": f"log p of every word after `word` in nats, {LEAST:g} or more",
        "attention": "how much this word looked at each word of the source",
    }
    read = "The state before the first word, and what every word looks at."
    return {
        "encode": Signature(encode, source, read, outputs=after | dict.fromkeys(names, "for every decode_step")),
        "decode_step": Signature(decode_step, given, "One word more.", outputs=step_out),
    }


if __name__ == "__main__":
    main("rnnsearch", signatures)
