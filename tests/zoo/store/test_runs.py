"""Runs that hands or accidents have changed: one line that names the file and what is wrong with it."""

import dataclasses
import json
import re

import numpy as np
import pytest

import zoo
from zoo import catalogue
from zoo.configs.base import to_dict
from zoo.store import runs

SMOKE = catalogue.preset("vae", "smoke")


@pytest.fixture(scope="module")
def model():
    return catalogue.build("vae", SMOKE.model)


@pytest.fixture
def run(tmp_path, model):
    """A run directory with weights: (**changes of config.json, None to leave out) -> its path."""

    def make(settings=None, **changes):
        config = {"model": "vae", "preset": "smoke", "settings": to_dict(SMOKE) | (settings or {}), "command": "again"}
        config = {name: value for name, value in (config | changes).items() if value is not None}
        (tmp_path / "config.json").write_text(json.dumps(config))
        model.save_weights(tmp_path / "model.weights.h5")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": None}, "preset: got None, expected a name"),
        ({"preset": "smok"}, "preset: got 'smok', expected one of digits, .*did you mean 'smoke'"),
        ({"model": ["vae"]}, r"model: got \['vae'\], expected a name"),
        ({"settings": {"steps": "3"}}, "steps: got '3', expected a whole number"),
        ({"settings": {"steps": None}}, "steps: got None, expected a whole number"),
        ({"settings": {"batch_size": True}}, "batch_size: got True, expected a whole number"),
        ({"settings": {"batch_size": 16.5}}, "batch_size: got 16.5, expected a whole number"),
        ({"settings": {"learning_rate": [1]}}, r"learning_rate: got \[1\], expected a number"),
        ({"settings": {"data": 3}}, "data: got 3, expected a text"),
        ({"settings": {"model": None}}, "model: got None, expected the fields of VAEConfig by name"),
        ({"settings": {"model": {"hidden": "16"}}}, "model.hidden: got '16', expected one positive size or more"),
        ({"settings": {"model": {"hidden": [16.0]}}}, r"model.hidden: got \(16.0,\), expected one positive size"),
        ({"settings": {"model": {"hidden": [[16]]}}}, r"model.hidden: got \(\[16\],\), expected one positive size"),
        ({"settings": {"model": {"z_size": 10**12}}}, "model.z_size: got 1000000000000, expected an integer below"),
        ({"settings": {"model": {"network": ["mlp"]}}}, r"model.network: got \['mlp'\], expected 'mlp' or 'conv'"),
        ({"settings": {"model": {"image_shape": {}}}}, r"model.image_shape: got {}, expected \(height, width, chan"),
    ],
)
def test_a_config_changed_by_hand_is_refused_by_name(run, changes, said):
    path = run(**changes)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}/config.json: {said}") as caught:
        zoo.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\xff"], ids=range(6))
def test_a_config_that_is_damaged_is_named(run, text):
    path = run()
    (path / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}/config.json: .*got"):
        runs.open_run(path)


def test_settings_may_be_missing_where_a_preset_has_them(run):
    path = run(settings={"model": {}})
    assert runs.open_run(path).settings == SMOKE


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "inside"])
def test_damaged_weights_are_named(run, damage):
    path = run()
    weights = path / "model.weights.h5"
    content = weights.read_bytes()
    inside = content[:100] + b"\xff" * 8000 + content[8100:]
    weights.write_bytes({"cut": content[:9000], "empty": b"", "garbage": b"x" * 999, "inside": inside}[damage])
    with pytest.raises(ValueError, match=rf"^run: {re.escape(str(weights))} is damaged \(.*from the checkpoints$"):
        zoo.load(path)


def test_weights_that_do_not_fit_say_which_size_is_which(run):
    path = run(settings={"model": {"z_size": 5}})
    line = r"/\S+ is \(3,\) in the file, \(5,\) by config.json; one of them was changed$|"
    line += r"/\S+ is \(16, 3\) in the file, \(16, 5\) by config.json; one of them was changed$|"
    line += r"/\S+ is \(3, 16\) in the file, \(5, 16\) by config.json; one of them was changed$"
    with pytest.raises(ValueError, match=line):
        zoo.load(path)


def test_weights_that_are_gone_are_to_be_had_from_the_checkpoints(run):
    path = run()
    (path / "model.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="holds no weights yet"):
        zoo.load(path)
    (path / "checkpoints").mkdir()
    np.savez(path / "checkpoints" / "step-00000010.npz", step=10)
    with pytest.raises(FileNotFoundError, match=r"model\.weights\.h5 is gone; the command .* writes it again: again$"):
        zoo.load(path)


@pytest.mark.parametrize(
    "changes",
    [{"hidden": (10**9, 10**9)}, {"z_size": 10**9}, {"network": "conv", "filters": (10**6, 10**6)}],
    ids=["hidden", "z", "conv"],
)
def test_sizes_beyond_memory_are_one_line(changes):
    with pytest.raises(ValueError, match=r"^model: an array of [\d x]+ numbers is more than memory holds; .*$"):
        catalogue.build("vae", dataclasses.replace(SMOKE.model, **changes))


def test_a_damaged_metrics_json_is_named(run):
    path = run()
    assert runs.open_run(path).figures == []
    (path / "metrics.json").write_text("[{")
    with pytest.raises(ValueError, match=r"metrics\.json: got what is no JSON"):
        _ = runs.open_run(path).figures
