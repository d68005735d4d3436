"""Train DRAW: python -m trainers.draw --preset mnist"""

from trainers.declare.task import Task, later
from trainers.judges.options import Drawing
from trainers.learn.command import main
from zoo.configs.draw import ClassifierConfig, DRAWConfig

FILMED = 16  # samples in a film


def exhibits(model, shown):
    """Samples, reconstructions, the canvas growing, the rate of each glimpse."""
    from trainers.show import pictures
    from trainers.show.exhibits import Curve, Film, Picture

    image, config = shown.batch["image"], model.config
    rates = model.rates(model.infer(image, shown.noise)[1]).numpy()  # [T, N]
    rebuilt = {name: value.numpy() for name, value in model.reconstruct(image, shown.noise).items()}
    sampled = {name: value.numpy() for name, value in model.decode(shown.noise).items()}
    windows = [rebuilt[name] if config.attention else None for name in ("windows", "read_windows")]
    few = [None if each is None else each[:4] for each in windows]
    return {
        **paint(model, sampled),
        "reconstructions": Picture(pictures.pairs(image.numpy(), rebuilt["image"])),
        "drawing": Film(pictures.film(rebuilt["canvases"], *windows, **points(model))),
        "steps": Picture(pictures.strip(rebuilt["canvases"][:4], *few, **points(model))),
        "rate": Curve({"rate": (range(1, len(rates) + 1), rates.mean(1))}, "glimpse"),
    }


def paint(model, decoded):
    """Samples, and how the first of them were drawn."""
    from trainers.show import pictures
    from trainers.show.exhibits import Film, Picture

    canvases, windows = (decoded[name][:FILMED] if name in decoded else None for name in ("canvases", "windows"))
    return {
        "samples": Picture(pictures.grid(decoded["image"])),
        "dreaming": Film(pictures.film(canvases, windows, **points(model))),
    }


def points(model):
    """The points along a side of DRAW's windows, as pictures want them."""
    config = model.config
    return {"window_n": config.write_n, "read_n": config.read_n} if config.attention else {}


def histograms(model, shown):
    """The posterior's means and scales, over glimpses and latent dimensions."""
    found = model.encode(shown.batch["image"], shown.noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def glimpses(model, shown):
    """Where the classifier looked."""
    from trainers.show import pictures
    from trainers.show.exhibits import Film

    windows = model.classify(shown.batch["image"])["windows"].numpy()
    still = shown.batch["image"].numpy()[:, None].repeat(windows.shape[1], 1)
    return {"glimpses": Film(pictures.film(still, None, windows, read_n=model.config.read_n))}


def sample(*arguments):
    """Images from the prior."""
    from trainers.show.sampling import from_prior

    return from_prior(paint, "image")(*arguments)


TASKS = {
    DRAWConfig: Task(
        "draw", exhibits, histograms, sample=sample, judge=later("trainers.judges.digits", "judge"), judging=Drawing
    ),
    ClassifierConfig: Task("draw", glimpses),
}

if __name__ == "__main__":
    main(TASKS)
