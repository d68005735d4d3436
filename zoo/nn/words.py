"""Words as numbers and back, in the graph: what every model of text shares.

B batch, L words of a text with its end and padding. A text of n words is n indices, then END up to L. Of one of
L words or more there are the first L and no END: nothing is to learn that a sentence ends where we cut it.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from zoo.nn.spelling import AFTER, ALIKE, BEFORE, CASED, JOINED, MARK, WRITTEN

UNKNOWN_WORD = "<unk>"  # how UNKNOWN is written
END, UNKNOWN = 0, 1  # the end of a text, which also pads it; a word out of the vocabulary
PAD = -1  # pads a document whose sentences stand one behind the other, each with its END
LONGEST = 32  # bytes of a word, or of a class's name, that can be learned


def tokens(texts):
    """Words and marks by the rule of `zoo.nn.spelling`. texts: strings [B], UTF-8. Returns a ragged [B, None]."""
    texts = tf.strings.lower(_replaced(texts, BEFORE))  # of ASCII first: elsewhere the machine's language counts
    return tf.strings.split(_replaced(tf.strings.lower(texts, "utf-8"), AFTER))


def cased(texts):
    """Words and marks with their case by the rule of `zoo.nn.spelling`. As `tokens`."""
    return tf.strings.split(_replaced(texts, CASED))


def characters(texts):
    """Characters by the rule of `zoo.nn.spelling`. texts: strings [B], UTF-8. Returns a ragged [B, None]."""
    return tf.strings.unicode_split(_plain(texts), "UTF-8")


def pieces(texts, number):
    """Pieces of words: of neighbours those become one that make the earliest piece, until none make any.

    texts: strings [B], UTF-8; number: strings -> integers, UNKNOWN of what is no piece. Returns a ragged [B, None].
    """
    texts = _plain(tf.strings.regex_replace(texts, MARK, " "))
    texts = tf.strings.regex_replace(tf.strings.regex_replace(texts, "(^.)", r" \1"), " ", MARK)
    parts = tf.strings.unicode_split(texts, "UTF-8").to_tensor("")
    parts = tf.pad(parts, [[0, 0], [0, 2]], constant_values="")
    here, none = tf.range(tf.shape(parts)[1] - 1), tf.int32.max

    def with_pairs(parts):
        pairs = tf.strings.join([parts[:, :-1], parts[:, 1:]])
        ranks = tf.cast(number(pairs), tf.int32)
        return parts, pairs, tf.where((parts[:, 1:] == "") | (ranks == UNKNOWN), none, ranks)

    def body(parts, pairs, ranks):
        some = tf.reduce_min(ranks, 1, keepdims=True) < none
        at = tf.where(some, tf.argmin(ranks, 1, tf.int32)[:, None], none)
        kept = tf.gather(parts, tf.where(here > at, here + 1, here), batch_dims=1)
        return with_pairs(tf.pad(tf.where(here == at, pairs, kept), [[0, 0], [0, 1]], constant_values=""))

    def any_pair(parts, pairs, ranks):
        return tf.reduce_any(ranks < none)

    shapes = (tf.TensorShape([None, None]),) * 3
    parts, *_ = tf.while_loop(any_pair, body, with_pairs(parts), shape_invariants=shapes)
    return tf.RaggedTensor.from_tensor(parts, padding="")


UNITS = {  # how texts fall into them, what joins them again, and what is replaced then
    "words": (tokens, " ", ()),
    "cased": (cased, " ", JOINED),
    "characters": (characters, "", ()),
    "pieces": (pieces, "", WRITTEN),
}


def _replaced(texts, rules):
    for pattern, new in rules:
        texts = tf.strings.regex_replace(texts, pattern, new)
    return texts


def _plain(texts):
    return tf.strings.strip(tf.strings.regex_replace(_replaced(texts, ALIKE), " +", " "))


def mask(ids):
    """1 for every word and for the END after the last, 0 for padding. ids: [B, L]. Returns float32 [B, L]."""
    before = tf.cumsum(tf.cast(ids == END, tf.float32), axis=1, exclusive=True)
    return tf.cast(before == 0, tf.float32)


class Names(keras.layers.Layer):
    """Names of at most `size` classes, in their order, that are saved with the weights."""

    first = 0  # the index that the first one has
    lookups = ()  # tables that an export keeps beside the weights

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape=None):
        # Bytes of the words: a weight of its own kind, so that it goes wherever weights go.
        self.letters = self.add_weight(
            name="letters", shape=(self.size, LONGEST), dtype="uint8", initializer="zeros", trainable=False
        )
        self.built = True

    def learn(self, names):
        """Takes these names. Raises ValueError for more than there is room for, or one of more than LONGEST bytes."""
        if len(names) > self.size:
            raise ValueError(f"classes: got {len(names)}, the model tells {self.size} apart; make it for as many")
        rows = np.zeros((self.size, LONGEST), np.uint8)
        for row, name in zip(rows[self.first :], names, strict=False):
            letters = name.encode()
            if len(letters) > LONGEST:
                raise ValueError(f"words: got {name!r}, expected at most {LONGEST} bytes; leave it out")
            row[: len(letters)] = np.frombuffer(letters, np.uint8)
        self.letters.assign(rows)

    @property
    def known(self):
        """The names, or the words without END and UNKNOWN."""
        with tf.init_scope():  # the vocabulary is a constant to whatever graph is being traced
            rows = self.letters.value.numpy()[self.first :]
        return [bytes(row).rstrip(b"\0").decode(errors="ignore") for row in rows if row.any()]

    @property
    def lines(self):
        """What each index stands for."""
        return self.known

    def texts(self, indices):
        """The names of indices, int [...]; "" of one that has none. Returns strings [...]."""
        return tf.gather(tf.constant([*self.known, *[""] * (self.size - len(self.known))]), indices)


class Words(Names):
    """A vocabulary that is saved with the weights: `size` words, END and UNKNOWN among them.

    units: "words"; "cased", words with their case; "characters" or "pieces", of which one is a word to all that is said
    here. Pieces are in the order in which they were learned (`zoo.data.text.pieces`).
    """

    first = UNKNOWN + 1

    def __init__(self, size, units="words", **kwargs):
        super().__init__(size, **kwargs)
        self.units, (self.split, self.between, self.joints) = units, UNITS[units]

    def learn(self, words):
        """Takes the first of these words, the most frequent first; what finds no room is UNKNOWN from now on.

        Raises ValueError for a word of more than LONGEST bytes, for no word and for no room.
        """
        words = list(words)[: self.size - self.first]
        if not words:
            raise ValueError(
                f"words: got none to learn, {self.size} being the vocabulary with the end and the unknown word; "
                "expected at least one word, and a model.vocabulary of at least 3"
            )
        super().learn(words)

    @property
    def lookups(self):
        """Keras's StringLookup of this vocabulary and its inverse; an export keeps them beside the weights."""
        known = tuple(self.known)
        if not known:
            raise ValueError("words: got an empty vocabulary, expected a model that has learned words by training")
        return _lookups(known)

    @property
    def lines(self):
        """What each index stands for, of all words."""
        return ["<end>", "<unknown>", *self.known]

    def tokens(self, texts):
        """The words of texts, strings [B]: a ragged [B, None]."""
        return self.split(texts, self.lookups[0]) if self.units == "pieces" else self.split(texts)

    def ids(self, texts, length):
        """Indices of texts, strings [B]: int32 [B, length]; one of `length` words or more is cut and has no END."""
        found = self.lookups[0](self.tokens(texts))
        return tf.cast(found.to_tensor(END, shape=[None, length]), tf.int32)

    def count(self, texts):
        """How many words each of texts, strings [B], has: int32 [B]."""
        return tf.cast(self.tokens(texts).row_lengths(), tf.int32)

    def unknown(self, texts):
        """The words of texts, strings [B], that are not in the vocabulary, joined by blanks. Returns strings [B]."""
        found = self.tokens(texts)
        strange = tf.ragged.boolean_mask(found, self.lookups[0](found) == UNKNOWN)
        return tf.strings.reduce_join(strange, -1, separator=self.between)

    def texts(self, ids):
        """The words before END, joined by blanks, cased ones as one writes them, characters by nothing.

        ids: int32 [B, L]. Returns strings [B].
        """
        words = self.lookups[1](tf.where(mask(ids) > 0, ids, END))
        joined = tf.strings.strip(tf.strings.reduce_join(words, 1, separator=self.between))
        return tf.strings.strip(_replaced(joined, self.joints))


@functools.lru_cache(16)
def _lookups(words):
    with tf.init_scope():  # tables live longer than the graph that is being traced
        return [
            keras.layers.StringLookup(
                vocabulary=["", UNKNOWN_WORD, *words], mask_token="", oov_token=UNKNOWN_WORD, invert=invert
            )
            for invert in (False, True)
        ]
