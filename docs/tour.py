# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour
#
# Load a model, let it draw, look inside, score it, teach it your own pictures and your own sentences, export it, and
# ask it as a server would. Some minutes on a laptop; nothing is downloaded. Everything that is written lies in the
# folder that you start from.

# %%
import logging

from zoo.quiet import import_tensorflow

tf = import_tensorflow()  # without the lines that a healthy start writes
logging.getLogger("absl").setLevel(logging.ERROR)

# %%
import pathlib

import matplotlib.font_manager
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageDraw, ImageFont

import zoo
from trainers.show import pictures

# %% [markdown]
# ## Load and sample
#
# `draw/digits` came with the package: [DRAW](../zoo/draw.py), which learned 1,397 handwritten digits in two minutes.
# Nothing in a model is random of itself. The same seed gives the same picture, on every machine.

# %%
model = zoo.load("draw/digits")
images = model.sample(16, seed=(0, 1))
Image.fromarray(pictures.grid(images, columns=8))

# %% [markdown]
# ## Look
#
# A picture is painted in ten glimpses. `decode` returns the canvas after each of them, and the window that it wrote
# through, which is drawn in red.

# %%
film = model.decode(model.noise(2, seed=(0, 2)))
Image.fromarray(pictures.strip(film["canvases"], film["windows"], window_n=model.config.write_n))

# %% [markdown]
# All the randomness of one pass is an argument, so that what lies between two pictures can be drawn, too.

# %%
first, last = model.noise(2, seed=(0, 3))
between = [(1 - part) * first + part * last for part in np.linspace(0, 1, 8, dtype=np.float32)]
Image.fromarray(pictures.grid(model.decode(tf.stack(between))["image"], columns=8))

# %% [markdown]
# ## Score
#
# The bound on the test digits, in nats: how well the model explains pictures that it never saw. Lower is better. The
# command scores any run, and any weights that ship.

# %% language="bash"
# python -m trainers.evaluate draw/digits

# %% [markdown]
# ## Your own pictures
#
# Any folder of pictures will do. Here it is letters of the typefaces that matplotlib has.

# %%
faces = sorted(
    {
        font.fname
        for font in matplotlib.font_manager.fontManager.ttflist
        if pathlib.Path(font.fname).name.startswith(("DejaVuSans", "DejaVuSerif", "STIXGeneral"))
        and "Display" not in font.fname
    }
)
folder = pathlib.Path("letters")
folder.mkdir(exist_ok=True)
numbers = np.random.default_rng(0)
for face in faces:
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        font = ImageFont.truetype(face, int(numbers.integers(19, 24)))
        picture = Image.new("L", (28, 28))
        where = tuple(14 + numbers.integers(-1, 2, 2))
        ImageDraw.Draw(picture).text(where, letter, 255, font, anchor="mm")
        picture.save(folder / f"{letter}-{pathlib.Path(face).stem}.png")
print(len(list(folder.glob("*.png"))), "pictures")

# %% [markdown]
# The training begins at the weights of the digits, which already know how to move a pen. It ends with a score and
# pictures of its own; the same command, should it be stopped, goes on where it was.

# %% language="bash"
# python -m trainers.draw --data letters --init-from draw/digits --steps 500 --every 250 --workdir runs/draw/letters

# %% [markdown]
# Before and after:

# %%
letters = zoo.load("runs/draw/letters")
noise = model.noise(16, seed=(0, 4))
both = tf.concat([model.decode(noise)["image"], letters.decode(noise)["image"]], 0)
Image.fromarray(pictures.grid(both, columns=16))

# %% [markdown]
# ## Your own sentences
#
# `sentence_vae/docstrings` learned the English of Python's own documentation: 4,000 words. A text a line is all that it
# takes to teach it another kind of sentence. These are made up; of yours, the command says how many words it does not
# know.

# %%
verbs = ["draw", "write", "move", "remove", "find"]
things = ["a small white line", "a large square", "the first point", "a new empty box", "the last letter"]
places = ["at the top of the page", "below the title", "next to the middle", "on the left side", "in every corner"]
times = ["now", "before the end of the day", "after the first week", "once again", "as soon as possible"]
lines = [f"please {v} {t} {p} {w} ." for v in verbs for t in things for p in places for w in times]
pathlib.Path("requests.txt").write_text("\n".join(lines) + "\n")
print(len(lines), "sentences, such as:", lines[7])

# %% language="bash"
# python -m trainers.sentence_vae --data requests.txt --init-from sentence_vae/docstrings --steps 200 --every 100 \
#     --model.annealing constant --model.annealing-start 1 --workdir runs/sentence_vae/requests

# %% [markdown]
# What it writes from nothing, before and after, and the way from one sentence to another:

# %%
for name in ("sentence_vae/docstrings", "runs/sentence_vae/requests"):
    writer = zoo.load(name)
    print(f"{name}:")
    for text in writer.words.texts(writer.sample(4, seed=(0, 5))).numpy():
        print("   ", text.decode())

# %% language="bash"
# python -m trainers.sample runs/sentence_vae/requests "please draw a new empty box below the title now ." \
#     "please remove the last letter in every corner once again ." "please ___ a small white ___ on the left side now ."

# %% [markdown]
# ## Export
#
# A SavedModel for a server and a LiteRT file for a phone or a browser, each with a card that says what goes in and what
# comes out. The second command runs both without any of our Python and compares their answers with Keras.

# %% language="bash"
# python -m export.draw runs/draw/letters --out models
# python -m export.check models/draw/1 > check.txt
# tail -n 4 check.txt

# %% [markdown]
# ## Ask it as a server would
#
# TensorFlow Serving loads the folder as it is ([how](serving.md)). What the server runs is this function:

# %%
served = tf.saved_model.load("models/draw/1").signatures["generate"]
answer = served(seed=tf.constant([[0, 1], [0, 2], [0, 3], [0, 4]]))
Image.fromarray(pictures.grid(answer["images"], columns=4))

# %% [markdown]
# And a phone runs this file:

# %%
generate = Interpreter("models/draw.tflite").get_signature_runner("generate")
shape = generate.get_input_details()["noise"]["shape"]
pocket = generate(noise=np.random.default_rng(0).standard_normal(shape, np.float32))["images"]
Image.fromarray(pictures.grid(pocket))
