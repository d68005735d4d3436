import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from export import serving


class StandIn(prediction_service_pb2_grpc.PredictionServiceServicer):
    """What TensorFlow Serving does with a Predict request, as far as a client can see."""

    def __init__(self, models):
        self.models = {name: tf.saved_model.load(str(path)) for name, path in models.items()}

    def Predict(self, request, context):
        signatures = self.models[request.model_spec.name].signatures
        name = request.model_spec.signature_name or "serving_default"
        if name not in signatures:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no signature {name}")
        try:
            outputs = signatures[name](**{k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()})
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        reply = predict_pb2.PredictResponse()
        for key, value in outputs.items():
            reply.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return reply


SERVED = ("align_draw", "draw", "draw_classifier", "show_attend_tell")


@pytest.fixture
def served(exported, tmp_path):
    """A folder with models and its configuration."""
    for name in SERVED:
        shutil.copytree(exported(name) / name, tmp_path / name)
    assert serving.write(tmp_path) == list(SERVED)
    return tmp_path


def test_models_config_lists_every_model(served):
    config = text_format.Parse((served / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    assert [(c.name, c.base_path, c.model_platform) for c in config.model_config_list.config] == [
        (name, f"/models/{name}", "tensorflow") for name in SERVED
    ]


def test_the_other_files_are_text_protos_and_the_composition_names_them(served):
    # Their messages are not in tensorflow-serving-api, so only the form is tested: names, values, balanced braces.
    for name in ("batching_parameters.txt", "monitoring.config"):
        text = (served / name).read_text()
        assert re.fullmatch(r'(\s*\w+(: ("[^"]*"|\w+)| \{)|\s*\})*\s*', text), name
        assert text.count("{") == text.count("}")
        assert f"/models/{name}" in (served / "docker-compose.yml").read_text()


def test_the_grpc_snippets_of_the_readme_run(served):
    readme = (served / "README.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(snippets) == len(SERVED)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    port = server.add_insecure_port("localhost:0")
    models = {name: served / name / "1" for name in SERVED}
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(StandIn(models), server)
    server.start()
    try:
        script = "\n".join(snippets).replace("localhost:8500", f"localhost:{port}")
        done = subprocess.run([sys.executable, "-c", script], cwd=served, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "'images': (2, 9, 11, 2)" in done.stdout and "'logits': (2, 10)" in done.stdout
        assert "'unknown_words': (2,)" in done.stdout and "'captions': (2,)" in done.stdout

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "draw_classifier", "classify"
        image = np.full((1, 9, 11, 1), np.nan, np.float32)
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(image))
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                stub.Predict(request)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "images: got value [nan]" in caught.value.details()
    finally:
        server.stop(None)


def test_the_curl_lines_hold_a_good_request(served):
    readme = (served / "README.md").read_text()
    bodies = re.findall(r"curl -d '?(@[^ ]+|\{.*\})'? http://localhost:8501/v1/models/(\w+):predict", readme)
    assert [name for _, name in bodies] == list(SERVED)
    assert '{"b64": "' in (served / "show_attend_tell-request.json").read_text()
    for body, name in bodies:
        body = json.loads((served / body[1:]).read_text() if body.startswith("@") else body)
        with np.load(served / name / "1" / "assets.extra" / "examples.npz") as examples:  # real ones, if there are any
            for key, value in body["inputs"].items():
                stored = examples[f"{body['signature_name']}/inputs/{key}"][:2]
                if key != "seed":
                    value = np.array(as_served(value))
                    np.testing.assert_array_equal(np.char.encode(value) if value.dtype.kind == "U" else value, stored)
        signature = tf.saved_model.load(str(served / name / "1")).signatures[body["signature_name"]]
        specs = signature.structured_input_signature[1]
        outputs = signature(**{k: tf.constant(as_served(v), specs[k].dtype) for k, v in body["inputs"].items()})
        assert all(value.shape[0] == 2 for value in outputs.values())


def as_served(value):
    """What REST makes of JSON: {"b64": ...} is bytes."""
    if isinstance(value, list):
        return [as_served(one) for one in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def test_an_apostrophe_does_not_end_the_shells_quotes(served):
    path = served / "align_draw" / "1" / "assets.extra" / "examples.npz"
    with np.load(path) as file:
        np.savez(path, **dict(file) | {"generate/inputs/caption": np.array([b"the man's hat"] * 3)})
    (line,) = re.findall(r"curl -d '.*", serving.usage(served / "align_draw"))
    _, _, body, _ = shlex.split(line)
    assert json.loads(body)["inputs"]["caption"] == ["the man's hat"] * 2


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="export one first"):
        serving.write(tmp_path)
