"""The model of the best epoch: which it is, what is put back, and when training stops."""

import math
import warnings

import events
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import mlp_lab
from mlp_lab.callbacks import BestEpoch, Checkpoints, NonFinite, NonFiniteError, TensorBoard
from mlp_lab.callbacks.direction import direction_of, stated
from mlp_lab.errors import InputError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 5)).astype("float32")
Y = (X[:, 0] + RANDOM.normal(size=64) > 0).astype("int32")
X_TEST = RANDOM.normal(size=(40, 5)).astype("float32")
Y_TEST = (X_TEST[:, 0] > 0).astype("int32")


class Net(mlp_lab.Model):
    """Everything that a model's state can be: also averages, seeds, a variable, a number."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu")
        self.norm = keras.layers.BatchNormalization(momentum=0.5)
        self.drop = keras.layers.Dropout(0.3)
        self.head = keras.layers.Dense(2)
        self.calls = tf.Variable(0, trainable=False)
        self.temperature = [1.0, np.zeros(2)]

    def call(self, x, training=None):
        if training:
            self.calls.assign_add(1)
        return self.head(self.drop(self.norm(self.hidden(x), training=training), training=training))


class Anneals(keras.callbacks.Callback):
    """Changes the numbers in attributes of a model after every epoch, in place."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.temperature[0] /= 2
        self.model.temperature[1] += epoch


def compiled(model=None, rate=0.1, **options):
    keras.utils.set_random_seed(1)
    model = model or Net()
    options = {"optimizer": keras.optimizers.SGD(rate, momentum=0.9), **options}
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"], **options,
    )  # fmt: skip
    return model


def fit(model, *callbacks, epochs=8, **options):
    return model.fit(
        X, Y, batch_size=16, epochs=epochs, verbose=0, callbacks=[*callbacks],
        validation_data=(X_TEST, Y_TEST), **options,
    )  # fmt: skip


def state(model):
    own = [np.array(v) for v in model.variables if "metric" not in v.path]
    extra = [model.calls.numpy(), *model.temperature] if isinstance(model, Net) else []
    return [*own, *extra]


def assert_equal(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", ["eager", "graph", "xla", "three steps per call", "tf.data"])
def test_ends_with_the_state_after_the_best_epoch(how):
    options = {
        "eager": {"run_eagerly": True},
        "graph": {"jit_compile": False},
        "xla": {"jit_compile": True},
        "three steps per call": {"steps_per_execution": 3},
        "tf.data": {},
    }[how]

    def trained(epochs, *callbacks):
        model = compiled(**options)
        model.shuffle_seed = 3
        callbacks = [Anneals(), *callbacks]
        if how == "tf.data":
            data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
            test = tf.data.Dataset.from_tensor_slices((X_TEST, Y_TEST)).batch(16)
            model.fit(
                data,
                epochs=epochs,
                validation_data=test,
                callbacks=callbacks,
                verbose=0,
                shuffle=False,
            )
        else:
            fit(model, *callbacks, epochs=epochs)
        return model

    model = trained(8, kept := BestEpoch())
    losses = model.history.history["val_loss"]
    assert kept.best.epoch == 1 + losses.index(min(losses)) < 8
    assert (kept.best.value, kept.best.step) == (min(losses), 4 * kept.best.epoch)
    assert kept.restored
    assert_equal(state(model), state(trained(kept.best.epoch)))
