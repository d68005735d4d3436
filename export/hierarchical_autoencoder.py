"""Export a hierarchical autoencoder, or the flat one: python -m export.hierarchical_autoencoder RUN --out models

A server is sent a document and answers with a document. A phone has no strings: it is given and gives ids, writes whole
documents greedily, or one token at a time, `start` and then `decode_step` with what the last call returned.
"""

from export.declare.signature import Input, Offered, Signature
from export.declare.strings import document
from export.declare.writing import LEAST
from export.make.command import main


def signatures(model):
    """reconstruct, encode and log_prob; to phones start and decode_step beside."""
    text = document("text", model.fields["text"], model.words)
    given = {"text": text}

    def told(said):
        return {"tokens": said["text"], **{name: value for name, value in said.items() if name != "text"}}

    def in_words(said):
        return {"texts": joined(model, said["text"]), **told(said)}

    sentences, length = model.fields["text"].shape
    tokens = {
        "tokens": f"[batch, {sentences} sentences, {length} words], the words as line numbers in the file of words, "
        "the first line being 0; 0, the end, after the last",
        "score": "log p of the words, of the ends of sentences and of the document's, in nats",
        "end": "the probability that the document had ended before each of its sentences; 0 behind the last",
        "attention": "where each sentence but the first one looked: its row sums to 1 over the sentences of the input",
    }
    words = {"texts": "the words of `tokens`, joined by blanks"} | tokens
    back = "What comes back of a document: the likeliest words, one after the other."
    encode = Signature(
        lambda text: model.encode(text),
        given,
        "What the model keeps of a document.",
        outputs={"vector": "the highest layer's state behind the document"},
    )
    log_prob = Signature(
        lambda text: {"log_likelihood": -model.loss_terms({"text": text}, {})["negative_log_likelihood"]},
        given,
        "log p of writing a document again after it was read, its ends counted.",
        outputs={"log_likelihood": "log p in nats"},
    )
    others = {"encode": encode, "log_prob": log_prob}
    server = Signature(lambda text: in_words(model.reconstruct(text)), given, back, outputs=words)
    phone = Signature(lambda text: told(model.reconstruct(text)), given, back, outputs=tokens)
    return Offered({"reconstruct": server, **others}, {"reconstruct": phone, **others} | by_the_token(model, given))


def joined(model, ids):
    """Documents int32 [B, S, L] as strings [B]."""
    import tensorflow as tf

    _, sentences, length = ids.shape
    texts = tf.reshape(model.words.texts(tf.reshape(ids, [-1, length])), [-1, sentences])
    return tf.strings.strip(tf.strings.reduce_join(texts, 1, separator=" "))


def by_the_token(model, given):
    """start and decode_step: the state is in the caller's hands."""
    import tensorflow as tf

    from zoo.nn.decoding import FIRST

    vocabulary = model.config.vocabulary
    with tf.init_scope():
        empty, context = model.start(tf.zeros([1, *model.fields["text"].shape], tf.int32))
    looked = ["keys", "sentences", "real"][: len(context)]
    words, sentences = (named(level, part) for level, part in zip(("word", "sentence"), empty, strict=True))
    begun = sentences or words  # the state of words begins with every sentence, but of a flat one

    def start(text):
        state, seen = model.start(text)
        return dict(zip([*begun, *looked], tf.nest.flatten([state.sentences or state.words, seen]), strict=True))

    def decode_step(word, **given):
        state = tf.nest.pack_sequence_as(empty, [given[name] for name in (*words, *sentences)])
        log_probs, state, alpha = model.decode_step(word, state, tuple(given[name] for name in looked))
        after = dict(zip([*words, *sentences], tf.nest.flatten(state), strict=True))
        return {"log_probs": tf.maximum(log_probs, LEAST), **after} | ({} if alpha is None else {"attention": alpha})

    said = f"{vocabulary} ends a sentence, and 0 the document behind one"
    before = f"the word before, {FIRST} at the start; {said}"
    inputs = {"word": Input((), before, "int32", interval=(FIRST, vocabulary))}
    zero, first = "0 at the start, then as the last call returned it", "as start or the last call returned it"
    inputs |= {name: Input((size,), first if name in begun else zero) for name, size in (words | sentences).items()}
    inputs |= {
        name: Input(tuple(part.shape[1:]), "as start returned it") for name, part in zip(looked, context, strict=True)
    }
    state_out = dict.fromkeys(words | sentences, "the state, for the next decode_step")
    step_out = state_out | {
        "log_probs": f"log p of every word after `word` in nats, {LEAST:g} or more; {said}",
        "attention": "where the sentence that begins looked; of no meaning within a sentence",
    }
    start_out = state_out | dict.fromkeys(looked, "what every sentence looks at")
    return {
        "start": Signature(start, given, "The state before the first word.", outputs=start_out),
        "decode_step": Signature(decode_step, inputs, "One word more.", outputs=step_out),
    }


def named(level, states):
    """{"word_h_0": size, "word_cell_0", ...} of the states of all layers."""
    return {
        f"{level}_{part}_{k}": x.shape[1]
        for k, layer in enumerate(states)
        for part, x in zip(("h", "cell"), layer, strict=True)
    }


if __name__ == "__main__":
    main("hierarchical_autoencoder", signatures)
