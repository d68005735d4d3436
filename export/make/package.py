"""From a run to everything that leaves: converted, measured, described, and only then put in place."""

import base64
import importlib
import pathlib
import shlex
import sys

import numpy as np

import zoo
from export.declare import reference
from export.declare.signature import Offered, server_inputs
from export.make import card, litert, savedmodel
from zoo.configs.base import to_dict
from zoo.store import runs

EXAMPLES = 3  # of each signature, kept with Keras' answers in the export


def export(name, signatures, options):
    """Writes OUT/NAME/VERSION and OUT/NAME.tflite. Returns the quantised kinds that were refused."""
    model, run = load(name, options.run)
    offered = offer(signatures, model, options.fixed)
    served = options.name or model.name
    print(f"exporting {run.model}/{run.preset} as {served}: {', '.join(offered.server)}", flush=True)
    if offered.phone.keys() != offered.server.keys():
        print(f"to phones: {', '.join(offered.phone)}", flush=True)

    examples, keras = {}, reference.Keras(model, offered.server, offered.before)
    for signature_name, signature in offered.server.items():
        inputs = reference.examples(server_inputs(signature), EXAMPLES)
        examples[signature_name] = inputs, keras.answers(signature_name, inputs)
    phone = reference.Keras(model, offered.phone, offered.before, phone=True)
    files = litert.convert(phone, ("float32", *dict.fromkeys(options.quantize)))
    contents = {kind: record.pop("content") for kind, record in files.items() if "content" in record}
    if "float32" not in contents:
        raise ValueError(f"{served}.tflite: {files['float32']['refused']}")

    about = {
        "name": served,
        "model": run.model,
        "preset": run.preset,
        "run": str(options.run),
        "fixed": options.fixed,
        "config": to_dict(run.settings.model),
        "command": "python -m " + shlex.join([f"export.{name}", *sys.argv[1:]]),
        "default": next(iter(offered.server)),
        "signatures": {
            name: {key: described(spec) for key, spec in server_inputs(one).items()}
            for name, one in offered.server.items()
        },
        "litert": {litert.file_name(served, kind): files[kind] | {"kind": kind} for kind in contents},
        "vocabulary": f"{served}-words.txt" if model.vocabularies else None,
        "refused": {kind: record["refused"] for kind, record in files.items() if "refused" in record},
    }
    out = pathlib.Path(options.out)
    text = card.text(about, run, offered, model)
    version = savedmodel.write(out / served, keras, about["default"], examples, about, text)
    for kind, content in contents.items():
        litert.write(out / litert.file_name(served, kind), content)
    if about["vocabulary"]:  # a phone's words are numbers: of the lines of this file
        litert.write(out / about["vocabulary"], "".join(f"{word}\n" for word in model.words.lines).encode())
    litert.write(out / f"{served}.md", text.encode())

    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    print(f"{version}  {size / 1e6:.2f} MB")
    for kind, record in files.items():
        path = out / litert.file_name(served, kind)
        if "refused" in record:
            print(f"{path}  refused: {record['refused']}")
        else:
            key, (worst, share) = max(record["errors"].items(), key=lambda item: item[1][1])
            print(
                f"{path}  {record['bytes'] / 1e6:.2f} MB, batch {card.batches(record['batch'])}, "
                f"largest error {worst:.1e} ({share:.1e} of the range) in {key}"
            )
    print(f"next:\n  python -m export.check {version}\n  python -m export.serving {out}")
    return sorted(about["refused"])


def signatures_of(name):
    """The declaration of a model in the list: `signatures` of export/NAME.py."""
    return importlib.import_module(f"export.{name}").signatures


def offer(signatures, model, fixed):
    """What a declaration offers of a model, with the options that are fixed in its graph."""
    declared = signatures(model, **fixed)
    return declared if isinstance(declared, Offered) else Offered(declared, declared)


def described(spec):
    """An input of a server as JSON: its shape, its dtype, and of a string an example, as REST wants it."""
    about = {"shape": spec.shape, "dtype": spec.dtype}
    if not spec.text:
        return about
    (example,) = spec.example(1, np.random.default_rng(0))
    try:
        return about | {"example": example.decode()}
    except UnicodeDecodeError:
        return about | {"example": {"b64": base64.b64encode(example).decode()}}


def load(name, where):
    """The model and the run, from a directory or shipped weights. ValueError if it is another model's."""
    run = runs.open_run(where)
    if run.model != name:
        raise ValueError(f"run: got a {run.model} run ({where}), expected {name}; use: python -m export.{run.model}")
    return zoo.load(where), run
