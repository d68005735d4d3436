"""What a word is: the one rule by which text becomes words, here in Python, in a graph by `zoo.nn.words.tokens`.

Blanks are Python's, the no-break space among them, and the zero byte. Typographic quotes become typed ones. Case is
Unicode's whatever the language of the machine, but a dot above i or j does not count: a Turkish capital i with a dot
is an i. Else a letter is its code point: TensorFlow cannot compose, so that an accent that follows its letter (NFD)
makes another word than the letter that has it (NFC). Normalise texts of mixed origin first.

What a character is: a code point, its case kept; blanks and quotes are made alike as in words, and of blanks in a row
one stays.

Pieces of words (byte pair encoding) are of the same plain text; MARK stands for the blank before a word.

Where words keep their case, a French elision ("l'", "qu'") and what an English word has behind an apostrophe ("'s") are
words of their own. JOINED makes of such words the text that a reader expects.
"""

import re

# (pattern, what stands in its place), read alike by Python's re and by TensorFlow's RE2; neither asks the locale.
ALIKE = (
    ("[\\x00\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]", " "),
    ("[\u2018-\u201b\u02bc]", "'"),
    ("[\u201c-\u201f\xab\xbb]", '"'),
)
BEFORE = (  # there is lower case
    *ALIKE,
    ("\xcc", "\xec"),  # I with grave, acute and tilde, to which Lithuanian lower case would add a dot
    ("\xcd", "\xed"),
    ("\u0128", "\u0129"),
)
AFTER = (  # there is
    ("([ij\u012f])\u0307+", r"\1"),  # dots that Turkish takes away, Lithuanian adds, and others keep
    (MARKS := (r"""([.,!?;:"()])""", r" \1 ")),
)
ELIDED, SHORTENED = "([cdjlmnstCDJLMNST]'|[qQ]u')", "('(?:[smdSMD]|ll|re|ve))"
CASED = (
    *ALIKE,
    MARKS,
    (rf"(^| ){ELIDED}([^ ])", r"\1\2 \3"),
    (rf"([^ ]){SHORTENED}( |$)", r"\1 \2\3"),
)
MARK = "\u2581"
WRITTEN = ((MARK, " "),)  # of pieces with nothing between
JOINED = (  # of cased words with blanks between
    (rf"(^| ){ELIDED} ", r"\1\2"),
    (rf" {SHORTENED}( |$)", r"\1\2"),
    (r" ([.,!?;:)])", r"\1"),
    (r"\( ", "("),
    ('" (.*?) "', r'"\1"'),
)


def tokens(text):
    """Lower-cased words and marks: "A cat, asleep." -> ["a", "cat", ",", "asleep", "."]."""
    return _replaced(_replaced(text, BEFORE).lower(), AFTER).split()


def cased(text):
    """The same with their case: "L'homme, assis." -> ["L'", "homme", ",", "assis", "."]."""
    return _replaced(text, CASED).split()


def characters(text):
    """ "A  cat" -> ["A", " ", "c", "a", "t"]."""
    return list(plain(text))


def plain(text):
    """Its case kept, one blank for those in a row, none at either end."""
    return " ".join(_replaced(text, ALIKE).split())


def unmarked(text):
    """The plain text of which pieces are made; a MARK in it is a blank."""
    return plain(text.replace(MARK, " "))


def _replaced(text, rules):
    for pattern, new in rules:
        text = re.sub(pattern, new, text)
    return text
