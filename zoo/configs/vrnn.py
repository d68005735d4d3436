"""Sizes and presets of the VRNN (arXiv:1506.02216) and of its baseline without z."""

import dataclasses
from typing import Literal

from zoo.configs.base import check, require, sized
from zoo.configs.kinds import Rolls, Sounds, Strokes


@dataclasses.dataclass(frozen=True)
class RNNConfig:
    """Sizes of the baseline, whose decoder sees h alone."""

    output: Literal["gaussian", "mixture", "strokes", "bernoulli"] = "gaussian"  # frames of a wave are the first two
    steps: int = 53  # S, of the longest sequence
    features: int = 200  # D: samples of a wave in a step, notes of a roll, 3 of a stroke
    components: int = 20  # K, of "mixture" and "strokes"
    rate: int = 8000  # samples of a wave in a second, for who hears it
    shared_rho: bool = False  # one correlation of dx and dy for all components, as in the authors' code
    hidden: int = 2000  # H, units of the LSTM
    x_hidden: tuple[int, ...] = (500, 500, 500, 500)  # rectified layers of the features of x
    decoder_hidden: tuple[int, ...] = (500, 500, 500, 500)
    window: int = 0  # steps that training learns from at once, the state carried on to the next; 0: whole sequences

    def __post_init__(self):
        check(self, "model.", window=0)
        fits = self.output != "strokes" or self.features == 3
        require(fits, "model.features", self.features, "3 of strokes: the pen's bit, dx, dy")


@dataclasses.dataclass(frozen=True)
class VRNNConfig(RNNConfig):
    """Sizes of the VRNN; the defaults are the paper's for speech."""

    z_size: int = 200  # Z, at every step
    z_hidden: tuple[int, ...] = (500, 500, 500, 500)  # of the features of z
    prior_hidden: tuple[int, ...] = (500, 500, 500, 500)
    encoder_hidden: tuple[int, ...] = (500, 500, 500, 500)
    prior: Literal["learned", "standard"] = "learned"  # standard: N(0, I) at every step, the paper's VRNN-I
    objective: Literal["bound", "importance", "fivo"] = "bound"  # what training raises; the latter two of particles
    particles: int = 4  # N
    resampling: Literal["half", "always"] = "half"  # of fivo: below an effective sample size of N / 2, or every step

    def __post_init__(self):
        super().__post_init__()
        fits = not self.window or self.objective != "importance"
        require(fits, "model.window", self.window, "0: paths that are weighed at their end are followed to it")


def nets(*sizes, latent=True):
    """All networks of rectified layers of these sizes."""
    names = ("x", "decoder", *(("z", "prior", "encoder") if latent else ()))
    return {f"{name}_hidden": sizes for name in names}


TONES = Sounds(
    model=VRNNConfig(steps=61, features=100, hidden=128, z_size=16, **nets(96)),
    data="tones",
    steps=3000,
    batch_size=32,
    schedule="cosine",
    clip_norm=5.0,
    every=300,
)
SPIRALS = Strokes(
    model=VRNNConfig("strokes", steps=150, features=3, components=5, hidden=128, z_size=8, **nets(64)),
    data="spirals",
    steps=3000,
    batch_size=32,
    schedule="cosine",
    clip_norm=5.0,
    every=300,
)
# The bits of a chord depend on one another: z is what lets the 88 of a step know of each other.
JSB = Rolls(
    model=VRNNConfig("bernoulli", steps=160, features=88, hidden=64, z_size=32, **nets(64)),
    data="jsb",
    steps=3000,  # 210 epochs of 229 chorales
    batch_size=16,
    clip_norm=5.0,
    every=100,
    patience=10,
)
TUNES = dataclasses.replace(
    sized(JSB, steps=50, hidden=128, z_size=16, **nets(96)),
    data="tunes",
    steps=6000,
    batch_size=32,
    learning_rate=2e-3,
    schedule="cosine",
    every=500,
    patience=0,
)
# Whole tunes, of up to 1,793 steps, give half as many updates in the same time, and lengths to compile for.
NOTTINGHAM = dataclasses.replace(
    sized(JSB, steps=1793, hidden=64, z_size=64, window=100),
    data="nottingham",
    steps=12_000,  # 96 epochs of 694 tunes, in 1,994 windows
    learning_rate=2e-3,
    schedule="cosine",
    every=500,
)
DIGITS = Sounds(
    model=VRNNConfig(hidden=256, z_size=32, **nets(128, 128)),
    data="spoken-digits",
    steps=4000,
    batch_size=20,
    clip_norm=5.0,
    every=200,
    patience=10,
)
OMNIGLOT = Strokes(
    model=VRNNConfig("strokes", steps=157, features=3, hidden=256, z_size=32, **nets(128)),
    data="omniglot-strokes",
    steps=10_000,  # 64 epochs of 10,000 drawings
    batch_size=64,
    schedule="cosine",
    clip_norm=5.0,
    every=500,
)
PAPER = nets(500, 500, 500, 500)


def baseline(settings, **sizes):
    """The same without z."""
    config = settings.model
    kept = {field.name: getattr(config, field.name) for field in dataclasses.fields(RNNConfig)}
    return dataclasses.replace(settings, model=RNNConfig(**kept | sizes))


PRESETS = {
    "tones": TONES,
    "smoke": dataclasses.replace(sized(TONES, hidden=16, z_size=2, **nets(16)), steps=20, batch_size=16, every=10),
    "tones-standard": sized(TONES, prior="standard"),
    "tones-gmm": sized(TONES, output="mixture"),
    "tones-rnn": baseline(TONES, hidden=156, **nets(128, latent=False)),
    "spirals": SPIRALS,
    "spirals-rnn": baseline(SPIRALS, hidden=150, **nets(96, latent=False)),
    "glyphs": dataclasses.replace(sized(SPIRALS, components=20, hidden=256, z_size=16), data="glyphs", steps=6000),
    "spirals-shared": sized(SPIRALS, shared_rho=True),
    "tunes": TUNES,
    "tunes-fivo": sized(TUNES, objective="fivo"),
    "tunes-rnn": baseline(TUNES, hidden=160, **nets(128, latent=False)),
    "jsb": JSB,
    "jsb-fivo": sized(JSB, objective="fivo"),
    "jsb-rnn": baseline(JSB, hidden=96, **nets(96, latent=False)),
    "nottingham": NOTTINGHAM,
    "nottingham-fivo": sized(NOTTINGHAM, objective="fivo"),
    "nottingham-rnn": baseline(NOTTINGHAM, hidden=100, **nets(100, latent=False)),
    "spoken-digits-gauss": DIGITS,
    "spoken-digits-gmm": sized(DIGITS, output="mixture"),
    "spoken-digits-rnn-gauss": baseline(DIGITS, hidden=312, **nets(192, 192, latent=False)),
    "spoken-digits-rnn-gmm": baseline(sized(DIGITS, output="mixture"), hidden=312, **nets(128, 128, latent=False)),
    "omniglot-strokes": OMNIGLOT,
    "omniglot-strokes-rnn": baseline(OMNIGLOT, hidden=312, **nets(192, latent=False)),
    "blizzard": Sounds(
        model=VRNNConfig("mixture", steps=40, rate=16_000, hidden=4000, z_size=200, **PAPER),
        data="blizzard",
        rate=16_000,
        steps=100_000,
        batch_size=128,
        learning_rate=3e-4,
        every=1000,
    ),
    "iamondb": Strokes(
        model=VRNNConfig(
            "strokes",
            steps=2000,
            features=3,
            shared_rho=True,
            hidden=1200,
            x_hidden=(250,),
            decoder_hidden=(250,),
            z_size=50,
            z_hidden=(150,),
            prior_hidden=(150,),
            encoder_hidden=(150,),
        ),
        data="iamondb",
        steps=100_000,
        batch_size=20,
        learning_rate=3e-4,
        every=500,
    ),
}
