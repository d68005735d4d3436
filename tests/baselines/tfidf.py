"""Linear classifiers of words and of pairs of words, to compare texts' classifiers and codes with:

python tests/baselines/tfidf.py imdb --data-dir data

TF-IDF (sublinear, smoothed) of all words that two texts of training have, logistic regression; C by the error on the
validation split. Prints one JSON object.
"""

import argparse
import json

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from zoo import data
from zoo.declare import Field

FIELDS = {"text": Field((None,), "int32", ragged=True), "label": Field((), "int32")}


def examples(split):
    """Texts, words of which are their numbers, and their labels."""
    text, label = split.arrays["text"], split.arrays["label"]
    return [" ".join(map(str, row[row > 0])) for row in text], label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    sets = data.load(options.data, fields=FIELDS, data_dir=options.data_dir, part="documents")
    words = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    (text, label), *others = (examples(sets.splits[split]) for split in ("train", "validation", "test"))
    x = words.fit_transform(text)
    others = [(words.transform(texts), labels) for texts, labels in others]
    fitted = [LogisticRegression(C=c, max_iter=1000).fit(x, label) for c in (1, 3, 10, 30)]
    errors = [[float(np.mean(one.predict(z) != labels)) for z, labels in others] for one in fitted]
    error, c = min((of, one.C) for of, one in zip(errors, fitted, strict=True))
    told = {"data": options.data, "train": len(text), "test": others[1][0].shape[0], "C": c}
    print(json.dumps({**told, "validation_error": error[0], "test_error": error[1]}))


if __name__ == "__main__":
    main()
