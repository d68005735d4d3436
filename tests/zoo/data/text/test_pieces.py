import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.text import pieces
from zoo.nn.words import END, UNKNOWN, Words

TEXTS = [
    "Ein Hund läuft im Schnee.",
    "Two men, one sits.",
    "A dog runs over  the snow \u2014 fast!",
    "Zwei Hunde, ein Mann",
]
PIECES = pieces.learned(TEXTS, 70)


@pytest.fixture(scope="module")
def words():
    words = Words(len(PIECES) + 2, "pieces")
    words.build()
    words.learn(PIECES)
    return words


def test_pieces_are_those_of_byte_pair_encoding_and_all_characters():
    """ "ab" is joined first, four times there, then the blank before it, three times."""
    found = pieces.learned(["ab ab ab", "cab"], 6)
    assert found[:2] == ("ab", "\u2581ab") and {*found[2:]} == {"\u2581", "a", "b", "c"}
    assert {*"".join(TEXTS).replace(" ", "\u2581")} <= set(PIECES)


@given(st.text(st.sampled_from([*"EinHudläftmScT wov.,\t", "\u2603", "\u2581", "\xa0", "\U0001f600"]), max_size=24))
@settings(max_examples=150, deadline=None)
def test_a_graph_splits_as_the_library_does(words, text):
    (found,) = words.tokens(tf.constant([text])).to_list()
    assert [piece.decode() for piece in found] == pieces.splitter(PIECES)(text)


def test_the_librarys_own_model_splits_alike(tmp_path):
    """The model that sentencepiece itself keeps, not the one made of the list of pieces."""
    (tmp_path / "texts").write_text("\n".join(TEXTS), encoding="utf-8")
    options = "--model_type=bpe --vocab_size=71 --character_coverage=1 --normalization_rule_name=identity --unk_id=0"
    options += " --bos_id=-1 --eos_id=-1 --minloglevel=2 --hard_vocab_limit=false --max_sentencepiece_length=10"
    sentencepiece.SentencePieceTrainer.train(
        f"--input={tmp_path / 'texts'} --model_prefix={tmp_path / 'bpe'} {options}"
    )
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "bpe.model"))
    ours = pieces.splitter(PIECES)
    for text in [*TEXTS, "Schnee one Mann", "wo er the Tee"]:
        assert theirs.encode(text, out_type=str) == ours(text)


def test_several_texts_at_once_and_back(words):
    texts = ["Ein Hund  sits.", "", "one \u2603"]
    ids = words.ids(tf.constant(texts), 20).numpy()
    assert [row.decode() for row in words.texts(ids).numpy()] == ["Ein Hund sits.", "", "one <unk>"]
    assert (ids[1] == END).all() and (ids[2] == UNKNOWN).sum() == 1
    assert words.unknown(tf.constant(texts)).numpy().tolist() == [b"", b"", "\u2603".encode()]
    compiled = tf.function(lambda texts: words.ids(texts, 20), input_signature=[tf.TensorSpec([None], tf.string)])
    assert (compiled(tf.constant(texts)).numpy() == ids).all()


def test_too_few_pieces_are_refused():
    with pytest.raises(ValueError, match=r"got room for 5 pieces, the texts have \d+ characters"):
        pieces.learned(TEXTS, 5)
