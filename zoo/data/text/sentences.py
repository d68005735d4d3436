"""Where a sentence ends, in text that people wrote: one rule, here in Python, in a graph by `split`."""

import re

ABBREVIATIONS = ("e.g", "i.e", "cf", "vs", "al", "fig", "eq", "sec", "mr", "mrs", "ms", "dr", "st", "prof", "no", "vol")
_paragraph = re.compile(r"\n\s*\n")
# A mark, closing quotes or brackets, blanks; then what begins a sentence. A lone capital is somebody's initial.
_end = re.compile(r"""(?<=[.!?])(["'\u201d\u2019)\]]*)\s+(?=["'\u201c\u2018(\[]*[A-Z0-9\u00c0-\u00de])""")
_no_end = re.compile(rf"(?:^|[\s(])(?:(?i:{'|'.join(map(re.escape, ABBREVIATIONS))})|[A-Z])\.$")


def sentences(text):
    """The sentences of a text, each with single blanks. An empty line ends one, too; nothing else is lost.

    Text without capitals has one sentence a paragraph.
    """
    found = []
    for paragraph in _paragraph.split(text):
        start = 0
        for end in _end.finditer(paragraph):
            if not end[1] and _no_end.search(paragraph[max(0, end.start() - 8) : end.start()]):
                continue
            found.append(paragraph[start : end.end()])
            start = end.end()
        found.append(paragraph[start:])
    return [kept for each in found if (kept := " ".join(each.split()))]


# The same for TensorFlow's RE2, which looks neither ahead nor back. Marks: 1 in the place of a blank behind what only
# looks like an end, 2 where a sentence ends.
_BLANKS = r"[\t-\r\x1c- \x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"  # Python's
_SHORT = "|".join(map(re.escape, ABBREVIATIONS))
_RULES = (
    (rf"\n{_BLANKS}*\n", "\x02"),
    (rf"(^|[{_BLANKS[1:-1]}(\x01\x02])((?i:{_SHORT})|[A-Z])\.{_BLANKS}+", "\\1\\2.\x01"),
    (
        rf"""([.!?]["'\x{{201d}}\x{{2019}})\]]*){_BLANKS}+(["'\x{{201c}}\x{{2018}}(\[]*[A-Z0-9\x{{c0}}-\x{{de}}])""",
        "\\1\x02\\2",
    ),
)


def split(texts):
    """The sentences of texts, strings [B], in a graph: a ragged [B, None] with blanks as they are."""
    import tensorflow as tf

    for pattern, new in (*_RULES[:2], *_RULES[1:]):  # what is replaced cannot begin the next match
        texts = tf.strings.regex_replace(texts, pattern, new)
    found = tf.strings.split(tf.strings.regex_replace(texts, "\x01", " "), "\x02")
    nothing = tf.strings.regex_full_match(found.values, f"{_BLANKS}*")
    return tf.ragged.boolean_mask(found, found.with_values(~nothing))
