"""stand-in until the real one is merged"""

import keras
import tensorflow as tf


def frames(audio, size):
    length = audio.shape[1] or tf.shape(audio)[1]
    count = -(-length // size)
    return tf.reshape(tf.pad(audio, [[0, 0], [0, count * size - length]]), [-1, count, size])


def unframed(x):
    return tf.reshape(x, [tf.shape(x)[0], -1])


class Normalised(keras.layers.Layer):
    def build(self, input_shape=None):
        self.mean = self.add_weight(name="mean", shape=(), initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=(), initializer="ones", trainable=False)
        self.built = True

    def learn(self, numbers):
        self.mean.assign(numbers[0])
        self.deviation.assign(numbers[1])

    @property
    def known(self):
        return ()

    def call(self, x):
        return (x - self.mean) / self.deviation

    def restored(self, x):
        return x * self.deviation + self.mean
