"""Export DRAW or its classifier: python -m export.draw RUN --out models"""

import functools

from export.declare import latent, meaning
from export.declare.signature import Signature
from export.make.command import main
from zoo.configs.draw import ClassifierConfig, DRAWConfig


def classify(model, k):
    """What the classifier offers: it has no latent."""
    field = model.fields["image"]
    images = latent.observations("image", field, lambda n, numbers: field.random(n, numbers))
    says = "The classes of images, and where every glimpse looked."
    outputs = {
        "logits": "of the classes, in the order of their labels; softmax gives probabilities",
        "windows": f"where each glimpse looked: {meaning.WINDOW}",
    }
    return {"classify": Signature(lambda images: model.classify(images), {"images": images}, says, outputs=outputs)}


OFFERED = {DRAWConfig: functools.partial(latent.signatures, steps=True), ClassifierConfig: classify}


def signatures(model, k):
    """What the model of a config offers."""
    return OFFERED[type(model.config)](model, k)


if __name__ == "__main__":
    main("draw", signatures)
