"""From a run to everything that leaves: converted, measured, described, and only then put in place."""

import importlib
import pathlib
import shlex
import sys

import zoo.run
from export import card, litert, reference, savedmodel
from export.signature import server_inputs
from zoo.configs.base import to_dict

EXAMPLES = 3  # of each signature, kept with Keras' answers in the export


def export(name, signatures, options):
    """Writes OUT/NAME/VERSION and OUT/NAME.tflite. Returns the quantised kinds that were refused."""
    model, run = load(name, options.run)
    declared = signatures(model, options.k)
    served = options.name or model.name
    print(f"exporting {run.model}/{run.preset} as {served}: {', '.join(declared)}", flush=True)

    examples, keras = {}, reference.Keras(model, declared)
    for signature_name, signature in declared.items():
        inputs = reference.examples(model, server_inputs(signature), EXAMPLES)
        examples[signature_name] = inputs, keras.answers(signature_name, inputs)
    files = litert.convert(keras, ("float32", *dict.fromkeys(options.quantize)))
    contents = {kind: record.pop("content") for kind, record in files.items() if "content" in record}
    if "float32" not in contents:
        raise ValueError(f"{served}.tflite: {files['float32']['refused']}")

    about = {
        "name": served,
        "model": run.model,
        "preset": run.preset,
        "run": str(options.run),
        "k": options.k,
        "config": to_dict(run.settings.model),
        "command": "python -m " + shlex.join([f"export.{name}", *sys.argv[1:]]),
        "default": next(iter(declared)),
        "signatures": {
            name: {key: {"shape": spec.shape, "dtype": spec.dtype} for key, spec in server_inputs(one).items()}
            for name, one in declared.items()
        },
        "litert": {litert.file_name(served, kind): files[kind] | {"kind": kind} for kind in contents},
        "refused": {kind: record["refused"] for kind, record in files.items() if "refused" in record},
    }
    out = pathlib.Path(options.out)
    text = card.text(about, run, declared, model)
    version = savedmodel.write(out / served, model, declared, about["default"], examples, about, text)
    for kind, content in contents.items():
        litert.write(out / litert.file_name(served, kind), content)
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
                f"{path}  {record['bytes'] / 1e6:.2f} MB, batch {record['batch'] or 'any'}, "
                f"largest error {worst:.1e} ({share:.1e} of the range) in {key}"
            )
    print(f"next:\n  python -m export.check {version}\n  python -m export.serving {out}")
    return sorted(about["refused"])


def signatures_of(name):
    """The declaration of a model in the list: signatures(model, k) of export/NAME.py."""
    return importlib.import_module(f"export.{name}").signatures


def load(name, where):
    """The model and the run, from a directory or shipped weights. ValueError if it is another model's."""
    run = zoo.run.open_run(where)
    if run.model != name:
        raise ValueError(f"run: got a {run.model} run ({where}), expected {name}; use: python -m export.{run.model}")
    return zoo.load(where), run
