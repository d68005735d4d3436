"""Train alignDRAW or a baseline that follows captions, too: python -m trainers.align_draw"""

import dataclasses

from trainers.declare.task import Sampling, Task
from trainers.judges.options import Painting
from trainers.learn.command import main
from zoo.configs.align_draw import AlignDRAWConfig, CaptionVAEConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaintingOf(Sampling):
    """What is painted."""

    count: int = 4
    """pictures of each caption"""


def exhibits(model, shown):
    """Images drawn for captions, one word changing, the nearest training images, reconstructions; alignDRAW's steps."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.exhibits import Curve, Film, Picture
    from trainers.show.illustration import attended, nearest, texts_of, variations

    image, caption, noise = shown.batch["image"], shown.batch["caption"], shown.noise
    texts, training = texts_of(model, caption), shown.training.source
    training = None if training is None else training.image
    drawn = {name: value.numpy() for name, value in model.decode(noise, caption).items()}
    rebuilt = {name: value.numpy() for name, value in model.reconstruct(image, caption, noise).items()}
    image = np.asarray(image)
    found = {
        "samples": Picture(pictures.captioned(drawn["image"], texts)),
        "originals": Picture(pictures.captioned(image, texts)),
        "reconstructions": Picture(pictures.pairs(image, rebuilt["image"])),
    }
    if training is not None:
        found["nearest"] = Picture(pictures.pairs(drawn["image"], nearest(drawn["image"], training)))
    if rows := variations(model, training):
        found["variations"] = Picture(pictures.captioned(*rows))
    if "canvases" in drawn:
        windows = {"window_n": model.config.write_n, "read_n": model.config.read_n}
        painted = pictures.film(rebuilt["canvases"], rebuilt["windows"], rebuilt["read_windows"], **windows)
        found["dreaming"] = Film(pictures.film(drawn["canvases"], drawn["windows"], **windows))
        found["drawing"] = Film(painted)
        rates = model.rates(model.infer(shown.batch["image"], caption, noise)[1]).numpy()  # [T, N]
        found["rate"] = Curve({"rate": (range(1, len(rates) + 1), rates.mean(1))}, "glimpse")
    if "word_weights" in drawn:
        seen = [attended(text, weights) for text, weights in zip(texts, drawn["word_weights"], strict=True)]
        found["words"] = Picture(pictures.storyboard(drawn["canvases"][:4], seen[:4]))
    return found


def sample(model, captions, options):
    """Pictures of captions, how they were drawn, and the word that each step looked at."""
    import numpy as np
    import tensorflow as tf

    from trainers.show import pictures
    from trainers.show.exhibits import Film, Picture
    from trainers.show.illustration import attended, understood
    from trainers.show.sampling import Samples
    from zoo.configs.base import require
    from zoo.metrics.text import tokens

    require(captions, "inputs", "none", "captions in quotes, which this model paints")
    understood(model, captions)
    texts = [caption for caption in captions for _ in range(options.count)]
    ids = model.words.ids(tf.constant(texts), model.config.caption_length)
    noise = model.noise(len(texts), tf.constant([options.seed, 0]))
    drawn = {name: values.numpy() for name, values in model.decode(noise, ids).items()}
    found = {"pictures": Picture(pictures.captioned(drawn["image"], texts, options.count))}
    if "canvases" in drawn:
        found["drawing"] = Film(pictures.film(drawn["canvases"], drawn["windows"], window_n=model.config.write_n))
    if "word_weights" in drawn:
        first = slice(None, None, options.count)
        said = [" ".join(tokens(caption)) for caption in captions]
        words = [attended(*each) for each in zip(said, drawn["word_weights"][first], strict=True)]
        found["words"] = Picture(pictures.storyboard(drawn["canvases"][first], words))
    return Samples({"captions": np.array(texts), **drawn}, found)


def judge(run, model, options):
    """Do the pictures show what their captions say, and do pictures and captions belong together?"""
    import functools

    from trainers.judges import composition, matching
    from trainers.score.figures import sets_of

    sets, seed = sets_of(run, model, options.data_dir), options.seed
    paint = functools.partial(matching.painter(model), seed=seed)
    folder = options.data_dir or run.config.get("data_dir")
    found = composition.judge(sets, paint, folder, options)
    for name, pair in (
        ("gap_of_shuffled_captions_nats", matching.gap(model, sets.test, seed)),
        ("ssi", matching.likeness(model, sets.test, seed)),
    ):
        found |= {name: pair[0], f"{name}_standard_error": pair[1]}
    found["retrieval"] = {"K": options.samples} | matching.retrieval(model, sets.test, seed, options.samples)
    if getattr(model.config, "variant", "") == "align":
        found["attended_words"] = matching.attended_words(model, sets.test, seed)
    return found


TASKS = {
    config: Task("align_draw", exhibits, sample=sample, sampling=PaintingOf, judge=judge, judging=Painting)
    for config in (AlignDRAWConfig, CaptionVAEConfig)
}

if __name__ == "__main__":
    main(TASKS)
