"""Export a sequence autoencoder, its language model or its classifier: python -m export.sequence_autoencoder RUN

A server reads texts and answers texts and names. A phone has no strings: it is given and gives ids.
"""

from export.declare import meaning
from export.declare.signature import Offered, Signature
from export.declare.strings import text
from export.declare.writing import classifier
from export.make.command import main
from zoo.configs.sequence_autoencoder import ClassifierConfig

TOKENS = {
    "tokens": "the words as line numbers in the file of words, the first line being 0; 0, the end, after the last",
    "score": "log p of the words and of the end in nats",
}


def signatures(model):
    """What the model of a config offers."""
    given = {"text": text("text", model.fields["text"], model.words)}
    if isinstance(model.config, ClassifierConfig):
        return classifier(model)
    return autoencoder(model, given) if model.config.task == "autoencoder" else language_model(model, given)


def autoencoder(model, given):
    """reconstruct, encode and log_prob."""
    both = {
        "encode": Signature(
            lambda text: model.encode(text),
            given,
            "What the model knows of a text when it has read it.",
            outputs={"h": "the LSTM's output after the last word", "c": "its cell then"},
        ),
        "log_prob": log_prob(model, given, "log p(text) and of its end, after the text was read, in nats."),
    }
    return written("reconstruct", model.reconstruct, model, given, "What comes back of a text.", both)


def language_model(model, given):
    """log_prob and extend."""
    both = {"log_prob": log_prob(model, given, "log p(text) and of its end in nats, the first word given.")}
    return written("extend", model.extend, model, given, "The likeliest words after those of a text, one by one.", both)


def log_prob(model, given, says):
    def scored(text):
        return {"log_likelihood": -model.loss_terms({"text": text}, {})["negative_log_likelihood"]}

    return Signature(scored, given, says, outputs=meaning.of("log_likelihood"))


def written(name, write, model, given, says, both):
    """Offered: what writes texts, in words to a server and in ids to a phone, and what is the same to both."""

    def told(text):
        said = write(text)
        return {"tokens": said["text"], "score": said["score"]}

    def in_words(text):
        found = told(text)
        return {"texts": model.words.texts(found["tokens"]), **found}

    words = {"texts": "the words of `tokens`, joined by blanks", **TOKENS}
    server = {name: Signature(in_words, given, says, outputs=words), **both}
    return Offered(server, {**server, name: Signature(told, given, says, outputs=TOKENS)})


if __name__ == "__main__":
    main("sequence_autoencoder", signatures)
