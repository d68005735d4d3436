"""English names of numbers, made here, each with the last digit of its number."""

import numpy as np

from zoo.data.split import About, Data, Split
from zoo.data.text.encoding import encode, vocabulary
from zoo.nn.words import END

SETS = ("number-names",)
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def reads(fields):
    """Nothing but what is made here."""
    return ""


def owns(request):
    """No path is of this kind."""
    return False


def load(request, largest) -> Data:
    """Data for a model that takes a name and a digit: of ten names eight train, one validates and one tests."""
    if request.fields.keys() != {"name", "digit"}:
        raise ValueError(f"data: {request.name} holds a name and a digit, the model takes {request.takes}")
    field, numbers = request.fields["name"], np.arange(1, largest + 1)
    texts = np.array([name(n) for n in numbers])
    parts = np.split(np.random.default_rng(request.seed).permutation(largest), [largest * 8 // 10, largest * 9 // 10])
    words = (request.known.get("name") or vocabulary(texts[parts[0]]))[: field.classes - 2]

    def split(index):
        ids = encode(texts[index], words, *field.shape)
        arrays = {"name": ids, "digit": (numbers[index] % 10).astype(np.int32)}
        return Split(arrays, lengths={"name": (ids != END).sum(1)})

    origin = f"the English names of 1 to {largest:,}, made by zoo.data (Apache-2.0)"
    about = {"name": About({"numbers": f"1 to {largest:,}"})}
    return Data(request.name, *map(split, parts), origin, about, vocabularies={"name": tuple(words)})


def name(n):
    """205 -> "two hundred and five". n: from 0 to 999,999."""
    if n < 20:
        return SMALL.split()[n]
    if n < 100:
        return TENS.split()[n // 10 - 2] + (f" {name(n % 10)}" if n % 10 else "")
    size, word = (1000, "thousand") if n >= 1000 else (100, "hundred")
    rest = n % size
    joint = " and " if rest < 100 else " "
    return f"{name(n // size)} {word}" + (joint + name(rest) if rest else "")
