"""python -m trainers: the models and their presets."""

from trainers.learn.console import tell
from zoo import catalogue

for model in catalogue.MODELS:
    tell(f"python -m trainers.{model} --preset ...")
    for name, preset in catalogue.presets(model).items():
        data = ", ".join([preset.data, *map(str, preset.data_options.values())])
        tell(f"  {name:24} {data}, {preset.steps:,} steps of {preset.batch_size}")
