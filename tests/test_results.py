"""RESULTS.md against the figures of the weights that ship: values and errors to the printed digits, and signatures."""

import itertools
import json
import pathlib
import re
from importlib import metadata

import pytest

import zoo
from trainers.score import figures as scored
from trainers.score import scoring
from zoo.data.reading import from_disk_alone
from zoo.data.split import fingerprint
from zoo.store import runs

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
SHIPPED = sorted((ROOT / "zoo" / "weights").glob("*/*/metrics.json"))
# A star stands for what the table below says.
SIGNATURE = re.compile(
    r"(?P<name>\*|[\w@]+)(\|K:\d+)?(\|split:(\*|\w+))?(\|[a-z]+:[^|]+)*?\|n:(\*|\d+)\|seed:\d+\|v:(?P<v>\d+\.\d+\.\d+)"
)
NUMBER = r"(?P<value>-?[\d.]+)(?: ± (?P<error>[\d.]+))?"
LINE = re.compile(rf"- (?P<who>.+): {NUMBER}(?: (?:nats|bits|%))?, `(?P<signature>[^`]+)`")
CELL = re.compile(rf"{NUMBER}(?: %)?")


def in_lines():
    """(who, value, error or None, signature) of every figure that has a line of its own, as printed."""
    for line in RESULTS.splitlines():
        if line.startswith("- ") and "|v:" in line:
            found = LINE.fullmatch(line)
            assert found, f"not '- WHO: VALUE ± ERROR UNIT, `SIGNATURE`': {line}"
            yield found.group("who", "value", "error", "signature")


def in_tables():
    """The same of every figure of a table that has one signature above."""
    blocks = RESULTS.split("\n\n")
    for above, table in itertools.pairwise(blocks):
        signature = re.search(r"`(\*\|[^`]+)`", above)
        if not signature or not table.startswith("|"):
            continue
        head, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in table.strip().splitlines())
        for row in rows:
            said = dict(zip(head, row, strict=True))
            whole = signature[1].replace("n:*", "n:" + said.get("n", "*").replace(",", ""))
            whole = whole.replace("split:*", "split:" + said.get("split", "*"))
            for name in head:
                if name.startswith("`") and (found := CELL.fullmatch(said[name])):
                    yield row[0], *found.group("value", "error"), whole.replace("*", name.strip("`"), 1)


def quoted():
    return [*in_lines(), *in_tables()]


def signature(figure, figures):
    """What the figure says itself, else what figures would have said before they had one."""
    if "signature" in figure:
        return figure["signature"]
    samples = re.search(r"K = (\d+)", figure["definition"])
    k = samples[1] if samples else 1 if "rate" in figures else None  # only latent variables are sampled
    said = {"K": k, "split": figure["split"], "regime": figure["regime"], "n": figure["examples"]}
    said |= {"seed": figure["seed"], "v": "0.1.0"}
    return "|".join([figure["name"], *(f"{key}:{value}" for key, value in said.items() if value is not None)])


def like(number, printed):
    """The number with as many digits after the point as were printed."""
    return f"{number:.{len(printed.partition('.')[2])}f}"


def figures_of(path):
    return {figure["name"]: figure for figure in json.loads(path.read_text(encoding="utf-8"))}


def name_of(path):
    return "/".join(path.parts[-3:-1])


def test_every_signature_is_whole():
    found = re.findall(r"`([^`\n]*\|v:[^`\n]*)`", RESULTS) + [signature for *_, signature in quoted()]
    assert len(found) > 100
    ours = metadata.version("sequence-zoo").split(".")
    for one in found:
        parts = SIGNATURE.fullmatch(one)
        assert parts, one
        assert list(map(int, parts["v"].split("."))) <= list(map(int, ours)), f"{one}: of a version to come"
    assert not [one for *_, one in quoted() if "*" in one], "a star that no column explains"


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_figures_of_weights_that_ship_are_quoted_as_they_are(path):
    figures, name = figures_of(path), name_of(path)
    said = [figure[1:] for figure in quoted() if figure[0] == f"`{name}`"]
    for value, error, signed in said:
        figure = figures.get(signed.partition("|")[0])
        assert figure, f"{path} has no figure of {signed}"
        assert signed == signature(figure, figures)
        scale = 100 if figure["unit"] in ("", "fraction") and figure["value"] <= 1 else 1  # shares: in percent
        assert value == like(scale * figure["value"], value), f"{name}: {signed}"
        if error is not None:
            assert error == like(scale * figure["standard_error"], error), f"{name}: {signed}"


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_every_headline_is_quoted_with_its_error(path, headline_of):
    figures, name = figures_of(path), name_of(path)
    headline = headline_of(figures)
    said = [
        error for who, _, error, signed in quoted() if who == f"`{name}`" and signed == signature(headline, figures)
    ]
    assert said, f"RESULTS.md does not quote {signature(headline, figures)} of {name}"
    assert all(error or headline["standard_error"] is None for error in said)


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_weights_that_ship_have_the_figures_that_ship(path):
    """The measures of the model, on the whole test split; where its data are at hand, as all embedded ones are."""
    run, model = runs.open_run(path.parent), zoo.load(name_of(path))
    try:
        with from_disk_alone():
            sets = scored.sets_of(run, model)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    figures = figures_of(path)
    if fingerprint(sets.test) != next(iter(figures.values()))["fingerprint"]:
        pytest.skip("embedded digits stand here for MNIST")
    found = scored.values_of(model.measures, scoring.scorer(model, xla=False)(sets.test, (0, 0)))
    assert found.keys() <= figures.keys()
    for name, (value, _) in found.items():
        assert figures[name]["value"] == pytest.approx(value, rel=1e-5), name
