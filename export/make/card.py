"""The model card: what this is, how good it is, on what, made how, how to call it, and what it cannot do."""

import importlib.metadata
import json

from export.declare.signature import NORMAL, meanings, phone_inputs, server_inputs
from zoo.data.music.tunes import lowest_note
from zoo.store import runs

LIMITS = """\
- Made to be read and learned from: a small model of a paper, not a product. It knows only data like that above.
- The SavedModel refuses values outside the stated interval, NaN and wrong shapes with an error that names the
  input. LiteRT files check nothing: see above for the check to make.
- A server that batches runs several callers' requests as one: a refused request fails those merged with it.
- The same seed gives the same answer on one build of TensorFlow; another may differ in the last digits."""
WHITE_ON_BLACK = ("digits", "mnist", "binarized_mnist", "two-digits", "cluttered", "omniglot", "digit-captions")
STEP = {  # of music
    "tunes": "the shortest time that a chord lasts, 1, 2 or 3 steps; no tempo is part of the data",
    "chorales": "a quarter note",
    "chorales-16th": "a sixteenth note",
}
OLDEST = "2.14"  # of LiteRT, then called tflite-runtime, in which these files were seen to work


def text(about, run, model, server, phone):
    """The card as Markdown. about: what export.make.package found.

    server: (name -> Signature, name -> (inputs, outputs)), examples with Keras' answers. phone: (name -> Signature,
    name -> inputs, name -> outputs). Raises ValueError for an output without a meaning.
    """
    signatures, examples = server
    phone_signatures, phone_examples, phone_outputs = phone
    given = {name: server_inputs(one) for name, one in signatures.items()}
    of_phone = {name: phone_inputs(one, model) for name, one in phone_signatures.items()}
    answers = {name: outputs for name, (_, outputs) in examples.items()}
    parts = [
        f"# {about['name']}\n\nModel `{run.model}`, preset `{run.preset}`, {parameters(model):,} parameters.",
        f"## Figures\n\n{figures(run)}",
        f"## Data\n\n{data(run)}",
        f"## Values\n\n{values(run, model)}",
        f"## Made by\n\nTrained: `{run.config.get('command')}`\n\nExported: `{about['command']}`\n\n{versions(run)}",
        f"Config of the model:\n\n```json\n{json.dumps(about['config'], indent=1)}\n```",
        f"## SavedModel\n\n{signature_table(signatures, given, 'batch', about['default'])}",
        output_table(signatures, answers, "batch"),
        saved_model_snippet(about, given[about["default"]]),
        f"## LiteRT\n\n{signature_table(phone_signatures, of_phone, 1)}",
        output_table(phone_signatures, phone_outputs, 1),
        files(about),
        *([words(about, model)] if about["vocabulary"] else []),
        litert_snippet(about, of_phone, phone_examples),
        f"## Licence\n\n{licence(run)}",
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
        meaning = f"{figure.get('definition', '')} ({', '.join(about)})".strip()
        rows.append([figure["name"], f"{figure['value']:.4g}{error}", figure["unit"], meaning])
    return table(["figure", "value", "unit", "definition (on what)"], rows)


def data(run):
    """What the model was trained on, from where, under which licence."""
    origin = run.config.get("origin") or f"`{run.settings.data}` (this run did not note where it came from)"
    return f"{origin}." if "regime" in origin else f"{origin}. Regime: {run.settings.regime}."


def values(run, model):
    """What the numbers in a picture or a sequence are."""
    name, shapes = run.settings.data, model.input_shapes
    if "sequence" in shapes and (name in STEP or name.endswith((".json", ".json.gz"))):
        notes, step = shapes["sequence"][1], STEP.get(name, "as in the file of the data")
        return (
            f"A sequence is [step, note], 1 where a note sounds and 0 where it does not. Column 0 is the MIDI note "
            f"{lowest_note(notes)}, and every column a semitone more. A step: {step}."
        )
    shape = shapes["image"] if "image" in shapes else getattr(model, "picture_shape", None)
    what = "A sequence is a gray picture, row by row from the top, [row, column]: 0 is black and 1 white"
    if shape:
        colours = {1: "gray, 0 black and 1 white", 3: "red, green and blue (RGB), 0 none of it and 1 all"}
        channels = colours.get(shape[-1], "those of the data")
        what = f"An image is [row, column, channel] from the top left; its channels: {channels}"
    ink = " (white on black)" if name in WHITE_ON_BLACK else ""
    if run.settings.regime == "gray":
        range_ = "as they are in the data, from 0 to 1: bytes divided by 255, and no other scaling"
    else:
        range_ = "zeros and ones; values between them are taken, but training has seen none"
    return f"{what}{ink}. The model has learned from values {range_}."


def versions(run):
    now = [f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "ai-edge-litert")]
    then = [f"{name} {version}" for name, version in run.config.get("versions", {}).items()]
    return f"Trained with {', '.join(then) or 'versions not noted'}; exported and measured with {', '.join(now)}."


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
    """answers: signature -> name -> array, whose shapes are shown."""
    rows = []
    for name, outputs in answers.items():
        known = meanings(signatures[name])
        for key, value in outputs.items():
            if key not in known:
                raise ValueError(f"{name}: its output {key} has no meaning; name one in Signature.outputs")
            dtype = "string" if value.dtype == object else value.dtype.name
            shape = ", ".join(map(str, (batch, *value.shape[1:])))
            rows.append([f"`{name}`", f"`{key}`", f"{dtype} [{shape}]", known[key]])
    return table(["signature", "output", "type and shape", "what it is"], rows)


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
    inputs = {{name: tf.constant(examples[f"{default}/inputs/{{name}}"]) for name in {list(inputs)}}}
print({{name: (value.dtype.name, value.shape) for name, value in call(**inputs).items()}})
```"""


def litert_snippet(about, inputs, examples):
    """A call of the first signature, after the check that LiteRT does not make of the inputs of any."""
    first = next(iter(inputs))
    lines, ranges = [], {k: v.interval for one in inputs.values() for k, v in one.items() if v.interval}
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
LiteRT checks no value: NaN, pixels from 0 to 255 and numbers past the last word are answered as if they were right.
Check inputs before a call, as here:

```python
import numpy as np
from ai_edge_litert.interpreter import Interpreter

RANGES = {ranges}


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


def words(about, model):
    """What the numbers of words are."""
    lines, size = len(model.words.lines), model.words.size
    rest = f"; the model's other numbers, {lines} to {size - 1}, stand for no word" if lines < size else ""
    return (
        f"`{about['vocabulary']}`: one word a line, {lines} lines, the first being 0. 0 is `<end>`, which also fills "
        f"up a caption, and 1 `<unknown>`; a caption has at most {model.config.caption_length - 1} words{rest}."
    )


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
