import json
import re

import numpy as np
import pytest

import zoo
from export import ship
from zoo.store import runs


@pytest.fixture
def run(write_run, tmp_path, monkeypatch):
    """A small run of a VAE, as trained from a folder of data; what ships goes aside."""
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    folder = write_run(tmp_path / "run", "vae", "smoke", {"image_shape": (9, 11, 1)})
    config = json.loads((folder / "config.json").read_text())
    command = f"python -m trainers.vae --preset smoke --data-dir {tmp_path}/sets --workdir {folder}"
    config |= {"command": command, "data_dir": f"{tmp_path}/sets", "origin": f"mnist.npz in {tmp_path}/sets"}
    (folder / "config.json").write_text(json.dumps(config))
    figures = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps([figure | {"minutes": 2.5} for figure in figures]))
    return folder


def test_what_ships_is_the_run_without_the_machine_it_was_made_on(run, tmp_path, capsys):
    ship.main([str(run)])
    shipped = tmp_path / "shipped" / "vae" / "smoke"
    assert capsys.readouterr().out.strip() == str(shipped)
    for ours, theirs in zip(zoo.load("vae/smoke").variables, zoo.load(run).variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert runs.open_run("vae/smoke").figures[0]["value"] == 91.25
    card = (shipped / "README.md").read_text()
    assert "`python -m trainers.vae --preset smoke --data-dir data --workdir runs/vae/smoke`" in card
    assert "91.25 | nats" in card and "2 min of training.\n" in card
    assert "axes and colours, white on black" in card.split("## Values")[1] and "have its licence, Apache-2.0" in card
    assert "| `generate` | `images`: float32 [batch, 9, 11, 1] |" in card and "`noise`: float32 [1, 3]" in card
    snippet = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    exec(snippet, {})
    assert "'distortion': array([" in capsys.readouterr().out
    for name in ("config.json", "metrics.json", "README.md"):
        assert str(tmp_path) not in (shipped / name).read_text()


def test_the_card_says_so_if_the_run_began_at_other_weights(run):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"command": config["command"] + " --init-from vae/digits"}))
    folder = ship.ship(runs.open_run(run), zoo.load(run))
    assert "2 min of training, after that of the weights it began at.\n" in (folder / "README.md").read_text()


def test_the_card_of_what_ships_can_be_written_anew(run):
    first = ship.ship(runs.open_run(run), zoo.load(run))
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    again = ship.ship(runs.open_run("vae/smoke"), zoo.load("vae/smoke"))
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before


def test_what_takes_the_place_of_other_weights_says_so(run, capsys):
    ship.main([str(run)])
    assert "in the place of" not in capsys.readouterr().out
    ship.main([str(run)])
    assert capsys.readouterr().out.endswith("vae/smoke, in the place of what shipped before\n")


def test_weights_without_figures_or_too_large_do_not_ship(run, tmp_path, monkeypatch, capsys):
    def refused():
        with pytest.raises(SystemExit, match="2"):
            ship.main([str(run)])
        return capsys.readouterr().err

    monkeypatch.setattr(ship, "LARGEST", 1000)
    assert re.match(r"error: weights: got [\d,]+ bytes, expected at most 1,000", refused())
    monkeypatch.undo()
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    (run / "metrics.json").unlink()
    assert "has no figures; measure with python" in refused()
    assert not (tmp_path / "shipped").exists()
