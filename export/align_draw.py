"""Export alignDRAW or one of its baselines: python -m export.align_draw RUN --out models"""

from export.declare import latent, meaning
from export.declare.signature import Signature
from export.declare.strings import text
from export.make.command import main
from zoo.configs.align_draw import AlignDRAWConfig, CaptionVAEConfig

HAS_STEPS = {AlignDRAWConfig: True, CaptionVAEConfig: False}


def signatures(model, k):
    """generate, reconstruct, and log_likelihood from k posterior samples, each given captions."""
    captions = text("caption", model.fields["caption"], model.words)

    def sample(n, numbers):
        return model.decode(model.noise(n, latent.seed(numbers)), captions.example(n, numbers))["image"]

    images = latent.observations("image", model.fields["image"], sample)
    painting = {
        "generate": Signature(
            lambda caption, noise: model.decode(noise, caption), {"caption": captions}, "Paints captions.", draws=1
        ),
        "reconstruct": Signature(
            lambda images, caption, noise: model.reconstruct(images, caption, noise),
            {"images": images, "caption": captions},
            "Sends images with their captions through the posterior and back.",
            draws=1,
        ),
    }
    return {
        **latent.painted(painting, "image", HAS_STEPS[type(model.config)]),
        "log_likelihood": Signature(
            lambda images, caption, noise: latent.log_likelihood(
                model, {"image": images, "caption": caption}, noise, k
            ),
            {"images": images, "caption": captions},
            latent.estimate("log p(image | caption)", k),
            draws=k,
            outputs=meaning.of("log_likelihood"),
        ),
    }


if __name__ == "__main__":
    main("align_draw", signatures)
