"""What a frozen network sees in pictures, looked up instead of computed anew at every step.

M pictures, L places of D features.
"""

import hashlib

import numpy as np
import tensorflow as tf

from zoo.nn.pretrained import extractors
from zoo.store import cache

TOGETHER = 32  # pictures that go through the network at once
VERSION = 1  # of the numbers that zoo.nn.pretrained.extractors gives: another one makes all that is kept anew


def annotations(name, images):
    """Annotations of the extractor `name`, float16, which is exact to a part in 2,000: {split: [M, L, D]}.

    images: {split: uint8 [M, side, side, 3]}. Computed once; then they come from the user's cache, memory-mapped.
    """
    side, shape = extractors.NAMED[name]
    counts = [len(image) for image in images.values()]
    hashed = hashlib.sha256()
    for image in images.values():
        hashed.update(np.ascontiguousarray(image))

    def fill(found):
        model = extractors.extractor(name)

        @tf.function(input_signature=[tf.TensorSpec([None, side, side, 3], tf.uint8)], autograph=False)
        def see(batch):
            return tf.cast(model(tf.cast(batch, tf.float32) / 255), tf.float16)

        whole = [(image, i) for image in images.values() for i in range(0, len(image), TOGETHER)]
        at = 0
        what = f"Looking at {sum(counts):,} pictures with {name}"
        for image, i in cache.progress(whole, len(whole), what):
            seen = see(image[i : i + TOGETHER]).numpy()
            found[at : at + len(seen)] = seen
            at += len(seen)

    facts = {"extractor": name, "version": VERSION, "pictures": hashed.hexdigest()}
    found = cache.array("annotations", facts, (sum(counts), *shape), np.float16, fill)
    return dict(zip(images, np.split(found, np.cumsum(counts)[:-1]), strict=True))
