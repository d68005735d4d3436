"""Export DRAW or its classifier: python -m export.draw RUN --out models"""

from export.declare import latent
from export.declare.signature import Input, Signature
from export.make.command import main


def signatures(model, k):
    """What a DRAW offers; the classifier, which has no latent, offers classify alone."""
    if model.classify:
        images = Input(model.fields["image"].shape, "images, scaled as in training", interval=(0, 1))
        says = "The class logits, and the window of every glimpse (g_x, g_y, delta, variance, gamma)."
        return {"classify": Signature(lambda images: model.classify(images), {"images": images}, says)}
    return latent.signatures(model, k)


if __name__ == "__main__":
    main("draw", signatures)
