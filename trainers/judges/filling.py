"""Can one tell texts with filled gaps from real ones? The adversarial evaluation of Bowman et al., 2016
(arXiv:1511.06349), section 4.1.

N texts, L words of each with the end.
"""

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

import zoo
from trainers.score import figures
from zoo.nn.words import END, UNKNOWN

HIDDEN = 0.2  # share of a text that is hidden, at its end
LEAST = 5  # words of a text, so that one is hidden at least
BLOCK = 100  # texts filled at once
WIDTH = 15  # beams of a language model: as many as the VAE has in all its rounds


def gaps(text):
    """Texts, int32 [N, L], whose last words, a share HIDDEN of each and one at least, are UNKNOWN."""
    words = tf.reduce_sum(tf.cast(text != END, tf.int32), 1, keepdims=True)
    kept = words - tf.maximum(1, tf.cast(HIDDEN * tf.cast(words, tf.float32), tf.int32))
    place = tf.range(text.shape[1])[None]
    return tf.where((place >= kept) & (place < words), UNKNOWN, text)


def filled(fill, text):
    """text, int32 [N, L], with its gaps filled: fill(int32 [n, L]) -> int32 [n, L]."""
    fill = tf.function(fill, autograph=False, reduce_retracing=True)
    return np.concatenate([fill(gaps(text[at : at + BLOCK])).numpy() for at in range(0, len(text), BLOCK)])


def adversarial_errors(real, made, vocabulary, seed=0):
    """By how much classifiers are better than chance at telling made texts from real ones, int32 [N, L] each.

    They learn from the first half of the texts and are asked about the second: logistic regression of the words'
    counts, and an LSTM. Returns {"unigram", "lstm"}: 0 if they cannot tell, 0.5 if they always can.
    """
    half = len(real) // 2
    x = [np.concatenate([real[part], made[part]]) for part in (slice(half), slice(half, None))]
    y = [np.repeat([0, 1], len(part) // 2) for part in x]
    bags = [np.stack([np.bincount(row, minlength=vocabulary)[UNKNOWN:] for row in part]) for part in x]
    unigram = LogisticRegression(max_iter=1000).fit(bags[0], y[0]).score(bags[1], y[1])
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Embedding(vocabulary, 64, mask_zero=True), keras.layers.LSTM(64), keras.layers.Dropout(0.5)]
    lstm = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
    lstm.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=3, restore_best_weights=True)
    order = np.random.default_rng(seed).permutation(len(x[0]))
    lstm.fit(x[0][order], y[0][order], 32, 20, verbose=0, validation_split=0.1, callbacks=[stop])
    return {"unigram": unigram - 0.5, "lstm": lstm.evaluate(x[1], y[1], verbose=0)[1] - 0.5}


def judge(run, model, options):
    """Of texts of the test split with filled gaps: adversarial errors; beside a language model's, and how likely both
    are to it, if options.language names its run."""
    split = figures.sets_of(run, model, options.data_dir).test
    words = split.lengths["text"]
    text = split.arrays["text"][(words >= LEAST) & (words < model.config.text_length)][: options.count]
    text = np.pad(text, ((0, 0), (0, model.config.text_length - text.shape[1])))
    if len(text) < 2 * LEAST:
        raise ValueError(f"data: got {len(text)} texts of {LEAST} words or more, expected {2 * LEAST} at least")
    made = {"vae": filled(lambda ids: model.impute(ids)["text"], text)}
    rival = zoo.load(options.language) if options.language else None
    if rival is not None:
        if rival.words.known != model.words.known or rival.config.text_length != model.config.text_length:
            raise ValueError(f"language: {options.language} has other words, or another length; train it on the same")

        def fill(ids):
            return rival.write(tf.shape(ids)[0], method="beam", width=WIDTH, given=ids)["text"]

        made["language_model"] = filled(fill, text)
    found = {}
    for name, one in made.items():
        errors = adversarial_errors(text, one, model.config.vocabulary, options.seed)
        found[name] = {kind: round(float(error), 4) for kind, error in errors.items()}
        if rival is not None:
            terms = tf.function(rival.loss_terms, autograph=False, reduce_retracing=True)
            nats = [terms({"text": one[at : at + BLOCK]}, {}) for at in range(0, len(one), BLOCK)]
            nats = np.concatenate([each["negative_log_likelihood"] for each in nats])
            found[name]["nats_under_the_language_model"] = round(float(nats.mean()), 3)
    return {"texts": len(text), "adversarial_error": found}
