"""Sizes and presets of alignDRAW and its baselines (arXiv:1511.02793)."""

import dataclasses
from typing import Literal

from zoo.configs.base import Settings, check, require


@dataclasses.dataclass(frozen=True)
class CaptionConfig:
    """What an image of a caption and its caption look like, to every model here."""

    vocabulary: int  # words, the end and the unknown word among them
    caption_length: int  # L, words and one end
    image_shape: tuple[int, int, int] = (32, 32, 3)  # height, width, channels
    language: int = 128  # units in each direction; a fixed sentence vector has twice as many numbers

    def __post_init__(self):
        check(self, "model.")
        require(self.vocabulary >= 2, "model.vocabulary", self.vocabulary, "at least 2, the end and the unknown word")


@dataclasses.dataclass(frozen=True)
class AlignDRAWConfig(CaptionConfig):
    """Sizes of alignDRAW; the defaults are the authors' for MNIST with captions."""

    steps: int = 32  # T, glimpses
    hidden: int = 300  # units of the generative and of the inference LSTM
    z_size: int = 150  # Z, size of z at one step
    read_n: int = 8  # the read window has read_n x read_n points
    write_n: int = 8
    first_side: float = 1.0  # of the windows before training, a share of the image's longer side
    align_size: int = 512  # d, where a state and a word meet
    # What of the caption a step sees: its words by attention, the last states of its LSTM, or the mean of word vectors.
    variant: Literal["align", "last", "vector"] = "align"

    def __post_init__(self):
        super().__post_init__()
        require(0 < self.first_side <= 1, "model.first_side", self.first_side, "a share in (0, 1]")


@dataclasses.dataclass(frozen=True)
class CaptionVAEConfig(CaptionConfig):
    """Sizes of the baselines without glimpses."""

    kind: Literal["dense", "conv"] = "dense"
    hidden: int = 512  # units of a dense layer
    filters: tuple[int, ...] = (32, 64)  # conv only: 3 x 3 layers, each halving height and width
    z_size: int = 64  # Z

    def __post_init__(self):
        super().__post_init__()
        if self.kind == "conv":
            shape, smallest = self.image_shape, 2 ** len(self.filters)
            whole = shape[0] % smallest == shape[1] % smallest == 0
            require(whole, "model.image_shape", shape, f"sides that {len(self.filters)} halvings leave whole")


SCENES = Settings(
    model=AlignDRAWConfig(
        vocabulary=72, caption_length=20, steps=16, hidden=300, z_size=64, language=128, align_size=128
    ),
    data="scenes",
    steps=20_000,
    batch_size=64,
    learning_rate=1e-3,
    optimizer="adam(beta_1=0.5)",
    schedule="cosine",
    ema=0.99,
    every=500,
)
DIGITS = dataclasses.replace(
    SCENES, model=AlignDRAWConfig(vocabulary=24, caption_length=13, image_shape=(60, 60, 1)), data="digit-captions"
)
EIGHT = dataclasses.replace(
    DIGITS,
    model=dataclasses.replace(
        DIGITS.model, steps=8, z_size=64, read_n=12, write_n=12, first_side=0.5, language=64, align_size=64
    ),
)
BASELINE = CaptionVAEConfig(**{f.name: getattr(SCENES.model, f.name) for f in dataclasses.fields(CaptionConfig)})


def scenes(**changes):
    """SCENES with another model."""
    return dataclasses.replace(SCENES, model=dataclasses.replace(SCENES.model, **changes))


PRESETS = {
    "scenes": SCENES,
    "smoke": dataclasses.replace(
        scenes(steps=3, hidden=16, z_size=4, read_n=3, write_n=3, language=5, align_size=6),
        steps=20,
        batch_size=16,
        every=10,
    ),
    "scenes-last": scenes(variant="last"),
    "scenes-vector": scenes(variant="vector"),
    "scenes-vae": dataclasses.replace(SCENES, model=BASELINE),
    "scenes-vae-conv": dataclasses.replace(SCENES, model=dataclasses.replace(BASELINE, kind="conv")),
    "digit-captions-8": EIGHT,
    # To begin at the weights of digit-captions-8, whose steps take 0.6 of the time of these: an hour together.
    "digit-captions": dataclasses.replace(EIGHT, model=dataclasses.replace(EIGHT.model, steps=16), steps=9000),
    "digit-captions-paper": dataclasses.replace(DIGITS, steps=23_440),  # the paper's 150 epochs of 10,000 images
    "coco": dataclasses.replace(
        SCENES,
        model=AlignDRAWConfig(vocabulary=25_323, caption_length=31, hidden=550, z_size=275, read_n=9, write_n=9),
        data="coco_captions",
        steps=116_400,  # the paper's 18 epochs of five captions for each of 82,783 images
        every=2000,
    ),
}
