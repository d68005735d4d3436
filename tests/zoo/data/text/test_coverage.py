import dataclasses

import pytest

from zoo.data import load
from zoo.data.captioned import captions
from zoo.data.text.coverage import MANY, Coverage, CoverageOfKept, counts, coverage, coverage_of_words, fits
from zoo.data.text.encoding import encode, vocabulary
from zoo.declare import Field
from zoo.nn.words import END, UNKNOWN

TEXTS = ["A red dot.", "a dog", "", "The cat\u2019s asleep, a cat's asleep"]


def test_shares_against_a_count_by_hand():
    # a red dot . | a dog | | the cat's asleep , a cat's asleep
    found = coverage(TEXTS, ["a", "cat's", "."], 5)
    assert found == Coverage(tokens=13, unknown_share=7 / 13, cut_share=1 / 4)
    assert dataclasses.asdict(found) == {"tokens": 13, "unknown_share": 7 / 13, "cut_share": 0.25}
    assert str(found) == "13 words, 53.8% unknown; 25.0% of the texts cut"


def test_shares_are_those_of_the_encoded_texts():
    for known in ([], ["a"], ["a", "cat's"], vocabulary(TEXTS)):
        for length in (1, 3, 4, 5, 7, 8, 20):
            ids, whole = encode(TEXTS, known, length), encode(TEXTS, known, 20)
            want = (whole == UNKNOWN).sum() / (whole != END).sum(), (ids != END).all(1).mean()
            found = coverage(TEXTS, known, length)
            assert (found.unknown_share, found.cut_share) == want


def test_no_text_loses_nothing():
    assert coverage([], ["a"], 3) == coverage([""], ["a"], 3) == Coverage(0, 0.0, 0.0)


def test_a_warning_above_a_share_names_the_loss_and_what_to_do():
    assert Coverage(100, MANY, MANY).warning == ""
    unknown, cut = Coverage(100, 0.63, 0).warning, Coverage(100, 0, 0.5).warning
    assert "63.0% of the words are <unk>" in unknown and "model.vocabulary" in unknown and "cut" not in unknown
    assert "50.0% of the texts are cut" in cut and "longer" in cut and "<unk>" not in cut
    assert " and " in Coverage(100, 0.63, 0.5).warning


def test_data_tell_how_much_of_each_split_a_model_reads(monkeypatch):
    monkeypatch.setattr(captions, "SCENES", {"train": 40, "validation": 5, "test": 5, "held_out": 5})
    fields = {"image": Field((24, 24, 3)), "caption": Field((6,), "int32", classes=7, ragged=True)}
    found = load("scenes", fields=fields)
    texts = [text for several in found.train.source.captions for text in several]
    assert found.coverage.keys() == {"train", "validation", "test", "held_out"}
    assert found.coverage["train"] == coverage(texts, found.vocabularies["caption"][:5], 6)
    ids = found.train.arrays["caption"]
    assert found.coverage["train"].cut_share == pytest.approx((ids[:, -1] != END).mean())


def test_words_are_counted_the_most_frequent_first():
    found = counts([*TEXTS, "<unk> dog"])
    assert list(found.items())[:4] == [("a", 3), ("asleep", 2), ("cat's", 2), ("dog", 2)]
    assert list(found) == vocabulary([*TEXTS, "<unk> dog"]) and "<unk>" not in found and sum(found.values()) == 14


@pytest.mark.parametrize("texts", [["一只棕色的狗在绿色的草地上奔跑"] * 3, ["", " "], ["<unk>"]])
def test_captions_without_a_word_are_refused(texts):
    with pytest.raises(ValueError, match=r"captions: got .* words .* none of at most 32 bytes, .* put blanks into"):
        vocabulary(texts)


def test_documents_have_room_or_not():
    document = [["a", "b"], ["c"]]
    assert fits(document, (2, 3)) and not fits(document, (2, 2)) and not fits(document, (1, 3)) and fits([], (1, 1))
    found = coverage_of_words([document, [["a"]], [["a", "a", "z"]]], ["a"], (2, 3))
    assert found == Coverage(tokens=7, unknown_share=3 / 7, cut_share=1 / 3)


def test_what_is_dropped_is_told_with_what_is_kept():
    found = CoverageOfKept(1000, 0.01, 0.0, 20)
    assert str(found) == "1,000 words, 1.0% unknown; 0.0% of the texts cut; 20 texts dropped, which do not fit"
    assert dataclasses.asdict(found)["dropped"] == 20 and found.warning == ""


def test_a_room_in_one_row_is_that_of_words_and_ends():
    document = [["a", "b"], ["c"]]
    assert fits(document, (5,)) and not fits(document, (4,))
    assert coverage_of_words([document, [["a"]]], ["a"], (4,)) == Coverage(4, 2 / 4, 1 / 2)
