"""How much of a text a vocabulary and a length keep: a likelihood says little without it."""

import dataclasses
from collections import Counter

from zoo.nn.spelling import tokens
from zoo.nn.words import LONGEST, UNKNOWN_WORD

MANY = 0.05  # share of words that are not known, or of texts that are cut, above which a figure needs a warning


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Of the texts of a split, in words and marks as they were before any cut."""

    tokens: int  # words of all texts, without their ends
    unknown_share: float  # of these, those that are <unk> to the model
    cut_share: float  # of the texts, those that do not fit with their end

    def __str__(self):
        return f"{self.tokens:,} words, {self.unknown_share:.1%} unknown; {self.cut_share:.1%} of the texts cut"

    @property
    def warning(self):
        """What to tell the user, or "" if little is lost."""
        lost = []
        if self.unknown_share > MANY:
            lost.append(
                f"{self.unknown_share:.1%} of the words are <unk> (raise model.vocabulary, or learn these words)"
            )
        if self.cut_share > MANY:
            lost.append(f"{self.cut_share:.1%} of the texts are cut (let the model read longer ones)")
        return " and ".join(lost) + ": the model's figures are of what is left" if lost else ""


@dataclasses.dataclass(frozen=True)
class CoverageOfKept(Coverage):
    """The same of what was kept of a split, where texts that do not fit are dropped."""

    dropped: int  # texts that do not fit with their ends

    def __str__(self):
        return f"{super().__str__()}; {self.dropped:,} texts dropped, which do not fit"


def coverage(texts, known, length):
    """The Coverage of texts, strings, in the words that a model knows; `length` words with the end fit.

    known: of a model `model.words.known`, which is shorter than the data's words if model.vocabulary is.
    """
    return coverage_of_words(([tokens(text)] for text in texts), known, (1, length))


def coverage_of_words(documents, known, room):
    """The Coverage of documents, lists of sentences that are lists of words. room: as `fits` has it."""
    known, total, strange, count, cut = set(known), 0, 0, 0, 0
    for document in documents:
        total += sum(map(len, document))
        strange += sum(word not in known for words in document for word in words)
        count += 1
        cut += not fits(document, room)
    return Coverage(total, strange / max(1, total), cut / max(1, count))


def fits(document, room):
    """Whether a list of sentences, lists of words, has room in (sentences, words of each with its end).

    A room of one number is that of all sentences one behind the other, each with its end.
    """
    if len(room) == 1:
        return sum(len(words) + 1 for words in document) <= room[0]
    return len(document) <= room[0] and max(map(len, document), default=0) < room[1]


def counts(texts, split=tokens, what="captions"):
    """{word: how often it occurs}, the most frequent first, of all words that can be learned.

    split: what makes words of a text. what: they are, for errors. Words of more than LONGEST bytes and the sign of the
    unknown word cannot be learned. Raises ValueError if none is left.
    """
    found = Counter(word for text in texts for word in split(text))
    kept = {word: n for word, n in found.items() if len(word.encode()) <= LONGEST and word != UNKNOWN_WORD}
    if not kept:
        raise ValueError(
            f"{what}: got {len(found)} words in {len(texts)} {what} and none of at most {LONGEST} bytes, expected "
            "words with blanks between; put blanks into text of a language that is written without"
        )
    return dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))
