"""Documents as bags of words: how often each of V words occurs in it, in whatever order."""

import numpy as np

from zoo.data.reading import reading
from zoo.data.split import About, Data, Split
from zoo.data.text.files import published
from zoo.data.text.sources import parted

# In the order of their numbers in the files, which are from 1 on.
NEWSGROUPS = (
    *("alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware"),
    *("comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"),
    *("sci.crypt", "sci.electronics", "sci.med", "sci.space", "soc.religion.christian", "talk.politics.guns"),
    *("talk.politics.mideast", "talk.politics.misc", "talk.religion.misc"),
)


def load(request):
    """20 Newsgroups in 2,000 words as Miao, Yu & Blunsom 2016 (NVDM) prepared it, for a model of a bag.

    A bag is float32 [V], word n of the vocabulary being column n.
    """
    name, fields = request.name, request.fields
    if "bag" not in fields or fields.keys() - {"bag", "label"}:
        raise ValueError(f"data: {name} holds bags of words, the model takes {request.takes}; choose other data")
    train, test, vocabulary = published(
        request.folder, ["train.feat", "test.feat", "vocab.new"], "20news_nvdm_bow.tar.xz"
    ).values()
    words = tuple(line.split()[0] for _, line in vocabulary.lines())
    if fields["bag"].shape != (len(words),):
        raise ValueError(f"data: {name} has {len(words)} words, the model takes {request.takes}; make it for as many")
    if (request.known.get("bag") or words) != words:
        raise ValueError(f"data: {name} has other words than the model has learned; train another")
    parts = {**parted(train.lines(), request.seed, {"train": 0.9, "validation": 0.1}, str), "test": test.lines()}
    classes = {"label": NEWSGROUPS} if "label" in fields else {}
    says = {
        "bag": f"how often each of {len(words):,} words occurs in a document",
        "label": ", ".join(f"{k} {each}" for k, each in enumerate(NEWSGROUPS)),
    }
    return Data(
        name,
        **{split: _split(lines, len(words), "label" in fields) for split, lines in parts.items()},
        origin="20 Newsgroups by date in 2,000 words (Miao et al. 2016): a tenth of training validates, by hash",
        about={field: About({"part": "documents", "units": "words"}, values=says[field]) for field in fields},
        vocabularies={"bag": words, **classes},
    )


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
