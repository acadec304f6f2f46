"""Ctrl-C while `fit` runs, and `predict` in another thread."""

import os
import signal
import threading

import keras
import numpy as np
import pytest

import mlp_lab

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 4)).astype("float32"), RNG.integers(0, 3, 200)


def net(**options):
    keras.utils.set_random_seed(0)
    model = mlp_lab.MLP((5,), 3)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model


class Finalized:
    """Its finalizer is where the signal comes: Python drops what is raised there."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # the handler runs between two instructions
            pass


class AtStep(keras.callbacks.Callback):
    """Lets the signal come at the end of a step; counts the steps after it."""

    def __init__(self, step):
        super().__init__()
        self.step, self.after = step, 0

    def on_train_batch_end(self, batch, logs=None):
        self.after += batch > self.step
        if batch == self.step:
            Finalized()


# The dropped exception is what is tested.
dropped = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dropped
@pytest.mark.parametrize("step", [0, 3, 7])
def test_a_dropped_interrupt_ends_the_fit(step):
    callback, before = AtStep(step), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        net().fit(X, Y, batch_size=25, epochs=2, verbose=0, callbacks=[callback])
    # The signal of the last step of all may come when no other follows.
    assert callback.after == 0
    assert signal.getsignal(signal.SIGINT) is before


@dropped
def test_a_dropped_interrupt_after_the_last_step():
    class AtEnd(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            Finalized()

    with pytest.raises(KeyboardInterrupt):
        net().fit(X, Y, batch_size=25, verbose=0, callbacks=[AtEnd()])


def test_the_model_can_be_used_after_an_interrupted_fit():
    class Interrupts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)

    model = net()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=25, verbose=0, callbacks=[Interrupts()])
    assert np.isfinite(model.evaluate(X, Y, verbose=0))
    assert model.train_on_batch(X, Y) > 0


def test_a_handler_of_the_users_stays():
    calls, before = [], signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        net().fit(X, Y, batch_size=25, verbose=0, callbacks=[AtStep(3)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [1]


def test_predict_and_evaluate_in_threads_while_fit_runs():
    model = net(jit_compile=False)
    model.fit(X, Y, batch_size=25, epochs=1, verbose=0)
    errors, shapes, done = [], set(), threading.Event()

    def use():
        rows = 0
        while not done.is_set():
            rows = rows % 190 + 37
            try:
                shapes.add(model.predict(X[:rows], verbose=0, batch_size=10).shape == (rows, 3))
                model.evaluate(X[:rows], Y[:rows], verbose=0)
            except BaseException as error:
                errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for _ in range(3):
            model.fit(X, Y, batch_size=25, epochs=10, verbose=0)
    finally:
        done.set()
        thread.join()
    assert not errors
    assert shapes == {True}
    assert model.steps_per_execution == 1
    assert model.training_progress.steps == 8 * 31


def test_weights_are_as_without_predictions_in_a_thread():
    def trained(meanwhile):
        model = net(jit_compile=False)
        model.predict(X[:5], verbose=0)
        done = threading.Event()

        def use():
            while meanwhile and not done.is_set():
                model.predict(X[:55], batch_size=10, verbose=0)

        thread = threading.Thread(target=use)
        thread.start()
        try:
            model.fit(X, Y, batch_size=25, epochs=20, verbose=0)
        finally:
            done.set()
            thread.join()
        return model.get_weights()

    for found, right in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(found, right)
