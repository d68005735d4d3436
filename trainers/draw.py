"""Train DRAW: python -m trainers.draw --preset mnist"""

from trainers.command import main
from trainers.task import Task


def panels(model, batch, noise):
    """Samples, reconstructions and the canvas growing; the classifier's glimpses."""
    from trainers import pictures

    image = batch["image"].numpy()
    if hasattr(model, "classify"):
        windows = model.classify(batch["image"])["windows"].numpy()
        still = image[:, None].repeat(windows.shape[1], 1)
        return {"glimpses": pictures.film(still, None, windows, read_n=model.config.read_n)}
    config = model.config
    windows = {"window_n": config.write_n, "read_n": config.read_n} if config.attention else {}
    rebuilt = {name: value.numpy() for name, value in model.reconstruct(batch["image"], noise).items()}
    sampled = {name: value.numpy() for name, value in model.decode(noise).items()}
    few = slice(0, 4)
    return {
        "samples": pictures.grid(sampled["image"]),
        "reconstructions": pictures.pairs(image, rebuilt["image"]),
        "drawing": pictures.film(
            rebuilt["canvases"], rebuilt.get("windows"), rebuilt.get("read_windows"), **windows
        ),
        "dreaming": pictures.film(sampled["canvases"], sampled.get("windows"), None, **windows),
        "steps": pictures.strip(
            rebuilt["canvases"][few],
            *(rebuilt[name][few] if config.attention else None for name in ("windows", "read_windows")),
            **windows,
        ),
    }


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


TASK = Task("draw", panels, histograms=histograms, scores=scores)

if __name__ == "__main__":
    main(TASK)
