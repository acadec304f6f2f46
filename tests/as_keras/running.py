"""Trains the rows of the table, and compares what comes out."""

import contextlib
import dataclasses
import functools
import itertools
import math
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import events
import keras
import numpy as np
import tensorflow as tf

from as_keras.row import ROWS, On, Row
from mlp_lab.callbacks import Checkpoints, Diagnosis, NonFinite, TensorBoard

_EPOCH_HOOKS = [
    "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end",
    "on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end",
]  # fmt: skip
_BATCH_HOOKS = [
    f"on_{phase}_batch_{when}"
    for phase in ("train", "test", "predict")
    for when in ("begin", "end")
]


def _hook(name):
    def hook(self, *args, **kwargs):
        logs = kwargs.get("logs", args[-1] if args else None)
        position = args[0] if args and not isinstance(args[0], dict) else None
        if name.startswith("on_predict"):
            logs = None  # outputs, which are compared elsewhere
        if name == "on_train_batch_end":
            # Keras counts a last, shorter call as if it had full length.
            self.in_epoch = min(position + 1, self.params.get("steps") or math.inf)
        elif name in ("on_epoch_begin", "on_train_end"):
            self.steps, self.in_epoch = self.steps + self.in_epoch, 0
        self.calls.append((name, position, logs and _numbers(logs)))

    return hook


class EpochCalls(keras.callbacks.Callback):
    """Keeps the calls of its hooks, but for those of batches, which it does not have."""

    def __init__(self):
        super().__init__()
        self.calls: list[tuple] = []
        self.steps = self.in_epoch = 0  # of training


class Calls(EpochCalls):
    """Keeps the calls of all its hooks."""


for _name in _EPOCH_HOOKS:
    setattr(EpochCalls, _name, _hook(_name))
for _name in _BATCH_HOOKS:
    setattr(Calls, _name, _hook(_name))


class Killed(Exception):
    """Ends a run."""


class Kill(keras.callbacks.Callback):
    """Ends the run after so many calls, before the next one."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def on_train_batch_begin(self, batch, logs=None):
        if not self.calls:
            raise Killed
        self.calls -= 1


@dataclasses.dataclass
class Result:
    """What comes out of a run."""

    logs: Any
    weights: Any
    optimizer: Any
    evaluation: Any
    predictions: Any
    extra: Any
    calls: list[tuple]
    steps: int
    warned: list[str]


def run(one: Row, *, lab=True, every_batch=False, jit=False, more=lambda number: [], seed=7):
    """Makes the model of a row, trains and uses it.

    Args:
      one: the row.
      lab: with the mix-in, or plain Keras.
      every_batch: whether a callback wants to be called for every batch.
      jit: whether it is compiled by XLA.
      more: called with the number of the `fit`; returns more callbacks for it.
      seed: of everything random.
    """
    # Keras numbers names of layers and metrics from the start again, so that logs have the same.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    calls = (Calls if every_batch or not lab else EpochCalls)()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model = one.make(On(lab, {"jit_compile": True} if jit else {}))
        numbers = itertools.count()
        logs = one.train(
            model, one.given, lambda: [*one.callbacks(Path(folder)), calls, *more(next(numbers))]
        )
        evaluation = one.evaluate and one.evaluate(model, one.given(), [calls])
        predictions = one.predict and one.predict(model, one.given(), [calls])
        extra = one.extra(model)
    optimizer = getattr(model, "optimizer", None)
    return Result(
        _numbers(logs),
        [np.array(w) for w in model.weights],
        [np.array(v) for v in optimizer.variables] if _used(optimizer) else [],
        _numbers(evaluation),
        tf.nest.map_structure(_array, predictions),
        _numbers(extra),
        calls.calls,
        calls.steps,
        [str(w.message) for w in warned],
    )


@functools.cache
def plain(name: str, lab: bool, every_batch: bool = False, jit: bool = False) -> Result:
    """A run without observers, made once."""
    return run(ROWS[name], lab=lab, every_batch=every_batch, jit=jit)


def observed(one: Row, folder: Path) -> Result:
    """A run with every observer."""

    def more(number):
        kept = Checkpoints(
            folder / f"checkpoints-{number}", every=4, events=folder, say=lambda text: None
        )
        return [TensorBoard(folder, histogram_every=1), NonFinite(), kept]

    return run(one, more=more)


def diagnosed(one: Row) -> tuple[Result, list[Diagnosis]]:
    """A run with a diagnosis that makes experiments in any case."""
    made: list[Diagnosis] = []

    def more(number):
        made.append(Diagnosis(say=lambda text: None, seconds=3, thorough=True))
        return made[-1:]

    return run(one, more=more), made


def looked_at(folder: Path) -> list[int]:
    """The steps that are in TensorBoard's files."""
    of_epochs = ("epoch_", "steps_per_second", "observing")
    found = events.read(folder / "train")
    return sorted({step for tag in found if not tag.startswith(of_epochs) for step in found[tag]})


def resumed(one: Row, folder: Path) -> Result:
    """A run that was stopped by an exception and started again, in a new model."""
    restored = []

    def kept(number):
        made = Checkpoints(folder / f"checkpoints-{number}", every=4, say=lambda text: None)
        begin = keras.callbacks.LambdaCallback(on_train_begin=lambda _: restored.append(made.step))
        return [begin, made]

    kill = Kill(one.stop)
    with contextlib.suppress(Killed):
        run(one, more=lambda number: [kill, *kept(number)])
        raise AssertionError(f"{one.name} was not stopped")
    restored.clear()
    found = run(one, more=kept, seed=7 if one.same_seed else 99)
    assert any(step > 0 for step in restored)
    return found


def check_warnings(one: Row, found: Result, keras_run: Result) -> None:
    """The mix-in warns of what the row says, and of nothing else that Keras does not warn of."""
    new = [text for text in found.warned if text not in keras_run.warned]
    unexpected = [text for text in new if not (one.warns and re.search(one.warns, text))]
    assert not unexpected
    assert new or not one.warns, f"no warning of {one.warns}"


def close(found: Result, right: Result, tolerance: float, calls: str = "all", differs=()) -> None:
    """Asserts that two runs are equal, up to a tolerance of numbers.

    Args:
      found: the run that is judged.
      right: what it is compared with.
      tolerance: relative and absolute; 0 for equal bits.
      calls: "all" compares those of batches too, "epochs" does not, "none" compares no calls.
      differs: expressions for the names of logs that are not compared.
    """
    for name in ("logs", "evaluation", "predictions", "extra", "weights", "optimizer"):
        parts = [_without(getattr(each, name), differs) for each in (found, right)]
        _close(*parts, tolerance, name)
    if calls == "none":
        return
    own, theirs = (
        [c for c in r.calls if calls == "all" or c[0] in _EPOCH_HOOKS] for r in (found, right)
    )
    assert [c[:2] for c in own] == [c[:2] for c in theirs]
    for one, other in zip(own, theirs, strict=True):
        logs = (_without(each[2], differs) for each in (one, other))
        _close(*logs, tolerance, f"logs of {one[0]}({one[1]})")


def _close(found, right, tolerance, what):
    tf.nest.assert_same_structure(found, right)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(right), strict=True):
        if isinstance(b, str) or b is None:
            assert a == b, what
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype, what
        assert a.shape == b.shape, what
        if not tolerance or a.dtype.kind not in "fV":
            np.testing.assert_array_equal(a, b, what)
            continue
        a, b = a.astype("float64"), b.astype("float64")
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance / 10, err_msg=what)


def _used(optimizer):
    """Whether an optimizer has made a step; one that does not may have its variables or not."""
    return isinstance(optimizer, keras.Optimizer) and int(optimizer.iterations) > 0


def _without(logs, names):
    """Logs without those whose names match one of the expressions."""
    if isinstance(logs, list):
        return [_without(each, names) for each in logs]
    if not isinstance(logs, dict):
        return logs
    return {k: v for k, v in logs.items() if not any(re.fullmatch(name, k) for name in names)}


def _numbers(logs):
    """Logs, with every number as a float or an array."""
    return tf.nest.map_structure(lambda v: v if isinstance(v, str) else _array(v), logs)


def _array(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tf.RaggedTensor | tf.SparseTensor):
        value = (
            value.to_tensor() if isinstance(value, tf.RaggedTensor) else tf.sparse.to_dense(value)
        )
    if isinstance(value, float | int):
        return np.float64(value)
    return np.array(value)
