"""python -m trainers: the models and their presets."""

from zoo import catalogue

for model in catalogue.MODELS:
    print(f"python -m trainers.{model} --preset ...")
    for name, preset in catalogue.presets(model).items():
        data = ", ".join([preset.data, *map(str, preset.data_options.values())])
        print(f"  {name:24} {data}, {preset.steps:,} steps of {preset.batch_size}")
