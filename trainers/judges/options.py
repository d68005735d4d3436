"""What the judges may be told on the command line. Imports nothing heavy."""

import dataclasses
import pathlib

from trainers.declare.task import Judging


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing(Judging):
    """For samples from a prior."""

    count: int = 1000
    """samples"""
    data: str = "mnist"
    """labelled images of the samples' shape that the classifier learns from"""
    sure: float = 0.9
    """a sample counts as recognised if its likeliest class has more than this probability"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Painting(Judging):
    """For pictures painted from captions."""

    sure: float = 0.9
    """a picture counts as right and sure if all that is read in it has more than this probability"""
    samples: int = 10
    """K of the importance-weighted estimate that ranks pictures for a caption"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filling(Judging):
    """For texts with filled gaps."""

    count: int = 4000
    """texts of the test split, at most"""
    language: str = ""
    """the run of a language model of the same words, which fills the same gaps"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sounding(Judging):
    """For sounds of a class."""

    count: int = 300
    """sounds of the test split, at most, and as many drawn"""
    temperature: float = 1.0
    """of every draw"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieving(Judging):
    """For documents that look for others like them."""

    topics: int = 50
    """of the topic model that is asked beside"""
    picture: pathlib.Path | None = None
    """where the curves are drawn, such as retrieval.png"""
