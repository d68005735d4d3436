"""Export DocNADE or its language model: python -m export.docnade RUN --out models

A server reads texts and words. A phone has no strings: it is given and gives ids.
"""

from export.declare import meaning, writing
from export.declare.signature import Input, Offered, Signature
from export.declare.strings import text
from export.make.command import main
from zoo.configs.docnade import DocNADELMConfig
from zoo.declare import Field

LIKE = 10  # words that are most like one


def signatures(model, k):
    """embed, log_prob as the mean over k orders, and nearest; of the language model what such models offer."""
    import tensorflow as tf

    if isinstance(model.config, DocNADELMConfig):
        return writing.signatures(model, k)
    given = {"text": text("text", model.fields["text"], model.words)}
    many = min(LIKE, model.size - 1)
    embed = Signature(
        lambda text: model.encode(text),
        given,
        "What the model keeps of a document, in any order of its words the same.",
        outputs={"vector": "the hidden units after all words; compare such vectors by their cosine"},
    )
    log_prob = Signature(
        lambda text, noise: {"log_likelihood": model.ensemble({"text": text}, all_of(noise, k))},
        given,
        f"The log of a document's mean probability over {k} random orders of its words, those that the model does not "
        "know left out, in nats.",
        draws=k,
        outputs=meaning.of("log_likelihood"),
        noise={"noise_order": "independent uniform numbers in [0, 1)"},
    )
    says = f"The {many} words whose weights are most like a word's."
    cosines = {"similarity": "their cosines, falling; 0 of a word that the model does not know"}

    def nearest(word):
        found = model.nearest(word, many)
        return {"tokens": found["words"], "similarity": found["similarity"]}

    def in_words(word):
        found = nearest(word[:, 0])
        flat = tf.reshape(found["tokens"], [-1, 1])
        return {"words": tf.reshape(model.words.texts(flat), [-1, many]), **found}

    tokens = {"tokens": "the words as line numbers in the file of words, the first line being 0", **cosines}
    field = Field((2,), "int32", classes=model.config.vocabulary, ragged=True)
    word = {"word": text("word", field, model.words)}
    number = Input(
        (),
        "the word as its line number in the file of words, the first line being 0",
        "int32",
        interval=(0, model.config.vocabulary - 1),
    )
    server = Signature(in_words, word, says, outputs={"words": "the nearest first", **tokens})
    phone = Signature(nearest, {"word": number}, says, outputs=tokens)
    both = {"embed": embed, "log_prob": log_prob}
    return Offered({**both, "nearest": server}, {**both, "nearest": phone})


def all_of(noise, k):
    """Noise with an axis of orders, which one order alone does not have."""
    import tensorflow as tf

    return noise if k > 1 else tf.nest.map_structure(lambda x: x[:, None], noise)


if __name__ == "__main__":
    main("docnade", signatures)
