import pytest

from export import check
from export.prove import proof


@pytest.mark.parametrize(
    ("problems", "code", "verdict"),
    [([], "0", "models/draw/1: answers like Keras"), (["generate differs"], "1", "models/draw/1: 1 problems")],
)
def test_a_check_ends_with_a_verdict(problems, code, verdict, monkeypatch, capsys):
    monkeypatch.setattr(proof, "prove", lambda version, tolerance: problems)
    with pytest.raises(SystemExit, match=code):
        check.main(["models/draw/1"])
    out, err = capsys.readouterr()
    assert out.startswith(verdict) and err.count("PROBLEM") == len(problems)
