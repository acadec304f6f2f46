"""Ways to call fit, evaluate and the rest; and Keras' callbacks."""

import csv

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, values, weights_of_rows

X, Y = classes()
_, VALUES = values()
HELD_OUT = classes(21, 9)


def small(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.Input((4,)), *logits(), keras.layers.Dropout(0.1)])
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, class_weight={0: 1.0, 1: 0.5, 2: 3.0})
def class_weights(on):
    return small(on)


@row(
    quick=False, validation_split=0.3, validation_batch_size=5, validation_freq=2, epochs=4, stop=14
)
def split_off_for_validation(on):
    return small(on)


@row(validation_data=HELD_OUT, validation_steps=2)
def validation_steps_of_arrays(on):
    return small(on)


@row(
    quick=False,
    validation_data=tf.data.Dataset.from_tensor_slices(HELD_OUT).batch(4),
    validation_steps=3,
)
def validation_steps_of_a_pipeline(on):
    return small(on)


@row(
    x=tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat(),
    steps_per_epoch=3,
    epochs=4,
)
def steps_per_epoch_of_an_endless_pipeline(on):
    return small(on)


@row(steps_per_epoch=3, epochs=3, stop=6)
def steps_per_epoch_of_arrays(on):
    return small(on)


@row(quick=False, initial_epoch=2, epochs=4)
def initial_epoch(on):
    return small(on)


@row(quick=False, validation_data=(HELD_OUT[0], HELD_OUT[1], weights_of_rows(21)), epochs=3)
def weights_in_the_validation_data(on):
    return small(on)


def three_fits(model, given, callbacks):
    """On all rows, on some, and with other batches."""
    found = [model.fit(**given(), callbacks=callbacks()).history]
    some = {**given(), "x": X[:24], "y": Y[:24]}
    found.append(model.fit(**some, callbacks=callbacks()).history)
    larger = {**given(), "batch_size": 16, "initial_epoch": 1, "epochs": 3}
    return [*found, model.fit(**larger, callbacks=callbacks()).history]


@row(same_seed=True, quick=False, train=three_fits, stop=14)
def several_fits(on):
    return small(on)


def by_batches(model, given, callbacks):
    """The user's own loop, then a fit, then batches again."""
    found = [model.train_on_batch(X[i : i + 8], Y[i : i + 8], return_dict=True) for i in (0, 8)]
    found.append(model.fit(**given(), callbacks=callbacks()).history)
    found.append(model.train_on_batch(X[:8], Y[:8], class_weight={0: 2.0, 1: 1.0, 2: 1.0}))
    found.append(model.test_on_batch(X[:8], Y[:8], return_dict=True))
    return [*found, {"p": model.predict_on_batch(X[:3])}]


@row(same_seed=True, quick=False, train=by_batches, stop=9)
def train_on_batch(on):
    return small(on)


def evaluated_in_between(model, given, callbacks):
    found = [model.fit(**given(), callbacks=callbacks()).history]
    pipeline = tf.data.Dataset.from_tensor_slices(HELD_OUT).batch(4)
    found.append(model.evaluate(pipeline, steps=2, verbose=0, return_dict=True))
    found.append(model.evaluate(*HELD_OUT, batch_size=4, steps=2, verbose=0, return_dict=True))
    found.append({"p": model.predict(HELD_OUT[0], batch_size=4, steps=2, verbose=0)})
    return [*found, model.fit(**given(), callbacks=callbacks()).history]


@row(same_seed=True, quick=False, train=evaluated_in_between, stop=14)
def evaluated_for_some_steps(on):
    return small(on)


# Callbacks of Keras.


@row(
    quick=False,
    epochs=8,
    validation_data=HELD_OUT,
    callbacks=lambda folder: [
        keras.callbacks.EarlyStopping(
            "val_loss", patience=2, mode="max", restore_best_weights=True, min_delta=1e-4
        )
    ],
)
def early_stopping(on):
    return small(on)


@row(
    quick=False,
    epochs=5,
    callbacks=lambda folder: [
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1.0)
    ],
    stop=17,
)
def rate_reduced_on_a_plateau(on):
    return small(on)


@row(
    quick=False,
    epochs=3,
    callbacks=lambda folder: [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5**epoch)
    ],
    no_resume="in Keras, too, the rate is computed from the current one again for a resumed epoch",
)
def rate_scheduled_by_epochs(on):
    return small(on)


@row(
    quick=False,
    callbacks=lambda folder: [
        keras.callbacks.ModelCheckpoint(folder / "{epoch}.weights.h5", save_weights_only=True),
        keras.callbacks.CSVLogger(folder / "log.csv"),
        keras.callbacks.TerminateOnNaN(),
    ],
)
def files_of_keras_callbacks(on):
    return small(on)


def read_back(model, given, callbacks):
    made = callbacks()
    found = [model.fit(**given(), callbacks=made).history]
    with open(made[0].filename) as file:
        lines = list(csv.DictReader(file))
    model.load_weights(made[1].filepath)
    table = [{k: v if v == "NA" else float(v) for k, v in line.items()} for line in lines]
    return [*found, *table]


@row(
    quick=False,
    epochs=3,
    train=read_back,
    callbacks=lambda folder: [
        keras.callbacks.CSVLogger(str(folder / "log.csv")),
        keras.callbacks.ModelCheckpoint(
            folder / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True
        ),
    ],
    no_resume="the table and the best weights are in a folder of the first run",
)
def files_read_back(on):
    return small(on)


class Died(Exception):
    """Ends a fit, as a crash would."""


def backed_up(model, given, callbacks):
    """A fit that a callback of the user ends, and the fit that BackupAndRestore continues."""

    def die(epoch, logs=None):
        if epoch == 1:
            raise Died

    made = callbacks()
    try:
        model.fit(**given(), callbacks=[*made, keras.callbacks.LambdaCallback(on_epoch_begin=die)])
    except Died:
        logs = model.fit(**given(), callbacks=made).history
        return [{name: found[-2:] for name, found in logs.items()}]  # Checkpoints restores all
    raise AssertionError


@row(
    epochs=3,
    train=backed_up,
    callbacks=lambda folder: [keras.callbacks.BackupAndRestore(folder / "backup")],
    no_resume="BackupAndRestore resumes it",
)
def backup_and_restore(on):
    return small(on)


def said(model, given, callbacks):
    lines = []
    lambdas = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: lines.append(float(epoch)),
        on_train_batch_end=lambda batch, logs: lines.append(float(logs["loss"])),
        on_train_end=lambda logs: lines.append(-1.0),
    )
    found = model.fit(**given(), callbacks=[lambdas, *callbacks()]).history
    return [found, {"lines": lines}]


@row(train=said, no_resume="the lambda's list begins anew")
def lambda_callback(on):
    return small(on)


class StopEarly(keras.callbacks.Callback):
    """Ends the training in a batch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            self.model.stop_training = True


@row(callbacks=lambda folder: [StopEarly()], epochs=3, no_resume="it ends after three steps")
def stop_training_in_a_batch_hook(on):
    return small(on)


class Shrink(keras.callbacks.Callback):
    """Changes weights between batches."""

    def on_train_batch_begin(self, batch, logs=None):
        kernel = self.model.layers[0].kernel
        kernel.assign(kernel * 0.9)


@row(callbacks=lambda folder: [Shrink()])
def weights_changed_in_a_batch_hook(on):
    return small(on)


class Rates(keras.callbacks.Callback):
    """A new rate for every batch, by its number over all epochs."""

    def on_train_batch_begin(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        self.model.optimizer.learning_rate = 0.1 / (1 + step)


@row(quick=False, callbacks=lambda folder: [Rates()])
def rate_set_in_a_batch_hook(on):
    return small(on)


@row(
    quick=False,
    callbacks=lambda folder: [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)],
    validation_data=HELD_OUT,
)
def averaged_weights_swapped_in(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits())
    net.compile(keras.optimizers.Adam(0.05, use_ema=True), crossentropy(), **on.compile)
    return net


class Count(keras.callbacks.Callback):
    """Keeps a count on the model."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.seen_epochs = np.float64(epoch + 1)


@row(quick=False, callbacks=lambda folder: [Count()], extra=lambda m: m.seen_epochs, epochs=3)
def attributes_set_by_a_callback(on):
    return small(on)
