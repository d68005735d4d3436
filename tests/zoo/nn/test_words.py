import numpy as np
import pytest
import tensorflow as tf

from zoo.data.text.encoding import encode, vocabulary
from zoo.nn import attention
from zoo.nn.words import END, LONGEST, UNKNOWN, Names, Words, mask, tokens

KNOWN = ["a", "red", "circle", "é", ".", "3"]


@pytest.fixture
def words():
    layer = Words(2 + len(KNOWN))
    layer.build()
    layer.learn(KNOWN)
    return layer


def test_text_is_lower_cased_and_split_at_blanks_and_around_punctuation():
    found = tokens(tf.constant(["A red  circle.", "", '("Is it 3?")']))
    assert [[t.decode() for t in row] for row in found.to_list()] == [
        ["a", "red", "circle", "."],
        [],
        ["(", '"', "is", "it", "3", "?", '"', ")"],
    ]


def test_indices_follow_the_list_and_come_back_as_words(words):
    ids = words.ids(["A red circle.", "the É", "", "3 3 3 3 3 3 3 3"], 6)
    assert ids.numpy().tolist() == [
        [2, 3, 4, 6, END, END],
        [UNKNOWN, 5, END, END, END, END],
        [END] * 6,
        [7] * 6,  # cut: no end is seen
    ]
    texts = [text.decode() for text in words.texts(ids).numpy()]
    assert texts == ["a red circle .", "<unk> é", "", "3 3 3 3 3 3"]


def test_the_same_in_a_graph(words):
    again = tf.function(lambda captions: words.texts(words.ids(captions, 6)))
    assert again(tf.constant(["a RED foo"])).numpy().tolist() == [b"a red <unk>"]


def test_nothing_after_the_end_is_said(words):
    assert words.texts(tf.constant([[2, END, 3, 4]])).numpy().tolist() == [b"a"]


@pytest.mark.parametrize("count", range(9))
def test_the_end_is_seen_if_the_caption_ends_within_the_length(words, count):
    text, length = " ".join(["a"] * count), 6
    ids = words.ids([text], length).numpy()
    np.testing.assert_array_equal(ids, encode([text], KNOWN, length))
    assert ids.shape == (1, length) and (END in ids) == (count < length)
    assert mask(ids).numpy().sum() == min(count + 1, length)  # what a likelihood is the sum of


def test_a_vocabulary_without_a_word_is_refused():
    for size, some in ((2, ["a"]), (4, [])):
        layer = Words(size)
        layer.build()
        with pytest.raises(ValueError, match=f"words: got none to learn, {size} being .* at least 3"):
            layer.learn(some)


def test_what_finds_no_room_is_unknown():
    layer = Words(4)
    layer.build()
    layer.learn(KNOWN)
    assert layer.known == ["a", "red"]
    assert layer.ids(["a circle"], 3).numpy().tolist() == [[2, UNKNOWN, END]]


def test_a_vocabulary_that_learned_nothing_says_so():
    layer = Words(4)
    layer.build()
    with pytest.raises(ValueError, match="words: got an empty vocabulary, expected"):
        layer.ids(["a"], 3)


def test_a_vocabulary_is_a_weight(words):
    other = Words(2 + len(KNOWN))
    other.build()
    assert other.known == []
    other.set_weights(words.get_weights())
    assert other.known == KNOWN and not other.trainable_variables


def test_words_are_learned_whole_or_refused():
    layer = Words(4)
    layer.build()
    layer.learn(["x" * LONGEST, "é" * (LONGEST // 2)])  # two bytes each
    assert layer.known == ["x" * LONGEST, "é" * (LONGEST // 2)]
    with pytest.raises(ValueError, match=r"words: got 'é+', expected at most 32 bytes"):
        layer.learn(["é" * (LONGEST // 2 + 1)])


def test_words_that_cannot_be_learned_are_unknown_everywhere():
    endless = "x" * (LONGEST + 1)
    captions = [f"a {endless} <unk> cat", "a cat"]
    known = vocabulary(captions)
    assert known == ["a", "cat"]
    layer = Words(9)
    layer.build()
    layer.learn(known)
    want = [[2, UNKNOWN, UNKNOWN, 3, END], [2, 3, END, END, END]]
    assert layer.ids(tf.constant(captions), 5).numpy().tolist() == encode(captions, known, 5).tolist() == want
    assert layer.unknown(tf.constant(captions)).numpy().tolist() == [f"{endless} <unk>".encode(), b""]


def test_the_mask_covers_words_and_the_first_end():
    ids = tf.constant([[5, 6, END, END], [END, 7, END, END], [5, 6, 7, 8]])
    assert mask(ids).numpy().tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]


# Characters


@pytest.fixture
def letters():
    layer = Words(9, units="characters")
    layer.build()
    layer.learn([" ", "a", "T", "é", "狗"])
    return layer


def test_characters_are_numbers_and_come_back_as_text(letters):
    ids = letters.ids(tf.constant(["Ta  é", "xa狗", ""]), 5)
    assert ids.numpy().tolist() == [[4, 3, 2, 5, END], [UNKNOWN, 3, 6, END, END], [END] * 5]
    assert [text.decode() for text in letters.texts(ids).numpy()] == ["Ta é", "<unk>a狗", ""]
    assert letters.count(["Ta  é", ""]).numpy().tolist() == [4, 0]
    assert letters.unknown(["axay"]).numpy().tolist() == [b"xy"] and letters.known == [" ", "a", "T", "é", "狗"]
    assert tf.function(letters.ids, autograph=False)(tf.constant(["T"]), 2).numpy().tolist() == [[4, END]]


# Classes


def test_names_of_classes_are_kept_in_their_order():
    layer, other = Names(3), Names(3)
    for each in (layer, other):
        each.build()
    assert layer.known == []
    layer.learn(("soc.religion", "é b"))
    other.set_weights(layer.get_weights())
    assert other.known == other.lines == ["soc.religion", "é b"] and not other.trainable_variables
    for call in (other.texts, tf.function(other.texts, autograph=False)):
        said = call(tf.constant([[1, 0], [0, 2]])).numpy()
        assert said.tolist() == [["é b".encode(), b"soc.religion"], [b"soc.religion", b""]]


def test_names_that_find_no_room_are_refused():
    layer = Names(2)
    layer.build()
    with pytest.raises(ValueError, match="classes: got 3, the model tells 2 apart; make it for as many"):
        layer.learn(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"got 'x+', expected at most 32 bytes"):
        layer.learn(["x" * 33])


# Attention


def test_attention_against_numpy():
    rng = np.random.default_rng(0)
    keys, query, v = (rng.normal(size=shape) for shape in ((2, 5, 3), (2, 3), (3,)))
    scores = np.tanh(keys + query[:, None]) @ v
    want = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    alpha = attention.align(*(x.astype("f4") for x in (keys, query, v)))
    np.testing.assert_allclose(alpha, want, rtol=1e-5)
    values = rng.normal(size=(2, 5, 4)).astype("f4")
    np.testing.assert_allclose(attention.blend(alpha, values), np.einsum("bl,bld->bd", want, values), rtol=1e-4)


def test_masked_places_get_no_weight_and_change_nothing():
    rng = np.random.default_rng(0)
    keys, query, v = (rng.normal(size=shape).astype("f4") for shape in ((2, 5, 3), (2, 3), (3,)))
    longer = np.concatenate([keys, rng.normal(size=(2, 2, 3)).astype("f4")], 1)
    kept = np.float32([[1] * 5 + [0] * 2] * 2)
    alpha = attention.align(longer, query, v, kept).numpy()
    assert (alpha[:, 5:] == 0).all()
    np.testing.assert_allclose(alpha[:, :5], attention.align(keys, query, v), rtol=1e-6)
