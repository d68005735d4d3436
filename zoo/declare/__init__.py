"""What a paper says once, and everything else reads: what an example holds, what a number means. Nothing heavy."""

from zoo.declare.field import Field
from zoo.declare.measure import Measure

__all__ = ["Field", "Measure"]
