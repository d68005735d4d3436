"""Where examples come from: `load` by name, `batches` to train on, `in_order` to score. No model."""

from zoo.data.named import load, names
from zoo.data.split import About, Data, Split, batches, in_order

__all__ = ["About", "Data", "Split", "batches", "in_order", "load", "names"]
