"""The model card: what this is, how good it is, on what, made how, how to call it, and what it cannot do."""

import importlib.metadata
import json

from export.declare.signature import NORMAL, meanings, phone_inputs, server_inputs
from zoo.store import runs

LIMITS = """\
- Made to be read and learned from: a small model of a paper, not a product. It knows only data like that above.
- The SavedModel refuses values outside the stated interval, NaN and wrong shapes with an error that names the
  input. LiteRT files check nothing: see above for the check to make.
- A server that batches runs several callers' requests as one: a refused request fails those merged with it.
- The same seed gives the same answer on one build of TensorFlow; another may differ in the last digits."""
ALWAYS = (  # what every figure has; the rest is the data's own description of itself
    *("name", "value", "unit", "standard_error", "better", "definition", "split", "examples", "data", "fingerprint"),
    *("seed", "trained_by", "minutes", "signature"),
)
OLDEST = "2.14"  # of LiteRT, then called tflite-runtime, in which these files were seen to work


def text(about, run, model, server, phone):
    """The card as Markdown. about: what export.make.package found.

    server: (name -> Signature, name -> (inputs, outputs)), examples with Keras' answers. phone: (name -> Signature,
    name -> inputs, name -> outputs). Raises ValueError for an output without a meaning.
    """
    parts = [
        f"# {about['name']}\n\nModel `{run.model}`, preset `{run.preset}`, {parameters(model):,} parameters.",
        f"## Figures\n\n{figures(run)}",
        f"## Data\n\n{data(run)}",
        f"## Values\n\n{values(run, model)}",
        f"## Made by\n\nTrained: `{run.config.get('command')}`\n\nExported: `{about['command']}`",
        f"{trained_with(run)}; {exported_with()}.",
        f"Config of the model:\n\n```json\n{json.dumps(about['config'], indent=1)}\n```",
        f"## SavedModel\n\n{served(about, *server)}",
        f"## LiteRT\n\n{on_phone(about, model, *phone)}",
        f"## Licence\n\n{licence(run)}",
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def served(about, signatures, examples):
    """How to call a SavedModel. examples: name -> (inputs, outputs)."""
    inputs = {name: server_inputs(one) for name, one in signatures.items()}
    answers = {name: outputs for name, (_, outputs) in examples.items()}
    default = about["default"]
    parts = [
        signature_table(signatures, inputs, "batch", default),
        output_table(signatures, answers, "batch"),
        saved_model_snippet(about, inputs[default]),
    ]
    return "\n\n".join(parts)


def on_phone(about, model, signatures, asked, answers):
    """How to call LiteRT files. asked, answers: name -> dict of arrays."""
    inputs = {name: phone_inputs(one, model) for name, one in signatures.items()}
    parts = [
        signature_table(signatures, inputs, 1),
        output_table(signatures, answers, 1),
        *([files(about)] if "litert" in about else []),
        *(meant(file, name, model) for name, file in about["vocabularies"].items()),
        litert_snippet(about, inputs, asked),
    ]
    return "\n\n".join(parts)


def parameters(model):
    return sum(int(v.value.shape.num_elements()) for v in model.trainable_variables)


def figures(run):
    """A table of metrics.json; says so where the run has none."""
    if not run.figures:
        return f"None yet: measure with `python -m trainers.evaluate {run.path}`, then export again."
    rows = []
    for figure in run.figures:
        error = f" ± {figure['standard_error']:.2g}" if figure.get("standard_error") else ""
        about = [str(figure[k]) for k in ("split", "examples") if k in figure]
        about += [f"{key.replace('_', ' ')} {_short(value)}" for key, value in figure.items() if key not in ALWAYS]
        meaning = f"{figure.get('definition', '')} ({', '.join(about)})".strip()
        rows.append([figure["name"], f"{figure['value']:.4g}{error}", figure["unit"], meaning])
    return table(["figure", "value", "unit", "definition (on what)"], rows)


def data(run):
    """What the model was trained on, from where, under which licence."""
    origin = run.config.get("origin") or f"`{run.settings.data}` (this run did not note where it came from)"
    return f"{origin}."


def values(run, model):
    """What the numbers of an example are: as its data say it, and as the model takes it."""
    said = run.config.get("values", {})
    lines = [f"- `{name}`: {field}{f': {said[name]}' if name in said else ''}." for name, field in model.fields.items()]
    return "\n".join(lines + [f"- `{name}`: {one}." for name, one in said.items() if name not in model.fields])


def _short(value):
    if isinstance(value, dict):
        return " ".join(f"{key.replace('_', ' ')} {_short(each)}" for key, each in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def trained_with(run):
    then = [f"{name} {version}" for name, version in run.config.get("versions", {}).items()]
    return f"Trained with {', '.join(then) or 'versions not noted'}"


def exported_with():
    now = [f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "ai-edge-litert")]
    return f"exported and measured with {', '.join(now)}"


def licence(run):
    if run.path.is_relative_to(runs.SHIPPED):
        weights = "The weights came with the code and have its licence, Apache-2.0"
    else:
        weights = "The weights are whose training made them, to license as they see fit; the code is under Apache-2.0"
    return f"{weights}. The data, whose terms may reach further, is told of above."


def signature_table(signatures, inputs, batch, default=None):
    """inputs: signature -> name -> Input. batch: what the first axis is called."""
    rows, all_inputs = [], {}
    for name, signature in signatures.items():
        all_inputs |= inputs[name]
        shown = f"`{name}`" + (" (`serving_default`)" if name == default else "")
        listed = "<br>".join(f"`{key}`: {spec.expected(batch)}" for key, spec in inputs[name].items())
        rows.append([shown, listed, signature.says])
    notes = "\n".join(f"- `{name}`: {spec.says}." for name, spec in all_inputs.items())
    return table(["signature", "inputs", "what it does"], rows) + "\n\n" + notes


def output_table(signatures, answers, batch):
    """answers: signature -> name -> array, whose shapes are shown.

    What each means stands below, once where it is one thing in all.
    """
    rows, known = [], {}
    for name, outputs in answers.items():
        shown, says = [], meanings(signatures[name])
        for key, value in outputs.items():
            if key not in says:
                raise ValueError(f"{name}: its output {key} has no meaning; name one in Signature.outputs")
            known.setdefault((key, says[key]), []).append(name)
            dtype = "string" if value.dtype == object else value.dtype.name
            shown.append(f"`{key}`: {dtype} [{', '.join(map(str, (batch, *value.shape[1:])))}]")
        rows.append([f"`{name}`", "<br>".join(shown)])
    several = {key for key, _ in known if sum(key == other for other, _ in known) > 1}
    notes = [
        f"- `{key}`{' of ' + ', '.join(f'`{name}`' for name in names) if key in several else ''}: {says}."
        for (key, says), names in known.items()
    ]
    return table(["signature", "outputs"], rows) + "\n\n" + "\n".join(notes)


def saved_model_snippet(about, inputs):
    default, name = about["default"], about["name"]
    return f"""\
`assets.extra/examples.npz` in each version holds examples of every signature, `SIGNATURE/inputs/NAME`, with the
answers that Keras gave, `SIGNATURE/outputs/NAME`. From the folder in which `{name}` lies:

```python
import pathlib

import numpy as np
import tensorflow as tf

version = max(pathlib.Path("{name}").iterdir(), key=lambda path: int(path.name))
call = tf.saved_model.load(version).signatures["{default}"]
with np.load(version / "assets.extra" / "examples.npz") as examples:
    inputs = {{name: tf.constant(examples[f"{default}/inputs/{{name}}"]) for name in {json.dumps(list(inputs))}}}
print({{name: (value.dtype.name, value.shape) for name, value in call(**inputs).items()}})
```"""


def litert_snippet(about, inputs, examples):
    """A call of the first signature, after the check that LiteRT does not make of the inputs of any."""
    first = next(iter(inputs))
    ranges = {k: v.interval for one in inputs.values() for k, v in one.items() if v.interval}
    ranges, lines = ", ".join(f'"{name}": {interval}' for name, interval in ranges.items()), []
    for name, spec in inputs[first].items():
        shape = (1, *spec.shape)
        if spec.dtype == "int32":
            value = f"np.array({examples[first][name].tolist()}, np.int32)"
        elif spec.says.startswith(NORMAL):
            value = f"numbers.standard_normal({shape}, np.float32)"
        else:
            value = f"numbers.random({shape}, np.float32)"
        lines.append(f'    "{name}": {value},')
    return f"""\
LiteRT checks no value: NaN, bytes in the place of [0, 1] and numbers past the last word are answered as if they were
right. Check inputs before a call, as here:

```python
import numpy as np
from ai_edge_litert.interpreter import Interpreter

RANGES = {{{ranges}}}


def check(inputs):
    for name, value in inputs.items():
        low, high = RANGES.get(name, (-np.inf, np.inf))
        if not (np.isfinite(value) & (value >= low) & (value <= high)).all():
            raise ValueError(f"{{name}}: expected finite numbers in [{{low}}, {{high}}]")


numbers = np.random.default_rng()
inputs = {{
{chr(10).join(lines)}
}}
check(inputs)
call = Interpreter("{about["name"]}.tflite").get_signature_runner("{first}")
print({{name: (value.dtype.name, value.shape) for name, value in call(**inputs).items()}})
```"""


def files(about):
    """Size, memory, time, error and operations of every LiteRT file, and why others could not be made."""
    rows, more = [], []
    for name, record in about["litert"].items():
        key, (worst, share) = max(record["errors"].items(), key=lambda item: item[1][1])
        size, memory = f"{record['bytes'] / 1e6:.2f} MB", f"{record['megabytes']:.0f} MB"
        rows.append([f"`{name}`", size, memory, f"{worst:.1e} ({share:.1e}) in `{key}`"])
        times = ", ".join(f"`{signature}` {time:.2g}" for signature, time in record["milliseconds"].items())
        more.append(f"Milliseconds of a call of `{name}`, in the median and on one thread: {times}.")
        more.append(f"Operations of `{name}`, all builtin: {', '.join(record['operations'])}.")
    refused = [f"`{kind}` was refused: {reason}." for kind, reason in about["refused"].items()]
    head = ["file", "size", "memory", "largest error against Keras (share of the output's range)"]
    said = (
        "Every call takes one example. Error, time and memory (what a process needs for the file and all its calls) "
        "were measured at export, on the machine that exported, in LiteRT's Interpreter and its CompiledModel, with "
        f"plausible and implausible inputs. The oldest runtime seen to work is {OLDEST}."
    )
    return "\n\n".join([said, table(head, rows), *more, *refused])


def meant(file, name, model):
    """What the numbers of a field's words are, or those of its classes."""
    lines, size, shape = len(model.vocabularies[name].lines), model.vocabularies[name].size, model.fields[name].shape
    if not shape:
        return f"`{file}`: one name a line, {lines} lines, the first being 0."
    most = shape[0]
    rest = f"; the model's other numbers, {lines} to {size - 1}, stand for no word" if lines < size else ""
    return (
        f"`{file}`: one word a line, {lines} lines, the first being 0. 0 is `<end>`, which also fills "
        f"up a {name}, and 1 `<unknown>`; a {name} has at most {most - 1} words{rest}."
    )


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
