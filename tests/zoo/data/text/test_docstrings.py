import inspect
import json
import random

import pytest

from zoo.data import load
from zoo.data.text import docstrings
from zoo.data.text.docstrings import prose
from zoo.declare import Field

GOOGLE = """Adds two tensors.

    The sum of `a` and `b` is what :func:`~math.fsum` returns; see [the guide](https://example.org/guide). It is *not*
    rounded. If it overflows in some places. See https://example.org for more of this.

    Example:

    >>> Add numbers like this with a prompt.
    ```python
    This would be a sentence in code.
    ```
    * An item of a list that goes
      on in the next line.

    Args:
      a: A `Tensor` of numbers.
      b_2 (optional): Another tensor of
        the same shape.
      some_name: Sets the `other_name` of all layers.

    Returns:
      The sum of both.
    """
NUMPY = """
    Roll the dice once again.

    Parameters
    ----------
    sides : int, optional
        How many sides it has. The default is six of them.

    Notes
    -----
    It follows that x = f(y) for all of them.
    A die is fair (i.e. all sides are alike).

    References
    ----------
    .. [1] Somebody wrote this in a book.
    """


def test_prose_stays_and_nothing_else():
    assert prose(inspect.cleandoc(GOOGLE)) == [
        "It is not rounded.",
        "An item of a list that goes on in the next line.",
        "A Tensor of numbers.",
        "Another tensor of the same shape.",
        "The sum of both.",
    ]
    assert prose(inspect.cleandoc(NUMPY)) == [
        "Roll the dice once again.",
        "How many sides it has.",
        "The default is six of them.",
        "A die is fair (i.e. all sides are alike).",
    ]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Two packages that nobody may import, in place of the five, and a cache of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(docstrings, "PACKAGES", ("talking", "whispering"))
    monkeypatch.setattr(docstrings, "versions", lambda: {"talking": "1.2", "whispering": "0.1"})
    (tmp_path / "whispering").mkdir()
    (tmp_path / "whispering" / "__init__.py").write_text('"""This is said in a low voice."""\n')
    folder = tmp_path / "talking"
    (folder / "tests").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""This module must not run."""\nraise SystemExit\n')
    functions = [f'def f{i}():\n    """This is function number {i}. It does nothing at all."""\n' for i in range(60)]
    (folder / "a.py").write_text('class A:\n    """This class is good."""\n' + "".join(functions))
    (folder / "b.py").write_text('class B:\n    def say(self):\n        """This class is good. It says a word."""\n')
    (folder / "c.py").write_text("".join(f'def same():\n    """This is {one} same."""\n' for one in ("the", "not the")))
    for skipped in ("tests/c.py", "test_d.py", "e_test.py"):
        (folder / skipped).write_text('"""This is only a test."""\n')
    (folder / "broken.py").write_text('"""This is no Python."""\n(')
    return folder


def test_files_are_read_and_not_run_and_each_sentence_stands_once(package):
    found = docstrings.documents()
    assert found[0] == ["talking", "talking.__init__", ["This module must not run."]]
    names = {name: kept for _, name, kept in found}
    assert names["talking.a.A"] == ["This class is good."] and names["talking.b.B.say"] == ["It says a word."]
    assert names["talking.a.f0"][-1] == "It does nothing at all." and names["talking.a.f7"] == [
        "This is function number 7."
    ]
    assert len(found) == 1 + 61 + 1 + 2 + 1


def test_the_second_start_reads_no_file_and_another_version_does(package, monkeypatch):
    found = docstrings.documents()
    (package / "b.py").write_text('"""This was written later on."""\n')
    assert docstrings.documents() == found == json.loads(json.dumps(found))
    monkeypatch.setattr(docstrings, "versions", lambda: {"talking": "1.3"})
    assert ["talking", "talking.b", ["This was written later on."]] in docstrings.documents()


def test_splits_are_by_name_and_a_new_docstring_moves_none(package, monkeypatch):
    fields = {"text": Field((None,), "int32", ragged=True), "label": Field((), "int32", classes=2)}

    def texts():
        found = load("docstrings", fields=fields)
        return found, {name: {t.sentences[0] for t in split.source.texts} for name, split in found.splits.items()}

    data, before = texts()
    assert sum(map(len, before.values())) == 67 and 40 < len(before["train"]) < 62  # sentences; 80 % of them
    assert data.vocabularies["label"] == ("talking", "whispering") and "talking 1.2" in data.origin
    assert data.told("text") == "docstrings (sentences, words)"
    (package / "0.py").write_text('"""This one is a new one."""\n')
    monkeypatch.setattr(docstrings, "versions", lambda: {"talking": "1.3"})
    _, after = texts()
    assert all(before[split] <= after[split] for split in before)


def test_what_is_installed_reads_as_english(tmp_path, monkeypatch):
    """Of one package, so that it takes a second: most of its words are among the most frequent of anybody's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(docstrings, "PACKAGES", ("numpy",))
    found = [sentence for *_, kept in docstrings.documents() for sentence in kept]
    assert len(found) > 2000 and len(set(found)) == len(found)
    some = random.Random(0).sample(found, 500)
    common = {
        "the",
        "a",
        "an",
        "of",
        "to",
        "is",
        "in",
        "and",
        "for",
        "this",
        "be",
        "or",
        "with",
        "are",
        "if",
        "by",
        "on",
    }
    assert sum(bool(common & set(sentence.lower().split())) for sentence in some) > 450
    assert not any(mark in sentence for sentence in found for mark in ("`", "_", "=", ">>>", "http", "[", "::"))
