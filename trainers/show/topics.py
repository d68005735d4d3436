"""What a language model with topics shows: topics as words, theta over a document, sentences with one topic held."""

import functools
import math

import numpy as np
import tensorflow as tf

from trainers.declare.task import Figure
from trainers.show.exhibits import Curve, Text
from trainers.show.sampling import Samples
from trainers.show.writing import lost
from zoo.configs.base import require
from zoo.data.text.encoding import encode_together
from zoo.data.text.sentences import sentences
from zoo.declare import Measure
from zoo.metrics.topics import npmi
from zoo.nn.spelling import tokens
from zoo.nn.texts import zeros
from zoo.nn.words import END, PAD, UNKNOWN

SHOWN, LINES = 8, 4  # topics that samples are drawn of; topics whose theta is drawn over a document
TOP = 10  # words of a topic
PIECE = 500  # words of a stream that are scored at once


def exhibits(model, shown):
    """Topics, sentences drawn with one of them held, and theta over the longest document; else sentences alone."""
    if not model.has_topics:
        return {"samples": Text("\n".join(drawn(model, SHOWN, (0, 3))))}
    words, coherence = topics_of(model, shown.training)
    best = np.argsort(-coherence, kind="stable")
    lines = [f"{k:3}  {coherence[k]:5.2f}  {' '.join(words[k])}" for k in best]
    held = best[:SHOWN].astype(np.int32)
    said = drawn(model, len(held), (0, 3), model.held(held))
    pairs = [f"{k}: {' '.join(words[k][:4])}\n> {text}" for k, text in zip(held, said, strict=True)]
    return {"topics": Text("\n".join(lines)), "held": Text("\n\n".join(pairs)), "theta": over(model, shown, words)}


def documents(split):
    """The words of each document of a split."""
    return [row[row > UNKNOWN] for row in split.arrays["text"]]


def topics_of(model, training):
    """([K] lists of words, their coherence in the documents of training [K])."""
    ids, names = model.topic_words(TOP), model.words.lines
    return [[names[i] for i in row] for row in ids], npmi(ids, documents(training))


def over(model, shown, words):
    """theta at each word of the longest document, as the words before tell it: the topics that vary most."""
    text = shown.batch["text"]
    longest = text[int(tf.argmax(tf.reduce_sum(tf.cast(text != PAD, tf.int32), 1)))]
    longest = longest[longest != PAD]
    theta = model.past(longest[None])[0].numpy()
    most = np.argsort(-theta.var(0), kind="stable")[:LINES]
    place = np.arange(len(theta))
    return Curve({" ".join(words[k][:3]): (place, theta[:, k]) for k in most}, "words before", "theta")


def drawn(model, size, seed, theta=None, begun=None):
    """Sentences that the model draws, as strings."""
    return spelled(model, model.write(size, begun, theta, model.writing_noise(size, seed)))


def spelled(model, ids):
    """Documents of ids [N, T] as strings, without the ENDs."""
    names = np.array(model.words.lines + [""] * model.config.vocabulary)
    return [" ".join(names[row[row > END]]) for row in np.asarray(ids)]


# ------------------------------------------------------------------------------------------------------------- scores


@functools.lru_cache(4)  # validations come again and again
def scorer(model):
    return tf.function(model.nats_after, autograph=False, jit_compile=True)


def stream_nats(model, ids):
    """-log p of all words of documents [N, T] as one stream, whose state and window go on from one to the next."""
    stream = np.asarray(ids)[np.asarray(ids) != PAD]
    window, state, nats = np.full(model.config.window, PAD, np.int32), zeros(model.cell, 1), []
    for start in range(0, len(stream), PIECE):
        part = stream[start : start + PIECE]
        text = np.pad(part, (0, PIECE - len(part)), constant_values=PAD)
        found, state = scorer(model)(tf.constant(window[None]), tf.constant(text[None]), state)
        nats.append(found[0].numpy()[: len(part)])
        window = np.concatenate([window, text])[-model.config.window :]
    return np.concatenate(nats)


def figures(model, sets, split, seed):
    """The perplexity of a split as one stream, and whether the words of topics go together."""
    nats = stream_nats(model, sets.splits[split].arrays["text"])
    says = "exp(nats / words) of all documents as one stream, over whose ends the state is carried, each END a word"
    says += ", topics told by the words before" if model.has_topics else ""
    value = math.exp(nats.mean(dtype="f8"))
    found = {"perplexity_stream": Figure(value, Measure("", says), examples=len(nats))}
    if model.has_topics:
        _, coherence = topics_of(model, sets.train)
        says = f"NPMI of the {TOP} words of each topic in documents of training, mean over topics"
        measure = Measure("", says, better="higher")
        found["coherence"] = Figure(float(coherence.mean()), measure, examples=len(coherence))
    return found


# ------------------------------------------------------------------------------------------------------------ samples


def numbered(model, texts):
    """Texts as documents of ids. Raises ValueError for one without a word, or of too many."""
    split, most = [[tokens(each) for each in sentences(text)] for text in texts], model.config.text_length
    for text, document in zip(texts, split, strict=True):
        count = sum(len(words) + 1 for words in document)
        expected = f"1 word or more, and at most {most} with the ends of sentences"
        require(document and count <= most, "inputs", repr(text), expected)
    return encode_together(split, model.words.known, most)


def answered(model, texts, options):
    """Without inputs sentences with each topic held; of each input its topics, its perplexity and how it goes on."""
    if not texts:
        return Samples(*of_topics(model, options))
    ids = numbered(model, texts)
    nats = model.loss_terms({"text": tf.constant(ids)}, model.noise(len(ids), (0, 0)))["negative_log_likelihood"]
    counted, arrays = model.counts({"text": ids})["words_and_end"], {"negative_log_likelihood": nats.numpy()}
    each = [[f"{cost:.2f} nats, perplexity {math.exp(cost / n):.4g}"] for cost, n in zip(nats, counted, strict=True)]
    if model.has_topics:
        theta = arrays["theta"] = model.posterior(ids)[0].numpy()
        names = model.words.lines
        for said, row in zip(each, theta, strict=True):
            for k in np.argsort(-row, kind="stable")[:3]:
                words = " ".join(names[i] for i in model.topic_words(5)[k])
                said.append(f"topic {k} at {row[k]:.2f}: {words}")
    for i in range(options.count):
        more = drawn(model, len(ids), (options.seed, i), begun=model.begun(ids))
        for said, text in zip(each, more, strict=True):
            said.append(f"> {text}")
    lines = ["\n".join([text, *said]) for text, said in zip(texts, each, strict=True)] + lost(model, texts)
    return Samples(arrays, {"samples": Text("\n\n".join(lines))}, lines)


def of_topics(model, options):
    """(arrays, exhibits, lines) of sentences drawn with topics held, or of a model without topics of sentences."""
    if not model.has_topics:
        lines = drawn(model, options.count, (options.seed, 0))
        return {}, {"samples": Text("\n".join(lines))}, lines
    chosen = range(model.config.topics) if options.topic is None else [options.topic]
    require(chosen[0] in range(model.config.topics), "topic", options.topic, f"0 to {model.config.topics - 1}")
    names, lines = model.words.lines, []
    for k, row in zip(chosen, model.topic_words(TOP)[list(chosen)], strict=True):
        theta = model.held(np.full(options.count, k, np.int32))
        lines.append(f"{k}: {' '.join(names[i] for i in row)}")
        lines += [f"> {text}" for text in drawn(model, options.count, (options.seed, k), theta)]
    return {"topic_words": model.topic_words(TOP)}, {"samples": Text("\n".join(lines))}, lines
