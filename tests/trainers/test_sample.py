import json

import mido
import numpy as np
import pytest
from PIL import Image

from trainers import sample
from trainers.declare.task import Sampling
from trainers.show import sampling
from zoo import catalogue
from zoo.configs.base import to_dict


@pytest.fixture
def untrained(tmp_path):
    """(model, preset, **changed settings) -> a run directory whose weights are the initial ones."""

    def make(name, preset, **changes):
        settings = to_dict(catalogue.preset(name, preset)) | changes
        config = {"model": name, "preset": preset, "settings": settings, "command": "", "data_dir": None}
        run = tmp_path / name
        run.mkdir()
        (run / "config.json").write_text(json.dumps(config))
        model = catalogue.build(name, catalogue.preset(name, preset).model)
        if not changes:
            model.save_weights(run / "model.weights.h5")
        return run

    return make


def run_command(arguments):
    with pytest.raises(SystemExit, match="0"):
        sample.main(arguments)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_draw_leaves_pictures_and_arrays(untrained, capsys):
    run = untrained("draw", "smoke")
    run_command([str(run), "--count", "20"])
    assert files(run / "samples") == ["dreaming.gif", "samples.npz", "samples.png"]
    with np.load(run / "samples/samples.npz") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {
            "z": (20, 3, 4),
            "samples": (20, 28, 28, 1),
            "canvases": (20, 3, 28, 28, 1),
            "windows": (20, 3, 5),
        }
        for name in ("samples", "canvases"):
            assert 0 <= arrays[name].min() < arrays[name].max() <= 1
        np.testing.assert_array_equal(arrays["canvases"][:, -1], arrays["samples"])
    assert Image.open(run / "samples/dreaming.gif").n_frames == 3
    assert capsys.readouterr().out == f"written: {run / 'samples'}\n"


def test_tunes_leave_as_midi_and_as_a_picture(untrained, tmp_path):
    run = untrained("vrae", "smoke")
    run_command([str(run), "--count", "2", "--out", str(tmp_path / "tunes")])
    assert files(tmp_path / "tunes") == ["samples.npz", "samples.png", "tune-00.mid", "tune-01.mid"]
    mido.MidiFile(tmp_path / "tunes/tune-01.mid")


def test_a_seed_means_the_same_bytes_and_another_seed_others(untrained, tmp_path):
    run = untrained("vae", "smoke")
    kept = {}
    for folder, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        run_command([str(run), "--count", "5", "--seed", seed, "--out", str(tmp_path / folder)])
        kept[folder] = {name: (tmp_path / folder / name).read_bytes() for name in files(tmp_path / folder)}
    assert set(kept["a"]) == {"samples.npz", "samples.png"}
    assert kept["a"] == kept["b"]
    assert all(kept["a"][name] != kept["c"][name] for name in kept["a"])


def test_many_samples_are_decoded_in_parts_and_keep_their_order(monkeypatch):
    model = catalogue.build("draw", catalogue.preset("draw", "smoke").model)
    draw = sampling.from_prior(lambda model, decoded: {}, "image")
    whole = draw(model, (), Sampling(count=7)).arrays
    monkeypatch.setattr(sampling, "BATCH", 3)
    monkeypatch.setattr(sampling, "SHOWN", 4)
    parts = draw(model, (), Sampling(count=7)).arrays
    np.testing.assert_array_equal(parts["z"], whole["z"])
    np.testing.assert_allclose(parts["samples"], whole["samples"], rtol=1e-5)
    np.testing.assert_allclose(parts["canvases"], whole["canvases"][:4], rtol=1e-5)


def test_what_makes_nothing_or_takes_no_input_says_so(untrained, capsys):
    for run, inputs, message in (
        (untrained("draw", "cluttered"), [], "a draw_classifier, which makes nothing"),
        (untrained("vae", "smoke"), ["a cat"], "inputs: got a cat, expected none"),
    ):
        with pytest.raises(SystemExit, match="2"):
            sample.main([str(run), *inputs])
        assert message in capsys.readouterr().err


def test_without_a_run_one_line_says_so(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        sample.main([str(tmp_path / "none")])
    assert capsys.readouterr().err.count("\n") == 1
