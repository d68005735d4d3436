"""The signatures of models that write texts word by word: language models, and VAEs whose decoder is one.

A server reads and answers texts. A phone has no strings: it is given and gives ids, writes whole texts greedily, or one
word at a time, `start` and then `decode_step` with what the last call returned.
"""

from export.declare import latent, meaning
from export.declare.signature import Input, Offered, Signature
from export.declare.strings import text

LEAST = -100.0  # the least log p that a phone is told: of -inf each kind of LiteRT file makes something else
WAY = 6  # texts on the way between two


def signatures(model, k):
    """What the model has of encode, decode, generate, interpolate, fill and log_prob; to phones decode_step too.

    k: posterior samples of log_prob. fill is offered of a model that can `impute`.
    """
    import tensorflow as tf

    from zoo.nn.decoding import gumbel

    field, config = model.fields["text"], model.config
    given = {"text": text("text", field, model.words)}
    has_code = model.decoder.takes_z

    def scored(text, noise=None):
        if has_code:
            return latent.log_likelihood(model, {"text": text}, noise, k)
        return {"log_likelihood": -model.loss_terms({"text": text}, {})["negative_log_likelihood"]}

    says = latent.estimate("log p(text)", k) if has_code else "log p(text) and of its end, in nats."
    log_prob = Signature(scored, given, says, draws=k * has_code, outputs=meaning.of("log_likelihood"))
    tokens = {
        "tokens": "the words as line numbers in the file of words, the first line being 0; 0, the end, after the last",
        "score": "log p of the words and of the end, in nats" + ", given z" * has_code,
    }
    words = {"texts": "the words of `tokens`, joined"} | tokens

    def told(said):
        return {"tokens": said["text"], "score": said["score"]}

    def in_words(said):
        return {"texts": model.words.texts(said["text"]), **told(said)}

    if not has_code:
        generate = Signature(
            lambda noise: in_words(model.write(tf.shape(noise)[0], method="sample", noise=noise)),
            {},
            "Texts that the model draws, word by word.",
            draws=1,
            source=lambda n, seed: gumbel([n, config.text_length, config.vocabulary], seed),
            outputs=words,
        )
        server = {"generate": generate, "log_prob": log_prob}
        return Offered(server, {"log_prob": log_prob, **by_the_word(model)})

    z = {"z": Input((config.z_size,), "the latent; standard normal under the prior")}

    def interpolate(first, last):
        way = model.homotopy(model.posterior(first)[0], model.posterior(last)[0], WAY)
        flat = model.words.texts(tf.reshape(way, [-1, config.text_length]))
        return {"texts": tf.reshape(flat, [-1, WAY])}

    encode = Signature(
        lambda text, noise: model.encode(text, noise),
        given,
        "The posterior's mean and scale, and one sample z.",
        draws=1,
        outputs=meaning.of("z", "mean", "scale"),
    )
    from_z, drawn = "The likeliest words of a z, one after the other.", "Texts of z drawn from the prior."
    ends = {name: text("text", field, model.words) for name in ("first", "last")}
    gaps = "Puts words where a text has ___, or another word that the model does not know."
    server = {
        "encode": encode,
        "decode": Signature(lambda z: in_words(model.decode({"z": z})), z, from_z, outputs=words),
        "generate": Signature(lambda noise: in_words(model.decode(noise)), {}, drawn, draws=1, outputs=words),
        "interpolate": Signature(
            interpolate,
            ends,
            f"{WAY} texts on the way between two, both of these as they come back among them.",
            outputs={"texts": "in order, [batch, number]"},
        ),
        "log_prob": log_prob,
    }
    if hasattr(model, "impute"):
        server["fill"] = Signature(lambda text: in_words(model.impute(text)), given, gaps, outputs=words)
    phone = {
        "encode": encode,
        "decode": Signature(lambda z: told(model.decode({"z": z})), z, from_z, outputs=tokens),
        "log_prob": log_prob,
    }
    return Offered(server, phone | by_the_word(model, z))


def by_the_word(model, z=None):
    """start and decode_step: the state is in the caller's hands."""
    import tensorflow as tf

    from zoo.nn.decoding import FIRST

    z = z or {}
    with tf.init_scope():
        empty = model.decoder.begin(1, tf.zeros([1, model.config.z_size]) if z else None)
    names = [f"state_{i}" for i in range(len(tf.nest.flatten(empty)))]
    shapes = [tuple(part.shape[1:]) for part in tf.nest.flatten(empty)]

    def flat(states):
        return dict(zip(names, tf.nest.flatten(states), strict=True))

    def start(z):
        return flat(model.decoder.begin(z.shape[0] or tf.shape(z)[0], z))

    def decode_step(word, z=None, **states):
        states = tf.nest.pack_sequence_as(empty, [states[name] for name in names])
        log_probs, states = model.decoder.step(model.told(word[:, None])[:, 0], states, z)
        return {"log_probs": tf.maximum(log_probs, LEAST), **flat(states)}

    where = "as start or the last call returned it" if z else "0 before the first word, then as the last call had it"
    state = {name: Input(shape, where) for name, shape in zip(names, shapes, strict=True)}
    before = f"the word before, {FIRST} before the first one"
    word = {"word": Input((), before, "int32", interval=(FIRST, model.config.vocabulary - 1))}
    state_out = dict.fromkeys(names, "the state, for the next decode_step")
    step_out = state_out | {"log_probs": f"log p of every word after `word` in nats, {LEAST:g} or more"}
    step = Signature(decode_step, word | z | state, "One word more.", outputs=step_out)
    if not z:
        return {"decode_step": step}
    return {"start": Signature(start, z, "The state before the first word.", outputs=state_out), "decode_step": step}


def classifier(model):
    """Offered: classify, a server's with the name of the class."""
    import tensorflow as tf

    given = {"text": text("text", model.fields["text"], model.words)}

    def classify(text):
        logits = model.classify(text)["logits"]
        return {"probabilities": tf.nn.softmax(logits), "logits": logits}

    def in_words(text):
        found = classify(text)
        return {"class": model.names.texts(tf.argmax(found["logits"], -1)), **found}

    outputs = {
        "probabilities": "of the classes, in the order of the lines in the file of classes",
        "logits": "of the same",
    }
    says = "The class of a text."
    server = Signature(in_words, given, says, outputs={"class": "the name of the likeliest", **outputs})
    return Offered({"classify": server}, {"classify": Signature(classify, given, says, outputs=outputs)})
