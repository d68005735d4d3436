"""Where a sentence ends, in text that people wrote."""

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
