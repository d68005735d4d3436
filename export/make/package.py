"""From a run to everything that leaves: converted, measured, described, and only then put in place."""

import importlib
import pathlib
import shlex
import sys

import zoo
from export.declare import reference
from export.declare.signature import Offered, phone_inputs, server_inputs
from export.make import card, litert, savedmodel
from zoo.configs.base import to_dict
from zoo.data import named
from zoo.data.split import in_order
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

    data = real(run, model)
    examples, keras = {}, reference.Keras(model, offered.server, offered.before)
    for signature_name, signature in offered.server.items():
        inputs = reference.examples(server_inputs(signature), EXAMPLES, data=data)
        examples[signature_name] = inputs, keras.answers(signature_name, inputs)
    phone = reference.Keras(model, offered.phone, offered.before, phone=True)
    asked = {name: reference.examples(phone_inputs(one, model), 1) for name, one in offered.phone.items()}
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
            name: {key: {"shape": spec.shape, "dtype": spec.dtype} for key, spec in server_inputs(one).items()}
            for name, one in offered.server.items()
        },
        "litert": {litert.file_name(served, kind): files[kind] | {"kind": kind} for kind in contents},
        "vocabulary": f"{served}-words.txt" if hasattr(model, "words") else None,
        "refused": {kind: record["refused"] for kind, record in files.items() if "refused" in record},
    }
    out = pathlib.Path(options.out)
    answers = {name: phone.answers(name, inputs) for name, inputs in asked.items()}
    text = card.text(about, run, model, (offered.server, examples), (offered.phone, asked, answers))
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
                f"{path}  {record['bytes'] / 1e6:.2f} MB, largest error {worst:.1e} ({share:.1e} of the range) in {key}"
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


def real(run, model):
    """Examples of the test data that a run was made for, name -> [EXAMPLES, ...]; {} where that cannot be found.

    "image" or "sequence" as the model sees it, and "caption" as a string of words it knows.
    """
    shapes = dict(model.input_shapes)
    if not {"image", "sequence"} & shapes.keys():  # annotations: the pictures that these are of
        shapes = {"image": model.picture_shape, "caption": shapes["caption"]}
    settings, words = run.settings, model.words.known if hasattr(model, "words") else None
    where = run.config.get("data_dir")
    try:
        data = named.load(settings.data, shapes=shapes, regime=settings.regime, data_dir=where, words=words)
    except (OSError, ValueError) as error:
        print(f"the examples are made up, since there is no data: {error}")
        return {}
    batch, _ = next(in_order(data.test, EXAMPLES))
    found = {name: batch[name].numpy() for name in ("image", "sequence") if name in batch}
    if "caption" in shapes:
        found["caption"] = model.words.captions(batch["caption"]).numpy()
    return found


def load(name, where):
    """The model and the run, from a directory or shipped weights. ValueError if it is another model's."""
    run = runs.open_run(where)
    if run.model != name:
        raise ValueError(f"run: got a {run.model} run ({where}), expected {name}; use: python -m export.{run.model}")
    return zoo.load(where), run
