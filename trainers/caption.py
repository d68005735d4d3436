"""Captions of photographs, with where the model looked: python -m trainers.caption RUN photo.jpg ..."""

import dataclasses
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.console import import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Caption pictures: a line each, and a picture of the attention word by word."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as show_attend_tell/scenes"""
    pictures: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """JPEG, PNG or other image files"""
    width: int = 5
    """beams of the search; 1 is greedy"""
    out: pathlib.Path = pathlib.Path("captions")
    """where NAME.png shows the attention"""

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width: got {self.width}, expected at least 1 beam")
        if not self.pictures:
            raise ValueError("pictures: got none, expected at least one image file")


def seen(model, images):
    """A batch as the model takes it. images: float32 [B, H, W, C] in [0, 1]."""
    from zoo.nn import extractors

    key = next(iter(model.input_shapes))
    return {key: images if key == "image" else extractors.extractor(key)(images)}


def main(arguments=None):
    """The command line. Pictures that cannot be read are named; the others are captioned; then it ends with 2."""
    try:
        options = tyro.cli(Options, args=arguments, prog="python -m trainers.caption")
        import_tensorflow()
        import zoo

        model = zoo.load(options.run)
        if not hasattr(model, "caption"):
            raise ValueError(f"run: got {options.run}, which tells no captions; expected a run of show_attend_tell")
        failed = caption(model, options)
    except (ValueError, FileNotFoundError) as error:
        stop(error)
    sys.exit(2 if failed else 0)


def caption(model, options):
    """Captions the pictures of the options. Returns how many could not be read."""
    import numpy as np
    import tensorflow as tf

    from trainers import pictures
    from trainers.illustration import attention_strip
    from zoo.data.photos import picture

    height, width, channels = model.picture_shape
    failed = 0
    for path in options.pictures:
        try:
            image = picture(path.read_bytes(), height, width) / np.float32(255)
        except (OSError, ValueError, SyntaxError) as error:
            reason = getattr(error, "strerror", None) or error
            print(f"error: {path}: no picture that can be read ({reason})", file=sys.stderr, flush=True)
            failed += 1
            continue
        image = image if channels == 3 else tf.image.rgb_to_grayscale(image).numpy()
        told = model.caption(seen(model, image[None]), "beam", options.width)
        (text,) = (text.decode() for text in model.words.captions(told["ids"]).numpy())
        strip = attention_strip(model, image, text, told["attention"][0].numpy())
        pictures.save(options.out, path.stem, strip)
        print(f"{path}: {text} (log p {float(told['score'][0]):.2f} nats; {options.out / path.stem}.png)", flush=True)
    return failed


if __name__ == "__main__":
    main(sys.argv[1:])
