"""From a run to everything that leaves: converted, measured, described, and only then put in place."""

import importlib
import pathlib
import shlex
import sys

import numpy as np

import zoo
from export.declare import reference
from export.declare.signature import Offered, phone_inputs, server_inputs
from export.make import card, command, litert, portable, savedmodel
from zoo.configs.base import to_dict
from zoo.data import named
from zoo.data.reading import from_disk_alone
from zoo.data.split import in_order
from zoo.store import runs

EXAMPLES = 3  # of each signature, kept with Keras' answers in the export


def export(name, signatures, options):
    """Writes OUT/NAME/VERSION and OUT/NAME.tflite. Returns the quantised kinds that were refused."""
    out = pathlib.Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"out: cannot write in {out} ({error.strerror}); choose another --out") from None
    model, run = load(name, options.run)
    offered = offer(signatures, model, options.fixed)
    served = options.name or model.name
    print(f"exporting {run.model}/{run.preset} as {served}: {', '.join(offered.server)}", flush=True)
    if offered.phone.keys() != offered.server.keys():
        print(f"to phones: {', '.join(offered.phone)}", flush=True)

    keras, phone = references(model, offered)
    examples, on_phone = answered(keras, phone, real(run, model, offered.fields or model.fields))
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
        "vocabularies": vocabularies(served, model),
        "refused": {kind: record["refused"] for kind, record in files.items() if "refused" in record},
    }
    text = card.text(about, run, model, (offered.server, examples), (offered.phone, *on_phone))
    version = savedmodel.write(out / served, keras, about["default"], examples, about, text)
    for kind, content in contents.items():
        litert.write(out / litert.file_name(served, kind), content)
    if options.portable:
        portable.write(out / f"{served}-portable", phone)
    for name, file in about["vocabularies"].items():  # a phone's words are numbers: of the lines of this file
        litert.write(out / file, "".join(f"{word}\n" for word in model.vocabularies[name].lines).encode())
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
    if options.portable:
        print(f"{out / f'{served}-portable'}: {', '.join(phone.signatures)}")
    print(f"next:\n  python -m export.check {version}\n  python -m export.serving {out}")
    return sorted(about["refused"])


def signatures_of(name):
    """The declaration of a model in the list: `signatures` of export/NAME.py."""
    return importlib.import_module(f"export.{name}").signatures


def offer(signatures, model, fixed):
    """What a declaration offers of a model, with the options that are fixed in its graph."""
    declared = signatures(model, **fixed)
    return declared if isinstance(declared, Offered) else Offered(declared, declared)


def references(model, offered):
    """What is offered to a server and to a phone, each as a reference.Keras."""
    server, phone, before, _ = offered
    return reference.Keras(model, server, before), reference.Keras(model, phone, before, phone=True)


def usual(signatures):
    """What a command line fixes of a declaration if it is told nothing: name -> value."""
    return command.options_of(signatures)("").fixed


def answered(server, phone, data):
    """Examples of all that is offered, with the answers of Keras, a reference.Keras each.

    Returns (name -> (inputs, outputs) of EXAMPLES for a server, (name -> inputs, name -> outputs) of one for a phone).
    """
    examples = {}
    for name, signature in server.signatures.items():
        inputs = reference.examples(server_inputs(signature), EXAMPLES, data=data)
        examples[name] = inputs, server.answers(name, inputs)
    inputs = {name: phone_inputs(signature, phone.model) for name, signature in phone.signatures.items()}
    asked = {name: reference.examples(one, 1) for name, one in inputs.items()}
    return examples, (asked, {name: phone.answers(name, one) for name, one in asked.items()})


def real(run, model, fields):
    """Examples of the test data that a run was made for, as fields say: name -> [EXAMPLES, ...].

    {} where these are not on the disk.
    """
    settings = run.settings
    known = {name: tuple(words.known) for name, words in model.vocabularies.items()}
    where = {"data_dir": run.config.get("data_dir"), **settings.data_options}
    try:
        with from_disk_alone():  # three examples are not worth a download
            data = named.load(settings.data, fields=fields, known=known, **where)
    except OSError:
        remedy = "TFDS_DATA_DIR=FOLDER before the command says where they lie"
        print(f"the examples are made up, since the data {settings.data} were not found; {remedy}")
        return {}
    except ValueError as error:
        print(f"the examples are made up, since the data cannot be read: {error}")
        return {}
    batch, _ = next(in_order(data.test, EXAMPLES))
    return {name: filled(batch[name].numpy(), field) for name, field in fields.items()}


def filled(values, field):
    """Values [B, ...] of a field, a ragged one with its padding up to the most that it holds."""
    if not field.ragged or not field.shape[0]:
        return values
    behind = [(0, 0), (0, field.shape[0] - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, behind, constant_values=field.pad)


def vocabularies(served, model):
    """field -> the file that its words or its classes are written to; lone words need no name of their own."""
    words = [name for name in model.vocabularies if model.fields[name].shape]
    files = {name: f"{served}-{name}-words.txt" if len(words) > 1 else f"{served}-words.txt" for name in words}
    return {name: files.get(name, f"{served}-{name}s.txt") for name in model.vocabularies}


def load(name, where):
    """The model and the run, from a directory or shipped weights. ValueError if it is another model's."""
    run = runs.open_run(where)
    if run.model != name:
        raise ValueError(f"run: got a {run.model} run ({where}), expected {name}; use: python -m export.{run.model}")
    return zoo.load(where), run
