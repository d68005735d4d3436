"""Export names of numbers: python -m export.number_names RUN --out models

A server is sent beginnings and answers in words; a phone has no strings: it is given ids, and gives ids.
"""

from export.declare.signature import Offered, Signature
from export.declare.strings import caption
from export.make.command import Options, main


def signatures(model):
    """complete."""
    begun = {"begun": caption(model.words, model.config.name_length)}
    says = (
        "The likeliest name that begins so: `ids`, 0 after the last word; `score`, log p of the words that are new, in "
        "nats; `digit`, log p of every last digit."
    )

    def complete(begun):
        told = model.complete(begun)
        return {"names": model.words.captions(told["ids"]), **told}

    server = Signature(complete, begun, f"`names`. {says}")
    phone = Signature(lambda begun: model.complete(begun), begun, says)
    return Offered({"complete": server}, {"complete": phone})


if __name__ == "__main__":
    main("number_names", signatures, Options)
