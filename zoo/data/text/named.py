"""Texts by name, as numbers for what a model reads of them."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from zoo.configs.kinds import Fit, Part
from zoo.data.split import About, Data, Split
from zoo.data.text import bags, sources
from zoo.data.text.coverage import CoverageOfKept, counts, coverage_of_words, fits
from zoo.data.text.encoding import encode_together, encode_words
from zoo.data.text.sources import Text
from zoo.nn import spelling
from zoo.nn.words import END, PAD, UNKNOWN

SOURCES = {
    "docstrings": sources.docstrings,
    "ptb": sources.ptb,
    "imdb": sources.imdb,
    "yelp": sources.yelp,
    "sst": sources.sst,
    "sst-fine": sources.sst_fine,
    "movie-reviews": sources.movie_reviews,
    "20newsgroups": sources.newsgroups,
    "lm1b": sources.lm1b,
}
BAGS = {"20newsgroups-bow": bags.load}
SETS = (*SOURCES, *BAGS)
HIDING = 1  # beside the request's seed: of which labels are not told
SPLITTERS = {  # "tokenised": words of a corpus where blanks are between all of them
    "words": spelling.tokens,
    "characters": spelling.characters,
    "tokenised": lambda text: text.lower().split(),
}


@dataclass(frozen=True)
class Source:
    """The examples of a split as text."""

    texts: tuple[Text, ...]
    lost: int  # examples that were cut or dropped

    def known(self):
        """(texts, arrays): all that a fingerprint sees."""
        return self.texts, {}


def reads(fields):
    """Paths of your own that a model of these fields can learn from, in words; "" if none."""
    return "texts .txt(.gz), or a folder of them" if "text" in fields else ""


def owns(request):
    """A text file or a folder, for a model of texts."""
    name = request.name
    named = name.endswith((".txt", ".txt.gz")) or Path(os.path.expanduser(name)).is_dir()
    return bool(reads(request.fields)) and named


def load(request, part="sentences", fit="cut", together=1, shortest=1, labelled=1.0) -> Data:
    """Data for a model that takes a text, of one axis [words] or of two [sentences, words], and perhaps a label.

    A field of one axis that PAD fills has a document's sentences one behind the other, each with its END.
    part, fit, together, shortest, labelled: as `zoo.configs.kinds.Texts` has them. An axis of any length is as long as
    its split needs.
    Where there are classes, a label stands beside texts that are asked for alone, too.
    Without known words those of training are learned, the most frequent first, as many as the field has classes for.
    """
    for option, value, known in (("part", part, Part), ("fit", fit, Fit)):
        if value not in get_args(known):
            raise ValueError(f"{option}: got {value!r}, expected one of {', '.join(get_args(known))}")
    if not 0 <= labelled <= 1:
        raise ValueError(f"labelled: got {labelled}, expected a share in [0, 1]")
    name, fields = request.name, request.fields
    if name in BAGS:
        return BAGS[name](request)
    if "text" not in fields or fields.keys() - {"text", "label"}:
        raise ValueError(f"data: {name} holds texts, the model takes {request.takes}; choose other data")
    nested, units = len(fields["text"].shape) == 2, fields["text"].units
    in_row = not nested and fields["text"].pad == PAD
    found = SOURCES.get(name, sources.own)(request)
    part = part if found.holds == "documents" else found.holds
    if nested and part == "sentences" and found.holds == "documents":
        raise ValueError(f"part: got sentences, the model takes {request.takes}; use documents")
    taken = "label" in fields  # a label that no model takes is there to look at, as far as it is known
    classes = _classes(request, found) if taken else found.classes
    if together > 1 and (found.holds == "documents" or taken):
        reason = "the model takes their labels" if taken else f"{name} holds documents"
        raise ValueError(f"together: got {together}, expected 1, since {reason}; leave it out")

    split_up = SPLITTERS["tokenised" if found.tokenised and units == "words" else units]
    how = part, together, nested or in_row, split_up
    examples = {split: _examples(texts, *how) for split, texts in found.splits.items()}
    if shortest > 1 and not nested:
        raise ValueError(f"shortest: got {shortest}, the model takes {request.takes}, without sentences; leave it at 1")
    examples = {split: [pair for pair in pairs if len(pair[1]) >= shortest] for split, pairs in examples.items()}
    if shortest > 1 and (none := [split for split, pairs in examples.items() if not pairs]):
        raise ValueError(f"shortest: got {shortest}; no {none[0]} document of {name} has as many sentences, lower it")
    words = request.known.get("text") or counts(
        [words for _, document in examples["train"] for words in document], list, "texts"
    )
    most = fields["text"].classes
    words = tuple(words)[: None if most is None else max(0, most - UNKNOWN - 1)]
    made = {split: _split(request, split, pairs, words, classes, fit) for split, pairs in examples.items()}
    description = {"part": part if together == 1 else f"{together} {part}", "units": units}
    if shortest > 1:
        description["sentences"] = f"{shortest} sentences or more"
    if taken and labelled < 1:
        label = made["train"][0].arrays["label"]
        hidden = np.random.default_rng([request.seed, HIDING]).permutation(len(label))[round(labelled * len(label)) :]
        label[hidden] = -1
        description["labels"] = f"{len(label) - len(hidden):,} labelled"

    ends = "a sentence" if nested or in_row else "the text"
    numbers = f"0 ends {ends}{f', {PAD}' * in_row} and fills it up, 1 is one that the model does not know"
    says = {"text": f"{units} by their numbers; {numbers}"}
    says["label"] = ", ".join(f"{k} {each}" for k, each in enumerate(classes)) + "; -1 not known"
    return Data(
        name,
        **{split: one for split, (one, _) in made.items()},
        origin=found.origin,
        about={field: About(description, values=says[field]) for field in fields},
        vocabularies={"text": words, **({"label": classes} if taken else {})},
        coverage={split: covered for split, (_, covered) in made.items()},
    )


def _classes(request, found):
    """The names of the classes, in the order of their numbers."""
    name, most = request.name, request.fields["label"].classes
    if not found.classes:
        raise ValueError(f"data: {name} has no labels, the model needs one an example; choose other data")
    classes = tuple(request.known.get("label") or found.classes)
    if strange := [each for each in found.classes if each not in classes]:
        raise ValueError(
            f"data: {name} has the class {strange[0]}, the model knows {', '.join(classes)}; train another"
        )
    if len(classes) < 2:
        raise ValueError(f"data: {name} has one class, {classes[0]}, expected two or more to tell apart; add another")
    if most is not None and len(classes) > most:
        raise ValueError(f"data: {name} has {len(classes)} classes, the model tells {most} apart; make it for as many")
    return classes


def _examples(texts, part, together, apart, split_up):
    """(Text, its sentences as lists of words) of all examples with a word; where not apart, a text is one sentence."""
    if part == "sentences":
        texts = [Text([sentence], text.label) for text in texts for sentence in text.sentences]
    if together > 1:
        parts = (texts[start : start + together] for start in range(0, len(texts), together))
        texts = [Text([sentence for text in each for sentence in text.sentences]) for each in parts]
    if not apart:
        texts = [Text([" ".join(text.sentences)], text.label) for text in texts]
    pairs = ((text, [words for each in text.sentences if (words := split_up(each))]) for text in texts)
    return [(text, document) for text, document in pairs if document]


def _split(request, name, examples, words, classes, fit):
    """(Split, its Coverage) of examples as `_examples` returns them."""
    field, label = request.fields["text"], {each: k for k, each in enumerate(classes)}
    room = _room(field, [document for _, document in examples])
    kept = [example for example in examples if fit == "cut" or fits(example[1], room)]
    if not kept:
        raise ValueError(
            f"data: {request.name} has {len(examples):,} texts to split off as {name} and none that fits into {field}; "
            "give more texts, or shorter ones"
        )
    texts, documents = zip(*kept, strict=True)
    if len(room) == 1:
        ids = encode_together(documents, words, *room)
        lengths = (ids != PAD).sum(1)
    else:
        ids = encode_words(documents, words, room)
        ids = ids if len(field.shape) == 2 else ids[:, 0]
        lengths = (ids != END).reshape(*ids.shape[:2], -1).any(2).sum(1)  # sentences or words
    arrays = {"text": ids}
    if classes:
        arrays["label"] = np.array([label.get(text.label, -1) for text in texts], np.int32)

    covered, dropped = coverage_of_words(documents, words, room), len(examples) - len(kept)
    if fit == "drop":
        covered = CoverageOfKept(**dataclasses.asdict(covered), dropped=dropped)
    lost = dropped + round(covered.cut_share * len(kept))
    return Split(arrays, lengths={"text": lengths}, source=Source(texts, lost)), covered


def _room(field, documents):
    """(sentences, words of each with its end) that there is room for: what its shape says, or as many as there are.

    (words with all ends,) where sentences stand in one row.
    """
    if len(field.shape) == 1 and field.pad == PAD:
        long = (sum(len(words) + 1 for words in document) for document in documents)
        return (field.shape[0] or max(long, default=1),)
    sentences, length = field.shape if len(field.shape) == 2 else (1, *field.shape)
    longest = max((len(words) for document in documents for words in document), default=0)
    return sentences or max(map(len, documents), default=1), length or longest + 1
