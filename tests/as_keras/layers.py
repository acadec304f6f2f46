"""Layers with states, random numbers, masks and sequences."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, row, values

X, Y = classes()
_, VALUES = values()
_RNG = np.random.default_rng(3)
WORDS = _RNG.integers(0, 7, (40, 5))
SERIES = _RNG.normal(size=(40, 5, 3)).astype("float32")
IMAGES = _RNG.integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)


def net_of(on, *layers):
    class Net(*on(keras.Sequential)):
        pass

    return Net(list(layers))


@row(quick=False, x=classes(43)[0], y=classes(43)[1], batch_size=8)
def dropout_and_noise(on):
    net = net_of(
        on,
        keras.layers.Dense(8, "relu"),
        keras.layers.Dropout(0.5),
        keras.layers.GaussianNoise(0.3),
        keras.layers.GaussianDropout(0.2),
        keras.layers.Dense(3),
    )
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=X, y=Y, batch_size=8, validation_data=classes(10, 2))
def normalizations(on):
    net = net_of(
        on,
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(momentum=0.8),
        keras.layers.LayerNormalization(),
        keras.layers.GroupNormalization(2),
        keras.layers.UnitNormalization(),
        keras.layers.Dense(3),
    )
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(quick=False)
def adapted_normalization(on):
    adapted = keras.layers.Normalization()
    adapted.adapt(X)
    net = net_of(on, adapted, keras.layers.Dense(3))
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=WORDS, y=Y, batch_size=8)
def embedding_mask_and_rnn(on):
    net = net_of(
        on,
        keras.layers.Embedding(7, 4, mask_zero=True),
        keras.layers.GRU(5, dropout=0.2),
        keras.layers.Dense(3),
    )
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=WORDS, y=WORDS, batch_size=8)
def labels_for_every_word_under_a_mask(on):
    net = net_of(on, keras.layers.Embedding(7, 4, mask_zero=True), keras.layers.Dense(7))
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(
    quick=False,
    x=SERIES,
    y=VALUES,
    batch_size=8,
    no_xla="XLA compiles no loop of an unrolled length",
)
def bidirectional_lstm(on):
    net = net_of(
        on,
        keras.layers.Masking(),
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
        keras.layers.TimeDistributed(keras.layers.Dense(3)),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(2),
    )
    net.compile("adam", "mse", **on.compile)
    return net


@row(
    quick=False,
    x=SERIES,
    y=VALUES,
    batch_size=8,
)
def stateful_rnn(on):
    net = net_of(
        on,
        keras.Input(batch_shape=(8, 5, 3)),
        keras.layers.SimpleRNN(4, stateful=True),
        keras.layers.Dense(2),
    )
    net.compile("sgd", "mse", **on.compile)
    return net


@row(quick=False, x=SERIES, y=VALUES, batch_size=8)
def attention(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.attend = keras.layers.MultiHeadAttention(2, 3, dropout=0.1)
            self.norm = keras.layers.LayerNormalization()
            self.out = keras.layers.Dense(2)

        def call(self, inputs, training=None):
            h = self.norm(inputs + self.attend(inputs, inputs, training=training))
            return self.out(tf.reduce_mean(h, 1))

    net = Net()
    net.compile("sgd", "mse", **on.compile)
    return net


@row(quick=False, x=IMAGES, y=Y, batch_size=8, no_xla="XLA cannot compile the random flips")
def convolutions_and_augmentation(on):
    net = net_of(
        on,
        keras.layers.Rescaling(1 / 255),
        keras.layers.RandomFlip(),
        keras.layers.Conv2D(3, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(3),
    )
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(
    quick=False,
    extra=lambda m: [m.layers[0].calls.numpy(), m.layers[0].largest.numpy()],
)
def layer_that_counts(on):
    class Counting(keras.layers.Layer):
        def build(self, input_shape):
            self.calls = self.add_weight(
                shape=(), dtype="int32", initializer="zeros", trainable=False, name="calls"
            )
            self.largest = tf.Variable(0.0, trainable=False)

        def call(self, inputs, training=None):
            if training:
                self.calls.assign_add(1)
                self.largest.assign(tf.maximum(self.largest, tf.reduce_max(inputs)))
            return inputs / (1.0 + self.largest)

    net = net_of(on, Counting(), keras.layers.Dense(3))
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def frozen_layers(on):
    net = net_of(
        on,
        keras.layers.Dense(6, "relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(4, "relu", trainable=False),
        keras.layers.Dense(2),
    )
    net.layers[1].trainable = False
    net.compile("sgd", "mse", **on.compile)
    return net


def frozen_in_between(model, given, callbacks):
    """Two calls of fit: the first layer is frozen in the second, and compiled again."""
    first = model.fit(**given(), callbacks=callbacks()).history
    model.layers[0].trainable = False
    model.compile("adam", "mse", **model.chosen)
    return [first, model.fit(**given(), callbacks=callbacks()).history]


@row(same_seed=True, quick=False, x=X, y=VALUES, batch_size=8, train=frozen_in_between, stop=14)
def trainable_changed_between_fits(on):
    net = net_of(on, keras.layers.Dense(6, "relu"), keras.layers.Dense(2))
    net.chosen = dict(on.compile)
    net.compile("sgd", "mse", **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def spectral_normalization(on):
    net = net_of(
        on, keras.layers.SpectralNormalization(keras.layers.Dense(6)), keras.layers.Dense(2)
    )
    net.compile("sgd", "mse", **on.compile)
    return net


@row(x=tf.constant([["a", "b"], ["b", "c"]] * 20), y=Y, batch_size=8, no_xla="XLA knows no strings")
def strings_looked_up(on):
    net = net_of(
        on,
        keras.Input((2,), dtype="string"),
        keras.layers.StringLookup(vocabulary=["a", "b", "c"]),
        keras.layers.Embedding(4, 3),
        keras.layers.Flatten(),
        keras.layers.Dense(3),
    )
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def random_numbers_in_call(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)
            self.seeds = keras.random.SeedGenerator(11)

        def call(self, inputs, training=None):
            if training:
                inputs += 0.1 * keras.random.normal(tf.shape(inputs), seed=self.seeds)
            return self.out(inputs)

    net = Net()
    net.compile("sgd", "mse", **on.compile)
    return net
