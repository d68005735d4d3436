"""WordNet for METEOR, wherever this machine has it.

Debian's packages hold Princeton's dictionary but for one file that NLTK wants, the list of the lexicographers' files.
"""

import contextlib
import functools
import io
import pathlib
import shutil
import sys
import tempfile
import urllib.request
import warnings
import zipfile

SYSTEM = pathlib.Path("/usr/share/wordnet")  # where Debian's and Ubuntu's packages put it
MISSING = (
    "METEOR is left out: found no WordNet; get it with apt-get install wordnet-base wordnet-sense-index, "
    "or with python -m nltk.downloader wordnet"
)
LEXNAMES = [  # WordNet 3.0's lexnames(5): the files of the lexicographers in order
    *("adj.all", "adj.pert", "adv.all"),
    *("noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute", "noun.body", "noun.cognition"),
    *("noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive"),
    *("noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process"),
    *("noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time"),
    *("verb.body", "verb.change", "verb.cognition", "verb.communication", "verb.competition", "verb.consumption"),
    *("verb.contact", "verb.creation", "verb.emotion", "verb.motion", "verb.perception", "verb.possession"),
    *("verb.social", "verb.stative", "verb.weather", "adj.ppl"),
]
PARTS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}


@functools.cache
def find():
    """NLTK's reader of the first WordNet found, or None after one line on standard error. Once a process.

    Looks in NLTK's own folders, then at the system's package (copied once to the user's cache), then asks
    NLTK's server.
    """
    for provide in (lambda: None, _copy_system, _download):
        provide()
        reader = _open()
        if reader:
            return reader
    print(f"warning: {MISSING}", file=sys.stderr, flush=True)
    return None


def _open():
    import nltk

    for form in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):  # nltk.download unpacks it only for some users
        with contextlib.suppress(LookupError, OSError, zipfile.BadZipFile), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The multilingual functions")  # METEOR reads English
            return nltk.corpus.WordNetCorpusReader(nltk.data.find(form), None)
    return None


def cache_folder():
    """Where the copy of the system's dictionary lies, a folder of NLTK's form."""
    from zoo.store import cache

    return cache.folder() / "nltk_data"


def _copy_system():
    """A copy (37 MB), for NLTK 3.10 opens nothing outside its folders and follows no link out of them.

    Nor does it open what the user's group may write, as a umask of 002 would have it.
    """
    import nltk

    folder = cache_folder() / "corpora" / "wordnet"
    whole = all((SYSTEM / name).is_file() for name in ("data.noun", "index.sense"))  # one of each package
    if whole and not folder.is_dir():
        with contextlib.suppress(OSError):  # no room, no right to write, or another process was first
            cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
                copy = shutil.copytree(SYSTEM, pathlib.Path(aside) / "wordnet")
                (copy / "lexnames").write_text("".join(_lexnames()), encoding="utf-8")
                (copy / "lexnames").chmod(0o600)
                copy.rename(folder)  # a copy that was stopped half-way is no copy
    if folder.is_dir() and str(cache_folder()) not in nltk.data.path:
        nltk.data.path.append(str(cache_folder()))


def _lexnames():
    for number, name in enumerate(LEXNAMES):
        yield f"{number:02}\t{name}\t{PARTS[name.partition('.')[0]]}\n"


def _download():
    import nltk

    # NLTK 3.10 raises a ValueError where there is no home folder.
    with contextlib.suppress(OSError, ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders that others may write to
        # NLTK waits minutes for a server that does not answer: ask first.
        urllib.request.urlopen(nltk.downloader.Downloader.DEFAULT_URL, timeout=5).close()
        nltk.download("wordnet", quiet=True, print_error_to=io.StringIO())
