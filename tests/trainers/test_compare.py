import json
import signal

import numpy as np
import pytest

from trainers import compare

ROW = {
    "network": "lstm",
    "parameters": 1_453_788,
    "bound": 150.126,
    "standard_error": 0.25,
    "distortion": 144.0,
    "rate": 6.126,
    "knn_accuracy": 0.7504,
    "seconds_per_epoch": 12.34,
    "minutes": 3.21,
    "steps": 2000,
    "seed": 0,
    "data": "digits; 200 test examples",
}


def test_the_table_has_a_line_for_each_network():
    lines = compare.table([ROW, {**ROW, "network": "gru"}]).splitlines()
    assert "digits; 200 test examples. 2,000 steps, seed 0" in lines[0]
    assert [line.count("|") for line in lines[2:]] == [10] * 4
    assert lines[4] == "| lstm | 1,453,788 | 150.13 | 0.25 | 144.00 | 6.13 | 0.750 | 12.3 | 3.2 |"
    assert lines[5].startswith("| gru |")


def test_the_picture_has_a_column_for_each_network():
    rng = np.random.default_rng(0)
    one = ROW, rng.normal(size=(30, 2)), rng.integers(0, 10, 30), rng.uniform(size=(400, 28, 28))
    assert compare.picture([one]).shape == (1000, 500, 3)
    assert compare.picture([one, one]).shape == (1000, 1000, 3)


@pytest.mark.timeout(600)
def test_two_networks_are_trained_and_compared(tmp_path, capsys):
    """The whole command, three steps each."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    arguments = ["--networks", "nn", "gru", "--steps", "3", "--workdir", str(tmp_path)]
    compare.main(arguments)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    rows = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["network"] for row in rows] == ["nn", "gru"]
    for row in rows:
        assert row["bound"] == pytest.approx(row["distortion"] + row["rate"], rel=1e-5)
        assert 0 <= row["knn_accuracy"] <= 1 and row["seconds_per_epoch"] > 0
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    assert "| gru |" in capsys.readouterr().out
