import math

import numpy as np
import pytest

from zoo.metrics.totals import total

RNG = np.random.default_rng(0)
WORDS = RNG.integers(3, 15, 400)
VALUES = {  # the longer a caption the dearer, and dearer words in the captions of some pictures
    "distortion": np.float32(WORDS * (2 + np.repeat(RNG.normal(0, 0.3, 80), 5)) + RNG.normal(0, 1, 400)),
    "rate": np.float32(RNG.gamma(2, 1, 400)),
    "words": WORDS,
}
PICTURE = np.repeat(RNG.permutation(80), 5)


def test_the_mean_is_that_of_the_sum_of_the_terms():
    values = {"a": np.float32([1, 2, 3, 5]), "b": np.float32([0, 0, 0, 1])}
    assert total(values, ("a", "b")) == (3, pytest.approx(math.sqrt(14 / 3) / 2))
    assert total(values, ("a",))[0] == 11 / 4


def test_a_ratio_is_one_of_sums_and_exp_comes_last():
    values = {"nats": np.float32([2, 6]), "words": np.int32([1, 3])}
    assert total(values, ("nats",), "words") == (2, 0)  # each word costs 2: nothing is uncertain
    assert total(values, ("nats",), "words", exp=True) == (math.exp(2), 0)
    values = {"nats": [1.0, 6, 5], "words": [2, 3, 1]}
    assert total(values, ("nats",), "words")[0] == 2
    # deviations 1 - 2 * 2, 6 - 2 * 3, 5 - 2 * 1 over six words
    assert total(values, ("nats",), "words")[1] == pytest.approx(math.sqrt((9 + 0 + 9) * 3 / 2) / 6)
    assert total(values, ("nats",))[1] == pytest.approx(np.std(values["nats"], ddof=1) / math.sqrt(3))


def test_a_scale_is_of_the_sum_and_of_its_error():
    values = {"nats": [1.0, 6, 5], "samples": [2, 3, 1]}
    plain, bits = total(values, ("nats",), "samples"), total(values, ("nats",), "samples", scale=1 / math.log(2))
    assert bits == (pytest.approx(plain[0] / math.log(2)), pytest.approx(plain[1] / math.log(2)))
    assert total(values, ("nats",), "samples", exp=True, scale=2)[0] == pytest.approx(math.exp(2 * plain[0]))


@pytest.mark.parametrize("exp", [False, True])
@pytest.mark.parametrize("per", ["", "words"])
@pytest.mark.parametrize("groups", [None, PICTURE], ids=["examples", "pictures"])
def test_the_error_is_the_spread_of_resampled_splits(per, exp, groups):
    """Within 10 %: 2,000 resamples know their spread to 1.6 %, and the delta method is of first order."""
    values = VALUES if per or not exp else {**VALUES, "distortion": VALUES["distortion"] / 20}  # e to the 20 is no sum
    terms = ("distortion", "rate")
    value, error = total(values, terms, per, exp, groups)
    apart = np.arange(400) if groups is None else groups
    members = [np.flatnonzero(apart == g) for g in np.unique(apart)]
    rng, tries = np.random.default_rng(1), []
    for _ in range(2000):
        rows = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        nats = sum(np.float64(values[name][rows]) for name in terms).sum()
        mean = nats / (values[per][rows].sum() if per else len(rows))
        tries.append(math.exp(mean) if exp else mean)
    assert error == pytest.approx(np.std(tries), rel=0.1)
    assert value == pytest.approx(np.mean(tries), abs=error)


def test_captions_of_one_picture_are_no_news():
    few = {name: v[::5] for name, v in VALUES.items()}
    copies = {name: np.repeat(v, 5) for name, v in few.items()}
    for per in ("", "words"):
        for exp in (False, True):
            want = total(few, ("rate",), per, exp)
            assert total(copies, ("rate",), per, exp, np.repeat(np.arange(80), 5)) == pytest.approx(want)


def test_sums_of_float32_lose_nothing():
    many = {"nats": np.float32([2**24, *[1] * 999])}
    assert total(many, ("nats",))[0] == (2**24 + 999) / 1000


@pytest.mark.parametrize("per", ["", "words"])
def test_a_single_example_has_no_error(per):
    one = {"nats": np.float32([6]), "words": [3]}
    assert total(one, ("nats",), per) == (2.0 if per else 6.0, None)
    assert total(one, ("nats",), per, exp=True)[1] is None
    three = {name: np.repeat(v, 3) for name, v in one.items()}
    assert total(three, ("nats",), per, groups=[7, 7, 7])[1] is None


def test_nothing_to_divide_by_is_refused():
    with pytest.raises(ValueError, match=r"counts: got 0 in all of 2 examples, expected at least 1"):
        total({"nats": [1.0, 2], "words": [0, 0]}, ("nats",), "words")
