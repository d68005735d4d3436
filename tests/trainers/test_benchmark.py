import json
import os
import subprocess
import sys

import numpy as np
import pytest

from trainers import benchmark
from trainers.benchmark import Options
from zoo import catalogue


def test_the_command_prints_one_object_with_every_figure():
    command = [sys.executable, "-m", "trainers.benchmark", "vae", "--preset", "smoke", "--steps", "3", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["model"], found["preset"], found["threads"], found["replicas"]) == ("vae", "smoke", 1, 1)
    low, high = found["ms_per_step_quartiles"]
    assert 0 < found["ms_per_step_min"] <= low <= found["ms_per_step"] <= high
    assert found["examples_per_second"] == pytest.approx(1000 * found["batch_size"] / found["ms_per_step"], rel=1e-2)
    for name in ("compile_seconds", "forward_ms", "input_wait_ms", "matmul_gflop", "matmul_ceiling_gflops_per_second"):
        assert found[name] > 0, name
    assert 0 < found["matmul_ceiling_share"] < 1.5
    assert 0.1 < found["peak_memory_gb"] < 3
    assert {"backward_ms", "rest_ms", "others_share_of_cores", "data"} <= found.keys()  # may be 0 on a busy machine
    for product in found["products"]:
        assert product["best"] in product["gflops_per_second"]


def test_unknown_names_and_numbers_are_refused():
    for options, message in (
        (Options("drow"), "model: got 'drow'.*draw"),
        (Options("draw", "mnis"), "preset: got 'mnis'.*mnist"),
        (Options("draw", batch_size=0), "batch_size: got 0, expected at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            benchmark.settings_of(options)
    with pytest.raises(ValueError, match="threads: got 9999, expected at most"):
        benchmark.keep_to(9999)


def test_random_numbers_stand_in_for_missing_data(tmp_path, capsys):
    settings = benchmark.settings_of(Options("draw", "cluttered"))
    model = catalogue.build("draw", settings.model)
    origin, sets = benchmark.examples(settings, model, tmp_path)
    split = sets.train
    assert origin == "random numbers"
    assert split.arrays["image"].shape[1:] == (100, 100, 1)
    assert split.arrays["label"].shape == (split.size,)
    assert "random numbers stand in" in capsys.readouterr().err


def test_the_load_of_others_is_a_share():
    load = benchmark.Load()
    sum(range(10**6))
    assert 0 <= load.of_others() <= 1.5  # ticks are counted in hundredths of a second


def test_another_process_counts_as_load():
    cores = len(os.sched_getaffinity(0))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        load = benchmark.Load()
        with pytest.raises(subprocess.TimeoutExpired):
            busy[0].wait(1)
        assert load.of_others() > 0.5
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_figures_are_rounded_to_four_digits_everywhere():
    figures = {"a": 1234.5678, "b": [0.00123456], "c": {"d": 7, "e": "x"}, "f": float(np.inf)}
    assert benchmark.rounded(figures) == {"a": 1235.0, "b": [0.001235], "c": {"d": 7, "e": "x"}, "f": np.inf}
