"""Scores of generated text against references: python -m zoo.metrics.text HYPOTHESES REFERENCES.

BLEU (Papineni et al. 2002), METEOR in NLTK's form (Lavie and Agarwal 2007), ROUGE-L (Lin 2004) and CIDEr-D (Vedantam
et al. 2015), of token lists.
Cased or not, split how: the caller decides that once, before any score; METEOR alone lower-cases by itself.
"""

import collections
import dataclasses
import functools
import itertools
import math
import pathlib
import statistics
import types
from typing import Annotated

import tyro

from zoo.metrics import wordnet
from zoo.nn.spelling import tokens
from zoo.quiet import ask, stop

ORDERS = (1, 2, 3, 4)
_BLEU = "corpus, all references, n-grams up to n = {}, no smoothing"
DEFINITIONS = {  # name: (label, definition)
    **{f"bleu{n}": (f"BLEU-{n}", f"{_BLEU.format(n)}, brevity penalty (closest reference)") for n in ORDERS},
    **{f"bleu{n}_no_penalty": (f"BLEU-{n}, no BP", f"{_BLEU.format(n)}, no brevity penalty") for n in ORDERS},
    "length_ratio": ("length ratio", "tokens of the hypotheses / tokens of the references closest in length"),
    "meteor": (
        "METEOR (NLTK)",
        "exact, stem and WordNet synonym matches, mean over hypotheses of the best reference's score; NLTK's own "
        "seeks synonyms of stems, here they are those of words; METEOR 1.5 differs: it adds paraphrases and weights of "
        "words and has other constants",
    ),
    "rouge_l": ("ROUGE-L", "F1 of the longest common subsequence, mean over hypotheses of the best reference's score"),
    "cider_d": ("CIDEr-D", "from 0 to 10, n-grams up to n = 4 without stemming, weighed by these references"),
}

_ROUGE = {"1": "words", "2": "pairs of words", "l": "the longest common subsequence"}
_BEST = "mean over hypotheses of the reference with the best F1"
ROUGE_DEFINITIONS = {
    f"rouge_{kind}{part}": (f"ROUGE-{kind.upper()}{part.replace('_', ' ')}", f"{says} of {what}, {_BEST}")
    for kind, what in _ROUGE.items()
    for part, says in (("", "F1"), ("_precision", "precision"), ("_recall", "recall"))
}


def scores(hypotheses, references, punctuation=True):
    """Every score of a corpus, name -> float, in DEFINITIONS' order.

    All lie in [0, 1] but the length ratio and CIDEr-D, whose largest value is 10.
    hypotheses: N token lists; references: N lists of token lists, one or more for each hypothesis. punctuation: whether
    tokens without a letter or a digit count. "meteor" is missing where no WordNet is found; one line on standard error
    then says so. Raises ValueError for an empty corpus, for strings in place of token lists, for a hypothesis without
    references.
    """
    if not punctuation:
        hypotheses, references = without_punctuation(hypotheses, references)
    found = bleu(hypotheses, references)
    if dictionary := wordnet.find():
        found["meteor"] = meteor(hypotheses, references, dictionary)
    return found | {"rouge_l": rouge_l(hypotheses, references), "cider_d": cider_d(hypotheses, references)}


def without_punctuation(hypotheses, references):
    """(hypotheses, references) without the tokens that have neither a letter nor a digit."""
    _check(hypotheses, references)

    def words(tokens):
        return [token for token in tokens if any(map(str.isalnum, token))]

    return [words(h) for h in hypotheses], [[words(r) for r in several] for several in references]


def bleu(hypotheses, references):
    """BLEU-1 to BLEU-4 with and without brevity penalty, and the length ratio: quick enough for every epoch.

    Put together from NLTK's parts: its corpus_bleu counts one n-gram in a hypothesis too short for any, which
    lowers the score of a corpus with short captions, and warns and returns 5e-78 where BLEU is 0.
    """
    return {name: float(value) for name, value in _bleu(_counts(hypotheses, references).sum(0)).items()}


def bleu_errors(hypotheses, references, resamples=1000, seed=0):
    """The standard error of everything that `bleu` returns, by name; None where there is a single hypothesis.

    The bootstrap: how far the scores of corpora spread that are drawn from this one, each as large as it, a hypothesis
    with its references at a time.
    """
    import numpy as np

    counts = _counts(hypotheses, references)
    many = len(counts)
    times = np.random.default_rng(seed).multinomial(many, np.full(many, 1 / many), resamples)  # each one is drawn
    spread = {name: float(np.std(values, ddof=1)) for name, values in _bleu(times @ counts).items()}
    return spread if many > 1 else dict.fromkeys(spread)


def _counts(hypotheses, references):
    """What BLEU is made of, of each hypothesis: [N, 10], matches and n-grams of each order, its length, the closest."""
    import numpy as np
    from nltk.translate import bleu_score

    _check(hypotheses, references)
    rows = []
    for hypothesis, several in zip(hypotheses, references, strict=True):
        length = len(hypothesis)
        matches = [bleu_score.modified_precision(several, hypothesis, n).numerator for n in ORDERS]
        grams = [max(0, length - n + 1) for n in ORDERS]
        rows.append([*matches, *grams, length, bleu_score.closest_ref_length(several, length)])
    return np.array(rows, np.float64)


def _bleu(sums):
    """The scores of corpora by name, [...], from the sums of their counts, [..., 10]."""
    import numpy as np

    most = len(ORDERS)
    matches, grams, length, closest = np.split(sums, [most, 2 * most, 2 * most + 1], -1)
    ratio = (length / closest)[..., 0]
    penalty = np.exp(np.minimum(0, 1 - 1 / np.maximum(ratio, 1e-300)))  # 0 without a word
    products = np.cumprod(matches / np.maximum(grams, 1), -1)
    plain = {n: products[..., n - 1] ** (1 / n) for n in ORDERS}
    found = {f"bleu{n}": penalty * value for n, value in plain.items()}
    return found | {f"bleu{n}_no_penalty": value for n, value in plain.items()} | {"length_ratio": ratio}


def meteor(hypotheses, references, dictionary):
    """METEOR (NLTK): the mean over hypotheses of the best reference's score.

    dictionary: what zoo.metrics.wordnet.find returns. The first two stages are NLTK's. Its third one looks up stems,
    of which "automobil" is in no dictionary; here the words are looked up, and their synonyms compared by their stems.
    METEOR 1.5, the Java program of captioning tables, adds paraphrases and weights of words and has other constants.
    """
    from nltk.translate import meteor_score

    _check(hypotheses, references)
    stages = meteor_score.exact_match, meteor_score.stem_match, _synonym_match(dictionary)
    pairs = zip(hypotheses, references, strict=True)
    return statistics.fmean(max(_meteor(h, r, stages) for r in rs) for h, rs in pairs)


def _synonym_match(dictionary):
    """A stage of METEOR: both sides from the last word to the first, as NLTK's stages go."""
    from nltk.stem import PorterStemmer

    stem = functools.cache(PorterStemmer().stem)

    @functools.cache
    def synonyms(word):
        names = (name for synset in dictionary.synsets(word) for name in synset.lemma_names())
        return {stem(name) for name in names if "_" not in name}

    def match(hypothesis, reference):
        ours, theirs, matches = dict(enumerate(hypothesis)), dict(enumerate(reference)), []
        for i in reversed(range(len(hypothesis))):
            same = synonyms(hypothesis[i])
            j = max((j for j, word in theirs.items() if stem(word) in same), default=None)
            if j is not None:
                matches.append((i, j))
                del ours[i], theirs[j]
        return matches, list(ours.items()), list(theirs.items())

    return match


def _meteor(hypothesis, reference, stages, alpha=0.9, beta=3, gamma=0.5):
    """Of one pair; the constants are Lavie and Agarwal's."""
    matches = _align(hypothesis, reference, stages)
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(hypothesis), len(matches) / len(reference)
    f = precision * recall / (alpha * precision + (1 - alpha) * recall)
    # a chunk goes on as long as both sides take one step
    chunks = 1 + sum((j[0] - i[0], j[1] - i[1]) != (1, 1) for i, j in itertools.pairwise(matches))
    return (1 - gamma * (chunks / len(matches)) ** beta) * f


def _align(hypothesis, reference, stages):
    """Pairs of positions in order of the hypothesis; each stage gets the words that the earlier ones left."""
    ours, theirs, matches = range(len(hypothesis)), range(len(reference)), []
    for stage in stages:
        found, our_rest, their_rest = stage([hypothesis[i] for i in ours], [reference[j] for j in theirs])
        matches += [(ours[i], theirs[j]) for i, j in found]
        ours, theirs = [ours[i] for i, _ in our_rest], [theirs[j] for j, _ in their_rest]
    return sorted(matches)


def rouge_l(hypotheses, references):
    """ROUGE-L F1: the mean over hypotheses of the best reference's."""
    return rouge(hypotheses, references)["rouge_l"]


def rouge(hypotheses, references):
    """ROUGE-1, ROUGE-2 and ROUGE-L by the rouge-score package, on our tokens, in ROUGE_DEFINITIONS' order.

    {"rouge_1": F1, "rouge_1_precision", "rouge_1_recall", ...}, each the mean over hypotheses of the reference whose
    F1 is best, all in [0, 1].
    """
    _check(hypotheses, references)
    found = {name: [] for name in ROUGE_DEFINITIONS}
    for hypothesis, several in zip(hypotheses, references, strict=True):
        for kind, score in _rouge().score_multi(several, hypothesis).items():
            name = f"rouge_{kind[-1].lower()}"
            found[name].append(score.fmeasure)
            found[f"{name}_precision"].append(score.precision)
            found[f"{name}_recall"].append(score.recall)
    return {name: statistics.fmean(values) for name, values in found.items()}


@functools.cache
def _rouge():
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=types.SimpleNamespace(tokenize=list))


def coherence(documents, sources):
    """How far the order of a source's sentences is lost in what was written from it: a number for each, 0 if none is.

    documents, sources: N lists of sentences that are token lists, each of one or more sentences. Each sentence of a
    document is taken for that of its source with the best ROUGE-1 F1, the nearest place where several are alike; see
    `order_lost`. Li, Luong and Jurafsky 2015, section 4; which measure aligns is ours to choose.
    """
    lost = []
    for document, source in zip(documents, sources, strict=True):
        aligned = []
        for i, sentence in enumerate(document):
            match = [_rouge().score_multi([other], sentence)["rouge1"].fmeasure for other in source]
            aligned.append(max(range(len(source)), key=lambda j: (match[j], -abs(i - j))))
        lost.append(order_lost(aligned))
    return lost


def order_lost(places):
    """The mean over pairs i < j of |(j - i) - (places[j] - places[i])|; 0 of a single sentence."""
    pairs = list(itertools.combinations(enumerate(places), 2))
    return statistics.fmean(abs((j - i) - (b - a)) for (i, a), (j, b) in pairs) if pairs else 0.0


def cider_d(hypotheses, references):
    """CIDEr-D (Vedantam, Zitnick and Parikh 2015): 10 times the mean cosine of n-grams, rare ones weighing more.

    What is rare is counted in these references, so that a single hypothesis has the score 0. From 0 to 10.
    """
    _check(hypotheses, references)
    pictures = math.log(len(hypotheses))
    found = []
    for n in ORDERS:
        seen = collections.Counter(gram for rs in references for gram in set().union(*(_grams(r, n) for r in rs)))

        def weighted(tokens, n=n, seen=seen):
            counts = _grams(tokens, n)
            vector = {gram: count * (pictures - math.log(max(1, seen[gram]))) for gram, count in counts.items()}
            return vector, math.hypot(*vector.values())

        for hypothesis, several in zip(hypotheses, references, strict=True):
            ours, length = weighted(hypothesis)
            cosines = []
            for reference in several:
                theirs, size = weighted(reference)
                # a word said more often than in the reference earns no more than there
                product = sum(min(weight, theirs.get(gram, 0)) * theirs.get(gram, 0) for gram, weight in ours.items())
                lengths = math.exp(-((len(hypothesis) - len(reference)) ** 2) / (2 * 6**2))
                cosines.append(lengths * product / (length * size) if product else 0.0)
            found.append(statistics.fmean(cosines))
    return 10 * statistics.fmean(found)


def _grams(tokens, n):
    return collections.Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def _check(hypotheses, references):
    if not hypotheses:
        raise ValueError("hypotheses: got none, expected at least 1")
    if len(references) != len(hypotheses):
        raise ValueError(
            f"references: got {len(references)} lists, expected one for each of {len(hypotheses)} hypotheses"
        )
    for i, (hypothesis, several) in enumerate(zip(hypotheses, references, strict=True)):
        _check_tokens(hypothesis, f"hypotheses[{i}]")
        if isinstance(several, str) or not several:
            raise ValueError(f"references[{i}]: got {several!r:.60}, expected a list of one or more token lists")
        for j, reference in enumerate(several):
            _check_tokens(reference, f"references[{i}][{j}]")
            if not reference:
                raise ValueError(f"references[{i}][{j}]: got no tokens, expected at least 1; leave the reference out")


def _check_tokens(tokens, name):
    if not isinstance(tokens, list | tuple) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{name}: got {tokens!r:.60}, expected a list of tokens (strings); split the text first")


@dataclasses.dataclass(frozen=True)
class Options:
    """Score a file of generated text, one hypothesis a line, against its references.

    Text is lower-cased, split at blanks, and each of . , ! ? ; : " ( ) is a token by itself. BLEU has no smoothing
    and is shown with and without brevity penalty, with a standard error over lines (bootstrap). METEOR (NLTK) needs
    WordNet; without it the other scores are printed alone.
    """

    hypotheses: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="HYPOTHESES")]
    """a text file, UTF-8"""
    references: Annotated[
        tuple[pathlib.Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCES ...", help_behavior_hint="")
    ]
    """one or more files, line k of each for hypothesis k; a line of one file may hold several, separated by tabs"""
    punctuation: bool = True
    """whether marks count as words; a full stop that ends every line is a match in every line"""


def _lines(path):
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; name a text file") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: found bytes that are no UTF-8, expected a text file") from error
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path}: found no text, expected one example a line")
    return lines


def read(path, reference_paths):
    """Hypotheses and references of text files, as `scores` takes them."""
    hypotheses, files = _lines(path), [_lines(reference) for reference in reference_paths]
    if not files:
        raise ValueError("references: got no file, expected at least 1")
    for reference, lines in zip(reference_paths, files, strict=True):
        if len(lines) != len(hypotheses):
            raise ValueError(f"{reference}: got {len(lines)} lines, expected {len(hypotheses)} as in {path}")
    rows = zip(*files, strict=True)
    several = [[tokens(text) for line in row for text in line.split("\t") if text.strip()] for row in rows]
    missing = [number for number, texts in enumerate(several, 1) if not texts]
    if missing:
        raise ValueError(f"references: got none in line {missing[0]} of any file, expected at least 1 in every line")
    return [tokens(line) for line in hypotheses], several


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m zoo.metrics.text")
    try:
        hypotheses, references = read(options.hypotheses, options.references)
        if not options.punctuation:
            hypotheses, references = without_punctuation(hypotheses, references)
        found, errors = scores(hypotheses, references), bleu_errors(hypotheses, references)
    except ValueError as error:
        stop(error)
    marks = "" if options.punctuation else ", without punctuation"
    print(f"{len(hypotheses):,} hypotheses, {sum(map(len, references)):,} references, lower-cased{marks}")
    for name, value in found.items():
        label, definition = DEFINITIONS[name]
        error = "" if errors.get(name) is None else f"+- {errors[name]:.4f}  "
        print(f"{label:13} {value:.4f}  {error}{definition}")


if __name__ == "__main__":
    main()
