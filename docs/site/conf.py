"""Settings of the site, which CONTRIBUTING.md tells how to make: the texts of the tree where they lie, a gallery before
them, and the docstrings of the models."""

import pathlib
import re
from importlib import metadata

from zoo.catalogue import MODELS

ROOT = pathlib.Path(__file__).parents[2]

project = "Sequence zoo"
author = "The authors of Sequence zoo"
release = metadata.version("sequence-zoo")
extensions = ["myst_nb", "sphinx.ext.autodoc"]
nb_execution_mode = "off"  # the tour is shown as it was run
root_doc = "docs/site/index"
include_patterns = ["docs/site/*.md", "docs/*.md", "docs/tour.ipynb", "*.md", "zoo/weights/*/*/README.md"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_extra_path = ["root", "../sounds"]  # a page that leads to the gallery, and what it lets be heard

LINK = re.compile(r"!?\[(.*?)\]\((.*?)\)")
ROW = re.compile(r"^\| (?P<cells>.*`python -m trainers\..*) \|$", re.MULTILINE)


def written(app, name, source):
    """Puts into a page what another place says: the gallery the README's table, the models the catalogue."""
    for mark, made in {"GALLERY": gallery, "MODELS": models}.items():
        source[0] = source[0].replace(f"\n{mark}\n", f"\n{made()}\n") if mark in source[0] else source[0]


def gallery():
    """A part for each row of the README's table that has a picture, a sound or a text to show."""
    cards = []
    for row in ROW.finditer((ROOT / "README.md").read_text(encoding="utf-8")):
        paper, command, minutes, ours, _, verdict, picture, more = re.split(r" *\| *", row["cells"])
        if picture:
            made = "\n\n".join(shown(*link.groups()) for link in LINK.finditer(picture))
            link = re.sub(r"\]\((?!http)", "](../../", more)
            cards.append(f"## {paper}\n\n{made}\n\n{ours}, {minutes} min, {verdict}: {command} ({link})\n")
    return "\n".join(cards)


def shown(says, path):
    """What a link of the table leads to, to be seen, heard or read in the gallery."""
    file = ROOT / path
    if file.suffix == ".txt":
        return f"{says}:\n\n```text\n{file.read_text(encoding='utf-8')}```"
    if file.suffix == ".wav":
        return f'<audio controls aria-label="{says}" src="../../{file.name}"></audio>'
    return f"![{says}](../../{path})"


def models():
    """A part for each model."""
    return "\n".join(
        f"## {name}\n\n```{{eval-rst}}\n.. automodule:: zoo.{name}\n   :members:\n```\n" for name in MODELS
    )


def setup(app):
    app.connect("source-read", written)
