"""The model card: what this is, how good it is, on what, made how, and what it cannot do."""

import json

from export.declare.signature import phone_inputs, server_inputs

LIMITS = """\
- Made to be read and learned from: a small model of a paper, not a product. It knows only data like that above.
- The SavedModel refuses values outside the stated interval, NaN and wrong shapes with an error that names the
  input. LiteRT files check nothing.
- A server that batches runs several callers' requests as one: a refused request fails those merged with it.
- The same seed gives the same answer on one build of TensorFlow; another may differ in the last digits."""


def text(about, run, offered, model):
    """The card as Markdown. about: what export.make.package found; offered: an export.declare.signature.Offered."""
    parts = [
        f"# {about['name']}\n\nModel `{run.model}`, preset `{run.preset}`, {parameters(model):,} parameters.",
        f"## Figures\n\n{figures(run)}",
        f"## Data\n\n{data(run)}",
        f"## Made by\n\nTrained: `{run.config.get('command')}`\n\nExported: `{about['command']}`",
        f"Config of the model:\n\n```json\n{json.dumps(about['config'], indent=1)}\n```",
        f"## SavedModel\n\n{server_table(offered.server, about['default'])}",
        f"## LiteRT\n\n{phone_table(offered.phone, model)}\n\n{files(about)}",
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def parameters(model):
    return sum(int(v.value.shape.num_elements()) for v in model.trainable_variables)


def figures(run):
    """A table of metrics.json; says so where the run has none."""
    if not run.figures:
        return f"None yet: measure with `python -m trainers.evaluate {run.path}`, then export again."
    rows = []
    for figure in run.figures:
        error = f" ± {figure['standard_error']:.2g}" if figure.get("standard_error") else ""
        about = [str(figure[k]) for k in ("split", "examples", "regime") if k in figure]
        meaning = f"{figure.get('definition', '')} ({', '.join(about)})"
        rows.append([figure["name"], f"{figure['value']:.4g}{error}", figure["unit"], meaning])
    return table(["figure", "value", "unit", "definition (split, examples, regime)"], rows)


def data(run):
    """What the model was trained on, from where, under which licence."""
    origin = run.config.get("origin") or f"`{run.settings.data}` (this run did not note where it came from)"
    return f"{origin}."


def server_table(signatures, default):
    rows, inputs = [], {}
    for name, signature in signatures.items():
        inputs |= server_inputs(signature)
        shown = f"`{name}`" + (" (`serving_default`)" if name == default else "")
        rows.append([shown, listed(server_inputs(signature)), signature.says])
    return table(["signature", "inputs", "what it does"], rows) + "\n\n" + notes(inputs)


def phone_table(signatures, model):
    rows, inputs = [], {}
    for name, signature in signatures.items():
        inputs |= phone_inputs(signature, model)
        rows.append([f"`{name}`", listed(phone_inputs(signature, model)), signature.says])
    return table(["signature", "inputs", "what it does"], rows) + "\n\n" + notes(inputs)


def listed(inputs):
    return "<br>".join(f"`{name}`: {spec.expected()}" for name, spec in inputs.items())


def notes(inputs):
    return "\n".join(f"- `{name}`: {spec.says}." for name, spec in inputs.items())


def files(about):
    """Size, error and operations of every LiteRT file, and the reason for each that could not be made."""
    rows, operations = [], []
    for name, record in about["litert"].items():
        key, (worst, share) = max(record["errors"].items(), key=lambda item: item[1][1])
        rows.append(
            [
                f"`{name}`",
                f"{record['bytes'] / 1e6:.2f} MB",
                batches(record["batch"]),
                f"{worst:.1e} ({share:.1e}) in `{key}`",
            ]
        )
        operations.append(f"Operations of `{name}`, all builtin: {', '.join(record['operations'])}.")
    if about["vocabulary"]:
        operations.append(f"`{about['vocabulary']}`: the words, one on each line.")
    refused = [f"`{kind}` was refused: {reason}." for kind, reason in about["refused"].items()]
    head = ["file", "size", "batch", "largest error against Keras (share of the output's range)"]
    return "\n\n".join([table(head, rows), *operations, *refused])


def batches(sizes):
    """The batch sizes of a file's signatures in words. sizes: signature -> 1, or None for any."""
    free = [name for name, size in sizes.items() if size is None]
    if len(free) == len(sizes):
        return "any"
    return f"1 (any: {', '.join(free)})" if free else "1"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
