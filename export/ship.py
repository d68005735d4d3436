"""Put a run's weights into the package: python -m export.ship RUN

They become zoo/weights/MODEL/PRESET: zoo.load("MODEL/PRESET") finds them, in an installed wheel too.
"""

import dataclasses
import json
import shutil
from typing import Annotated

import tyro

from zoo.quiet import ask, stop

LARGEST = 10_000_000  # bytes of weights; the package stays small
SNIPPET = """\
```python
import numpy as np
import zoo

model, numbers = zoo.load("NAME"), np.random.default_rng(0)
batch = {name: field.random(3, numbers) for name, field in model.fields.items()}  # real examples in their place
terms = model.loss_terms(batch, model.noise(3, seed=(0, 1)))
print({name: value.numpy() for name, value in terms.items()})
```"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Put a run's weights, config, figures and a model card into the package."""

    run: Annotated[str, tyro.conf.Positional]
    """the run directory"""


def ship(run, model):
    """Writes the folder and returns it. Raises ValueError if the weights are too large or have no figures."""
    from export.make import card, package
    from zoo.store.runs import SHIPPED

    size = run.weights.stat().st_size
    if size > LARGEST:
        raise ValueError(f"weights: got {size:,} bytes, expected at most {LARGEST:,}")
    if not run.figures:
        raise ValueError(f"run: {run.path} has no figures; measure with python -m trainers.evaluate {run.path}")
    name = f"{run.model}/{run.preset}"
    folder = SHIPPED / name
    folder.mkdir(parents=True, exist_ok=True)
    if run.path != folder:  # else what ships has its card written anew
        shutil.copyfile(run.weights, folder / "model.weights.h5")
    # Paths of the machine that trained tell a reader nothing: the data's folder is called data.
    nowhere = {"data_dir": None} | ({"data": {**run.config["data"], "path": None}} if "data" in run.config else {})
    local = {run.config.get("data_dir"): "data", str(run.path): f"runs/{name}"}

    def portable(value):
        text = json.dumps(value, indent=2)
        for path, name in local.items():
            text = text.replace(path, name) if path else text
        return text + "\n"

    (folder / "config.json").write_text(portable({**run.config, **nowhere}), encoding="utf-8")
    (folder / "metrics.json").write_text(portable(run.figures), encoding="utf-8")
    shipped = run._replace(path=folder, config=json.loads((folder / "config.json").read_text(encoding="utf-8")))
    before = ", after that of the weights it began at" if "--init-from" in shipped.config["command"] else ""
    signatures = package.signatures_of(run.model)
    offered = package.offer(signatures, model, package.usual(signatures))
    served = {"name": model.name, "default": next(iter(offered.server))}
    served |= {"vocabularies": package.vocabularies(model.name, model)}
    examples, on_phone = package.answered(*package.references(model, offered), {})
    parts = [
        f"# {name}\n\n{card.parameters(model):,} parameters.\n\n{SNIPPET.replace('NAME', name)}",
        f"## Figures\n\n{card.figures(shipped)}",
        f"## Data\n\n{card.data(shipped)}",
        f"## Values\n\n{card.values(shipped, model)}",
        f"## Made by\n\n`{shipped.config['command']}`",
        f"{run.figures[0]['minutes']:.0f} min of training{before}.",
        f"{card.trained_with(shipped)}.",
        "Settings and the same figures for machines: `config.json`, `metrics.json`.",
        f"## For a server or a phone\n\n`python -m export.{run.model} {name}` writes both into `models`, and there:",
        f"### SavedModel\n\n{card.served(served, offered.server, examples)}",
        f"### LiteRT\n\n{card.on_phone(served, model, offered.phone, *on_phone)}",
        f"## Licence\n\n{card.licence(shipped)}",
        "## Limits\n\nMade to be read and learned from: a small model of a paper. It knows only data like that above.",
    ]
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder


def main(arguments=None):
    """The command line."""
    options = ask(Options, args=arguments, prog="python -m export.ship")
    import zoo
    from zoo.store.runs import SHIPPED, open_run

    try:
        run, model = open_run(options.run), zoo.load(options.run)
        before = (SHIPPED / run.model / run.preset).exists()
        print(f"{ship(run, model)}{', in the place of what shipped before' if before else ''}")
    except (ValueError, OSError) as error:
        stop(error)


if __name__ == "__main__":
    main()
