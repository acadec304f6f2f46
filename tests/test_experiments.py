"""Experiments on a model in training change no bit of its state."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import mlp_lab
from mlp_lab.checkpoints import collect
from mlp_lab.checkpoints.plain import digest
from mlp_lab.diagnosis.experiment import NotTried, experiment
from mlp_lab.diagnosis.trial import Change, Trials, glorot

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)).astype("float32"), RNG.integers(0, 3, 40)


class Net(mlp_lab.Model):
    """Has everything that a training may change."""

    def __init__(self):
        super().__init__()
        self.hidden = mlp_lab.layers.Dense(5, "relu", kernel_regularizer="l2")
        self.norm, self.drop = keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)
        self.outputs = keras.layers.Dense(3)
        self.calls, self.rng = 0, np.random.default_rng(3)
        self.seen = []

    def call(self, inputs, training=None):
        self.calls += 1
        self.seen.append(self.rng.normal())
        noise = keras.random.normal(keras.ops.shape(inputs)) + np.random.normal() + random.random()
        h = self.norm(self.hidden(inputs + 1e-3 * noise), training=training)
        return self.outputs(self.drop(h, training=training))


def compiled(**options):
    model = Net()
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
    return model


def state(model):
    found = {"model": digest(collect(model, []))}
    found["tf"] = np.array(tf.random.get_global_generator().state)
    found["counts"] = (model.training_progress.steps, model.training_progress.epochs)
    return found


CHANGES = {
    "as it is": Change(),
    "rate": Change(rate=10.0),
    "inputs": Change(x=(X - X.mean(axis=0)) / X.std(axis=0)),
    "labels": Change(y=(Y + 1) % 3),
    "initialization": Change(kernels=glorot()),
    "activation": Change(activation=keras.activations.tanh),
    "no penalty": Change(penalty=False),
}


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}], ids=["graph", "XLA"])
def test_a_trial_leaves_all_as_it_was(options):
    model = compiled(**options)
    tf.random.get_global_generator()
    model.fit(X, Y, batch_size=8, verbose=0)
    activation = model.hidden.activation
    trials = Trials(model, model.get_weights(), 8)
    for name, change in CHANGES.items():
        before = state(model)
        trial = trials.run((X, Y, None), 3, change, X)
        after = state(model)
        assert trial.finite
        assert trial.losses.shape == (3,)
        for key in before:
            np.testing.assert_equal(after[key], before[key], err_msg=f"{name}: {key}")
        assert model.hidden.activation is activation


class Trying(keras.callbacks.Callback):
    """Runs trials after every epoch."""

    any_steps_per_execution = True

    def on_epoch_end(self, epoch, logs=None):
        trials = Trials(self.model, self.model.get_weights(), 8)
        for change in (Change(rate=3.0), Change(activation=keras.activations.tanh)):
            trials.run((X, Y, None), 2, change, X)


@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}], ids=["graph", "XLA", "eager"]
)
def test_a_fit_with_trials_equals_one_without(options):
    found = []
    for callbacks in ([], [Trying()]):
        keras.utils.set_random_seed(5)
        model = compiled(**options)
        history = model.fit(
            X, Y, batch_size=8, epochs=2, verbose=0, callbacks=callbacks, validation_split=0.25
        ).history
        drawn = np.random.normal(), random.random(), np.array(keras.random.normal([2]))
        found.append(
            (history, model.get_weights(), [np.array(v) for v in model.optimizer.variables], drawn)
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_equal(one, other)


def test_a_trial_trains_as_fit_does():
    x, y = X, np.eye(3, dtype="float32")[Y]
    model = mlp_lab.MLP((4,), 3)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model(x[:1])
    begun = model.get_weights()
    trial = Trials(model, begun, len(x)).run((x, y, None), 5, Change(), x)
    history = model.fit(x, y, batch_size=len(x), epochs=5, shuffle=False, verbose=0).history
    np.testing.assert_allclose(trial.losses, history["loss"], rtol=1e-5)
    np.testing.assert_allclose(trial.outputs, model.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


def test_what_cannot_be_put_back_is_not_tried():
    model = compiled()
    with pytest.raises(NotTried, match="no weights"), experiment(model):
        pass
    model.fit(X, Y, verbose=0)
    model.feed = iter([1, 2])
    with pytest.raises(NotTried, match="feed"), experiment(model):
        pass


def test_a_generator_of_tensorflow_is_put_back():
    """The name of TensorFlow's own that `experiment` reads; there is no public one."""
    model = compiled()
    model.fit(X, Y, verbose=0)
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))
    expected = np.array(tf.random.get_global_generator().state)
    with experiment(model):
        tf.random.get_global_generator().normal([3])
    np.testing.assert_equal(np.array(tf.random.get_global_generator().state), expected)
    tf.random.set_global_generator(None)
