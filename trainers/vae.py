"""Train a VAE: python -m trainers.vae --preset mnist"""

from trainers.declare.task import Task, later
from trainers.judges.options import Drawing
from trainers.learn.command import main
from zoo.configs.vae import VAEConfig


def exhibits(model, shown):
    """Samples and reconstructions; with two latent dimensions the manifold."""
    from trainers.show import pictures
    from trainers.show.exhibits import Picture
    from zoo.metrics import latent

    image = shown.batch["image"]
    rebuilt = model.reconstruct(image, shown.noise)["image"].numpy()
    found = {
        **paint(model, {"image": model.decode(shown.noise)["image"].numpy()}),
        "reconstructions": Picture(pictures.pairs(image.numpy(), rebuilt)),
    }
    if model.z_size == 2:
        z = latent.manifold(20).reshape(-1, 2)
        found["manifold"] = Picture(pictures.grid(model.decode(z)["image"].numpy(), columns=20, scale=1))
    return found


def paint(model, decoded):
    """Samples."""
    from trainers.show import pictures
    from trainers.show.exhibits import Picture

    return {"samples": Picture(pictures.grid(decoded["image"]))}


def histograms(model, shown):
    """The posterior's means and scales, over examples and latent dimensions."""
    found = model.encode(shown.batch["image"], shown.noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def embed(model, shown):
    """Posterior means."""
    from trainers.show.exhibits import Scatter

    means = model.encode(shown.batch["image"], shown.noise)["mean"].numpy()
    return Scatter(means, shown.batch.get("label"), shown.batch["image"])


def sample(*arguments):
    """Images from the prior."""
    from trainers.show.sampling import from_prior

    return from_prior(paint, "image")(*arguments)


TASKS = {
    VAEConfig: Task(
        "vae",
        exhibits,
        histograms,
        embed=embed,
        sample=sample,
        judge=later("trainers.judges.digits", "judge"),
        judging=Drawing,
    ),
}

if __name__ == "__main__":
    main(TASKS)
