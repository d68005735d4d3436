"""Are a run's samples what they should be? python -m trainers.judge RUN

A plain classifier, trained here on labelled images and on nothing of the model, looks at samples from the prior: are
they digits, or, of a model that follows captions, what the captions say? Of such a model pairs of pictures and captions
are looked at as well; of a model that tells captions the baselines that it must beat, and compositions it never saw.
"""

import dataclasses
import functools
import json
import pathlib
import sys
from typing import Annotated

import tyro

from trainers.learn.console import import_tensorflow, stop


@dataclasses.dataclass(frozen=True)
class Options:
    """Let a plain classifier judge samples, or compare with baselines; prints one JSON object."""

    run: Annotated[str, tyro.conf.Positional]
    """a run directory, or shipped weights such as draw/mnist"""
    count: int = 1000
    """samples; of a model that follows captions each of its test pictures gets one"""
    data: str = "mnist"
    """labelled images of the samples' shape that the classifier learns from, if no caption says what they are"""
    data_dir: pathlib.Path | None = None
    """where data files or prepared TFDS data lie (default: the run's own)"""
    sure: float = 0.9
    """a sample counts as recognised, or as right and sure, if its likeliest class has more than this probability"""
    samples: int = 10
    """K of the importance-weighted estimate that ranks pictures for a caption"""
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
    network.fit(to_255(train["image"]), train["label"], batch_size=100, epochs=epochs, verbose=0)
    test = sets.test.arrays
    accuracy = network.evaluate(to_255(test["image"]), test["label"], batch_size=500, verbose=0)[1]
    return network, float(accuracy)


def to_255(images):
    """Images from 0 to 255, whatever they came in."""
    import numpy as np

    return images if images.dtype == np.uint8 else images * 255


def judge(model, network, count, sure, seed):
    """How many of `count` samples the network is sure of, and how they spread over the classes."""
    import numpy as np

    samples = [np.asarray(model.sample(min(100, count - i), (seed, i))) for i in range(0, count, 100)]
    probabilities = network.predict(to_255(np.concatenate(samples)), batch_size=500, verbose=0)
    shares = np.bincount(probabilities.argmax(-1), minlength=probabilities.shape[-1]) / count
    return {
        "recognised": float((probabilities.max(-1) > sure).mean()),
        "smallest_class_share": float(shares.min()),
        "class_shares": [round(float(share), 4) for share in shares],
    }


def judge_digits(run, model, options):
    """Samples of a model that draws digits without being told which."""
    from zoo import data

    shapes = {**model.input_shapes, "label": ()}
    sets = data.load(options.data, shapes=shapes, regime="gray", data_dir=data_dir_of(run, options))
    network, accuracy = classifier(sets, options.seed)
    about = {"samples": options.count, "sure": options.sure, "classifier_test_accuracy": accuracy}
    return about | judge(model, network, options.count, options.sure, options.seed)


def data_dir_of(run, options):
    """Where the data of a run lie."""
    return options.data_dir or run.config.get("data_dir")


def judge_painter(run, model, options):
    """A model that follows captions: does it, and do pictures and captions belong together?"""
    from trainers.score import composition, matching
    from trainers.score.figures import sets_of
    from zoo import data

    sets, seed = sets_of(run, model, options.data_dir), options.seed
    paint, found = functools.partial(matching.painter(model), seed=seed), {}
    if sets.name == "scenes":
        small = data.load("digits", shapes={"image": (8, 8, 1), "label": ()}, regime="gray").train.arrays
        found = composition.judge_scenes(
            sets, paint, seed, (small["image"][..., 0] / 255, small["label"]), options.sure
        )
    elif sets.name == "digit-captions":
        train = data.digits(data_dir_of(run, options)).splits["train"]
        found = composition.judge_digits(sets, paint, seed, (to_255(train["image"]), train["label"]), options.sure)
    for name, pair in (
        ("gap_of_shuffled_captions_nats", matching.gap(model, sets.test, seed)),
        ("ssi", matching.likeness(model, sets.test, seed)),
    ):
        found |= {name: pair[0], f"{name}_standard_error": pair[1]}
    found["retrieval"] = {"K": options.samples} | matching.retrieval(model, sets.test, seed, options.samples)
    if getattr(model.config, "variant", "") == "align":
        found["attended_words"] = matching.attended_words(model, sets.test, seed)
    return found


def judge_teller(run, model, options):
    """What captions without any model score on the same split, and what the model's score where all is new."""
    from trainers.score import neighbours
    from trainers.score.figures import sets_of, task_of

    sets = sets_of(run, model, options.data_dir)
    found = neighbours.baselines(model, sets) if sets.train.pictures else {}  # none is kept that is made at each visit
    if sets.held_out:
        figures = task_of(run.model).figures(model, sets.held_out, options.seed)
        found["held_out"] = {"pictures": len(sets.held_out.pictures.captions)}
        found["held_out"] |= {name: value for name, (value, *_) in figures.items()}
    return found


def main(arguments=None):
    """The command line."""
    options = tyro.cli(Options, args=arguments, prog="python -m trainers.judge")
    import_tensorflow()
    import zoo
    from zoo.store import runs

    try:
        run, model = runs.open_run(options.run), zoo.load(options.run)
        if hasattr(model, "caption"):
            found = judge_teller(run, model, options)
        elif "caption" in model.input_shapes:
            found = judge_painter(run, model, options)
        elif hasattr(model, "sample"):
            found = judge_digits(run, model, options)
        else:
            raise ValueError(f"run: {options.run} draws no samples and tells no captions")
    except (ValueError, OSError) as error:
        stop(error)
    print(json.dumps({"run": options.run, "seed": options.seed, **found}))


if __name__ == "__main__":
    main(sys.argv[1:])
