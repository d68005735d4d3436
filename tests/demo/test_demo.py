"""The demo in a browser: every panel answers what the LiteRT interpreter answers, and nothing goes wrong on the way."""

import functools
import gzip
import http.server
import json
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

DEMO = pathlib.Path(__file__).parents[2] / "docs" / "demo"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
SIGNATURES = {
    "draw": ("draw", "decode_steps"),
    "paint": ("align_draw", "generate_steps"),
    "tell": ("show_attend_tell", "caption_images"),
    "play": ("wavenet", "step"),
    "say": ("digits", "step"),
    "tune": ("vrnn", "step"),
    "topics": ("topic_rnn", "topics"),
    "way": ("sentence_vae", "encode"),
    "translate": ("rnnsearch", "translate"),
    "near": ("docnade", "nearest"),
}
FIRST_LOAD = 12_000_000  # bytes, of a server that compresses nothing

pytestmark = [
    pytest.mark.skipif(not (BROWSER and shutil.which("npm")), reason="there is no Chromium, or no npm"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([DEMO / "build.sh", folder / "site"], check=True)
    return folder / "site"


@pytest.fixture(scope="module")
def used(site):
    """What tests/demo/drive.mjs prints."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    work = site.parent
    for file in (DEMO / "package.json", pathlib.Path(__file__).with_name("drive.mjs")):
        shutil.copy(file, work)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=work, check=True)
    url = f"http://localhost:{server.server_port}/"
    done = subprocess.run(["node", "drive.mjs", url, BROWSER, work], cwd=work, capture_output=True, text=True)
    server.shutdown()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_goes_wrong(used):
    assert used["errors"] == []
    assert used["seconds"] < 30  # 3 on an idle machine


@pytest.mark.parametrize("panel", SIGNATURES)
def test_a_panel_answers_as_the_interpreter_does(used, site, panel):
    (model, signature), found = SIGNATURES[panel], used["panels"][panel]
    file = gzip.decompress((site / "models" / f"{model}.tflite.gz").read_bytes())
    call = Interpreter(model_content=file).get_signature_runner(signature)
    details = call.get_input_details()
    inputs = {k: np.array(x, details[k]["dtype"]).reshape(details[k]["shape"]) for k, x in found["inputs"].items()}
    for name, value in call(**inputs).items():
        np.testing.assert_allclose(found["answer"][name], value.ravel(), rtol=1e-3, atol=1e-3, err_msg=name)


def test_panels_say_what_they_answer(used):
    panels = used["panels"]
    assert "glimpse 64 of 64" in panels["draw"]["said"]
    assert "minimum" in panels["near"]["said"]
    assert "checkpoint" in panels["topics"]["said"]
    assert "not known to the model: zebra" in used["strange"].lower()
    assert not any("did not work" in panel["status"] for panel in panels.values())


def test_what_the_first_picture_needs_is_small(site):
    runtime = max((site / "wasm").glob("*.wasm"), key=lambda path: path.stat().st_size)
    needed = [*site.glob("*.*"), *(site / "litert").rglob("*.js"), runtime, runtime.with_suffix(".js")]
    assert sum(path.stat().st_size for path in [*needed, site / "models" / "draw.tflite.gz"]) < FIRST_LOAD
