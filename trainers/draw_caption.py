"""Pictures of captions: python -m trainers.draw_caption RUN "a red circle above a blue square" """

import dataclasses
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.learn.console import import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Draw what captions say: the pictures, how they were drawn, and the word that each step looked at."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as align_draw/scenes"""
    captions: Annotated[tuple[str, ...], tyro.conf.Positional]
    """a caption in quotes, or several"""
    count: int = 4
    """pictures of each caption"""
    seed: int = 0
    out: pathlib.Path = pathlib.Path("drawings")
    """where pictures.png, drawing.gif, words.png and pictures.npz go"""

    def __post_init__(self):
        if self.count < 1:
            raise ValueError(f"count: got {self.count}, expected at least 1 picture")
        if not self.captions:
            raise ValueError("captions: got none, expected at least one in quotes")


def understood(model, captions):
    """Says on standard error which words the model does not know. Raises ValueError for a caption of wrong length."""
    from zoo.metrics.text import tokens

    known, most = set(model.words.known), model.config.caption_length - 1
    for caption in captions:
        words = tokens(caption)
        if not 1 <= len(words) <= most:
            raise ValueError(f"captions: got {caption!r} of {len(words)} words, expected 1 to {most}")
        strange = [word for word in words if word not in known]
        if len(strange) == len(words):
            raise ValueError(f"captions: got {caption!r}, of which the model knows no word; it knows {shown(known)}")
        if strange:
            print(f"warning: unknown words in {caption!r}: {', '.join(strange)}", file=sys.stderr, flush=True)


def shown(words, most=20):
    """Some words for a reader."""
    words = sorted(words)
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def main(arguments=None):
    """The command line."""
    try:
        options = tyro.cli(Options, args=arguments, prog="python -m trainers.draw_caption")
        import_tensorflow()
        import zoo

        model = zoo.load(options.run)
        if "caption" not in model.input_shapes or not hasattr(model, "decode"):
            raise ValueError(f"run: got {options.run}, which follows no captions; expected a run of align_draw")
        understood(model, options.captions)
        draw(model, options)
    except (ValueError, OSError) as error:
        stop(error)


def draw(model, options):
    """Writes the pictures of the options."""
    import numpy as np
    import tensorflow as tf

    from trainers.show import pictures
    from trainers.show.illustration import attended
    from zoo.metrics.text import tokens

    texts = [caption for caption in options.captions for _ in range(options.count)]
    ids = model.words.ids(tf.constant(texts), model.config.caption_length)
    noise = model.noise(len(texts), tf.constant([options.seed, 0]))
    drawn = {name: values.numpy() for name, values in model.decode(noise, ids).items()}
    pictures.save(options.out, "pictures", pictures.captioned(drawn["image"], texts, options.count))
    if "canvases" in drawn:
        window = {"window_n": model.config.write_n}
        pictures.save(options.out, "drawing", pictures.film(drawn["canvases"], drawn["windows"], **window))
    if "word_weights" in drawn:
        first = slice(None, None, options.count)
        said = [" ".join(tokens(caption)) for caption in options.captions]
        words = [attended(*each) for each in zip(said, drawn["word_weights"][first], strict=True)]
        pictures.save(options.out, "words", pictures.storyboard(drawn["canvases"][first], words))
    np.savez_compressed(options.out / "pictures.npz", captions=np.array(texts), **drawn)
    print(f"{len(texts)} pictures: {options.out}")


if __name__ == "__main__":
    main(sys.argv[1:])
