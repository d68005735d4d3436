"""Export names of numbers: python -m export.number_names RUN --out models

A server is sent beginnings and answers in words; a phone has no strings: it is given ids, and gives ids.
"""

from export.declare.signature import Offered, Signature
from export.declare.strings import text
from export.make.command import main


def signatures(model):
    """complete."""
    begun = {"begun": text("name", model.fields["name"], model.words)}
    says = "The likeliest name that begins so."
    ids = {
        "ids": "the words as line numbers in the file of words, the first line being 0; 0, the end, after the last",
        "score": "log p of the words that are new, and of the end, in nats",
        "digit": "log p of every last digit, in nats",
    }

    def complete(begun):
        told = model.complete(begun)
        return {"names": model.words.texts(told["ids"]), **told}

    server = Signature(complete, begun, says, outputs={"names": "the words of `ids`, joined by blanks"} | ids)
    phone = Signature(lambda begun: model.complete(begun), begun, says, outputs=ids)
    return Offered({"complete": server}, {"complete": phone})


if __name__ == "__main__":
    main("number_names", signatures)
