import json
import os
import pathlib
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

import zoo
from zoo.metrics import text as metrics
from zoo.nn import spelling, words

ROOT = pathlib.Path(__file__).parents[3]
ODD = {  # text: its words and marks
    "A RED CIRCLE IN THE MIDDLE": ["a", "red", "circle", "in", "the", "middle"],
    "İSTANBUL I\u0307STANBUL \u0131s\u0131": ["istanbul", "istanbul", "\u0131s\u0131"],
    "ÌÍĨ Į\u0301J\u0301": ["ìíĩ", "į\u0301j\u0301"],  # Lithuanian adds dots to these
    "a\xa0red\u2003dot\u3000,\u202fhere": ["a", "red", "dot", ",", "here"],
    "a\x85b\u2028c\x1cd\te\r\nf\vg\fh": list("abcdefgh"),
    "caf\xe9 cafe\u0301 CAF\xc9": ["caf\xe9", "cafe\u0301", "caf\xe9"],  # NFD is another word: we cannot compose
    "The man\u2019s \u02bcdog\u2018": ["the", "man's", "'dog'"],
    "“Run!” «he» „said‟": ['"', "run", "!", '"', '"', "he", '"', '"', "said", '"'],
    "a 🐕 runs 👩\u200d👩\u200d👧.": ["a", "🐕", "runs", "👩\u200d👩\u200d👧", "."],
    "ὈΔΥΣΣΕΎΣ ΣΑΣ. STRASSE Straße": ["ὀδυσσεύς", "σας", ".", "strasse", "straße"],
    "一只狗在跑": ["一只狗在跑"],
    "": [],
    " \xa0\t": [],
    "a\x00b": ["a", "b"],
}


def in_graph(texts):
    return [[word.decode() for word in row] for row in words.tokens(tf.constant(texts)).to_list()]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_is_split_by_the_same_rule_everywhere(text):
    assert spelling.tokens(text) == metrics.tokens(text) == ODD[text]
    assert in_graph([text]) == [ODD[text]]


def old(letter):
    """Whether a letter is in Unicode 3.2, which every library knows."""
    return unicodedata.ucd_3_2_0.category(letter) not in ("Cn", "Cs")


@pytest.mark.parametrize(
    "text, want",
    [
        ("A  Red\u2003dot. ", "A Red dot."),
        ("\x00The man\u2019s \xa0\t«dog»\r\n", 'The man\'s "dog"'),
        ("caf\xe9 cafe\u0301 Ì İ 🐕👩\u200d👧 狗", "caf\xe9 cafe\u0301 Ì İ 🐕👩\u200d👧 狗"),
        ("", ""),
        (" \xa0", ""),
    ],
)
def test_characters_are_code_points_with_one_blank_between_words(text, want):
    assert spelling.characters(text) == list(want)
    assert [each.decode() for each in words.characters(tf.constant([text]))[0].numpy()] == list(want)


LETTERS = st.sampled_from(
    sorted(set("".join(ODD)) | set("\u0307\u0300Σς'\u2019.,\"İIi\u0131"))
) | st.characters().filter(old)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=30))
@example(["I\u0307\u0307 İ\u0307 J\u0307"])
@example(["aΣ.", "aΣ.a", "Σ", "aΣ'b", "a\u0301Σ\u0301"])
def test_graph_and_python_agree_on_any_text(texts):
    assert in_graph(texts) == [spelling.tokens(text) for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.text(LETTERS))
def test_words_are_words_again(text):
    found = spelling.tokens(text)
    assert spelling.tokens(" ".join(found)) == found


def test_every_letter_becomes_the_same_word_but_for_the_newest_capitals():
    """TensorFlow knows Unicode up to version 13, Python 3.11 and 3.12 know later capitals."""
    newest = [0x2C2F, 0xA7C0, 0xA7D0, 0xA7D6, 0xA7D8, *range(0x10570, 0x10596)]
    letters = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Lo", "Cn", "Co", "Cs")]
    pairs = zip(letters, in_graph(letters), strict=True)
    assert {ord(letter) for letter, found in pairs if found != spelling.tokens(letter)} <= set(newest)


@pytest.mark.parametrize("variable, locale", [("LANG", "tr_TR.UTF-8"), ("LC_ALL", "lt_LT.UTF-8"), ("LC_ALL", "C")])
def test_the_machines_language_changes_no_word(variable, locale):
    code = """
import json, sys
import tensorflow as tf
from zoo.nn import spelling, words
texts = json.load(sys.stdin)
found = [[word.decode() for word in row] for row in words.tokens(tf.constant(texts)).to_list()]
print(json.dumps([found, [spelling.tokens(text) for text in texts]]))
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    environment |= {variable: locale, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(list(ODD)), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [list(ODD.values())] * 2


@pytest.mark.parametrize("name", ["align_draw/scenes", "show_attend_tell/scenes"])
def test_the_words_of_shipped_weights_are_words(name):
    known = zoo.load(name).words.known
    assert len(known) > 50 and spelling.tokens(" ".join(known)) == known


CASED = {  # text: its words with their case, and what is written of these
    "Ein Hund läuft im Schnee.": (["Ein", "Hund", "läuft", "im", "Schnee", "."], "Ein Hund läuft im Schnee."),
    "L\u2019homme qu'il voit, (assis).": (
        ["L'", "homme", "qu'", "il", "voit", ",", "(", "assis", ")", "."],
        "L'homme qu'il voit, (assis).",
    ),
    "The dog's owner said: \u201cIt's mine!\u201d": (
        ["The", "dog", "'s", "owner", "said", ":", '"', "It", "'s", "mine", "!", '"'],
        "The dog's owner said: \"It's mine!\"",
    ),
    "geht's 'so' aujourd'hui S'": (["geht", "'s", "'so'", "aujourd'hui", "S'"], "geht's 'so' aujourd'hui S'"),
    " \xa0": ([], ""),
}


@pytest.mark.parametrize("text", CASED)
def test_words_that_keep_their_case_come_back_as_one_writes_them(text):
    expected, written = CASED[text]
    assert spelling.cased(text) == expected
    (found,) = words.cased(tf.constant([text])).to_list()
    assert [word.decode() for word in found] == expected
    if expected:
        vocabulary = words.Words(20, "cased")
        vocabulary.build()
        vocabulary.learn(dict.fromkeys(expected))
        assert vocabulary.texts(vocabulary.ids(tf.constant([text]), 14)).numpy()[0].decode() == written


@given(st.text(st.sampled_from([*"LlQqu'sd .\n", "\xe9", "\u0130", "\u017f", "\u2019"]), max_size=12))
@settings(max_examples=200, deadline=None)
def test_cased_words_are_the_same_in_a_graph(text):
    (found,) = words.cased(tf.constant([text])).to_list()
    assert [word.decode() for word in found] == spelling.cased(text)
