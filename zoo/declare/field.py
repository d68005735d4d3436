"""What one example holds, part by part."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Field:
    """One part of an example, without its batch axis.

    shape: None stands for an axis of any length. ragged: the first axis differs from example to example; shape says
      the most, a batch holds no more than its longest example, and `pad` fills the rest.
    interval: both ends of the values of a float, None for any. classes: an integer is from 0 to classes - 1.
    units: what the integers of a text stand for, "words", "cased" (words with their case), "characters"
      or "pieces" of words.
    counts: of an integer, the ragged field of which it says how many first entries are no padding; classes is then one
      more than the most.
    """

    shape: tuple[int | None, ...] = ()
    dtype: str = "float32"
    interval: tuple[float, float] | None = None
    classes: int | None = None
    ragged: bool = False
    pad: int = 0
    units: str = "words"
    counts: str = ""

    def random(self, size, numbers, longest=9):
        """`size` values of this kind from numpy's Generator, no two alike: what stands in for data.

        longest: of an axis of any length. Of ragged ones each has a length of its own, from 2 on if there is room.
        """
        import numpy as np

        shape = [longest if side is None else side for side in self.shape]
        if self.counts:
            return lengths(size, self.classes - 1).astype(self.dtype)
        if self.dtype.startswith("float"):
            low, high = self.interval or (-1.0, 1.0)
            value = numbers.uniform(low, high, [size, *shape]).astype(self.dtype)
        else:
            least = self.pad + 1 if self.ragged else 0
            value = numbers.integers(least, self.classes or 10, [size, *shape]).astype(self.dtype)
        if self.ragged:
            value[np.arange(shape[0]) >= lengths(size, shape[0])[:, None]] = self.pad
        return value

    def __str__(self):
        """float32 [28, 28, 1] in [0, 1]"""
        shape = ", ".join("any" if side is None else str(side) for side in self.shape)
        shape = f"up to {shape}" if self.ragged else shape
        inside = f" in [{self.interval[0]:g}, {self.interval[1]:g}]" if self.interval else ""
        inside += f" from 0 to {self.classes - 1}" if self.classes else ""
        return f"{self.dtype} [{shape}]{inside}"


def lengths(size, most):
    """How long random ragged examples are: [size]."""
    import numpy as np

    return 2 + np.arange(size) % max(1, most - 2)
