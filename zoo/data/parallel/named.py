"""Texts with their translations by name, as numbers for what a model reads of them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.parallel import sources
from zoo.data.parallel.generated import Pair
from zoo.data.split import About, Data, Split
from zoo.data.text.coverage import Coverage, counts, coverage_of_words
from zoo.data.text.encoding import encode_words
from zoo.data.text.pieces import learned, splitter
from zoo.nn import spelling
from zoo.nn.words import END, UNKNOWN

SOURCES = {
    "grammar-pairs": sources.grammar,
    "number-pairs": sources.numbers,
    "date-pairs": sources.dates,
    "multi30k": sources.multi30k,
    **dict.fromkeys(sources.TFDS, sources.tfds),
}
SETS = tuple(SOURCES)
SPLITTERS = {"words": spelling.tokens, "cased": spelling.cased, "characters": spelling.characters}
SIDES = ("source", "target")


@dataclass(frozen=True)
class Source:
    """The pairs of a split as text, in the order of its examples; links are empty where nobody knows them."""

    pairs: tuple[Pair, ...]

    def known(self):
        """(texts, arrays): all that a fingerprint sees."""
        return self.pairs, {}


@dataclass(frozen=True)
class Coverages:
    """How much of both sides of pairs is kept."""

    source: Coverage
    target: Coverage
    dropped: int  # pairs of which one side does not fit with its end, where such are left out

    def __str__(self):
        more = f"; {self.dropped:,} pairs dropped, which do not fit" if self.dropped else ""
        return f"source: {self.source}; target: {self.target}{more}"

    @property
    def warning(self):
        """What to tell the user, or "" if little is lost."""
        sides = ((side, getattr(self, side).warning) for side in SIDES)
        return "; ".join(f"{side}: {warning}" for side, warning in sides if warning)


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    return "two aligned texts without .LANGUAGE, or a folder of them" if {*SIDES} <= fields.keys() else ""


def owns(request):
    """A folder, or what two files are called before their ends, for a model of pairs."""
    path = Path(os.path.expanduser(request.name))
    return bool(reads(request.fields)) and (path.is_dir() or any(path.parent.glob(f"{path.name}.*")))


def load(request, source="", target="") -> Data:
    """Data for a model that takes a source and a target.

    source, target: languages, as `zoo.configs.kinds.Pairs` has them.
    Training pairs of which a side does not fit with its end are left out; of others there is what fits. Without known
    words those of training are learned, the most frequent first, as many as the fields have classes for; or pieces of
    words, of all training pairs.
    """
    name, fields = request.name, request.fields
    if fields.keys() != {*SIDES}:
        raise ValueError(f"data: {name} holds pairs of texts, the model takes {request.takes}; choose other data")
    found = SOURCES.get(name, sources.own)(request, source, target)
    rooms = {side: (1, fields[side].shape[0]) for side in SIDES}
    pieces = {side: _pieces(request, side, found.splits["train"]) for side in SIDES if fields[side].units == "pieces"}
    split_up = {side: splitter(pieces[side]) if side in pieces else SPLITTERS[fields[side].units] for side in SIDES}
    same = found.units in {fields[side].units.replace("cased", "words") for side in SIDES}

    words, made = {}, {}
    for split, pairs in found.splits.items():
        texts = {side: [split_up[side](getattr(pair, side)) for pair in pairs] for side in SIDES}
        whole = [all(texts[side][k] for side in SIDES) for k in range(len(pairs))]
        if split == "train":
            short = [all(len(texts[side][k]) < rooms[side][1] for side in SIDES) for k in range(len(pairs))]
            kept = np.flatnonzero(np.array(whole) & np.array(short))
        else:
            kept = np.flatnonzero(whole)
        if not len(kept):
            raise ValueError(f"data: {name} has no pair for {split} that fits into {request.takes}; give shorter ones")
        texts = {side: [[texts[side][k]] for k in kept] for side in SIDES}
        if not words:  # of training, which comes first
            words = {side: pieces.get(side) or vocabulary(request, side, texts[side]) for side in SIDES}
        arrays = {side: encode_words(texts[side], words[side], rooms[side])[:, 0] for side in SIDES}
        covered = (coverage_of_words(texts[side], words[side], rooms[side]) for side in SIDES)
        # Batches are of like targets first, which cost most.
        lengths = {side: (arrays[side] != END).sum(1) for side in reversed(SIDES)}
        chosen = tuple(pairs[k] if same else pairs[k]._replace(links=()) for k in kept)
        one = Split(arrays, lengths=lengths, source=Source(chosen))
        made[split] = one, Coverages(*covered, len(pairs) - len(kept))

    says = {"source": "the text that is translated", "target": "its translation"}
    end = "0 ends it and fills it up, 1 is one that the model does not know"
    direction = {"direction": f"{source}-{target}"} if source else {}
    return Data(
        name,
        **{split: one for split, (one, _) in made.items()},
        origin=found.origin,
        about={
            side: About(
                {"units": fields[side].units, **direction},
                values=f"{says[side]}, {fields[side].units} by their numbers; {end}",
            )
            for side in SIDES
        },
        vocabularies=words,
        coverage={split: covered for split, (_, covered) in made.items()},
    )


def _pieces(request, side, pairs):
    """The pieces of a side, as many as the model has room for."""
    count = _count(request, side)
    return tuple(request.known.get(side) or learned([getattr(pair, side) for pair in pairs], count))[:count]


def _count(request, side):
    """How many words the model has room for beside the end and the unknown one; None for any number."""
    most = request.fields[side].classes
    return None if most is None else max(0, most - UNKNOWN - 1)


def vocabulary(request, side, documents):
    """The words of a side, the most frequent first, as many as the model has room for."""
    known = request.known.get(side) or counts([words for (words,) in documents], list, "texts")
    return tuple(known)[: _count(request, side)]
