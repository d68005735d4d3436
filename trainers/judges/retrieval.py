"""Do documents that are alike to a model belong together? Every query's most similar documents, by cosine.

Larochelle and Lauly, 2012; Lauly et al., 2017 (arXiv:1603.05962). Q queries, N documents that are searched, F shares of
these that are retrieved, V words, H units.
"""

import functools

import numpy as np
import scipy.sparse
import tensorflow as tf
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from trainers.score import figures
from trainers.show.exhibits import Curve
from zoo import data

SHARES = (0.0002, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BLOCK = 250  # documents encoded, and queries answered, at once


def judge(run, model, options):
    """Precision of documents of the test split that look for those of the training split, beside that of TF-IDF and of
    a topic model; options.picture: where the curves are drawn."""
    sets = figures.sets_of(run, model, options.data_dir)
    if "label" not in sets.train.arrays:
        raise ValueError(f"data: {sets.name} has no labels, by which documents belong together; choose other data")
    found = {model.name: by_model(model, sets.test, sets.train)}
    found["tf-idf"] = by_tfidf(model, sets.test, sets.train)
    found["lda"] = by_lda(model, sets.test, sets.train, options.topics, options.seed)
    if options.picture:
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        curve(found).save(options.picture.parent, options.picture.stem)
    rounded = {name: [round(float(each), 4) for each in one] for name, one in found.items()}
    counts = {"queries": len(labelled(sets.test)[1]), "documents": len(labelled(sets.train)[1])}
    return {**counts, "retrieved": SHARES, "topics": options.topics, "precision": rounded}


def curve(found):
    """{name: precisions [F]} as a picture."""
    return Curve({name: (SHARES, one) for name, one in found.items()}, "share retrieved", "precision", logarithmic=True)


def precisions(queries, query_labels, documents, labels, shares=SHARES):
    """The mean over queries of which part of the documents retrieved have the query's label, for each share: [F].

    queries: [Q, H], documents: [N, H], dense or sparse; the cosine tells how alike they are. Of documents that are
    equally alike the first ones come first. A share is at least one document.
    """
    queries, documents = normalize(queries), normalize(documents)
    many = np.maximum(1, np.round(np.array(shares) * len(labels)).astype(int))
    total = np.zeros(len(many))
    for at in range(0, len(query_labels), BLOCK):
        cosine = queries[at : at + BLOCK] @ documents.T
        cosine = cosine.toarray() if scipy.sparse.issparse(cosine) else cosine
        order = np.argsort(-cosine, 1, kind="stable")
        right = labels[order] == query_labels[at : at + BLOCK, None]
        total += (np.cumsum(right, 1)[:, many - 1] / many).sum(0)
    return total / len(query_labels)


def labelled(split):
    """Texts int32 [N, L] and labels [N] of the examples whose label is known."""
    known = split.arrays["label"] >= 0
    return split.arrays["text"][known], split.arrays["label"][known]


def by_model(model, queries, documents):
    """Precisions of two splits by a model that can `encode`."""
    (text, label), (searched, labels) = labelled(queries), labelled(documents)
    return precisions(vectors(model, text), label, vectors(model, searched), labels)


def by_tfidf(model, queries, documents):
    """The same by the words that count, each by 1 + log how often it occurs and by how few documents have it."""
    (text, label), (searched, labels) = labelled(queries), labelled(documents)
    weights = TfidfTransformer(sublinear_tf=True).fit(bags(model, searched))
    return precisions(weights.transform(bags(model, text)), label, weights.transform(bags(model, searched)), labels)


def by_lda(model, queries, documents, topics, seed):
    """The same by shares of so many topics of a latent Dirichlet allocation of the documents."""
    (text, label), (searched, labels) = labelled(queries), labelled(documents)
    bag = bags(model, searched)
    lda = LatentDirichletAllocation(topics, learning_method="online", batch_size=256, random_state=seed).fit(bag)
    return precisions(lda.transform(bags(model, text)), label, lda.transform(bag), labels)


def vectors(model, text):
    """What a model keeps of texts, int32 [N, L]: [N, H]."""
    batches = data.in_order(data.Split({"text": text}), min(BLOCK, len(text)))
    return np.concatenate([encoder(model)(batch["text"])["vector"].numpy()[:n] for batch, n in batches])


@functools.lru_cache(4)  # validations come again and again
def encoder(model):
    return tf.function(lambda text: model.encode(text), autograph=False, reduce_retracing=True)


def bags(model, text):
    """How often each word that counts occurs in texts, int32 [N, L]: sparse [N, V]."""
    document, place = np.nonzero(text >= model.config.first_word)
    word = text[document, place] - model.config.first_word
    return scipy.sparse.csr_matrix((np.ones(len(word)), (document, word)), (len(text), model.size))
