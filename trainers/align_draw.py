"""Train alignDRAW or a baseline that follows captions, too: python -m trainers.align_draw"""

from trainers.learn.command import main
from trainers.learn.task import Task


def panels(model, batch, noise):
    """Images drawn for captions, one word changing, the nearest training images, reconstructions; alignDRAW's steps."""
    from trainers.show import pictures
    from trainers.show.illustration import attended, nearest, texts_of, variations

    caption, texts = batch["caption"], texts_of(model, batch["caption"])
    image = batch["image"].numpy()
    drawn = {name: value.numpy() for name, value in model.decode(noise, caption).items()}
    rebuilt = {name: value.numpy() for name, value in model.reconstruct(batch["image"], caption, noise).items()}
    found = {
        "samples": pictures.captioned(drawn["image"], texts),
        "originals": pictures.captioned(image, texts),
        "reconstructions": pictures.pairs(image, rebuilt["image"]),
    }
    if batch["training"] is not None:
        found["nearest"] = pictures.pairs(drawn["image"], nearest(drawn["image"], batch["training"]))
    if rows := variations(model, batch["training"]):
        found["variations"] = pictures.captioned(*rows)
    if "canvases" in drawn:
        windows = {"window_n": model.config.write_n, "read_n": model.config.read_n}
        found["dreaming"] = pictures.film(drawn["canvases"], drawn["windows"], **windows)
        found["drawing"] = pictures.film(rebuilt["canvases"], rebuilt["windows"], rebuilt["read_windows"], **windows)
        rates = model.rates(model.infer(batch["image"], caption, noise)[1]).numpy()  # [T, N]
        found["rate"] = pictures.curves({"rate": (range(1, len(rates) + 1), rates.mean(1))}, "glimpse")
    if "word_weights" in drawn:
        seen = [attended(text, weights) for text, weights in zip(texts, drawn["word_weights"], strict=True)]
        found["words"] = pictures.storyboard(drawn["canvases"][:4], seen[:4])
    return found


TASK = Task("align_draw", panels)

if __name__ == "__main__":
    main(TASK)
