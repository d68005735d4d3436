"""Are a run's samples digits? python -m trainers.judge RUN

A plain classifier, trained here on labelled images and on nothing of the model, looks at samples from the prior.
"""

import dataclasses
import json
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.console import import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Let a plain classifier judge samples; prints one JSON object."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist"""
    count: int = 1000
    """samples"""
    data: str = "mnist"
    """labelled images of the samples' shape that the classifier learns from"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: TFDS_DATA_DIR)"""
    sure: float = 0.9
    """a sample counts as recognised if its likeliest class has more than this probability"""
    seed: int = 0


def classifier(sets, seed, epochs=10):
    """A small convolutional network trained on a labelled data set, and its test accuracy."""
    import keras

    keras.utils.set_random_seed(seed)
    layers, train = keras.layers, sets.train.arrays
    network = keras.Sequential(
        [
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
            layers.Dense(int(train["label"].max()) + 1, activation="softmax"),
        ]
    )
    # Without XLA, whose convolutions are slow on a CPU.
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    network.fit(as_bytes(train["image"]), train["label"], batch_size=100, epochs=epochs, verbose=0)
    test = sets.test.arrays
    accuracy = network.evaluate(as_bytes(test["image"]), test["label"], batch_size=500, verbose=0)[1]
    return network, float(accuracy)


def as_bytes(images):
    """Images on the scale 0..255, whatever they came in."""
    import numpy as np

    return images if images.dtype == np.uint8 else images * 255


def judge(model, network, count, sure, seed):
    """How many of `count` samples the network is sure of, and how they spread over the classes."""
    import numpy as np

    samples = [np.asarray(model.sample(min(100, count - i), (seed, i))) for i in range(0, count, 100)]
    probabilities = network.predict(as_bytes(np.concatenate(samples)), batch_size=500, verbose=0)
    shares = np.bincount(probabilities.argmax(-1), minlength=probabilities.shape[-1]) / count
    return {
        "recognised": float((probabilities.max(-1) > sure).mean()),
        "smallest_class_share": float(shares.min()),
        "class_shares": [round(float(share), 4) for share in shares],
    }


def main(arguments=None):
    """The command line."""
    options = tyro.cli(Options, args=arguments, prog="python -m trainers.judge")
    import_tensorflow()
    import zoo
    from zoo import data

    try:
        model = zoo.load(options.run)
        if not hasattr(model, "sample"):
            raise ValueError(f"run: {options.run} draws no samples")
        sets = data.load(
            options.data, shapes={**model.input_shapes, "label": ()}, regime="gray", data_dir=options.data_dir
        )
        network, accuracy = classifier(sets, options.seed)
    except (ValueError, FileNotFoundError) as error:
        stop(error)
    about = {"run": options.run, "samples": options.count, "sure": options.sure, "seed": options.seed}
    found = judge(model, network, options.count, options.sure, options.seed)
    print(json.dumps({**about, "classifier_test_accuracy": accuracy, **found}))


if __name__ == "__main__":
    main(sys.argv[1:])
