"""Pairs that are made here, of which it is known what each word of a translation comes from.

A Pair's links are (word of the target, word of the source), from 0; of dates a word is a character. What comes from no
word in particular, such as the marks between the parts of a date, has no link.
"""

import calendar
import datetime
import itertools
import random
from typing import NamedTuple


class Pair(NamedTuple):
    source: str
    target: str
    links: tuple[tuple[int, int], ...] = ()


COUNTS = {"train": 20_000, "validation": 1000, "test": 1000}  # pairs of each split, no source in two


def splits(draw, seed):
    """{split: pairs} of what draw(random.Random) -> Pair makes, each source once."""
    numbers, found = random.Random(seed), {}
    while len(found) < sum(COUNTS.values()):
        pair = draw(numbers)
        found.setdefault(pair.source, pair)
    pairs = list(found.values())
    numbers.shuffle(pairs)  # what is drawn often came early
    pairs = iter(pairs)
    return {split: list(itertools.islice(pairs, count)) for split, count in COUNTS.items()}


# ---------------------------------------------------------------- dates

FIRST_YEAR, LAST_YEAR = 1930, 2029  # of two digits of a year one century is meant
MONTHS, SHORT_MONTHS, DAYS = calendar.month_name, calendar.month_abbr, calendar.day_name
PLACES = {"year": (0, 1, 2, 3), "month": (5, 6), "day": (8, 9)}  # in 1979-05-03
FORMS = (  # (part of the date, as it is written), or what stands between
    (("day", "{d.day}"), " ", ("month", "{month}"), " ", ("year", "{d.year}")),
    ("{weekday}, ", ("month", "{month}"), " ", ("day", "{d.day}"), ", ", ("year", "{d.year}")),
    (("month", "{short}"), " ", ("day", "{d.day}"), ", ", ("year", "{d.year}")),
    (("day", "{d:%d}"), "/", ("month", "{d:%m}"), "/", ("year", "{d:%y}")),
    (("day", "{d:%d}"), ".", ("month", "{d:%m}"), ".", ("year", "{d.year}")),
    ("the ", ("day", "{d.day}"), "{th} of ", ("month", "{month}"), " ", ("year", "{d.year}")),
)


def date(numbers):
    """ "tuesday, march 5, 2013" -> "2013-03-05", in one of FORMS, in lower case or not."""
    first, last = datetime.date(FIRST_YEAR, 1, 1).toordinal(), datetime.date(LAST_YEAR, 12, 31).toordinal()
    day = datetime.date.fromordinal(numbers.randint(first, last))
    return written(day, numbers.choice(FORMS), numbers.random() < 0.5)


def written(day, form, lower):
    """The Pair of a datetime.date in a form."""
    ending = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    names = {"month": MONTHS[day.month], "short": SHORT_MONTHS[day.month], "weekday": DAYS[day.weekday()]}
    source, links = "", []
    for part in form:
        name, text = ("", part) if isinstance(part, str) else part
        text = text.format(d=day, th=ending, **names)
        links += [(target, len(source) + k) for target, k in traced(PLACES.get(name, ()), text)]
        source += text
    return Pair(source.lower() if lower else source, f"{day:%Y-%m-%d}", tuple(sorted(links)))


def traced(places, text):
    """(place of a digit, character of the text that it comes from)."""
    if not text.isdigit():  # a month's name as a whole
        return list(itertools.product(places, range(len(text))))
    count = len(text)
    alike = list(zip(places[-count:], range(count), strict=False))
    return alike + list(itertools.product(places[:-count], range(count)))  # the century, or the zero before a day


# ---------------------------------------------------------------- numbers

SMALL, TENS = (
    words.split()
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
    )
)
DIGITS = 6  # of the largest number


def number(numbers):
    """ "two hundred and seven" -> "2 0 7"; numbers of few digits are as frequent as their sources allow."""
    n = int(10 ** numbers.uniform(0, DIGITS))
    words = spelled(n)
    digits = str(n)
    links = [(len(digits) - 1 - place, k) for k, (_, places) in enumerate(words) for place in places]
    return Pair(" ".join(word for word, _ in words), " ".join(digits), tuple(sorted(links)))


def spelled(n, place=0):
    """Words of n, from 0 to 999,999, each with the places of the digits that it stands for, the last digit being 0.

    Zeros that nobody says come from no word. place: of the last digit of n, which is a part of a larger number.
    """
    if n < 20:
        return [(SMALL[n], (place,) if n < 10 else (place + 1, place))]
    if n < 100:
        rest = n % 10
        return [
            (TENS[n // 10 - 2], (place + 1,) if rest else (place + 1, place)),
            *(spelled(rest, place) if rest else ()),
        ]
    size, word, more = (1000, "thousand", 3) if n >= 1000 else (100, "hundred", 2)
    rest, found = n % size, [*spelled(n // size, place + more), (word, ())]
    if rest:
        found += [("and", ())] * (rest < 100) + spelled(rest, place)
    return found


# ---------------------------------------------------------------- a small grammar

NOUNS, ADJECTIVES, VERBS, PREPOSITIONS, ADVERBS, DETERMINERS = (
    words.split()
    for words in (
        "dog cat horse bird child woman man teacher doctor farmer king river house garden book letter apple table "
        "window forest village ship road mountain",
        "small big red green old young happy sad quiet strange dark warm",
        "sees finds takes loves hears follows knows paints leaves remembers visits sells",
        "near behind under above with without",
        "today often never always sometimes again",
        "the a every this",
    )
)
SYLLABLES = [f"{c}{v}" for c in "bdfgklmnprstvz" for v in "aeiou"]
STEMS = {  # of the language that is made up here; no two words begin alike
    word: SYLLABLES[k] + SYLLABLES[(3 * k + 7) % len(SYLLABLES)]
    for k, word in enumerate([*NOUNS, *ADJECTIVES, *VERBS, *PREPOSITIONS, *ADVERBS, *DETERMINERS, "and"])
}


class Node(NamedTuple):
    """A word of the target and the word of the source that it comes from."""

    text: str
    source: int


def sentence(numbers):
    """ "the old dog sees a red bird today ." in a language whose order is another.

    There a verb comes last and an adverb first; an adjective follows its noun, the nearest one first, and has the
    ending of the noun's class, the determiner follows both; a phrase with a postposition stands before what it tells
    of.
    """
    words, found = [], []
    for k in range(1 + (numbers.random() < 0.4)):
        if k:
            found.append(said("and", words))
        found += clause(numbers, words)
    found.append(said(".", words, "."))
    target = " ".join(node.text for node in found)
    return Pair(" ".join(words), target, tuple((k, node.source) for k, node in enumerate(found)))


def said(word, words, text=""):
    """Puts a word behind those of the source. Returns what stands for it in the target."""
    words.append(word)
    return Node(text or STEMS[word], len(words) - 1)


def clause(numbers, words):
    """subject verb object [adverb] -> [adverb] subject object verb."""
    subject = phrase(numbers, words)
    verb = said(numbers.choice(VERBS), words)
    thing = phrase(numbers, words)
    when = [said(numbers.choice(ADVERBS), words)] if numbers.random() < 0.5 else []
    return [*when, *subject, *thing, verb]


def phrase(numbers, words, deep=False):
    """determiner adjectives noun [preposition phrase] -> [phrase postposition] noun adjectives determiner."""
    determiner = said(numbers.choice(DETERMINERS), words)
    adjectives = [said(word, words) for word in numbers.sample(ADJECTIVES, numbers.choice((0, 0, 1, 1, 2)))]
    noun = said(numbers.choice(NOUNS), words)
    ending = "ko" if NOUNS.index(words[noun.source]) % 2 else "ri"
    agreeing = [Node(node.text + ending, node.source) for node in reversed(adjectives)]
    before = []
    if not deep and numbers.random() < 0.3:
        preposition = said(numbers.choice(PREPOSITIONS), words)
        before = [*phrase(numbers, words, deep=True), preposition]
    return [*before, noun, *agreeing, determiner]
