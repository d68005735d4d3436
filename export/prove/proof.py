"""The proof behind export.check: every line printed is something that ran."""

import dataclasses
import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

from export.declare import reference
from export.declare.signature import Signature, server_answer, server_inputs
from export.make import child, litert, package, savedmodel
from zoo import catalogue
from zoo.configs.base import from_dict


def prove(version, tolerance=1e-4):
    """Prints what was compared and returns the problems, as sentences; none means that all is well."""
    version = pathlib.Path(version)
    if not (version / "saved_model.pb").exists():
        raise FileNotFoundError(
            f"no export in {version}: found no saved_model.pb; expected a folder like models/draw/1"
        )
    if not (version / savedmodel.ABOUT).exists():
        raise FileNotFoundError(f"{version} is a SavedModel but none of ours: found no {savedmodel.ABOUT}")
    about = json.loads((version / savedmodel.ABOUT).read_text(encoding="utf-8"))
    server, phone = rebuild(version, about)
    return [
        *savedmodel.forbidden(version),
        *prove_text(server.signatures),
        *prove_savedmodel(version, server, about["default"], tolerance),
        *prove_litert(version, phone, about),
    ]


def rebuild(version, about):
    """Keras with the export's config and weights, and the signatures of a server and of a phone: two reference.Keras.

    That these are the trained run's weights is shown by the answers that the run itself gave at export.
    """
    template = catalogue.preset(about["model"], about["preset"]).model
    model = catalogue.build(about["model"], from_dict(template, about["config"]))
    loaded = tf.saved_model.load(str(version))
    offered = package.offer(package.signatures_of(about["model"]), model, about["fixed"])
    server, phone = package.references(model, offered)
    for variable, value in zip(server.variables, loaded.weights, strict=True):
        variable.assign(value)
    return server, phone


@dataclasses.dataclass
class Request:
    """One thing to ask of a SavedModel: either `want` comes back, or an error that says `names`."""

    what: str
    signature: str
    inputs: dict
    want: dict | None = None
    names: str | None = None


def prove_savedmodel(version, keras, default, tolerance):
    signatures = keras.signatures
    requests = stored(version)
    for name, signature in signatures.items():
        inputs = reference.examples(server_inputs(signature), 5, seed=7)
        want = keras.answers(name, inputs)
        alone = [{k: v[3:4] for k, v in values.items()} for values in (inputs, want)]  # as it was among others
        requests += [Request("Keras, batch 1", name, *alone), Request("Keras, batch 5", name, inputs, want)]
        strange = reference.implausible(server_inputs(signature), seed=7)
        if strange:
            requests.append(Request("implausible", name, strange, keras.answers(name, strange)))
    first = next(r for r in requests if r.signature == default)
    requests.append(Request("Keras", "serving_default", first.inputs, first.want))
    for name, inputs in savedmodel.read_warm_up(version):
        requests.append(Request("warm-up", name, inputs, keras.answers(name, inputs)))
    for name, signature in signatures.items():
        good = reference.examples(server_inputs(signature), 3, seed=8)
        requests += bad_requests(name, server_inputs(signature), good)
    return judge(requests, ask(version, requests), tolerance)


def prove_text(signatures):
    """Compares what a server reads in strings with what others read in them, where Keras would ask the same code."""
    problems = []
    for name, signature in signatures.items():
        for key, spec in signature.inputs.items():
            if spec.text and spec.text.twin:
                strings = spec.text.example(40, np.random.default_rng(9))
                want, allowed = spec.text.twin(strings)
                reading = Signature(lambda **read: read, {key: spec}, "")
                got = server_answer(reading, None, {key: tf.constant(strings)})[key]
                worst = float(np.abs(np.mean(got - want, tuple(range(1, want.ndim)))).max())
                print(f"Read   {name:<15} {key:<15} largest mean difference {worst:.1e} of {len(strings)} examples")
                if not worst <= allowed:
                    problems.append(f"{name}: {key} is read otherwise than in training, by {worst:.2g} in the mean")
    return problems


def stored(version):
    """The examples in the export with the answers that the trained run's Keras model gave."""
    found = savedmodel.read_examples(version)
    return [Request("Keras at export", name, one["inputs"], one["outputs"]) for name, one in found.items()]


def bad_requests(name, inputs, good):
    """Requests that must be refused, each wrong in one input of a good one."""
    found = []

    def add(key, what, value):
        found.append(Request(f"{key}: {what}", name, good | {key: value}, names=key))

    for key, spec in inputs.items():
        value = good[key]
        if spec.shape:
            add(key, "one number missing", value[..., :-1] if spec.shape[-1] > 1 else value[:, :-1])
            add(key, "flattened", value.reshape(-1))  # as many numbers, which a reshape inside would accept
        add(key, "without a batch", np.asarray(value[0], value.dtype))
        add(key, "another axis", value[:, None])
        for what, text in (spec.text.refused if spec.text else {}).items():
            add(key, what, _with_one(value, text))
        if spec.dtype == "float32":
            for what, number in {"NaN": np.nan, "infinity": np.inf}.items():
                add(key, what, _with_one(value, number))
        if spec.interval:
            (low, high), past = spec.interval, 0.5 if spec.dtype == "float32" else 1
            for what, number in {"too small": low - past, "too large": high + past}.items():
                add(key, what, _with_one(value, number))
    for key in list(inputs)[1:]:  # one seed for three images would be shared by all
        add(key, "another batch size", good[key][:1])
    return found


def _with_one(value, number):
    value = value.copy()
    value.reshape(-1)[value.size // 2] = number
    return value


def ask(version, requests):
    """A child.Answer for each Request, from the C API in its own process."""
    declared = savedmodel.meta_graph(version).signature_def

    def place(tensor):
        operation, index = tensor.name.split(":")
        return operation, int(index)

    plan = []
    for request in requests:
        signature = declared[request.signature]
        plan.append(
            {
                "inputs": {key: place(signature.inputs[key]) for key in request.inputs},
                "outputs": {key: place(tensor) for key, tensor in signature.outputs.items()},
            }
        )
    config = tf.compat.v1.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = tf.compat.v1.OptimizerOptions.OFF
    plan = {"model": str(version.resolve()), "config": config.SerializeToString().hex(), "requests": plan}
    return child.ask("export.prove.capi", plan, [request.inputs for request in requests])


def judge(requests, answers, tolerance):
    """Prints a line for every kind of comparison; returns the problems."""
    problems, worst, refused = [], {}, {}
    for request, (got, error, seconds, _) in zip(requests, answers, strict=True):
        where = f"{request.signature} ({request.what})"
        if request.names:
            named = error is not None and f"{request.names}: got" in error
            refused.setdefault(request.signature, []).append(named)
            if error is None:
                problems.append(f"{where}: was answered, expected an error that names {request.names}")
            elif not named:
                problems.append(f"{where}: the error does not name {request.names}: {error.splitlines()[0]}")
        elif error:
            problems.append(f"{where}: {error.splitlines()[0]}")
        else:
            for key in request.want.keys() | got.keys():
                if key not in got or key not in request.want:
                    problems.append(f"{where}: output {key} is only on one side")
                    continue
                absolute, share = reference.error(got[key], request.want[key])
                old = worst.get((request.what, request.signature), (0.0, 0.0, 0.0))
                worst[request.what, request.signature] = (*np.maximum(old[:2], (absolute, share)), seconds)
                if not share <= tolerance:
                    problems.append(f"{where}: {key} differs by {absolute:.3g}, {share:.1e} of its range")
    for (what, signature), (absolute, share, seconds) in worst.items():
        numbers = f"error {absolute:.1e} ({share:.1e} of range) {1e3 * seconds:8.1f} ms"
        print(f"C API  {signature:<15} {what:<15} {numbers}")
    for signature, named in refused.items():
        print(f"C API  {signature:<16} {sum(named)} of {len(named)} bad requests got an error naming the input")
    return problems


def prove_litert(version, keras, about):
    """Compares the LiteRT files of this export, which lie beside the model's folder, with Keras."""
    problems = []
    for name, record in about["litert"].items():
        path = version.resolve().parent.parent / name
        if not path.exists():
            print(f"LiteRT {name} is not beside the model; not checked")
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
            print(f"LiteRT {name} belongs to another version; not checked")
            continue
        try:
            errors, _ = litert.compare(path, keras, record["kind"])
        except child.Crash as crash:
            problems.append(f"{name}: {crash}")
            continue
        for key, (absolute, share) in errors.items():
            print(f"LiteRT {name} {key:<28} error {absolute:.1e} ({share:.1e} of range)")
            if not share <= litert.LIMITS[record["kind"]]:
                problems.append(f"{name}: {key} differs by {absolute:.3g}, {share:.1e} of its range")
    return problems
