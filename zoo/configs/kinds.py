"""What some kinds of data need to be told beside their name. Imports nothing heavy."""

import dataclasses
from typing import Literal, get_args

from zoo.configs.base import Settings, require

Regime = Literal["static", "dynamic", "gray"]


@dataclasses.dataclass(frozen=True)
class Pictures(Settings):
    """Of pictures and rolls without captions."""

    regime: Regime = "static"  # how grey pixels become what the model sees (static, dynamic, gray)

    def __post_init__(self):
        super().__post_init__()
        require(self.regime in get_args(Regime), "regime", repr(self.regime), f"one of {', '.join(get_args(Regime))}")
