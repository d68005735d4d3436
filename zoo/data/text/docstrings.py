"""English that is on every machine that runs this: the prose in the docstrings of Python and of four packages.

Nothing is imported, files are parsed. Code, tables, lists of references, formulas and identifiers go; whole sentences
of plain words stay, each once, so that none is in two splits.
"""

import ast
import functools
import importlib.metadata
import importlib.util
import pathlib
import platform
import re
import sysconfig
import warnings

from zoo.data.text.sentences import sentences
from zoo.store import cache

PACKAGES = ("keras", "numpy", "python", "tensorflow", "tensorflow_probability")  # python: its standard library
# Folders of tests, of other people's packages, and of copies: TFP's own code for JAX and NumPy.
SKIPPED = {"test", "tests", "testing", "idle_test", "site-packages", "dist-packages", "substrates"}
FEWEST, MOST = 4, 40  # blank-separated words of a sentence
PLAIN = 0.8  # share of its words that are of letters alone, only the first one perhaps a capital
VERSION = 1  # of what is taken from a docstring: another one makes what is kept anew


def versions():
    """{package: its version here}."""
    ours = {name: importlib.metadata.version(name) for name in PACKAGES if name != "python"}
    return {name: ours.get(name, platform.python_version()) for name in PACKAGES}


def documents():
    """(package, qualified name, sentences) of every docstring that has some, from the cache after the first time."""
    return cache.values("docstrings", [VERSION, versions()], _read)


def _read():
    seen, found = set(), []
    for package in cache.progress(PACKAGES, len(PACKAGES), f"Reading the docstrings of {', '.join(PACKAGES)}"):
        for name, text in _docstrings(package):
            kept = [each for each in prose(text) if each not in seen]
            seen.update(kept)
            if kept := list(dict.fromkeys(kept)):
                found.append([package, name, kept])
    return found


def _docstrings(package):
    """(qualified name, docstring) of every module, class and function of a package, in the order of its files."""
    if package == "python":
        root = pathlib.Path(sysconfig.get_path("stdlib"))
    else:
        root = pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root).with_suffix("")
        if SKIPPED & set(inside.parts) or inside.name.startswith("test_") or inside.name.endswith("_test"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # their invalid escapes are not ours
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):  # such as a template: not to be read is not to be quoted
            continue
        yield from _of_node(tree, ".".join([package, *inside.parts]))


def _of_node(node, name):
    if text := ast.get_docstring(node):
        yield name, text
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _of_node(child, f"{name}.{child.name}")


# ---------------------------------------------------------------- what is prose

_item = re.compile(r"(?:[*+-]|\d+[.)]|\(?[a-z]\)|#\.)\s+|[*`]*\w(?:[\w`*, ]{0,40}[\w`*])?(?: ?\([^)]*\))?: (?=\S)")
# Prompts, directives, tables, fields, underlines; "x : int", behind which NumPy's style tells what x is.
_no_prose = re.compile(r">>>|\.\.|[|#@:]|[-=~^*]{3,}$|[\w*, ]{1,40} : ")
_markup = (
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),  # [text](address)
    (re.compile(r":[\w:+-]+:`~?\.?([^`]*)`"), r"\1"),  # :role:`text`
    (re.compile(r"`+([^`]*)`+_{0,2}"), r"\1"),
    (re.compile(r"(?<![\w*])(\*{1,2}|_{1,2})(?=\S)([^*_]+?)(?<=\S)\1(?![\w*])"), r"\2"),
)
_plain = re.compile(r"""[A-Z][A-Za-z0-9 ,;:'"()\-./!?%]*[.!?]""")
_latin = re.compile(r"\b(?:e\.g\.|i\.e\.)|\d\.\d")
_code = re.compile(r"""\w\.\w|/[\w.]+/|\(\)|\w\(|\.\.|--|[ ][-/:;.,][ ]|[ ][.,]|""|''""")
_word = re.compile(r"\(?[A-Za-z]?[a-z'-]+[,.;:)!?]*|[AI]")
_condition = re.compile(r"(?:If|When|Whether)\b[^,]*$")  # of the table of what is raised, without a main clause


def prose(docstring):
    """The sentences of a docstring that read as English.

    "Adds.\n\nArgs:\n  x: A `Tensor` of numbers.\n\n>>> f(1)" -> ["A Tensor of numbers."]
    """
    whole = (sentences(_unmarked(each)) for each in _paragraphs(docstring))
    return [sentence for each in whole for sentence in each if _reads(sentence)]


def _paragraphs(docstring):
    """Lines that belong together; what names a parameter, or marks an item of a list, is taken away."""
    fenced, lines, indent, item = False, [], 0, False
    for line in [*docstring.expandtabs().split("\n"), ""]:
        text, here = line.strip(), len(line) - len(line.lstrip())
        if text.startswith(("```", "~~~")):
            fenced, text = not fenced, ""
        if fenced or _no_prose.match(text):
            text = ""
        head = _item.match(text)
        goes_on = lines and text and not head and (here == indent or (item and here > indent))
        if not goes_on and lines:
            yield " ".join(lines)
            lines = []
        if text:
            item = bool(head) if not lines else item and here == indent  # a hanging line says how far the others hang
            lines.append(text[head.end() :] if head else text)
            indent = here


def _unmarked(text):
    return functools.reduce(lambda text, rule: rule[0].sub(rule[1], text), _markup, text)


def _reads(sentence):
    words, bare = sentence.split(), _latin.sub("", sentence)
    return (
        FEWEST <= len(words) <= MOST
        and bool(_plain.fullmatch(sentence))
        and not _code.search(bare)
        and not _condition.match(sentence)
        and sentence.count("(") == sentence.count(")")
        and sentence.count('"') % 2 == 0
        and sum(bool(_word.fullmatch(word)) for word in words) >= PLAIN * len(words)
    )
