import collections
import json
import math
import pathlib
import subprocess
import sys
import warnings

import nltk
import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate import meteor_score

from zoo.metrics import text, wordnet

HYPOTHESES = ["the cat sat on the mat today", "a dog runs in the park", "two men play chess"]
REFERENCES = [
    ["the cat is on the mat", "there is a cat on the mat today"],
    ["a dog is running in the park", "the dog runs through a park"],
    ["two men are playing chess", "a pair of men play a game of chess"],
]


def split(texts):
    return [line.split() for line in texts]


GOLDEN = split(HYPOTHESES), [split(several) for several in REFERENCES]
WORDS = st.sampled_from(["a", "b", "c"])


def corpora(most_references=3, words=WORDS):
    """Few words and short texts: many n-grams match, many texts are too short for some, some are empty."""
    several = st.lists(st.lists(words, min_size=1, max_size=7), min_size=1, max_size=most_references)
    pairs = st.lists(st.tuples(st.lists(words, max_size=7), several), min_size=1, max_size=4)
    return pairs.map(lambda found: tuple(map(list, zip(*found, strict=True))))


tried = settings(derandomize=True, deadline=None, max_examples=200)


def slow_bleu(hypotheses, references, most, penalty):
    """Papineni et al. 2002, n-gram by n-gram."""
    logs, ours, theirs = [], 0, 0
    for hypothesis, several in zip(hypotheses, references, strict=True):
        ours += len(hypothesis)
        theirs += sorted((abs(len(r) - len(hypothesis)), len(r)) for r in several)[0][1]
    for n in range(1, most + 1):
        matches = total = 0
        for hypothesis, several in zip(hypotheses, references, strict=True):
            grams = [tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)]
            total += len(grams)
            for gram, count in collections.Counter(grams).items():
                in_each = [sum(tuple(r[i : i + n]) == gram for i in range(len(r) - n + 1)) for r in several]
                matches += min(count, max(in_each))
        if matches == 0:
            return 0.0
        logs.append(math.log(matches / total))
    shorter = min(0.0, 1 - theirs / ours) if penalty else 0.0
    return math.exp(sum(logs) / most + shorter)


def test_bleu_of_the_golden_corpus():
    found = text.bleu(*GOLDEN)
    assert [found[f"bleu{n}"] for n in text.ORDERS] == pytest.approx([0.941176, 0.819920, 0.568099, 0.389086], abs=1e-6)
    assert found["length_ratio"] == 1 and found["bleu4_no_penalty"] == found["bleu4"]


@tried
@given(corpora())
def test_bleu_is_the_papers_count_of_ngrams(corpus):
    found = text.bleu(*corpus)
    for n in text.ORDERS:
        assert found[f"bleu{n}"] == pytest.approx(slow_bleu(*corpus, n, penalty=True), abs=1e-12)
        assert found[f"bleu{n}_no_penalty"] == pytest.approx(slow_bleu(*corpus, n, penalty=False), abs=1e-12)


@tried
@given(corpora(most_references=1))
def test_bleu_is_sacrebleus(corpus):
    hypotheses, references = corpus
    lines, stream = [" ".join(h) for h in hypotheses], [" ".join(several[0]) for several in references]
    found = text.bleu(*corpus)
    for n in text.ORDERS:
        theirs = sacrebleu.BLEU(tokenize="none", force=True, smooth_method="none", max_ngram_order=n)
        assert found[f"bleu{n}"] == pytest.approx(theirs.corpus_score(lines, [stream]).score / 100, abs=1e-9)


def test_bleu_with_several_references_is_sacrebleus():
    theirs = sacrebleu.corpus_bleu(
        HYPOTHESES, list(zip(*REFERENCES, strict=True)), tokenize="none", force=True, smooth_method="none"
    )
    assert text.bleu(*GOLDEN)["bleu4"] == pytest.approx(theirs.score / 100, abs=1e-9)


def test_bleu_is_nltks_where_no_hypothesis_is_short():
    assert text.bleu(*GOLDEN)["bleu4"] == pytest.approx(nltk.translate.bleu_score.corpus_bleu(*GOLDEN[::-1]))


def test_a_short_hypothesis_adds_no_ngram():
    """1 bigram matches of 1: NLTK's corpus_bleu counts another in the hypothesis of one word, and gives sqrt(1/2)."""
    corpus = [["a", "b"], ["c"]], [[["a", "b"]], [["c"]]]
    assert text.bleu(*corpus)["bleu2"] == 1
    assert nltk.translate.bleu_score.corpus_bleu(*corpus[::-1], (0.5, 0.5)) == pytest.approx(math.sqrt(1 / 2))


def test_bleu_counts_no_word_more_often_than_a_reference_does():
    found = text.bleu([["the"] * 7], [[["the", "cat", "is", "on", "the", "mat"]]])
    assert found["bleu1"] == pytest.approx(2 / 7) and found["length_ratio"] == pytest.approx(7 / 6)


def test_the_penalty_is_for_corpora_that_are_short():
    found = text.bleu([["a", "b", "c"]], [[["a", "b", "c", "d"]]])
    assert found["bleu1"] == pytest.approx(math.exp(1 - 4 / 3)) and found["bleu1_no_penalty"] == 1


@pytest.mark.parametrize("hypothesis", ["", "x", "a", "a x b x c x d"])
def test_no_match_is_exactly_zero_and_warns_of_nothing(hypothesis, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = text.bleu([hypothesis.split()], [[["a", "b", "c", "d"]]])
    assert found["bleu4"] == 0.0 and found["bleu4_no_penalty"] == 0.0
    assert capsys.readouterr() == ("", "")


class NoSynonyms:
    """A dictionary without words."""

    def synsets(self, word):
        return []


def test_meteor_of_the_golden_pair():
    hypothesis = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"
    assert text.meteor([hypothesis.split()], [[reference.split()]], NoSynonyms()) == pytest.approx(0.694444, abs=1e-6)


def test_meteor_of_a_copy_lacks_its_one_chunk():
    words = HYPOTHESES[1].split()
    assert text.meteor([words], [[words]], NoSynonyms()) == pytest.approx(1 - 0.5 / 6**3)


def test_meteor_of_nothing_is_zero():
    assert text.meteor([[], ["x"]], [[["a"]], [["a"]]], NoSynonyms()) == 0


INFLECTED = st.sampled_from(["run", "running", "Runs", "cat", "cats", "the", "happily", "happy"])


@tried
@given(corpora(words=INFLECTED))
def test_meteor_without_synonyms_is_nltks_mean(corpus):
    pairs = zip(*corpus, strict=True)
    theirs = [meteor_score.meteor_score(several, h, wordnet=NoSynonyms()) if h else 0.0 for h, several in pairs]
    assert text.meteor(*corpus, NoSynonyms()) == pytest.approx(np.mean(theirs), abs=1e-12)


@pytest.mark.parametrize("word", ["car", "cars", "Cars"])
def test_meteor_finds_the_synonym_of_a_word_where_nltk_looks_up_its_stem(word, dictionary):
    assert text.meteor([[word]], [[["automobile"]]], dictionary) == 0.5
    assert meteor_score.meteor_score([["automobile"]], [word], wordnet=dictionary) == 0


@pytest.mark.parametrize("word", ["dog", "dogs", "Dogs"])
@pytest.mark.parametrize("synonym", ["hound", "hounds"])
def test_meteor_finds_the_synonym_in_another_form(word, synonym, dictionary):
    assert text.meteor([[word]], [[[synonym]]], dictionary) == 0.5
    assert meteor_score.meteor_score([["hounds"]], ["dogs"], wordnet=dictionary) == 0.5  # by the stem, a word here


def test_meteor_matches_each_word_once(dictionary):
    """Of car and cars, which both fit automobile, the last is taken: two chunks."""
    hypothesis, reference = ["the", "dogs", "cars", "car"], ["the", "dog", "automobile"]
    recall, precision = 1, 3 / 4
    f = precision * recall / (0.9 * precision + 0.1 * recall)
    want = (1 - 0.5 * (2 / 3) ** 3) * f
    assert text.meteor([hypothesis], [[reference]], dictionary) == pytest.approx(want)
    best = text.meteor([hypothesis], [[["nothing"], reference, ["the"]]], dictionary)
    assert best == pytest.approx(want)


def test_meteor_takes_a_stem_before_a_synonym(dictionary):
    """One chunk, "a cars"; with synonyms first, automobile would have taken the car."""
    f = (2 / 3) / (0.9 * 2 / 3 + 0.1)
    found = text.meteor([["a", "cars", "automobile"]], [[["a", "car"]]], dictionary)
    assert found == pytest.approx((1 - 0.5 / 2**3) * f)


def test_meteor_with_the_real_wordnet(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(nltk.data, "path", nltk.data.path[:])
    monkeypatch.setattr(wordnet, "_download", lambda: None)
    found = wordnet.find.__wrapped__()
    if not found:
        pytest.skip("no WordNet on this machine")
    for word, synonym in [("cars", "automobile"), ("studies", "survey"), ("quickly", "rapidly"), ("bikes", "wheels")]:
        assert text.meteor([[word]], [[[synonym]]], found) == 0.5
    assert text.meteor([["car"]], [[["banana"]]], found) == 0


def slow_cider_d(hypotheses, references):
    """The formula on vectors over all n-grams there are; several hypotheses with the same references count apart."""

    def counts(tokens, grams):
        n = len(grams[0])
        return np.array([sum(tuple(tokens[i : i + n]) == g for i in range(len(tokens))) for g in grams], float)

    means, many = [], len(hypotheses)
    for n in range(1, 5):
        everything = [*hypotheses, *(r for rs in references for r in rs)]
        grams = sorted({tuple(t[i : i + n]) for t in everything for i in range(len(t) - n + 1)})
        if not grams:
            means.append(0)
            continue
        df = sum(np.minimum(1, sum(counts(r, grams) for r in rs)) for rs in references)
        idf = np.log(many / np.maximum(1, df))
        scores = []
        for h, rs in zip(hypotheses, references, strict=True):
            for r in rs:
                g, s = counts(h, grams) * idf, counts(r, grams) * idf
                norm = np.linalg.norm(g) * np.linalg.norm(s)
                gauss = math.exp(-((len(h) - len(r)) ** 2) / 72)
                scores.append(gauss * np.minimum(g, s) @ s / (norm or 1) / len(rs))
        means.append(sum(scores) / many)
    return 10 * np.mean(means)


@tried
@given(corpora())
def test_cider_d_is_the_formulas(corpus):
    assert text.cider_d(*corpus) == pytest.approx(slow_cider_d(*corpus), abs=1e-9)


def test_cider_d_is_that_of_the_captioning_tables():
    """What the COCO caption code (pycocoevalcap 1.2) gives."""
    assert text.cider_d(*GOLDEN) == pytest.approx(3.0102519214442274, abs=1e-9)
    twice = [h + h[-2:] for h in GOLDEN[0]]
    assert text.cider_d(twice, GOLDEN[1]) == pytest.approx(2.159687350367493, abs=1e-9)


def test_cider_d_of_copies_is_ten_and_of_a_single_picture_zero():
    references = [[["a", "b", "c", "d"]], [["e", "f", "g", "h"]]]
    assert text.cider_d([several[0] for several in references], references) == pytest.approx(10)
    assert text.cider_d([["a", "b", "c", "d"]], references[:1]) == 0


ROUGE = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "rouge.json").read_text())


def test_rouge_of_the_golden_sentences():
    expected, hypothesis = ROUGE["expected"], ROUGE["inputs"]["hypothesis"].split()
    references = [reference.split() for reference in ROUGE["inputs"]["references"]]
    for k, reference in enumerate(references):
        found = text.rouge([hypothesis], [[reference]])
        for name in ("precision", "recall"):
            assert found[f"rouge_l_{name}"] == pytest.approx(expected[name][k])
        assert found["rouge_l"] == pytest.approx(expected["f1"][k])
        longest = found["rouge_l_recall"] * len(reference)
        assert longest == pytest.approx(expected["lcs"][k])
        for n in (1, 2):
            pair = found[f"rouge_{n}_precision"], found[f"rouge_{n}_recall"]
            assert pair == pytest.approx(expected[f"rouge_{n}"][k])
            assert found[f"rouge_{n}"] == pytest.approx(2 * pair[0] * pair[1] / sum(pair))
    best = text.rouge([hypothesis], [references])
    assert best["rouge_l"] == pytest.approx(expected["best_f1"]) and list(best) == list(text.ROUGE_DEFINITIONS)
    assert ROUGE["traps"]["substring"]["value"] != expected["lcs"]


def test_rouge_counts_every_gram_once():
    """Of "a a a b" the reference has one "a" and one "b"."""
    found = text.rouge([list("aaab")], [[list("ba")]])
    assert (found["rouge_1_precision"], found["rouge_1_recall"]) == (0.5, 1.0)
    assert found["rouge_2"] == found["rouge_2_recall"] == 0


def test_rouge_is_a_mean_over_hypotheses():
    found = text.rouge([["a"], ["b"]], [[["a"]], [["c"]]])
    assert found["rouge_1"] == found["rouge_l_recall"] == 0.5 and found["rouge_2"] == 0


@pytest.mark.parametrize(("places", "lost"), [([0, 2, 1, 3], 1.0), ([3, 2, 1, 0], 10 / 3), ([0, 1, 2], 0), ([0], 0)])
def test_how_much_order_is_lost(places, lost):
    assert text.order_lost(places) == pytest.approx(lost)


def test_coherence_aligns_with_the_most_similar_sentence():
    source = split(["the cat sat", "a dog ran home", "it rains", "the sun shines"])
    changed = split(["a cat sat", "it rains now", "a dog ran", "the sun shines"])
    documents = [source, changed, source[:1], split(["the sun", "it rains", "a dog", "the cat"])]
    found = text.coherence(documents, [source] * 4)
    assert found == pytest.approx([0, text.order_lost([0, 2, 1, 3]), 0, text.order_lost([3, 2, 1, 0])])


def test_equal_sentences_lose_no_order():
    assert text.coherence([split(["a b", "a b", "c"])], [split(["a b", "a b", "c"])]) == [0]


def test_rouge_l_of_the_golden_pair():
    assert text.rouge_l(GOLDEN[0][:1], [GOLDEN[1][0][:1]]) == pytest.approx(10 / 13)


@tried
@given(corpora())
def test_rouge_l_is_the_mean_of_the_best_common_subsequence(corpus):
    def longest(a, b):
        if not a or not b:
            return 0
        if a[0] == b[0]:
            return 1 + longest(a[1:], b[1:])
        return max(longest(a[1:], b), longest(a, b[1:]))

    best = [
        max(2 * longest(h, r) / (len(h) + len(r)) for r in several)  # F1 = 2PR / (P + R), P = L/|h|, R = L/|r|
        for h, several in zip(*corpus, strict=True)
    ]
    assert text.rouge_l(*corpus) == pytest.approx(np.mean(best), abs=1e-12)


def test_scores_has_every_score_in_order(dictionary):
    found = text.scores(*GOLDEN)
    assert list(found) == list(text.DEFINITIONS)
    assert found["meteor"] == text.meteor(*GOLDEN, dictionary) and found["rouge_l"] == text.rouge_l(*GOLDEN)
    most = {"cider_d": 10}
    assert all(type(value) is float and 0 <= value <= most.get(name, 1) for name, value in found.items())


def test_scores_without_punctuation_are_those_of_the_words(dictionary):
    hypotheses, references = [["a", ".", "dog"], ["so", "!"]], [[["a", "dog", "."], ["3"]], [["so", "...", "what"]]]
    words = [["a", "dog"], ["so"]], [[["a", "dog"], ["3"]], [["so", "what"]]]
    assert text.scores(hypotheses, references, punctuation=False) == text.scores(*words)
    assert text.scores(hypotheses, references) != text.scores(*words)


def drawn_corpus(many):
    """Hypotheses that are right to unequal degrees."""
    rng, hypotheses, references = np.random.default_rng(0), [], []
    for _ in range(many):
        reference = [str(w) for w in rng.integers(0, 30, rng.integers(5, 12))]
        hypothesis = [w if rng.uniform() < rng.uniform(0.5, 1) else "x" for w in reference]
        hypotheses.append(hypothesis[: rng.integers(5, 12)])
        references.append([reference, reference[1:]])
    return hypotheses, references


def test_the_error_of_bleu_is_the_spread_over_corpora_drawn_anew():
    """Of 40 pairs, against the scores of whole corpora; within 4 standard errors of 300 resamples' spread."""
    hypotheses, references = drawn_corpus(40)
    errors, rng, tries = text.bleu_errors(hypotheses, references, 3000), np.random.default_rng(1), []
    for _ in range(300):
        rows = rng.integers(0, 40, 40)
        tries.append(text.bleu([hypotheses[i] for i in rows], [references[i] for i in rows]))
    assert list(errors) == list(tries[0])
    for name, error in errors.items():
        assert error == pytest.approx(np.std([found[name] for found in tries]), rel=4 / math.sqrt(2 * 300)), name


def test_the_error_of_bleu_is_the_seeds_and_falls_with_the_root_of_the_corpus():
    corpus = drawn_corpus(50)
    errors = text.bleu_errors(*corpus)
    assert errors == text.bleu_errors(*corpus) != text.bleu_errors(*corpus, seed=1)
    many = text.bleu_errors(*(4 * part for part in corpus))
    assert many["bleu4"] == pytest.approx(errors["bleu4"] / 2, rel=0.1)
    assert set(text.bleu_errors(*(part[:1] for part in corpus)).values()) == {None}


def test_scores_without_wordnet_leaves_meteor_out_and_says_so(machine, capsys):
    found = text.scores(*GOLDEN)
    assert list(found) == [name for name in text.DEFINITIONS if name != "meteor"]
    assert capsys.readouterr().err == f"warning: {wordnet.MISSING}\n"


def test_meteor_is_called_nltks():
    label, definition = text.DEFINITIONS["meteor"]
    assert label == "METEOR (NLTK)" and "METEOR 1.5 differs" in definition


A = [["a"]]


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "hypotheses: got none, expected at least 1"),
        (A, [A, A], "references: got 2 lists, expected one for each of 1"),
        (["a dog"], [A], r"hypotheses\[0\]: got 'a dog', expected a list of tokens"),
        ([A], [A], r"hypotheses\[0\]: got \[\['a'\]\], expected a list of tokens"),
        (A, [["a"]], r"references\[0\]\[0\]: got 'a', expected a list of tokens"),
        (A, ["a"], r"references\[0\]: got 'a', expected a list of one or more token lists"),
        ([["a"], ["b"]], [A, []], r"references\[1\]: got \[\], expected a list of one or more"),
        (A, [[["a"], []]], r"references\[0\]\[1\]: got no tokens, expected at least 1"),
    ],
)
def test_a_wrong_corpus_is_refused(hypotheses, references, message):
    others = text.bleu_errors, text.cider_d, text.without_punctuation
    for score in (text.scores, text.bleu, text.rouge_l, *others, lambda h, r: text.meteor(h, r, NoSynonyms())):
        with pytest.raises(ValueError, match=message):
            score(hypotheses, references)


def test_tokens_are_lower_case_words_and_marks():
    line = ' "A man\'s dog", he said: run! '
    assert text.tokens(line) == ['"', "a", "man's", "dog", '"', ",", "he", "said", ":", "run", "!"]


@pytest.fixture
def files(machine):
    """Writes lines to a file of a name, and returns its path as text."""

    def write(name, *lines):
        (machine / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(machine / name)

    return write


def test_files_of_references_and_one_file_with_tabs_are_the_same_corpus(files):
    hypotheses = files("hypotheses", *HYPOTHESES)
    first, second = (files(str(n), *(several[n] for several in REFERENCES)) for n in (0, 1))
    tabs = files("tabs", *("\t".join(several) for several in REFERENCES))
    assert text.read(pathlib.Path(hypotheses), [pathlib.Path(tabs)]) == GOLDEN
    assert text.read(pathlib.Path(hypotheses), list(map(pathlib.Path, (first, second)))) == GOLDEN


def test_an_empty_reference_is_one_reference_less(files):
    paths = [
        pathlib.Path(files(name, *lines)) for name, *lines in (("h", "a", "b"), ("r", "c\t", "d"), ("s", "e", " "))
    ]
    assert text.read(paths[0], paths[1:]) == ([["a"], ["b"]], [[["c"], ["e"]], [["d"]]])


def test_the_command_prints_a_line_a_score(files, dictionary, capsys):
    text.main([files("h", "The cat sat.", ""), files("r", "the cat sat .", "a\tA dog")])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "2 hypotheses, 3 references, lower-cased"
    assert len(lines) == len(text.DEFINITIONS)
    assert lines[0].startswith(f"BLEU-1        {math.exp(1 - 5 / 4):.4f}  ")
    assert any(line.startswith("METEOR (NLTK) 0.4961  ") and "METEOR 1.5 differs" in line for line in lines)


def test_the_command_without_wordnet_prints_the_other_scores(files, capsys):
    text.main([files("h", "a"), files("r", "a")])
    out, err = capsys.readouterr()
    assert "BLEU-4" in out and "ROUGE-L" in out and "METEOR" not in out
    assert err == f"warning: {wordnet.MISSING}\n"


def test_the_command_scores_without_punctuation(files, capsys):
    text.main([files("h", "A cat.", "so"), files("r", "a cat!", "so it is"), "--no-punctuation"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "2 hypotheses, 2 references, lower-cased, without punctuation"
    assert any(line.startswith("BLEU-1, no BP 1.0000  +- 0.0000  corpus") for line in lines)
    assert any(line.startswith("CIDEr-D ") for line in lines)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["absent", "two"], "absent: No such file or directory"),
        (["two", "."], "Is a directory"),
        (["two", "three"], "three: got 3 lines, expected 2 as in "),
        (["two", "two", "three"], "three: got 3 lines, expected 2 as in "),
        (["empty", "empty"], "empty: found no text"),
        (["two", "bytes"], "bytes: found bytes that are no UTF-8"),
        (["two"], "references: got no file"),
        (["two", "gap"], "references: got none in line 2 of any file, expected at least 1"),
    ],
)
def test_a_wrong_file_is_one_line(names, message, files, machine, capsys):
    files("two", "a", "b"), files("three", "a", "b", "c"), files("empty"), files("gap", "a", "")
    (machine / "bytes").write_bytes(b"\xff\n\xff\n")
    with pytest.raises(SystemExit) as stopped:
        text.main([str(machine / name) for name in names])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_help_answers_before_nltk_is_there():
    code = "import sys; from zoo.metrics import text\n"
    code += "try: text.main(['--help'])\nfinally: assert not {'nltk', 'rouge_score', 'numpy'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "lower-cased" in done.stdout and "METEOR (NLTK)" in done.stdout
