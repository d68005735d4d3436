import numpy as np

from zoo.data.text.encoding import encode, encode_together, encode_words
from zoo.nn.spelling import tokens

TEXTS = ["One two.", "", "two two two two two", "a three"]
WORDS = ["two", "one", "three"]


def test_documents_are_numbers_by_a_loop():
    documents = [[tokens(text) for text in TEXTS[i : i + 3]] for i in range(4)]
    want = np.zeros([4, 2, 3], np.int32)
    for n, document in enumerate(documents):
        for s, sentence in enumerate(document[:2]):
            for t, word in enumerate(sentence[:3]):
                want[n, s, t] = WORDS.index(word) + 2 if word in WORDS else 1
    found = encode_words(documents, WORDS, (2, 3))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, want)


def test_a_text_is_a_document_of_one_sentence():
    np.testing.assert_array_equal(encode(TEXTS, WORDS, 4), [[3, 2, 1, 0], [0, 0, 0, 0], [2, 2, 2, 2], [1, 4, 0, 0]])


def test_sentences_in_a_row_each_have_their_end_and_nothing_fills_up():
    documents = [[["two", "one"], ["four"]], [["three"]], [["two"] * 4, ["one"]]]
    found = encode_together(documents, WORDS, 5)
    np.testing.assert_array_equal(found, [[2, 3, 0, 1, 0], [4, 0, -1, -1, -1], [2, 2, 2, 2, 0]])
    assert found.dtype == np.int32
