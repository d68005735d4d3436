import json
import signal

import numpy as np
import pytest

from trainers import compare
from trainers.show.exhibits import Curve, Picture, Text

ROW = {
    "preset": "digits-lstm",
    "parameters": 1_453_788,
    "figures": {
        "bound": (150.126, 0.25, "nats"),
        "rate": (6.126, 0.1, "nats"),
        "neighbours": (0.7504, None, "fraction"),
    },
    "seconds_per_epoch": 12.34,
    "minutes": 3.21,
    "steps": 2000,
    "seed": 0,
    "data": "digits; 200 test examples",
}


def test_the_table_has_a_line_for_each_preset_and_a_column_for_what_all_have():
    other = {**ROW, "preset": "gru", "figures": {name: ROW["figures"][name] for name in ("bound", "neighbours")}}
    lines = compare.table([ROW, other]).splitlines()
    assert "digits; 200 test examples. 2,000 steps, seed 0" in lines[0]
    assert [line.count("|") for line in lines[2:]] == [7] * 4
    assert lines[2] == "| preset | parameters | bound (nats) | neighbours (fraction) | seconds per epoch | minutes |"
    assert lines[4] == "| digits-lstm | 1,453,788 | 150.1 ± 0.25 | 0.7504 | 12.3 | 3.2 |"
    assert lines[5].startswith("| gru |")


def test_the_picture_has_a_column_for_each_preset():
    curve, shown = (np.arange(5), np.arange(5)), {"samples": Picture(np.zeros([20, 30, 3], np.uint8))}
    for count in (1, 2):
        made = compare.picture([ROW] * count, [curve] * count, [shown] * count, "nats")
        assert made.shape == (900, 500 * count, 3) and made.std() > 0


def test_curves_of_all_presets_lie_over_one_axis():
    """The second preset's line is in the left half, too, which side by side would be the first one's own."""
    curve, x = (np.arange(5), np.arange(5)), np.arange(3)
    found = [{"lengths": Curve({"greedy": (x, y)}, "words", "BLEU")} for y in (x, 2 - x)]
    one, both = (compare.picture([ROW] * 2, [curve] * 2, shown, "nats")[500:] for shown in ([found[0]] * 2, found))
    assert (one[:, 100:450] != both[:, 100:450]).any() and both.shape == (400, 1000, 3)


def test_a_model_that_makes_no_picture_is_shown_by_what_it_makes():
    curve = (np.arange(5), np.arange(5))
    words, none = (compare.picture([ROW], [curve], [found], "") for found in ({"told": Text("a red\n  square")}, {}))
    ink = [(made[500:] < 128).sum() for made in (words, none)]  # below the curves
    assert ink[0] > 2 * ink[1]


def test_one_preset_or_an_unknown_one_is_refused(capsys):
    for presets, message in (
        (["digits-nn"], "presets: got 1, expected two"),
        (["digits-nn", "nn"], "preset: got 'nn'"),
    ):
        with pytest.raises(SystemExit, match="2"):
            compare.main(["vrae", *presets])
        assert message in capsys.readouterr().err


@pytest.mark.timeout(600)
def test_two_presets_are_trained_and_compared(tmp_path, capsys):
    """The whole command, three steps each."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    compare.main(["vrae", "digits-nn", "digits-gru", "--steps", "3", "--workdir", str(tmp_path)])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    rows = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["preset"] for row in rows] == ["digits-nn", "digits-gru"]
    for row in rows:
        bound, distortion, rate, near = (
            row["figures"][name][0] for name in ("bound", "distortion", "rate", "nearest_neighbours")
        )
        assert bound == pytest.approx(distortion + rate, rel=1e-5)
        assert 0 <= near <= 1 and row["seconds_per_epoch"] > 0
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    assert "| digits-gru |" in capsys.readouterr().out
