"""What the outputs of several models mean, for their cards."""

WINDOW = "[g_x, g_y, delta, variance, gamma]: centre and stride in pixels, the centre of the first pixel, at the top "
WINDOW += "left, being 1; the filters' variance in pixels squared; the intensity, a factor"

OUTPUTS = {
    "images": "pixels in [0, 1], the probability of a 1 each",
    "sequences": "in [0, 1], the probability of a 1 each",
    "canvases": "`images` after each glimpse, the last one being the result",
    "windows": f"where each glimpse wrote: {WINDOW}",
    "read_windows": f"where each glimpse read: {WINDOW}",
    "word_weights": "how much each glimpse looked at each word of the caption; they sum to 1",
    "z": "one sample of the latent from the posterior",
    "mean": "the posterior's mean",
    "scale": "the posterior's standard deviation",
    "log_likelihood": "log p in nats",
}


def of(*names, **more):
    """The meanings of these outputs, and of more that are told here."""
    return {name: OUTPUTS[name] for name in names} | more
