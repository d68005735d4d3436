"""Are samples digits? A plain classifier, trained here on labelled images alone, tells."""

import keras
import numpy as np

from zoo import data
from zoo.declare import Field


def judge(run, model, options):
    """How many samples of a model that draws without being told what a classifier is sure of. options: Drawing."""
    fields = {**model.fields, "label": Field(dtype="int32")}
    folder = options.data_dir or run.config.get("data_dir")
    labelled = data.load(options.data, fields=fields, data_dir=folder, regime="gray")
    network, accuracy = classifier(labelled, options.seed)
    about = {"samples": options.count, "sure": options.sure, "classifier_test_accuracy": accuracy}
    return about | recognised(model, network, options.count, options.sure, options.seed)


def classifier(sets, seed, epochs=10):
    """A small convolutional network trained on a labelled data set, and its test accuracy."""
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
    return images if images.dtype == np.uint8 else images * 255


def recognised(model, network, count, sure, seed):
    """How many of `count` samples the network is sure of, and how they spread over the classes."""
    samples = [np.asarray(model.sample(min(100, count - i), (seed, i))) for i in range(0, count, 100)]
    probabilities = network.predict(to_255(np.concatenate(samples)), batch_size=500, verbose=0)
    shares = np.bincount(probabilities.argmax(-1), minlength=probabilities.shape[-1]) / count
    return {
        "recognised": float((probabilities.max(-1) > sure).mean()),
        "smallest_class_share": float(shares.min()),
        "class_shares": [round(float(share), 4) for share in shares],
    }
