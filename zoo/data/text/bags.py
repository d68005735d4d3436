"""Documents as bags of words: how often each of V words occurs in it, or the words themselves in whatever order."""

import numpy as np

from zoo.data.reading import reading
from zoo.data.split import About, Data, Split
from zoo.data.text.coverage import Coverage
from zoo.data.text.files import published
from zoo.data.text.sources import parted
from zoo.nn.words import UNKNOWN

# In the order of their numbers in the files, which are from 1 on.
NEWSGROUPS = (
    *("alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware"),
    *("comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"),
    *("sci.crypt", "sci.electronics", "sci.med", "sci.space", "soc.religion.christian", "talk.politics.guns"),
    *("talk.politics.mideast", "talk.politics.misc", "talk.religion.misc"),
)


def load(request):
    """20 Newsgroups in 2,000 words as Miao, Yu & Blunsom 2016 (NVDM) prepared it, for a model of a bag or of a text.

    A bag is float32 [V], word n of the vocabulary being column n. A text is int32 [L], all words of the bag, the most
    frequent of the vocabulary first, as `zoo.nn.words` numbers them; of one of more than L there are L, drawn once.
    A label stands beside texts that are asked for alone, too.
    """
    name, fields = request.name, request.fields
    what = next((each for each in ("bag", "text") if each in fields), "")
    nested = what == "text" and len(fields[what].shape) > 1
    if not what or nested or fields.keys() - {what, "label"}:
        raise ValueError(f"data: {name} holds bags of words, the model takes {request.takes}; choose other data")
    train, test, vocabulary = published(
        request.folder, ["train.feat", "test.feat", "vocab.new"], "20news_nvdm_bow.tar.xz"
    ).values()
    words = tuple(line.split()[0] for _, line in vocabulary.lines())
    room = fields["bag"].shape == (len(words),) if what == "bag" else _fits(fields["text"], len(words))
    if not room:
        raise ValueError(f"data: {name} has {len(words)} words, the model takes {request.takes}; make it for as many")
    if (request.known.get(what) or words) != words:
        raise ValueError(f"data: {name} has other words than the model has learned; train another")
    shares = {"train": 0.9, "validation": 0.1}
    parts = {**parted(train.lines(), request.seed, shares, lambda each: each[1]), "test": test.lines()}
    classes = {"label": NEWSGROUPS} if "label" in fields else {}
    says = {
        "bag": f"how often each of {len(words):,} words occurs in a document",
        "text": f"the words of a document by their numbers, {UNKNOWN + 1} the first of {len(words):,}, in no order; "
        "0 fills it up",
        "label": ", ".join(f"{k} {each}" for k, each in enumerate(NEWSGROUPS)),
    }
    splits = {split: _split(lines, len(words), "label" in fields or what == "text") for split, lines in parts.items()}
    coverage = {}
    if what == "text":
        counts = {split: one.arrays["bag"].sum(1, dtype=int) for split, one in splits.items()}
        length = fields["text"].shape[0] or max(each.max() for each in counts.values())
        # A bag has no end for which there must be room.
        coverage = {split: Coverage(int(n.sum()), 0.0, float(np.mean(n > length))) for split, n in counts.items()}
        splits = {split: _texts(one, length, request.seed) for split, one in splits.items()}
    return Data(
        name,
        **splits,
        origin="20 Newsgroups by date in 2,000 words (Miao et al. 2016): a tenth of training validates, by hash",
        about={field: About({"part": "documents", "units": "words"}, values=says[field]) for field in fields},
        vocabularies={what: words, **classes},
        coverage=coverage,
    )


def _fits(field, size):
    """Whether a text of `size` words has room for them in its numbers."""
    return field.classes is None or field.classes == size + UNKNOWN + 1


def _texts(bags, length, seed):
    """The Split of texts int32 [N, length] of a Split of bags."""
    numbers, counts = np.random.default_rng(seed), bags.arrays["bag"]
    text = np.zeros((len(counts), length), np.int32)
    for row, bag in zip(text, counts, strict=True):
        words = np.repeat(np.arange(len(bag)), bag)
        if len(words) > length:
            words = np.sort(numbers.choice(words, length, replace=False))
        row[: len(words)] = UNKNOWN + 1 + words
    return Split({"text": text, "label": bags.arrays["label"]}, lengths={"text": (text > 0).sum(1)})


def _split(lines, size, labelled):
    """Of (where, "class word:count word:count ..."), classes and words from 1 on."""
    bags, labels = [], []
    for where, line in lines:
        with reading(where, f"document of words from 1 to {size} in a class from 1 to {len(NEWSGROUPS)}"):
            label, *pairs = line.split()
            index, counts = np.array([pair.split(":") for pair in pairs], int).T
            bag = np.zeros(size, np.uint16)
            bag[:] = np.bincount(index - 1, counts, size)  # is longer, or refuses, where a word is out of range
            labels.append(range(1, len(NEWSGROUPS) + 1).index(int(label)))
            bags.append(bag)
    arrays = {"bag": np.array(bags), **({"label": np.array(labels, np.int32)} if labelled else {})}
    return Split(arrays, scaled={"bag": 1})
