"""Do the topics of a language model go together as well as LDA's, and do its features tell classes of documents?

N documents, T words of each with the ends of sentences, V vocabulary, K topics.
"""

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainers.score import figures
from trainers.show.topics import TOP, documents
from zoo.metrics.topics import npmi
from zoo.nn import lda

BLOCK = 50  # documents read at once
UNITS = 50  # of the classifier's hidden layer, as many as the paper's


def judge(run, model, options):
    """The coherence of the model's topics and of LDA's, in documents of training; where documents have classes, the
    test error of a classifier of the model's features, of theta alone, and of TF-IDF."""
    sets, found = figures.sets_of(run, model, options.data_dir), {}
    if model.has_topics:
        found = {"npmi": coherence(model, sets.train, options.seed)}
    if "label" in sets.train.arrays:
        found["error"] = errors(model, sets, options.seed)
    if not found:
        raise ValueError(f"run: {options.run} has no topics and its documents no classes, so there is nothing to judge")
    return found


def coherence(model, training, seed):
    """{"model": mean NPMI of its topics, "lda": of those of scikit-learn's LDA from the same bags, "lda_topics"}."""
    bags, stop = documents(training), model.stop.numpy() > 0
    of_topics = lda.topics([row[~stop[row]] for row in bags], model.config.vocabulary, model.config.topics, seed)
    theirs = np.argsort(-of_topics, 1, kind="stable")[:, :TOP]
    names = model.words.lines
    return {
        "model": round(float(npmi(model.topic_words(TOP), bags).mean()), 4),
        "lda": round(float(npmi(theirs, bags).mean()), 4),
        "lda_topics": [" ".join(names[i] for i in row) for row in theirs],
    }


def errors(model, sets, seed):
    """{"features", "theta", "tf_idf": share of the test documents that are taken for another class}."""
    parts = [labelled(split) for split in (sets.train, sets.test)]
    read = [features(model, text) for text, _ in parts]
    labels = [label for _, label in parts]
    found = {"features": error([np.concatenate(list(each.values()), 1) for each in read], labels, seed)}
    if model.has_topics:
        found["theta"] = error([each["theta"] for each in read], labels, seed)
    words = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    texts = [[" ".join(map(str, row[row > 0])) for row in text] for text, _ in parts]
    linear = LogisticRegression(C=10, max_iter=1000).fit(words.fit_transform(texts[0]), labels[0])
    found["tf_idf"] = float(np.mean(linear.predict(words.transform(texts[1])) != labels[1]))
    return {name: round(value, 4) for name, value in found.items()}


def labelled(split):
    """(text [N, T], label [N]) of the documents whose class is known."""
    known = split.arrays["label"] >= 0
    return split.arrays["text"][known], split.arrays["label"][known]


def features(model, text):
    """{name: [N, ...]} of model.features, of documents [N, T]."""
    read = tf.function(model.features, autograph=False, reduce_retracing=True)
    parts = [read(tf.constant(text[start : start + BLOCK])) for start in range(0, len(text), BLOCK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def error(x, labels, seed):
    """The error on the second of two sets by a network of one hidden layer that learned from the first."""
    network = MLPClassifier((UNITS,), "logistic", early_stopping=True, random_state=seed)
    fitted = make_pipeline(StandardScaler(), network).fit(x[0], labels[0])
    return float(np.mean(fitted.predict(x[1]) != labels[1]))
