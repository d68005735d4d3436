import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from trainers.learn import command
from zoo import catalogue


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("model", [*catalogue.MODELS, "evaluate"])
def test_help_comes_within_a_second_and_without_tensorflow(model):
    began = os.times()
    process = run("-X", "importtime", "-m", f"trainers.{model}", "--help")
    took = os.times()
    assert process.returncode == 0 and f"python -m trainers.{model}" in process.stdout
    assert not any(name in process.stderr for name in ("tensorflow", "keras", "sklearn", "matplotlib"))
    # Processor time: the clock would blame this program for what else the machine does.
    assert took.children_user + took.children_system - began.children_user - began.children_system < 1


def test_models_and_presets_are_listed():
    process = run("-m", "trainers")
    assert process.returncode == 0
    for model in catalogue.MODELS:
        assert f"python -m trainers.{model} --preset" in process.stdout
        assert all(f"  {preset} " in process.stdout for preset in catalogue.presets(model))


def test_presets_of_one_model_are_listed():
    process = run("-m", "trainers", "vae")
    assert process.returncode == 0 and process.stdout.count("python -m trainers.") == 1
    assert "data, steps of a batch" in process.stdout and "; ships as vae/mnist\n" in process.stdout
    process = run("-m", "trainers", "vea")
    assert process.returncode == 2 and "(did you mean 'vae'?)" in process.stderr


def test_the_help_of_a_run_has_what_its_judge_can_be_told_and_the_run_itself():
    process = run("-m", "trainers.judge", "draw/digits", "--help")
    assert process.returncode == 0 and "--sure FLOAT" in process.stdout and "a run directory" in process.stdout


@pytest.fixture
def refused(capsys):
    """(*arguments) -> what is said when the command line is refused, which must be without a traceback."""

    def get(*arguments, model="vae"):
        with pytest.raises(SystemExit) as stopped:
            command.parse(model, list(arguments))
        assert stopped.value.code == 2
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return err

    return get


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--steps 0", "steps: got 0, expected at least 1"),
        ("--batch-size 0", "batch_size: got 0, expected at least 1"),
        ("--learning-rate -1", "learning_rate: got -1.0, expected a positive number"),
        ("--ema 1", "ema: got 1.0, expected a decay in [0, 1)"),
        ("--seed -1", "seed: got -1, expected an integer in [0, 2**31)"),
        ("--preset smok", "preset: got 'smok', expected one of"),
    ],
)
def test_a_wrong_value_is_one_line(refused, arguments, said):
    err = refused(*arguments.split())
    assert err.count("\n") == 1 and err.startswith(f"error: {said}")


def test_a_wrong_size_of_the_model_is_named(refused):
    assert "model.z_size: got 0, expected at least 1" in refused("--model.z-size", "0")  # in tyro's frame


def test_an_unknown_name_comes_with_a_suggestion(refused):
    assert "(did you mean 'smoke'?)" in refused("--preset", "smok")
    for typed, meant in {"--model.z-siz": "--model.z-size", "--batchsize": "--batch-size"}.items():
        said = refused(typed, "5")
        assert typed in said and meant in said
    assert "static" in refused("--regime", "statc")


def test_a_preset_gives_the_defaults_and_dots_reach_the_model():
    options = command.parse("draw", ["--preset", "smoke", "--model.z-size", "50", "--steps", "7", "--no-xla"])
    smoke = catalogue.preset("draw", "smoke")
    assert options.settings.model.z_size == 50 and options.settings.model.hidden == smoke.model.hidden
    assert options.settings.steps == 7 and options.settings.batch_size == smoke.batch_size
    assert not options.xla and str(options.workdir) == "runs/draw/smoke"
    first = next(iter(catalogue.presets("draw")))
    assert command.parse("draw", []).preset == first
    assert command.parse("draw", ["--preset=mnist"]).settings == catalogue.preset("draw", "mnist")


@pytest.mark.parametrize("model", catalogue.MODELS)
def test_every_preset_is_reached_unchanged(model):
    for name, preset in catalogue.presets(model).items():
        assert command.parse(model, ["--preset", name]).settings == preset


def test_a_tuple_of_the_models_config(tmp_path):
    options = command.parse("vae", ["--model.hidden", "30", "20", "--workdir", str(tmp_path)])
    assert options.settings.model.hidden == (30, 20) and options.workdir == tmp_path


def test_unknown_data_is_one_line_with_a_suggestion(train):
    code, _, err = train("--preset", "smoke", "--data", "digitz")
    said = [line for line in err.splitlines() if not re.match(r"[EIW]\d{4} ", line)]  # TensorFlow's, without a GPU
    assert code == 2 and "did you mean digits?" in err and len(said) == 1


def test_a_batch_of_more_than_there_is_and_an_unknown_optimiser_are_one_line(train):
    code, _, err = train("--preset", "smoke", "--batch-size", "2000")
    assert code == 2 and "error: batch_size: got 2000, expected at most the 1,397 examples of digits" in err
    code, _, err = train("--preset", "smoke", "--optimizer", "adan")
    assert code == 2 and "optimizer: got 'adan', expected one of adadelta, " in err and "did you mean 'adam'?" in err
    assert "lossscale" not in err


def test_a_dry_run_shows_the_parameters_and_writes_nothing(train, tmp_path):
    code, out, _ = train("--preset", "smoke", "--dry-run")
    assert code == 0 and not (tmp_path / "run").exists()
    assert f"{'26,054':>12}" in out  # 784 x 16 + 16 + 2 x (16 x 3 + 3) + 3 x 16 + 16 + 16 x 784 + 784
    assert "image: 1,397 training examples of (28, 28, 1), digits (static)" in out and "one step: distortion 5" in out
    assert "\nscikit-learn's" in out


def test_a_dry_run_leaves_a_run_as_it_is(train, whole):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert train("--preset", "smoke", "--dry-run", workdir=whole)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


def test_training_starts_from_the_weights_of_another_run(train, whole, state, tmp_path, quick):
    """The first step of the new run starts where the best weights of the other are."""
    import zoo

    started = ("--preset", "smoke", "--init-from", str(whole), "--steps", "1", "--learning-rate", "1e-9")
    assert train(*started)[0] == 0
    found, other = state(tmp_path / "run"), zoo.load(whole)
    assert found["step"] == 1
    for i, v in enumerate(other.variables):
        np.testing.assert_allclose(found[f"model/{i:04d}"], v, atol=1e-7)
    assert found["optimizer0/0000"] == 1  # iterations: the optimiser is new


def test_a_layer_begins_at_what_another_name_has_there():
    """The reader of a VAE at the words' vectors and the cell of a language model, which has an output beside."""
    from trainers.learn.start import shared, words
    from zoo.configs.sentence_vae import LanguageModelConfig

    vae = catalogue.build("dilated_vae", catalogue.preset("dilated_vae", "smoke").model)
    sizes = {"vocabulary": 100, "text_length": 12, "embedding": 8, "hidden": 16}
    language = catalogue.build("sentence_vae", LanguageModelConfig(**sizes))
    pairs = shared("encoder=decoder", "RUN", language, vae)
    assert [id(ours) for ours, _ in pairs] == [id(v) for v in vae.encoder.variables]
    assert [theirs.path.partition("/")[2] for _, theirs in pairs] == [
        "decoder/table/rows",
        "decoder/cell_0/gates/kernel",
        "decoder/cell_0/gates/bias",
    ]
    with pytest.raises(
        ValueError, match="init_from: RUN has no layer encoder of that kind; its layers are cell_0, dec"
    ):
        shared("decoder=encoder", "RUN", language, vae)
    ((ours, theirs),) = words(language, vae)  # the rows are of its words
    assert ours is vae.words.letters and theirs is language.words.letters
    assert not words(catalogue.build("sentence_vae", LanguageModelConfig(**sizes | {"vocabulary": 99})), vae)


def test_a_run_goes_on_without_the_weights_it_began_at(train, whole, quick, tmp_path, state):
    shutil.copytree(whole, tmp_path / "source")
    started = ("--preset", "smoke", "--init-from", str(tmp_path / "source"), "--steps")
    assert train(*started, "2")[0] == 0
    shutil.rmtree(tmp_path / "source")
    code, out, _ = train(*started, "3")
    assert code == 0 and "at step 2" in out and state(tmp_path / "run")["step"] == 3


def test_commands_are_ready_for_a_shell(train, tmp_path, monkeypatch):
    """A directory's blanks and quotes, in config.json and in what comes next."""
    run = tmp_path / "my $run's"
    monkeypatch.setattr(sys, "argv", ["trainer", "--workdir", str(run)])
    code, out, _ = train("--preset", "smoke", "--steps", "1", workdir=run)
    assert code == 0
    lines = [shlex.split(line) for line in out.partition("next:")[2].splitlines() if line]
    assert lines == [
        ["tensorboard", "--logdir", str(run)],
        ["python", "-m", "trainers.evaluate", str(run)],
        ["python", "-m", "export.vae", str(run), "--out", "models"],
    ]
    command = json.loads((run / "config.json").read_text())["command"]
    assert shlex.split(command) == ["python", "-m", "trainers.vae", "--workdir", str(run)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--model.z-size 5", "do not fit (z_size is 3 there, 5 here)"),
        ("--model.hidden 16 16", "do not fit (hidden is (16,) there, (16, 16) here)"),
    ],
)
def test_weights_of_another_shape_are_one_line(train, whole, arguments, said):
    code, _, err = train("--preset", "smoke", "--init-from", str(whole), *arguments.split())
    assert code == 2 and err == f"error: init_from: the weights of {whole} {said}\n"


def test_weights_that_are_not_there_are_one_line(train, tmp_path):
    code, _, err = train("--preset", "smoke", "--init-from", str(tmp_path / "nowhere"))
    assert code == 2 and err.startswith("error: run: found no config.json in") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--devices gpu:7", "devices: got gpu:7, expected among cpu:0"),
        ("--devices tpu", "devices: got tpu, expected among cpu:0"),
    ],
)
def test_unknown_devices_are_one_line(train, arguments, said):
    code, _, err = train("--preset", "smoke", *arguments.split())
    assert code == 2 and err.startswith(f"error: {said}") and err.count("\n") == 1


def test_config_json_repeats_the_run(whole):
    config = json.loads((whole / "config.json").read_text())
    assert config["model"] == "vae" and config["preset"] == "smoke" and config["dtype"] == "float32"
    assert config["command"].startswith("python -m trainers.vae --workdir") and "--ema 0.9" in config["command"]
    assert config["settings"]["steps"] == 60 and "scikit-learn" in config["origin"]
    assert config["versions"].keys() == {"tensorflow", "keras", "tensorflow-probability", "numpy"}


def test_ctrl_c_before_the_first_step_is_no_traceback(train, monkeypatch):
    from trainers.learn import loop

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train", interrupted)
    code, _, err = train("--preset", "smoke")
    assert code == 130 and err.count("\n") == 1


def test_importing_a_trainer_takes_no_time():
    began = time.process_time()
    process = run("-c", "import trainers.learn.command, trainers.draw, sys; sys.exit('tensorflow' in sys.modules)")
    assert process.returncode == 0 and time.process_time() - began < 1
