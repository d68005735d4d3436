"""The list of models. NAME stands for zoo/NAME.py, zoo/configs/NAME.py, trainers/NAME.py and export/NAME.py."""

import importlib
import re

from zoo.configs.base import suggestion

MODELS = (
    *("draw", "vae", "vrae", "align_draw", "show_attend_tell"),
    *("sentence_vae", "dilated_vae", "sequence_autoencoder", "hierarchical_autoencoder"),
    *("vrnn", "wavenet", "topic_rnn", "docnade", "rnnsearch"),
)


def presets(name):
    """The presets of a model: {preset: Settings}. Imports nothing heavy. Raises ValueError for an unknown name."""
    if name not in MODELS:
        raise ValueError(f"model: got {name!r}, expected one of {', '.join(MODELS)}{suggestion(name, MODELS)}")
    return importlib.import_module(f"zoo.configs.{name}").PRESETS


def preset(name, preset_name):
    """The Settings of one preset. Raises ValueError for an unknown model or preset."""
    known = presets(name)
    if preset_name not in known:
        raise ValueError(
            f"preset: got {preset_name!r}, expected one of {', '.join(known)}{suggestion(preset_name, known)}"
        )
    return known[preset_name]


def build(name, model_config):
    """The model of a config, with all its variables. Raises ValueError if they are more than memory holds."""
    module = importlib.import_module(f"zoo.{name}")
    from tensorflow.errors import ResourceExhaustedError

    try:
        return module.build(model_config)
    except (ResourceExhaustedError, MemoryError) as error:
        shape = re.search(r"shape *[\[(]([\d, ]+)", str(error))
        array = f"an array of {shape[1].replace(',', ' x ').replace('  ', ' ')} numbers" if shape else "its variables"
        raise ValueError(f"model: {array} is more than memory holds; choose smaller sizes") from None
