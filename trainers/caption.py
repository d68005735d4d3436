"""Captions of photographs, with where the model looked: python -m trainers.caption RUN photo.jpg ..."""

import dataclasses
import itertools
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.learn.console import import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Caption pictures: a line each, and a picture of the attention word by word."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as show_attend_tell/scenes"""
    pictures: Annotated[tuple[pathlib.Path, ...], tyro.conf.Positional]
    """JPEG, PNG or other image files"""
    width: int = 5
    """beams of the search; 1 is greedy"""
    length_norm: float = 0.0
    """captions are compared by log p / words to this power: 0 prefers short ones, 1 the mean of a word"""
    out: pathlib.Path = pathlib.Path("captions")
    """where NAME.png shows the attention; other pictures of this name there are replaced"""

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width: got {self.width}, expected at least 1 beam")
        if not 0 <= self.length_norm <= 10:
            raise ValueError(f"length_norm: got {self.length_norm}, expected a power from 0 to 10")
        if not self.pictures:
            raise ValueError("pictures: got none, expected at least one image file")


def eye(model):
    """A function of images, float32 [B, H, W, C] in [0, 1], that gives a batch as the model takes it."""
    from zoo.nn.pretrained import extractors

    key = next(iter(model.input_shapes))
    look = (lambda images: images) if key == "image" else extractors.extractor(key)
    return lambda images: {key: look(images)}


def names(paths, out):
    """What the picture of each path is called in `out`: its own name, numbered where that is taken by another."""
    taken = {path.stem for path in paths if path.suffix == ".png" and path.parent.resolve() == out.resolve()}
    for path in paths:
        tries = itertools.chain([path.stem], (f"{path.stem}-{k}" for k in itertools.count(2)))
        name = next(name for name in tries if name not in taken)
        taken.add(name)
        yield name


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
    except (ValueError, OSError) as error:
        stop(error)
    sys.exit(2 if failed else 0)


def caption(model, options):
    """Captions the pictures of the options. Returns how many could not be read."""
    import numpy as np
    import tensorflow as tf

    from trainers.show import pictures
    from trainers.show.illustration import attention_strip
    from zoo.data.pictures.files import picture

    height, width, channels = model.picture_shape
    look, failed = eye(model), 0
    for path, name in zip(options.pictures, names(options.pictures, options.out), strict=True):
        try:
            image = picture(path.read_bytes(), height, width) / np.float32(255)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            print(f"error: {path}: no picture that can be read ({reason})", file=sys.stderr, flush=True)
            failed += 1
            continue
        image = image if channels == 3 else tf.image.rgb_to_grayscale(image).numpy()
        told = model.caption(look(image[None]), "beam", options.width, options.length_norm)
        (text,) = (text.decode() for text in model.words.captions(told["ids"]).numpy())
        strip = attention_strip(model, image, text, told["attention"][0].numpy())
        pictures.save(options.out, name, strip)
        print(f"{path}: {text} (log p {float(told['score'][0]):.2f} nats; {options.out / name}.png)", flush=True)
    return failed


if __name__ == "__main__":
    main(sys.argv[1:])
