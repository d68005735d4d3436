import gzip
import inspect
import io
import tarfile

import numpy as np
import pytest

from zoo import data
from zoo.configs.kinds import Pairs
from zoo.data.parallel import generated, named
from zoo.data.parallel.generated import Pair
from zoo.data.split import fingerprint
from zoo.declare import Field
from zoo.nn.words import END, UNKNOWN

GERMAN = ["Ein Hund läuft.", "Zwei Männer, einer sitzt.", "", "Ein Mann läuft.", "Ein Hund sitzt.", "Eine Frau."]
ENGLISH = ["A dog runs.", "Two men, one sits.", "Nothing.", "A man runs.", "A dog sits.", "A woman."]


def fields(length=9, classes=50, units="cased"):
    return {side: Field((length,), "int32", classes=classes, ragged=True, units=units) for side in ("source", "target")}


def write(path, lines, pack=None):
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(pack(text) if pack else text)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(generated, "COUNTS", {"train": 60, "validation": 7, "test": 9})


@pytest.fixture
def corpus(tmp_path):
    for split in ("train", "validation", "test"):
        write(tmp_path / f"{split}.de", GERMAN)
        write(tmp_path / f"{split}.en.gz", ENGLISH, gzip.compress)
    return tmp_path


def load(path, source="de", target="en", **more):
    return data.load(str(path), fields=fields(**more), source=source, target=target)


def test_what_pairs_are_told_is_what_their_data_take():
    taken = list(inspect.signature(named.load).parameters.values())[1:]
    assert Pairs(None).data_options == {each.name: each.default for each in taken}


def test_line_k_of_one_file_is_the_translation_of_line_k_of_the_other(corpus):
    sets = load(corpus)
    assert sets.train.source.pairs == tuple(Pair(*pair) for pair in zip(GERMAN, ENGLISH, strict=True) if all(pair))
    words = ["<end>", "<unk>", *sets.vocabularies["source"]]
    rows = [[words[i] for i in row if i] for row in sets.test.arrays["source"]]
    assert rows[1] == ["Zwei", "Männer", ",", "einer", "sitzt", "."] and rows[0][:2] == ["Ein", "Hund"]
    assert sets.vocabularies["target"][:2] == (".", "A")
    turned = load(corpus, "en", "de")
    np.testing.assert_array_equal(turned.test.arrays["source"], sets.test.arrays["target"])
    assert turned.told("target").endswith("(cased, en-de)") and fingerprint(turned.test) != fingerprint(sets.test)


def test_two_files_alone_are_split_by_the_hash_of_the_source(tmp_path):
    for language in ("de", "en"):
        write(tmp_path / f"mine.{language}", [f"{language} {k}" for k in range(200)])
    sets = load(tmp_path / "mine", classes=500)
    found = [pair for split in sets.splits.values() for pair in split.source.pairs]
    assert sorted(found) == sorted(Pair(f"de {k}", f"en {k}") for k in range(200))
    assert sets.train.size > 130 and min(sets.validation.size, sets.test.size) > 8
    assert "validation and test, by hash" in sets.origin
    assert all(pair.source[2:] == pair.target[2:] for pair in found)


def test_pairs_of_which_a_text_is_empty_are_left_out_and_counted(tmp_path):
    for language, gap in (("de", 3), ("en", 5)):
        write(tmp_path / f"mine.{language}", ["" if k % 10 == gap else f"{language} {k}" for k in range(200)])
    sets = load(tmp_path / "mine", classes=500)
    assert sum(split.size for split in sets.splits.values()) == 160
    assert sets.origin.endswith("by hash; 40 left out, of which one text is empty (licence: yours to state)")


def test_long_pairs_are_left_out_of_training_and_cut_elsewhere(corpus):
    sets = load(corpus, length=6)  # five words and the end
    assert sets.train.size == 4 and sets.test.size == 5
    assert sets.coverage["train"].dropped == 1 and sets.coverage["test"].dropped == 0
    assert sets.coverage["test"].source.cut_share == sets.coverage["test"].target.cut_share == 0.2
    assert "20.0% of the texts are cut" in sets.coverage["test"].warning
    assert "1 pairs dropped" in str(sets.coverage["train"]) and (sets.test.arrays["source"][1] != END).all()


def test_words_without_room_are_unknown_and_known_words_are_taken(corpus):
    sets = load(corpus, classes=5)
    assert len(sets.vocabularies["source"]) == 3 and (sets.train.arrays["source"] < 5).all()
    assert sets.coverage["train"].target.unknown_share > 0.4
    known = {"source": ("Hund",), "target": ("dog", "runs")}
    sets = data.load(str(corpus), fields=fields(), source="de", target="en", known=known)
    assert sets.vocabularies == known
    assert sets.test.arrays["target"][0].tolist() == [UNKNOWN, 2, 3, UNKNOWN, 0, 0, 0, 0, 0]


def test_pieces_are_learned_of_training_and_known_ones_are_taken(corpus):
    sets = load(corpus, length=40, classes=40, units="pieces")
    for side in ("source", "target"):
        pieces = ["", "<unk>", *sets.vocabularies[side]]
        assert len(pieces) <= 40 and (sets.test.arrays[side] != UNKNOWN).all()
        texts = ["".join(pieces[i] for i in row).replace("\u2581", " ").strip() for row in sets.test.arrays[side]]
        assert texts == [getattr(pair, side) for pair in sets.test.source.pairs]
    assert sets.told("source").endswith("(pieces, de-en)")
    again = data.load(
        str(corpus), fields=fields(40, 40, "pieces"), source="de", target="en", known=dict(sets.vocabularies)
    )
    np.testing.assert_array_equal(again.test.arrays["target"], sets.test.arrays["target"])


def test_a_batch_holds_pairs(corpus):
    sets = load(corpus)
    for _, batch in data.batches(sets.train, 2, 0).take(4):
        for source, target in zip(batch["source"].numpy(), batch["target"].numpy(), strict=True):
            k = np.flatnonzero((sets.train.arrays["source"][:, : len(source)] == source).all(1))
            assert (sets.train.arrays["target"][k[0], : len(target)] == target).all()


def test_multi30k_is_read_from_its_archive_in_any_direction(tmp_path):
    with tarfile.open(tmp_path / "multi30k_task1_en_de_fr.tar.xz", "w:xz") as archive:
        for part in ("train", "val", "test_2016_flickr"):
            for language in ("en", "de", "fr"):
                text = f"{part} {language}.\nzwei\n".encode()
                info = tarfile.TarInfo(f"{part}.{language}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
    for source, target in (("en", "de"), ("fr", "en"), ("de", "fr")):
        sets = data.load("multi30k", fields=fields(), data_dir=tmp_path, source=source, target=target)
        assert sets.validation.source.pairs[0] == Pair(f"val {source}.", f"val {target}.")
        assert sets.test.source.pairs[0].source == f"test_2016_flickr {source}."
    with pytest.raises(ValueError, match="source, target: got 'en' and 'it', expected two of de, en, fr"):
        data.load("multi30k", fields=fields(), data_dir=tmp_path, source="en", target="it")


@pytest.mark.parametrize(
    ("name", "units"), [("grammar-pairs", "words"), ("number-pairs", "words"), ("date-pairs", "characters")]
)
def test_links_of_generated_pairs_number_the_words_of_the_arrays(name, units):
    sets = data.load(name, fields=fields(40, 100, units))
    split_up = list if units == "characters" else str.split
    for split in sets.splits.values():
        for k, pair in enumerate(split.source.pairs):
            lengths = [(split.arrays[side][k] != END).sum() for side in ("target", "source")]
            assert pair.links and (np.max(pair.links, 0) < lengths).all()
            assert lengths == [len(split_up(pair.target)), len(split_up(pair.source))]
    other = data.load(name, fields=fields(40, 100, "words" if units == "characters" else "characters"))
    assert not any(pair.links for pair in other.test.source.pairs)


def test_what_is_no_pair_of_files_is_refused(tmp_path, corpus):
    write(corpus / "test.de", GERMAN[:-1])
    with pytest.raises(ValueError, match=r"test\.de has 5 lines and .*test\.en\.gz 6, expected as many"):
        load(corpus)
    (corpus / "test.de").unlink()
    with pytest.raises(FileNotFoundError, match="has test in one of de, en only; give both or none"):
        load(corpus)
    with pytest.raises(FileNotFoundError, match=r"found no .*train\.it with a .*train\.en beside it"):
        load(corpus, "it")
    with pytest.raises(ValueError, match=r"train\.de is nothing that it .* two aligned texts without .LANGUAGE"):
        load(corpus / "train.de")
    with pytest.raises(ValueError, match="got '' and 'en', expected two languages, as names of files end in them"):
        load(corpus, "")
    with pytest.raises(ValueError, match="got 'de' and ''; grammar-pairs has one direction only"):
        data.load("grammar-pairs", fields=fields(), source="de")
    with pytest.raises(ValueError, match="data: grammar-pairs holds pairs of texts, the model takes text"):
        data.load("grammar-pairs", fields={"text": fields()["source"]})
    for name in ("empty.de", "empty.en"):
        write(tmp_path / name, ["", ""])
    with pytest.raises(ValueError, match="hold no pair of texts, expected one a line"):
        load(tmp_path / "empty")
    (tmp_path / "bad.de").write_bytes(b"\xff\xfe\n")
    write(tmp_path / "bad.en", ["a"])
    with pytest.raises(ValueError, match=r"bad\.de is no text in UTF-8"):
        load(tmp_path / "bad")


def test_tfds_has_english_on_one_side(monkeypatch, tmp_path):
    asked = []

    class Builder:
        def as_dataset(self, split):
            rows = [{"de": f"{split} de".encode(), "en": f"{split} en".encode()}] * 2
            return type("Rows", (), {"as_numpy_iterator": lambda self: iter(rows)})()

    monkeypatch.setattr("zoo.data.parallel.sources.prepared", lambda name, *rest: asked.append(name) or Builder())
    sets = data.load("wmt16", fields=fields(), data_dir=tmp_path, source="en", target="de")
    assert asked == ["wmt16_translate/de-en"] and sets.test.source.pairs[0] == Pair("test en", "test de")
    with pytest.raises(ValueError, match="source, target: got de and fr, expected en to be one of them"):
        data.load("ted", fields=fields(), data_dir=tmp_path, source="de", target="fr")
