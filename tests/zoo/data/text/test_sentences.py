import random

import pytest
import tensorflow as tf

from zoo.data.text.sentences import sentences, split


@pytest.mark.parametrize(
    "text, want",
    [
        ("It rains. It pours!  The old man\nsnores?", ["It rains.", "It pours!", "The old man snores?"]),
        ('He said "No." Then (at last.) He left.', ['He said "No."', "Then (at last.)", "He left."]),
        ("See e.g. Smith, cf. Jones et al. Dr. Who and J. R. Tolkien.", None),
        ("At 3.5 V it fails, i.e. it burns.", None),
        ("no capitals here. none at all", None),
        ("A title\n\nand a paragraph\n \t\nanother", ["A title", "and a paragraph", "another"]),
        ("Ends. “Quoted.” Ångström. 20 men.", ["Ends.", "“Quoted.”", "Ångström.", "20 men."]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_where_sentences_end(text, want):
    assert sentences(text) == ([text] if want is None else want)


def test_nothing_but_blanks_is_lost():
    text = "One. two?  Three... Four (five.) \n\n six\n seven!! 8. Mr. X. Y"
    assert " ".join(sentences(text)).split() == text.split()


PARTS = [
    "a",
    "B",
    "x.",
    ".",
    "!",
    " ",
    "\n",
    "\n\n",
    "e.g.",
    "Mr.",
    '"',
    "(",
    ")",
    "\u201d",
    "1",
    "\xa0",
    "\u2003",
    "\xc9",
    "\xe9",
]


def test_a_graph_splits_alike():
    numbers = random.Random(0)
    texts = ["".join(numbers.choices(PARTS, k=numbers.randrange(1, 14))) for _ in range(10_000)]
    texts += [
        "",
        " \n\n ",
        "See e.g. Smith, cf. Jones et al. Dr. Who. J. R. R. Tolkien!  (Mr. X. Y.)\n \t\nI.e. Z. A. B",
    ]
    found = tf.function(split)(tf.constant(texts)).to_list()
    assert [[" ".join(each.decode().split()) for each in several] for several in found] == list(map(sentences, texts))
