import datetime
import math
import random
import re

import pytest

from zoo.data.parallel import generated
from zoo.data.parallel.generated import ADJECTIVES, NOUNS, STEMS, VERBS


def linked(pair, characters=False):
    """[(word of the target, words of the source that it comes from)]."""
    source, target = ((list if characters else str.split)(text) for text in pair[:2])
    found = {}
    for i, j in pair.links:
        found.setdefault(i, []).append(source[j])
    return [(word, found.get(i, [])) for i, word in enumerate(target)]


@pytest.mark.parametrize(
    ("n", "words", "digits"),
    [
        (0, "zero", [("0", ["zero"])]),
        (17, "seventeen", [("1", ["seventeen"]), ("7", ["seventeen"])]),
        (40, "forty", [("4", ["forty"]), ("0", ["forty"])]),
        (207, "two hundred and seven", [("2", ["two"]), ("0", []), ("7", ["seven"])]),
        (
            312_045,
            "three hundred and twelve thousand and forty five",
            [("3", ["three"]), ("1", ["twelve"]), ("2", ["twelve"]), ("0", []), ("4", ["forty"]), ("5", ["five"])],
        ),
    ],
)
def test_numbers_by_hand(n, words, digits, monkeypatch):
    monkeypatch.setattr(random.Random, "uniform", lambda self, a, b: math.log10(n + 0.5))
    pair = generated.number(random.Random(0))
    assert pair.source == words and linked(pair) == digits


def test_numbers_are_what_their_words_add_up_to():
    numbers = random.Random(1)
    for _ in range(300):
        pair = generated.number(numbers)
        assert _value(pair.source.split()) == int(pair.target.replace(" ", ""))


def _value(words):
    total = part = 0
    for word in words:
        if word in generated.SMALL:
            part += generated.SMALL.index(word)
        elif word in generated.TENS:
            part += 10 * (generated.TENS.index(word) + 2)
        elif word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = part * 1000, 0
    return total + part


@pytest.mark.parametrize(
    ("form", "lower", "source"),
    [
        (0, False, "3 May 1979"),
        (1, True, "thursday, may 3, 1979"),
        (2, False, "May 3, 1979"),
        (3, False, "03/05/79"),
        (4, False, "03.05.1979"),
        (5, False, "the 3rd of May 1979"),
    ],
)
def test_dates_by_hand(form, lower, source):
    pair = generated.written(datetime.date(1979, 5, 3), generated.FORMS[form], lower)
    assert (pair.source, pair.target) == (source, "1979-05-03")
    links = [(character, "".join(found)) for character, found in linked(pair, characters=True)]
    year = [("1", "79"), ("9", "79"), ("7", "7"), ("9", "9")] if form == 3 else [(c, c) for c in "1979"]
    day = [("0", "0"), ("3", "3")] if form in (3, 4) else [("0", "3"), ("3", "3")]
    name = re.search("[Mm]ay|05", source)[0]
    month = [("0", "0"), ("5", "5")] if name == "05" else [("0", name), ("5", name)]
    assert links == [*year, ("-", ""), *month, ("-", ""), *day]


def test_a_date_is_the_one_that_stands_there():
    numbers = random.Random(2)
    for _ in range(300):
        pair = generated.date(numbers)
        day = datetime.date.fromisoformat(pair.target)
        assert str(day.year)[2:] in pair.source and str(day.day) in pair.source
        assert 1930 <= day.year <= 2029


def test_the_order_of_the_made_up_language():
    numbers = random.Random(3)
    meaning = {stem: word for word, stem in STEMS.items()} | {".": "."}
    assert len({stem[:2] for stem in STEMS.values()}) == len(STEMS)  # told apart by how they begin
    several = set()
    for _ in range(300):
        pair = generated.sentence(numbers)
        source = pair.source.split()
        known = linked(pair)
        assert sorted(word for _, (word,) in known) == sorted(source)  # each word once
        clause = []
        for text, (word,) in known:
            stem = text if text in meaning else text[:-2]
            assert meaning[stem] == word
            if word in ADJECTIVES:
                noun = next(one for one in reversed(clause) if one in NOUNS)
                assert text[-2:] == ("ri", "ko")[NOUNS.index(noun) % 2]
            if clause and clause[-1] in VERBS:
                assert word in ("and", ".")  # a verb ends its clause
            clause = [] if word == "and" else [*clause, word]
        several.add(source.count("and"))
    assert several == {0, 1}


def test_a_sentence_by_hand():
    class First(random.Random):  # takes what comes first, and every choice that has a chance below one half
        def choice(self, several):
            return several[-1] if isinstance(several[0], int) else several[0]

        def sample(self, several, count):
            return several[:count]

        def random(self):
            return next(self.coins)

    numbers = First(0)
    numbers.coins = iter([0.9, 0.9, 0.1, 0.1])  # one clause, no phrase behind its subject, one behind the object; when
    pair = generated.sentence(numbers)
    assert pair.source == "the small big dog sees the small big dog near the small big dog today ."
    dog, small, big = STEMS["dog"], STEMS["small"], STEMS["big"]
    ending = "ri"
    group = f"{dog} {big}{ending} {small}{ending} {STEMS['the']}"
    assert pair.target == f"{STEMS['today']} {group} {group} {STEMS['near']} {group} {STEMS['sees']} ."
    assert pair.links[:5] == ((0, 14), (1, 3), (2, 2), (3, 1), (4, 0))


def test_splits_share_no_source_and_come_again(monkeypatch):
    monkeypatch.setattr(generated, "COUNTS", {"train": 50, "validation": 7, "test": 9})
    one, again, other = (generated.splits(generated.number, seed) for seed in (4, 4, 5))
    assert one == again != other and [len(pairs) for pairs in one.values()] == [50, 7, 9]
    assert len({pair.source for pairs in one.values() for pair in pairs}) == 66
    mean = {split: sum(len(pair.target) for pair in pairs) / len(pairs) for split, pairs in one.items()}
    assert max(mean.values()) - min(mean.values()) < 3  # what is drawn often is in all of them
