"""Everything TensorFlow Serving needs: python -m export.serving models

Writes models.config, batching_parameters.txt, monitoring.config and docker-compose.yml into the folder, and
README.md with the command that starts the server and, for each model, a REST and a gRPC request to paste.
"""

import base64
import dataclasses
import json
import pathlib
from typing import Annotated

import tyro

from zoo.quiet import ask, stop

MAX_BATCH = 32  # examples run together; log_likelihood holds K times as many

CONFIG = """\
  config {
    name: "NAME"
    base_path: "/models/NAME"
    model_platform: "tensorflow"
  }
"""

BATCHING = f"""\
max_batch_size {{ value: {MAX_BATCH} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 2 }}
"""

MONITORING = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

COMPOSE = """\
services:
  zoo:
    image: ${TF_SERVING_IMAGE:-tensorflow/serving:latest}
    ports:
      - "8500:8500"  # gRPC
      - "8501:8501"  # REST, and metrics at /monitoring/prometheus/metrics
    volumes:
      - .:/models:ro
    command:
      - --model_config_file=/models/models.config
      - --enable_batching=true
      - --batching_parameters_file=/models/batching_parameters.txt
      - --monitoring_config_file=/models/monitoring.config
"""

START = """\
# Serving these models

    docker compose up

or, in one line, from this folder:

    docker run --rm -p 8500:8500 -p 8501:8501 -v "$PWD:/models:ro" tensorflow/serving \\
        --model_config_file=/models/models.config --monitoring_config_file=/models/monitoring.config \\
        --enable_batching=true --batching_parameters_file=/models/batching_parameters.txt
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Write what TensorFlow Serving needs to serve every model in a folder."""

    models: Annotated[pathlib.Path, tyro.conf.Positional] = pathlib.Path("models")
    """The folder that the exports were written to."""


def write(folder):
    """Writes the five files into the folder of exports and returns the models' names."""
    folder = pathlib.Path(folder)
    found = sorted(p for p in folder.glob("*/") if any(v.name.isdecimal() for v in p.glob("*/")))
    if not found:
        raise FileNotFoundError(
            f"no model in {folder}: export one first with: python -m export.draw RUN --out {folder}"
        )
    entries = [CONFIG.replace("NAME", p.name) for p in found]
    files = {  # whatever lies in a model's own folder may be taken for a version
        "models.config": "model_config_list {\n" + "".join(entries) + "}\n",
        "batching_parameters.txt": BATCHING,
        "monitoring.config": MONITORING,
        "docker-compose.yml": COMPOSE,
        "README.md": "\n".join([START, *map(usage, found)]),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [p.name for p in found]


def usage(base):
    """How to call a model's newest version: Markdown with a curl line and a Python snippet."""
    import numpy as np

    newest = max((v for v in base.glob("*/") if v.name.isdecimal()), key=lambda v: int(v.name))
    extra = newest / "assets.extra"
    about = json.loads((extra / "zoo.json").read_text(encoding="utf-8"))
    signature, inputs = about["default"], about["signatures"][about["default"]]
    with np.load(extra / "examples.npz") as examples:
        values = {name: _example(name, examples[f"{signature}/inputs/{name}"][:2]) for name in inputs}
    body = json.dumps({"signature_name": signature, "inputs": values})
    body = body.replace("'", "\\u0027")  # a shell's quotes are around it
    address = f"http://localhost:8501/v1/models/{base.name}:predict"
    if len(body) < 1000:
        curl = f"curl -d '{body}' {address}"
    else:  # an image does not fit on a command line
        request = base.with_name(f"{base.name}-request.json")
        request.write_text(body, encoding="utf-8")
        curl = f"curl -d @{request.name} {address}"
    code = {name: _code(inputs[name]["dtype"], value) for name, value in values.items()}
    from_file = f"""\
with np.load("{base.name}/{newest.name}/assets.extra/examples.npz") as file:
    examples = {{name: file[f"{signature}/inputs/{{name}}"][:2] for name in {[k for k, v in code.items() if not v]}}}
"""
    sent = "\n".join(
        f'request.inputs["{name}"].CopyFrom(tf.make_tensor_proto({line or f"""examples["{name}"]"""}))'
        for name, line in code.items()
    )
    return f"""\
## {base.name}

Signatures: {", ".join(about["signatures"])}; their inputs are in {base.name}/{newest.name}/README.md.

    {curl}

```python
import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

request = predict_pb2.PredictRequest()
request.model_spec.name = "{base.name}"
request.model_spec.signature_name = "{signature}"
{"" if all(code.values()) else from_file}{sent}
with grpc.insecure_channel("localhost:8500", [("grpc.max_receive_message_length", -1)]) as channel:
    reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
outputs = {{name: tf.make_ndarray(tensor) for name, tensor in reply.outputs.items()}}
print({{name: value.shape for name, value in outputs.items()}})
```
"""


def _example(name, values):
    """An input for two examples as REST wants it; seeds that one can read."""
    import numpy as np

    if name == "seed":
        return [[0, 1], [0, 2]]
    if values.dtype.kind != "S":
        return values.tolist()
    try:
        return np.char.decode(values, "utf-8").tolist()
    except UnicodeDecodeError:
        return [{"b64": base64.b64encode(value).decode()} for value in values]


def _code(dtype, values):
    """Python for the same, or "" for what is too long to be read."""
    if len(json.dumps(values)) > 300:
        return ""
    return f"np.array({values}, np.{dtype})" if dtype != "string" else json.dumps(values, ensure_ascii=False)


def main(arguments=None):
    try:
        options = ask(Options, prog="python -m export.serving", args=arguments)
        names = write(options.models)
    except (ValueError, OSError) as error:
        stop(error)
    print((options.models / "README.md").read_text(encoding="utf-8"))
    print(f"configured {', '.join(names)}; start with: cd {options.models} && docker compose up")


if __name__ == "__main__":
    main()
