"""What a number means: its unit, in a sentence, which way is better, and how it adds up over a split."""

import dataclasses
import math
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Measure:
    """A loss term, or a score made of terms, of every example.

    terms: the terms that are summed; without any, the one of the measure's own name. The value over a split is the
      sum over its examples, divided by their number or by the sum of `per` (one of the model's counts, such as the
      words of each), times scale, and with exp the exponential of that: a perplexity.
    likelihood: the field of an example that it is -log p of, or a bound on that, in nats. dimensions: of a discrete
      field; the same in bits a dimension is then told, too.
    """

    unit: str
    says: str
    better: Literal["lower", "higher", ""] = "lower"
    terms: tuple[str, ...] = ()
    per: str = ""
    scale: float = 1.0
    exp: bool = False
    likelihood: str = ""
    dimensions: int = 0


def bound(field, dimensions=0, terms=("distortion", "rate")):
    """The measures of a model that has an evidence lower bound on a field; its terms are a distortion and a rate.

    terms: those of the bound, where there are more than the two.
    """
    return {
        "bound": Measure(
            "nats",
            f"{' + '.join(terms)}, one sample from the posterior; -log p(x) is at most this",
            terms=terms,
            likelihood=field,
            dimensions=dimensions,
        ),
        "distortion": Measure("nats", "-log p(x | z), one sample from the posterior", likelihood=field),
        "rate": Measure("nats", "KL(q(z | x) || p(z))", better=""),
    }


def perplexities(*terms):
    """The measures of a model of texts whose nats these terms are; its counts are "words" and "words_and_end".

    All are exponentials of a ratio of two sums over the split, the rate being among the nats where there is one.
    A third one, of a stream whose state outlives its texts' ends, is a figure of language models that carry it.
    """
    return {
        "perplexity": Measure(
            "", "exp(nats / words), each text alone, its end counted", terms=terms, per="words_and_end", exp=True
        ),
        "perplexity_words": Measure(
            "",
            "exp(nats / words), each text alone, its end among the nats alone",
            terms=terms,
            per="words",
            exp=True,
        ),
    }


def bits(*terms, per):
    """The measure of a model of series, whose nats these terms are, that compares series of any length.

    per: the one of its counts that says how many steps an example has, such as "samples".
    """
    step = per.removesuffix("s")
    says = f"nats / {per} / log 2"
    return {f"bits_per_{step}": Measure("bits", says, terms=terms, per=per, scale=1 / math.log(2))}
