"""Scores of generated text against references: python -m zoo.metrics.text HYPOTHESES REFERENCES.

BLEU (Papineni et al. 2002), METEOR in NLTK's form (Lavie and Agarwal 2007) and ROUGE-L (Lin 2004), of token lists.
Cased or not, split how: the caller decides that once, before any score; METEOR alone lower-cases by itself.
"""

import dataclasses
import functools
import itertools
import math
import pathlib
import statistics
import sys
import types
from typing import Annotated

import tyro

from zoo.metrics import wordnet
from zoo.nn.spelling import tokens

ORDERS = (1, 2, 3, 4)
_BLEU = "corpus, all references, n-grams up to n = {}, no smoothing"
DEFINITIONS = {  # name: (label, definition)
    **{f"bleu{n}": (f"BLEU-{n}", f"{_BLEU.format(n)}, brevity penalty (closest reference)") for n in ORDERS},
    **{f"bleu{n}_no_penalty": (f"BLEU-{n}, no BP", f"{_BLEU.format(n)}, no brevity penalty") for n in ORDERS},
    "length_ratio": ("length ratio", "tokens of the hypotheses / tokens of the references closest in length"),
    "meteor": (
        "METEOR (NLTK)",
        "exact, stem and WordNet synonym matches, mean over hypotheses of the best reference's score; METEOR 1.5 "
        "differs: it adds paraphrases and weights of words and has other constants",
    ),
    "rouge_l": ("ROUGE-L", "F1 of the longest common subsequence, mean over hypotheses of the best reference's score"),
}


def scores(hypotheses, references):
    """Every score of a corpus, name -> float, in DEFINITIONS' order. All lie in [0, 1] but the length ratio.

    hypotheses: N token lists; references: N lists of token lists, one or more for each hypothesis. "meteor" is
    missing where no WordNet is found; one line on standard error then says so. Raises ValueError for an empty
    corpus, for strings in place of token lists, for a hypothesis without references.
    """
    found = bleu(hypotheses, references)
    if dictionary := wordnet.find():
        found["meteor"] = meteor(hypotheses, references, dictionary)
    return found | {"rouge_l": rouge_l(hypotheses, references)}


def bleu(hypotheses, references):
    """BLEU-1 to BLEU-4 with and without brevity penalty, and the length ratio: quick enough for every epoch.

    Put together from NLTK's parts: its corpus_bleu counts one n-gram in a hypothesis too short for any, which
    lowers the score of a corpus with short captions, and warns and returns 5e-78 where BLEU is 0.
    """
    from nltk.translate import bleu_score

    _check(hypotheses, references)
    length = sum(map(len, hypotheses))
    closest = sum(bleu_score.closest_ref_length(rs, len(h)) for h, rs in zip(hypotheses, references, strict=True))
    precisions = []
    for n in ORDERS:
        pairs = zip(references, hypotheses, strict=True)
        matches = sum(bleu_score.modified_precision(rs, h, n).numerator for rs, h in pairs)
        total = sum(max(0, len(h) - n + 1) for h in hypotheses)
        precisions.append(matches / total if total else 0.0)
    plain = [math.prod(precisions[:n]) ** (1 / n) for n in ORDERS]
    penalty = bleu_score.brevity_penalty(closest, length)
    return {
        **{f"bleu{n}": penalty * value for n, value in zip(ORDERS, plain, strict=True)},
        **{f"bleu{n}_no_penalty": value for n, value in zip(ORDERS, plain, strict=True)},
        "length_ratio": length / closest,
    }


def meteor(hypotheses, references, dictionary):
    """METEOR (NLTK): the mean over hypotheses of the best reference's score.

    dictionary: what zoo.metrics.wordnet.find returns. The stages are NLTK's, but the synonym stage sees the words:
    nltk.meteor_score hands it their stems, of which "automobil" is in no dictionary. METEOR 1.5, the Java program
    of captioning tables, adds paraphrases and weights of words and has other constants.
    """
    from nltk.translate import meteor_score

    _check(hypotheses, references)
    synonyms = functools.partial(meteor_score.wordnetsyn_match, wordnet=dictionary)
    stages = meteor_score.exact_match, meteor_score.stem_match, synonyms
    pairs = zip(hypotheses, references, strict=True)
    return statistics.fmean(max(_meteor(h, r, stages) for r in rs) for h, rs in pairs)


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
    """ROUGE-L F1 by the rouge-score package, on our tokens: the mean over hypotheses of the best reference's."""
    from rouge_score import rouge_scorer

    _check(hypotheses, references)
    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=types.SimpleNamespace(tokenize=list))
    pairs = zip(hypotheses, references, strict=True)
    return statistics.fmean(scorer.score_multi(rs, h)["rougeL"].fmeasure for h, rs in pairs)


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
    and is shown with and without brevity penalty. METEOR (NLTK) needs WordNet; without it the other scores are
    printed alone.
    """

    hypotheses: Annotated[pathlib.Path, tyro.conf.Positional, tyro.conf.arg(metavar="HYPOTHESES")]
    """a text file, UTF-8"""
    references: Annotated[
        tuple[pathlib.Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCES ...", help_behavior_hint="")
    ]
    """one or more files, line k of each for hypothesis k; a line of one file may hold several, separated by tabs"""


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
    options = tyro.cli(Options, args=arguments, prog="python -m zoo.metrics.text")
    try:
        hypotheses, references = read(options.hypotheses, options.references)
        found = scores(hypotheses, references)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{len(hypotheses):,} hypotheses, {sum(map(len, references)):,} references, lower-cased")
    for name, value in found.items():
        label, definition = DEFINITIONS[name]
        print(f"{label:13} {value:.4f}  {definition}")


if __name__ == "__main__":
    main()
