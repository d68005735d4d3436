"""A paper that is not in the list, of a kind of data that no other has, leaves by its own files alone."""

import dataclasses
import json
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.declare.signature import Input, Signature
from export.declare.strings import text
from export.make import command, package, savedmodel
from export.prove import proof
from zoo import catalogue
from zoo.configs.base import Settings, to_dict
from zoo.data import named
from zoo.data.split import Data, Split
from zoo.declare import Field
from zoo.nn.model import Model
from zoo.nn.words import Names, Words

PLOT, REVIEW = ["robots", "love"], ["good", "bad", "very"]
TITLES = [f"film {i}" for i in range(9)]


@dataclasses.dataclass(frozen=True)
class Config:
    items: int = 9
    longest: int = 6


class Critic(Model):
    """A score of the next item from a history of items, a plot, a review, and a draw that two kinds of noise decide."""

    def __init__(self, config):
        super().__init__(config, "critic")
        self.plot, self.review = Words(5, name="plot"), Words(6, name="review")
        self.titles = Names(config.items, name="titles")
        self.parts = {
            "history": keras.layers.Embedding(config.items, 4, name="history"),
            "plot": keras.layers.Embedding(5, 4, name="plot_words"),
            "review": keras.layers.Embedding(6, 4, name="review_words"),
        }

    def build(self, input_shape=None):
        for words in (self.plot, self.review, self.titles):
            words.build()
        for layer in self.parts.values():
            layer.build(None)
        self.built = True

    @property
    def fields(self):
        return {
            "history": Field((self.config.longest,), "int32", classes=self.config.items, ragged=True),
            "target": Field((), "int32", classes=self.config.items),
            "plot": Field((4,), "int32", classes=5, ragged=True),
            "review": Field((3,), "int32", classes=6, ragged=True),
        }

    @property
    def vocabularies(self):
        return {"plot": self.plot, "review": self.review, "target": self.titles}

    def noise(self, batch_size, seed):
        return {
            "z": [tf.random.stateless_normal([batch_size, 4], seed)],
            "coin": tf.round(tf.random.stateless_uniform([batch_size], seed)),
        }

    def score(self, target, noise, **read):
        seen = tf.add_n([tf.reduce_sum(self.parts[name](ids), 1) for name, ids in read.items()])
        return tf.reduce_sum(self.parts["history"](target) * (seen + noise["z"][0]), -1) + noise["coin"]


def declare(model):
    fields = model.fields
    inputs = {
        "history": Input.of("history", fields["history"], "items seen, the first one first, then 0"),
        "target": Input.of("target", fields["target"], "the item in question"),
        "plot": text("plot", fields["plot"], model.plot),
        "review": text("review", fields["review"], model.review),
    }
    says = {"score": "the higher the better"}
    coin = {"noise_coin": "0 or 1, evenly"}
    return {
        "rate": Signature(
            lambda **given: {"score": model.score(**given)}, inputs, "Rates.", draws=1, outputs=says, noise=coin
        ),
    }


def built(config):
    model = Critic(config)
    model.build()
    return model


def movies(request):
    """Histories no longer than the longest of these; the rest is the model's padding."""
    arrays = {
        "history": np.int32([[3, 8, 1, 0], [2, 5, 0, 0], [7, 7, 7, 7]]),
        "target": np.int32([4, 0, 8]),
        "plot": np.int32([[2, 3, 0, 0], [3, 0, 0, 0], [2, 1, 0, 0]]),
        "review": np.int32([[2, 0, 0], [4, 2, 0], [4, 3, 0]]),
    }
    split = Split(arrays)
    return Data("movies", split, split, split, "made up, no licence needed")


@pytest.fixture
def paper(monkeypatch, tmp_path):
    """zoo/critic.py, its configs and its export as modules, and a run of it."""
    settings = Settings(Config(), data="movies")
    files = {
        "zoo.critic": {"build": built},
        "zoo.configs.critic": {"PRESETS": {"small": settings}},
        "export.critic": {"signatures": declare},
    }
    for name, names in files.items():
        module = types.ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(catalogue, "MODELS", (*catalogue.MODELS, "critic"))
    kind = types.SimpleNamespace(SETS=("movies",), reads=lambda fields: "", owns=lambda request: False, load=movies)
    monkeypatch.setattr(named, "KINDS", (*named.KINDS, kind))
    model = built(settings.model)
    model.plot.learn(PLOT)
    model.review.learn(REVIEW)
    model.titles.learn(TITLES)
    run = tmp_path / "run"
    run.mkdir()
    model.save_weights(run / "model.weights.h5")
    config = {"model": "critic", "preset": "small", "settings": to_dict(settings), "command": "train"}
    (run / "config.json").write_text(json.dumps(config | {"values": {"target": "the item that came next"}}))
    return run


def test_another_paper_leaves_and_is_proved_without_a_line_in_shared_files(paper, tmp_path, capsys):
    package.export("critic", declare, command.Options(str(paper), tmp_path / "models"))
    version = tmp_path / "models" / "critic" / "1"
    assert proof.prove(version) == []
    assert "LiteRT critic.tflite rate/score" in capsys.readouterr().out

    stored = savedmodel.read_examples(version)["rate"]["inputs"]  # the data's own
    assert stored["history"].tolist() == [[3, 8, 1, 0, 0, 0], [2, 5, 0, 0, 0, 0], [7, 7, 7, 7, 0, 0]]
    assert stored["target"].tolist() == [4, 0, 8]
    assert stored["plot"].tolist() == [b"robots love", b"love", b"robots <unk>"]
    assert stored["review"].tolist() == [b"good", b"very good", b"very bad"]

    card = (tmp_path / "models" / "critic.md").read_text()
    server, phone = card.split("## LiteRT")
    assert "`history`: int32 [batch, 6] in [0, 8]" in server and "`target`: int32 [batch] in [0, 8]" in server
    assert "`plot`: string [batch], each a plot of 1 to 3 words" in server and "plot_unknown_words" in server
    assert "`noise_z_0`: float32 [1, 4]" in phone and "`noise_coin`: float32 [1]" in phone and "0 or 1, evenly" in phone
    assert "- `target`: int32 [] from 0 to 8: the item that came next." in card
    words = (tmp_path / "models" / "critic-review-words.txt").read_text().splitlines()
    assert words == ["<end>", "<unknown>", *REVIEW] and "`critic-plot-words.txt`: one word a line, 4 lines" in phone
    titles = (tmp_path / "models" / "critic-targets.txt").read_text().splitlines()
    assert titles == TITLES and "`critic-targets.txt`: one name a line, 9 lines, the first being 0." in phone
