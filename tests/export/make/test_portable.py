import dataclasses
import pathlib
import runpy

import numpy as np
import pytest

from export import rnnsearch, wavenet
from export.declare import latent, reference
from export.make import portable
from zoo import catalogue
from zoo.configs.draw import DRAWConfig
from zoo.configs.wavenet import WaveNetConfig

CLIENTS = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "baselines" / "clients.py"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    config = DRAWConfig(image_shape=(9, 11, 2), steps=3, hidden=8, z_size=3, read_n=2, write_n=3)
    model = catalogue.build("draw", config)
    keras = reference.Keras(model, latent.signatures(model, k=2), phone=True)
    folder = tmp_path_factory.mktemp("models") / "draw-portable"
    for _ in range(2):  # the second takes the place of the first
        portable.write(folder, keras)
    return folder, keras


def test_every_signature_has_its_folder_and_no_output_the_name_of_an_input(exported):
    folder, keras = exported
    assert {path.name for path in folder.iterdir()} == keras.signatures.keys() > {"generate", "reconstruct"}
    assert not list(folder.parent.glob(".*"))
    inputs, outputs = CLIENTS["asked"](keras, "reconstruct")
    assert "images" in inputs and outputs.keys() == {"images_out"}


@pytest.fixture(params=["openvino", "onnx_runtime"])
def runtime(request):
    """A runtime's function of a folder and inputs."""
    for package in {"openvino": ["openvino"], "onnx_runtime": ["onnxruntime", "tf2onnx"]}[request.param]:
        pytest.importorskip(package)
    return CLIENTS[request.param]


def test_other_runtimes_answer_like_keras(exported, runtime):
    folder, keras = exported
    for name in ("generate", "reconstruct", "encode", "log_likelihood"):
        inputs, want = CLIENTS["asked"](keras, name)
        assert CLIENTS["error"](runtime(folder / name, inputs), want) < 1e-5, name


def test_other_runtimes_answer_a_conditioned_wavenet_like_keras(tmp_path, runtime):
    sizes = {"length": 20, "levels": 16, "residual": 4, "gate": 3, "skip": 5, "dilations": (1, 2, 4)}
    model = catalogue.build("wavenet", WaveNetConfig(**sizes, labels=3, by_label=True))
    keras = reference.Keras(model, wavenet.signatures(model, k=2).phone, phone=True)
    portable.write(tmp_path / "portable", keras)
    for name in ("log_likelihood", "step"):
        inputs, want = CLIENTS["asked"](keras, name)
        assert CLIENTS["error"](runtime(tmp_path / "portable" / name, inputs), want) < 1e-5, name


def test_other_runtimes_answer_texts_that_end_early_like_keras(tmp_path, runtime):
    config = catalogue.preset("rnnsearch", "smoke").model
    sizes = {"source_vocabulary": 8, "target_vocabulary": 9, "source_length": 7, "target_length": 6}
    model = catalogue.build("rnnsearch", dataclasses.replace(config, **sizes))
    for words in model.vocabularies.values():
        words.learn(["a", "b"])
    model.out.bias.assign(np.float32([1.0, 0, 0, 0, 0, 0, 0, 0, 0]))  # to the END
    keras = reference.Keras(model, rnnsearch.signatures(model, 3).phone, phone=True)
    portable.write(tmp_path / "portable", keras)
    inputs, want = CLIENTS["asked"](keras, "translate")
    assert not want["tokens"][:, 1:].any()
    assert CLIENTS["error"](runtime(tmp_path / "portable" / "translate", inputs), want) < 1e-5
