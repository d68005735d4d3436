"""Train DRAW: python -m trainers.draw --preset mnist"""

from trainers.learn.command import main
from trainers.learn.task import Task

FILMED = 16  # samples in a film


def panels(model, batch, noise):
    """Samples, reconstructions, the canvas growing, the rate of each glimpse; the classifier's glimpses."""
    from trainers.show import pictures

    image = batch["image"].numpy()
    if hasattr(model, "classify"):
        windows = model.classify(batch["image"])["windows"].numpy()
        still = image[:, None].repeat(windows.shape[1], 1)
        return {"glimpses": pictures.film(still, None, windows, read_n=model.config.read_n)}
    config, windows = model.config, points(model)
    rates = model.rates(model.infer(batch["image"], noise)[1]).numpy()  # [T, N]
    rebuilt = {name: value.numpy() for name, value in model.reconstruct(batch["image"], noise).items()}
    sampled = {name: value.numpy() for name, value in model.decode(noise).items()}
    few = slice(0, 4)
    return {
        **paint(model, sampled),
        "reconstructions": pictures.pairs(image, rebuilt["image"]),
        "drawing": pictures.film(rebuilt["canvases"], rebuilt.get("windows"), rebuilt.get("read_windows"), **windows),
        "steps": pictures.strip(
            rebuilt["canvases"][few],
            *(rebuilt[name][few] if config.attention else None for name in ("windows", "read_windows")),
            **windows,
        ),
        "rate": pictures.curves({"rate": (range(1, len(rates) + 1), rates.mean(1))}, "glimpse"),
    }


def paint(model, decoded):
    """Samples, and how the first of them were drawn."""
    from trainers.show import pictures

    canvases, windows = (decoded[name][:FILMED] if name in decoded else None for name in ("canvases", "windows"))
    return {
        "samples": pictures.grid(decoded["image"]),
        "dreaming": pictures.film(canvases, windows, **points(model)),
    }


def points(model):
    """The points along a side of DRAW's windows, as pictures want them."""
    config = model.config
    return {"window_n": config.write_n, "read_n": config.read_n} if config.attention else {}


def histograms(model, batch, noise):
    """The posterior's means and scales, over glimpses and latent dimensions."""
    if not hasattr(model, "encode"):
        return {}
    found = model.encode(batch["image"], noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def scores(model, batch, noise):
    """The classifier's error."""
    if not hasattr(model, "classify"):
        return {}
    import tensorflow as tf

    wrong = tf.argmax(model.classify(batch["image"])["logits"], -1, tf.int32) != batch["label"]
    return {"error": tf.cast(wrong, tf.float32)}


TASK = Task("draw", panels, histograms=histograms, scores=scores, paint=paint)

if __name__ == "__main__":
    main(TASK)
