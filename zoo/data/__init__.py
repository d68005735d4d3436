"""Where examples come from: `load` by name, `batches` to train on, `in_order` to score. No model."""

from zoo.data.named import NAMES, digits, load
from zoo.data.split import Data, Split, batches, in_order

__all__ = ["NAMES", "Data", "Split", "batches", "digits", "in_order", "load"]
