"""Train RNNsearch, or the encoder-decoder without attention: python -m trainers.rnnsearch --preset grammar

Then: python -m trainers.sample runs/rnnsearch/multi30k-de-en "Ein Hund läuft im Schnee."
Or a file, a text a line: python -m trainers.sample RUN --file texts.de, which writes RUN/samples/translations.txt
"""

import dataclasses
import functools
import itertools
import pathlib

from trainers.declare.task import Figure, Searching, Task
from trainers.learn.command import main
from zoo.configs.base import require
from zoo.configs.rnnsearch import RNNSearchConfig
from zoo.declare import Measure

WIDTH = 5  # of beam search, in figures and exhibits
SHOWN, LOOKED = 8, 4  # translations to read, and those of which the alignment is drawn
LENGTHS = (1, 11, 16, 21, 31)  # words of a source from which a group of lengths begins
BATCH = 100  # sources translated at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translating(Searching):
    """How texts are translated."""

    width: int = WIDTH
    length_norm: float = 1.0
    """translations are compared by log p / words to this power: 0 prefers short ones, 1 the mean of a word"""
    file: pathlib.Path | None = None
    """a file of texts, one a line: the translations are lines of translations.txt"""

    def __post_init__(self):
        super().__post_init__()
        require(0 <= self.length_norm <= 10, "length_norm", self.length_norm, "a power from 0 to 10")


@functools.lru_cache(4)  # validations come again and again
def translator(model, width=WIDTH, length_norm=1.0):
    import tensorflow as tf

    method = "beam" if width > 1 else "greedy"
    translate = lambda source: model.translate(source, method, width, length_norm)  # noqa: E731
    return tf.function(translate, reduce_retracing=True, autograph=False)


def strings(words, ids):
    """Texts of ids [N, L]."""
    return [text.decode() for text in words.texts(ids).numpy()]


def translated(model, sources, width=WIDTH, length_norm=1.0):
    """(texts, what `translate` returned as arrays [N, ...]) of sources, int32 [N, S]."""
    import numpy as np

    parts = []
    for start in range(0, len(sources), BATCH):
        said = translator(model, width, length_norm)(sources[start : start + BATCH])
        parts.append({name: value.numpy() for name, value in said.items()})
    said = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return strings(model.target_words, said["target"]), said


def bleu(model, texts, references):
    """(sacreBLEU's figure from 0 to 100, its signature), cased where the model's words are."""
    import sacrebleu

    cased = model.config.units != "words"
    metric = sacrebleu.BLEU(lowercase=not cased, force=True)  # it warns of a full stop that stands apart
    return metric.corpus_score(texts, [references]).score, str(metric.get_signature())


def groups(sources):
    """{(fewest, most or None): indices} of sources by their words, where there are two or more."""
    import numpy as np

    from zoo.metrics.text import tokens

    lengths, found = np.array([len(tokens(source)) for source in sources]), {}
    for first, after in itertools.zip_longest(LENGTHS, LENGTHS[1:]):
        index = np.flatnonzero((lengths >= first) & (lengths < (after or lengths.max() + 1)))
        if len(index) > 1:
            found[first, after and after - 1] = index
    return found


def by_length(model, texts, examples):
    """{(fewest, most): (mean words, BLEU, examples)} of translations, by the words of their sources."""
    import numpy as np

    from zoo.metrics.text import tokens

    sources, references = zip(*(pair[:2] for pair in examples.source.pairs), strict=True)
    found = {}
    for span, index in groups(sources).items():
        value, _ = bleu(model, [texts[i] for i in index], [references[i] for i in index])
        found[span] = float(np.mean([len(tokens(sources[i])) for i in index])), value, len(index)
    return found


def exhibits(model, shown):
    """Translations beside the references, where the model looked for them, and BLEU by the length of the source."""
    import numpy as np

    from trainers.show.exhibits import Curve, Picture, Text

    examples = shown.split
    texts, said = translated(model, examples.arrays["source"], 1)
    lines = zip(examples.source.pairs[:SHOWN], texts, strict=False)
    found = {"translations": Text("\n\n".join(f"{pair.source}\n> {text}\n= {pair.target}" for pair, text in lines))}
    for k in range(min(LOOKED, examples.size) if model.config.attention else 0):
        found[f"alignment-{k:02}"] = Picture(looks(model, examples.arrays["source"][k], said, k))
    spans = by_length(model, texts, examples)
    if len(spans) > 1:
        words, values, _ = (np.array(each) for each in zip(*spans.values(), strict=True))
        found["lengths"] = Curve({"greedy": (words, values)}, "words of the source", "BLEU")
    return found


def looks(model, source, said, k):
    """The alignment matrix of translation k as a picture: source across, target down, black where it looked most."""
    from trainers.show import pictures

    across, down = (
        [dict(enumerate(words.lines)).get(i, "") for i in ids[: count(ids)]]  # of some numbers no word was learned
        for words, ids in ((model.source_words, source), (model.target_words, said["target"][k]))
    )
    return pictures.matrix(said["attention"][k, : len(down), : len(across)], across, down)


def count(ids):
    """Words of a text int32 [L] with its END."""
    return min(len(ids), int((ids != 0).sum()) + 1)


def figures(model, sets, split, seed):
    """BLEU, METEOR and exact translations of a split by beam search, BLEU by length, and the error of alignments."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    from zoo.data.parallel.named import SPLITTERS
    from zoo.metrics import text, wordnet

    examples, found = sets.splits[split], {}
    texts, _ = translated(model, examples.arrays["source"])
    references = [pair.target for pair in examples.source.pairs]
    value, signature = bleu(model, texts, references)
    how = f"beam of {WIDTH}, log p / words"
    tokens = Tokenizer13a()
    corpus = [tokens(one).split() for one in texts], [[tokens(one).split()] for one in references]

    def add(name, value, unit, says, error=None, count=examples.size, better="higher"):
        found[name] = Figure(float(value), Measure(unit, says, better=better), error, count)

    error = text.bleu_errors(*corpus)["bleu4"]
    add("bleu", value, "", f"BLEU from 0 to 100, {how}, sacreBLEU {signature}", error and 100 * error)
    if dictionary := wordnet.find():
        says = f"{text.DEFINITIONS['meteor'][0]}, {how}; stems and synonyms are English ones in any language"
        add("meteor", text.meteor(*corpus, dictionary), "", says)
    parts = SPLITTERS["cased" if model.config.units == "pieces" else model.config.units]
    right = sum(parts(one) == parts(other) for one, other in zip(texts, references, strict=True)) / len(texts)
    error = (right * (1 - right) / len(texts)) ** 0.5
    add("exact", right, "fraction", f"translations that are their reference word by word, {how}", error)
    for (first, last), (_, value, many) in by_length(model, texts, examples).items():
        span = f"{first} to {last}" if last else f"{first} or more"
        name = f"bleu_{first}_to_{last}" if last else f"bleu_from_{first}"
        add(name, value, "", f"BLEU of sources of {span} words, {how}, sacreBLEU {signature}", None, many)
    if model.config.attention and any(pair.links for pair in examples.source.pairs):
        error, links = alignment_error(model, examples)
        says = (
            "1 - |A and P| / |A|: A has for each word of a reference, told to the model, the place it looked at most, "
        )
        says += f"P the places that it comes from; {links:,} words that come from none do not count"
        add("alignment_error", error, "fraction", says, better="lower")
    return found


def alignment_error(model, examples):
    """(alignment error rate, words without a link) of a split whose links are known, the references being told."""
    import numpy as np
    import tensorflow as tf

    from zoo import data

    read = tf.function(lambda batch: model.read(**batch)[1], autograph=False, reduce_retracing=True)
    wrong = total = none = 0
    pairs = iter(examples.source.pairs)
    for batch, n in data.in_order(examples, min(BATCH, examples.size)):
        places = read({name: batch[name] for name in ("source", "target")}).numpy().argmax(-1)
        for row, ids in zip(places[:n], batch["target"].numpy(), strict=False):
            known = {}
            for target, source in next(pairs).links:
                known.setdefault(target, set()).add(source)
            words = range(int((ids != 0).sum()))
            looked = [row[i] in known[i] for i in words if i in known]
            wrong, total, none = wrong + looked.count(False), total + len(looked), none + len(words) - len(looked)
    return wrong / np.maximum(total, 1), none


def sample(model, inputs, options):
    """Each input with its translation and a picture of the alignment; or a file's lines as lines."""
    import tensorflow as tf

    from trainers.show.exhibits import Picture, Text
    from trainers.show.sampling import Samples
    from zoo.data.reading import reading

    if options.file:
        require(not inputs, "inputs", " ".join(inputs), "none beside --file")
        require(options.file.is_file(), "file", options.file, "a file of texts, one a line")
        with reading(options.file, "text in UTF-8"):
            text = options.file.read_text(encoding="utf-8-sig").removesuffix("\n")
        inputs = text.split("\n") if text else []  # str.splitlines knows other ends than a line's, such as U+2028
    require(inputs, "inputs", "none", "texts to translate, or --file with one a line")
    most, units = model.config.source_length - 1, model.config.units.replace("cased", "words")
    counts = model.source_words.count(tf.constant(list(inputs))).numpy()
    for text, words in zip(inputs, counts, strict=True):
        fits = words <= most and (words or options.file)
        require(fits, "inputs", f"{text!r} of {words} {units}", f"1 to {most}")
    ids = model.source_words.ids(tf.constant(list(inputs)), most + 1).numpy()
    texts, said = translated(model, ids, options.width, options.length_norm)
    arrays = {"tokens": said["target"], "score": said["score"]}
    unknown = b" ".join(model.source_words.unknown(tf.constant(list(inputs))).numpy()).decode().split()
    if options.file:
        lines = [text if words else "" for text, words in zip(texts, counts, strict=True)]
        told = [f"unknown words: {len(unknown):,}", f"lines without a word: {int((counts == 0).sum()):,}"]
        return Samples(arrays, {"translations": Text("\n".join(lines))}, told)
    each = zip(inputs, texts, said["score"], strict=True)
    lines = [f"{text}\n> {found} (log p {score:.2f} nats)" for text, found, score in each]
    lines += [f"unknown words: {', '.join(unknown)}"] if unknown else []
    drawn = range(len(inputs) if model.config.attention else 0)
    pictures = {f"alignment-{k:02}": Picture(looks(model, ids[k], said, k)) for k in drawn}
    return Samples(arrays, {"translations": Text("\n".join(lines)), **pictures}, lines)


TASKS = {
    RNNSearchConfig: Task("rnnsearch", exhibits, figures=figures, best="bleu", sample=sample, sampling=Translating)
}

if __name__ == "__main__":
    main(TASKS)
