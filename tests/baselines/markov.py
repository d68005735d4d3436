"""Counts of what follows what, to compare models of sounds and of piano rolls with:

python tests/baselines/markov.py spoken-digits --data-dir data
python tests/baselines/markov.py jsb --data-dir data

Of sounds: a sample's mu-law class after none, one and two before it, in bits a sample; a longer context falls back on
a shorter one (Dirichlet smoothing, its weight by the validation split), and before a sound there is silence. Of rolls:
each key alone, and after itself in the step before, in nats a step; before a roll no key is down. Prints one JSON
object.
"""

import argparse
import json

import numpy as np

from zoo import data
from zoo.data.music.named import SETS as ROLLS
from zoo.declare import Field
from zoo.nn.signal import mu_law_encode

WEIGHTS = 1, 4, 16, 64, 256
KEYS = 88


def sounds(split, classes):
    """The classes of every sound."""
    pairs = zip(split.arrays["audio"], split.arrays["length"], strict=True)
    rows = [row[:n].astype(np.float32) / split.scaled.get("audio", 1) for row, n in pairs]
    return [mu_law_encode(row, classes).numpy() for row in rows]


def context(rows, order, classes):
    """[N] of every sample: the number of the `order` classes before it."""
    silence = [int(mu_law_encode(np.float32(0), classes))] * order
    found = []
    for row in rows:
        told, number = np.concatenate([silence, row]).astype(np.int64), 0
        for back in range(order, 0, -1):
            number = number * classes + told[order - back : len(told) - back]
        found.append(np.broadcast_to(number, row.shape))
    return np.concatenate(found)


def bits(train, test, order, classes, weight):
    """Mean bits of a sample of `test`."""
    said = np.concatenate(test)
    p = np.full(len(said), 1 / classes)
    for each in range(order + 1):
        size = classes**each
        before, seen = context(test, each, classes), context(train, each, classes)
        pairs = np.bincount(seen * classes + np.concatenate(train), minlength=size * classes)
        p = (pairs[before * classes + said] + weight * p) / (np.bincount(seen, minlength=size)[before] + weight)
    return float(-np.log2(p).mean())


def of_sounds(sets, classes):
    rows = {name: sounds(split, classes) for name, split in sets.splits.items()}
    for order in range(3):
        best = min(WEIGHTS, key=lambda weight: bits(rows["train"], rows["validation"], order, classes, weight))
        yield f"order_{order}_bits", bits(rows["train"], rows["test"], order, classes, best)


def of_rolls(sets):
    def pairs(split):
        """Keys down in the step before and in this, bool [steps, keys] each."""
        rolls = [row[:n] for row, n in zip(split.arrays["sequence"], split.arrays["length"], strict=True)]
        return (np.concatenate(each) > 0 for each in ([np.concatenate([0 * r[:1], r[:-1]]) for r in rolls], rolls))

    (before, now), (told, said) = pairs(sets.train), pairs(sets.test)
    p = (now.sum(0) + 0.5) / (len(now) + 1)
    yield "key_nats", nats(p, said)
    after = [((now & (before == state)).sum(0) + 0.5) / ((before == state).sum(0) + 1) for state in (0, 1)]
    yield "key_after_itself_nats", nats(np.where(told, after[1], after[0]), said)


def nats(p, said):
    """Mean nats of a step."""
    return float(-np.where(said, np.log(p), np.log1p(-p)).sum(1).mean())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--data-dir")
    parser.add_argument("--speakers", default="official")
    parser.add_argument("--classes", type=int, default=256, help="of mu-law")
    options = parser.parse_args()
    name = "sequence" if options.data in ROLLS else "audio"
    shape, more = ((None, KEYS), {}) if name == "sequence" else ((None,), {"speakers": options.speakers})
    fields = {name: Field(shape, interval=(0, 1), ragged=True), "length": Field((), "int32", counts=name)}
    sets = data.load(options.data, fields=fields, data_dir=options.data_dir, **more)
    found = of_rolls(sets) if name == "sequence" else of_sounds(sets, options.classes)
    print(json.dumps({"data": options.data, **dict(found)}))


if __name__ == "__main__":
    main()
