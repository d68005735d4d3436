"""Export alignDRAW or one of its baselines: python -m export.align_draw RUN --out models"""

from export.declare import latent
from export.declare.signature import Signature
from export.declare.strings import caption
from export.make.command import Sampling, main


def signatures(model, k):
    """generate, reconstruct, and log_likelihood from k posterior samples, each given captions."""
    captions = caption(model.words, model.config.caption_length)

    def sample(n, numbers):
        return model.decode(model.noise(n, latent.seed(numbers)), captions.example(n, numbers))["image"]

    images = latent.observations("images", model.config.image_shape, sample)

    def named(outputs):
        return {"images" if k == "image" else k: v for k, v in outputs.items()}

    return {
        "generate": Signature(
            lambda caption, noise: named(model.decode(noise, caption)),
            {"caption": captions},
            "Paints captions.",
            draws=1,
        ),
        "reconstruct": Signature(
            lambda images, caption, noise: named(model.reconstruct(images, caption, noise)),
            {"images": images, "caption": captions},
            "Sends images with their captions through the posterior and back.",
            draws=1,
        ),
        "log_likelihood": Signature(
            lambda images, caption, noise: latent.log_likelihood(
                model, {"image": images, "caption": caption}, noise, k
            ),
            {"images": images, "caption": captions},
            latent.estimate("log p(image | caption)", k),
            draws=k,
        ),
    }


if __name__ == "__main__":
    main("align_draw", signatures, Sampling)
