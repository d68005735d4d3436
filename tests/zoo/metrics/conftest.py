import nltk
import pytest

from zoo.metrics import wordnet

SYNONYMS = [["automobile", "car"], ["dog", "hound"]]


def write_dictionary(folder, synsets=SYNONYMS):
    """A dictionary of nouns, a list of words a synset: the files of Debian's two packages, so no lexnames."""
    folder.mkdir(parents=True)
    head = "  1 WordNet 3.0 Copyright of nobody, a dictionary for tests  \n"
    data, index = head, {}
    for words in synsets:
        offset = len(data)  # a synset's name is its byte in the file
        listed = " ".join(f"{word} 0" for word in words)
        data += f"{offset:08} 06 n {len(words):02x} {listed} 000 | one thing  \n"
        index |= {word: f"{word} n 1 0 1 0 {offset:08}  \n" for word in words}
    for name in ("data.verb", "data.adj", "data.adv", "index.verb", "index.adj", "index.adv"):
        (folder / name).write_text(head)
    for name in ("index.sense", "cntlist.rev", "noun.exc", "verb.exc", "adj.exc", "adv.exc"):
        (folder / name).write_text("")
    (folder / "data.noun").write_text(data)
    (folder / "index.noun").write_text(head + "".join(line for _, line in sorted(index.items())))


@pytest.fixture(name="write_dictionary")
def _write_dictionary():
    return write_dictionary


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without WordNet and network, as a folder: "system" is for Debian's files, "nltk_data" for NLTK's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    monkeypatch.setattr(wordnet, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(wordnet, "_download", lambda: None)
    wordnet.find.cache_clear()
    yield tmp_path
    wordnet.find.cache_clear()


@pytest.fixture
def dictionary(machine):
    """The reader of SYNONYMS."""
    write_dictionary(machine / "system")
    return wordnet.find()
