"""A row of the table: a user's class, and the data and callbacks with which it is trained."""

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import mlp_lab


@dataclasses.dataclass(frozen=True)
class On:
    """What a class is built on: `class Net(*on(keras.Model))`.

    Attributes:
      lab: with the mix-in, or on plain Keras.
      compile: more arguments of `compile`.
    """

    lab: bool
    compile: dict[str, Any]

    def __call__(self, base: type) -> tuple[type, ...]:
        return (mlp_lab.GlassBox, base) if self.lab else (base,)


def train(model, given, callbacks):
    """Trains by one `fit`; its history, in a list."""
    return [model.fit(**given(), callbacks=callbacks()).history]


def predict(model, given, callbacks):
    """What `predict` returns for the x that `fit` got."""
    chosen = {"batch_size": given.get("batch_size"), "steps": given.get("steps_per_epoch")}
    return model.predict(given["x"], verbose=0, callbacks=callbacks, **chosen)


def evaluate(model, given, callbacks):
    """What `evaluate` returns for the data that `fit` got."""
    names = ("x", "y", "batch_size", "sample_weight")
    chosen = {name: given.get(name) for name in names}
    steps = given.get("steps_per_epoch")
    return model.evaluate(
        **chosen, steps=steps, verbose=0, callbacks=callbacks, return_dict=True
    )  # fmt: skip


def _nothing(*_):
    return None


@dataclasses.dataclass(frozen=True)
class Row:
    """A row; see `row`, which makes one.

    Attributes:
      make: makes the compiled model on an `On`.
      fit: arguments of `fit`; functions among them are called for every run.
      callbacks: called with a folder; returns those of one `fit`.
      train: as `train` in this file.
      predict, evaluate: as those in this file; None if the class has none.
      extra: called with the trained model; returns more that must be equal.
      stop: the run that is resumed is stopped after so many calls of `on_train_batch_begin`.
      same_seed: whether it starts again from the same seed, since what it does before the `fit`
        that is resumed depends on it.
      tolerance: relative and absolute, of what is compared with Keras.
      differs: what must differ from Keras, and why: by an expression for the names of logs.
      warns: what the mix-in warns of and Keras does not.
      no_xla: why it does not run under XLA, which is Keras' limit if nothing else is said.
      no_resume: why it cannot be resumed with the same bits.
      unseen: why its steps are not looked at.
      needs: a package without which the row is skipped.
      quick: whether it runs in the default tier.
    """

    name: str
    make: Callable[[On], keras.Model]
    fit: dict[str, Any]
    callbacks: Callable[[Path], list] = lambda folder: []
    train: Callable = train
    predict: Callable | None = predict
    evaluate: Callable | None = evaluate
    extra: Callable = _nothing
    stop: int = 9
    same_seed: bool = False
    tolerance: float = 2e-5
    differs: dict[str, str] = dataclasses.field(default_factory=dict)
    warns: str = ""
    no_xla: str = ""
    no_resume: str = ""
    unseen: str = ""
    needs: str = ""
    quick: bool = True

    def given(self) -> dict[str, Any]:
        """The arguments of `fit` for one run."""
        made = {
            k: v() if callable(v) and not hasattr(v, "__len__") else v for k, v in self.fit.items()
        }
        return {"epochs": 2, "verbose": 0, "shuffle": False, **made}


ROWS: dict[str, Row] = {}


def row(make=None, /, **options):
    """Adds a row to the table: a decorator of the function that makes the model.

    What is no attribute of `Row` is an argument of `fit`. Without `x` the data are 40 rows of 4
    numbers in 3 classes, in batches of 8.
    """
    if make is None:
        return lambda make: row(make, **options)
    own = {field.name for field in dataclasses.fields(Row)} - {"name", "make", "fit"}
    fit = {name: value for name, value in options.items() if name not in own}
    if "x" not in fit:
        x, y = classes()
        fit = {"x": x, "y": y, "batch_size": 8, **fit}
    assert make.__name__ not in ROWS
    ROWS[make.__name__] = Row(
        make.__name__, make, fit, **{k: v for k, v in options.items() if k in own}
    )
    return make


def classes(rows: int = 40, seed: int = 0):
    """Rows of 4 numbers, and the numbers of their classes, of which there are 3."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.integers(0, 3, rows)


def values(rows: int = 40, seed: int = 0):
    """Rows of 4 numbers, and two values for each."""
    x, _ = classes(rows, seed)
    return x, np.stack([x.sum(1), x[:, 0] * x[:, 1]], 1).astype("float32")


def weights_of_rows(rows: int = 40):
    """A weight for each row; some are 0."""
    return np.random.default_rng(5).integers(0, 3, rows).astype("float32")


def logits(units: int = 3):
    """The layers of a small network."""
    return [keras.layers.Dense(6, "relu"), keras.layers.Dense(units)]


def crossentropy():
    """The loss of logits and the numbers of classes."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def param(one: Row, *more):
    """A row as a parameter of a test."""
    marks = [m for m in more if m]
    if one.needs and not importlib.util.find_spec(one.needs):
        marks.append(pytest.mark.skip(reason=f"needs {one.needs}"))
    return pytest.param(one.name, marks=marks)
