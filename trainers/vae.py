"""Train a VAE: python -m trainers.vae --preset mnist"""

from trainers.learn.command import main
from trainers.learn.task import Task


def panels(model, batch, noise):
    """Samples and reconstructions; with two latent dimensions the manifold."""
    from trainers.show import pictures
    from zoo.metrics import latent

    image = batch["image"].numpy()
    found = {
        **paint(model, {"image": model.decode(noise)["image"].numpy()}),
        "reconstructions": pictures.pairs(image, model.reconstruct(batch["image"], noise)["image"].numpy()),
    }
    if model.z_size == 2:
        z = latent.manifold(20)
        found["manifold"] = pictures.grid(model.decode(z.reshape(-1, 2))["image"].numpy(), columns=20, scale=1)
    return found


def paint(model, decoded):
    """Samples."""
    from trainers.show import pictures

    return {"samples": pictures.grid(decoded["image"])}


def histograms(model, batch, noise):
    """The posterior's means and scales, over examples and latent dimensions."""
    found = model.encode(batch["image"], noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def embed(model, batch, noise):
    """Posterior means, [B, Z]."""
    return model.encode(batch["image"], noise)["mean"].numpy()


TASK = Task("vae", panels, histograms=histograms, embed=embed, paint=paint)

if __name__ == "__main__":
    main(TASK)
