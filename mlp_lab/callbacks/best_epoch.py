"""Keeps the model of the best epoch, and ends a training that no longer gets better."""

import copy
import dataclasses
import math
import struct
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlp_lab.callbacks.checks import finite_weights
from mlp_lab.callbacks.copies import FreshCopies
from mlp_lab.callbacks.direction import direction_of
from mlp_lab.callbacks.tensorboard import TensorBoard
from mlp_lab.checkpoints import collect_model, digests, restore_model
from mlp_lab.engine.progress import steps_made
from mlp_lab.errors import InputError, near_miss


@dataclasses.dataclass(frozen=True)
class Best:
    """The best epoch of a training so far.

    Attributes:
      epoch: its number, counted from 1.
      step: steps made at its end.
      monitor: the log that was compared.
      value: of that log in this epoch.
      direction: "max" or "min", what is better.
      logs: all its logs.
    """

    epoch: int
    step: int
    monitor: str
    value: float
    direction: str
    logs: Mapping[str, float]

    def as_record(self) -> dict[str, Any]:
        """All but the logs."""
        return {n: value for n, value in vars(self).items() if n != "logs"}


class BestEpoch(FreshCopies):
    """Ends a training with the model of its best epoch, not of its last one.

    After every epoch it compares one of the logs. If the log is better than in all epochs before,
    it copies the state of the model: weights, variables that are not trained such as the
    averages of batch normalization, seeds of dropout, your own `tf.Variable`s, and numbers and
    arrays in attributes that your classes set. When training ends, this state is put back. The
    optimizer and the metrics stay as they are after the last epoch.

    An epoch is the best only if its value is finite, as are the trainable weights: NaN never is.
    Of equal epochs the first is kept. Epochs that have no such log, because they are not
    validated (`validation_freq`), are passed over.

    For any Keras model and any number of steps per call. What it remembers is saved by
    `Checkpoints`, so that a training that was killed ends with the same bits. If another
    callback is mlp_lab's `TensorBoard`, a scalar `best/<monitor>` marks the epoch there: the
    last point of that curve is the best epoch. Several workers all decide by the chief's value.
    An error, or Ctrl-C, ends `fit` without putting anything back; `restore_best()` does it then.

    What is put back is what was validated: weights after the last step of the epoch. Averaged
    weights (`use_ema`), with which Keras overwrites them when training ends, are not.

    Args:
      monitor: name of the log: "val_loss", "val_accuracy", "loss", ...
      direction: "max" or "min", which values are better; "auto" takes what the metric states
        (a class attribute `direction`), what Keras knows of its own metrics, and "min" for
        losses.
      patience: the training ends when this many epochs in a row have not been better; None
        trains all epochs.
      restore: False copies and puts back nothing, and only finds the best epoch.

    Raises:
      ValueError: an argument is out of range.
      InputError: (in `fit`) there is no such log, it is not a number, or its direction is not
        known.

    Attributes:
      best: the best epoch so far; None if there is none.
      wait: epochs since then that were not better.
      stopped_epoch: after which epoch, counted from 1, patience ended the training; or None.
      restored: whether the model is that of the best epoch.
    """

    # It is called after epochs only.
    any_steps_per_execution = True
    of_a_fit = (
        *("best", "wait", "stopped_epoch", "restored"),
        *("_state", "_begun", "_found_direction"),
    )

    def __init__(
        self,
        monitor: str = "val_loss",
        direction: str = "auto",
        patience: int | None = None,
        restore: bool = True,
    ):
        super().__init__()
        if not isinstance(monitor, str) or not monitor:
            raise ValueError(f"monitor: expected the name of a log, got {monitor!r}")
        if direction not in ("auto", "max", "min"):
            raise ValueError(f'direction: expected "auto", "max" or "min", got {direction!r}')
        whole = isinstance(patience, int) and not isinstance(patience, bool) and patience >= 1
        if patience is not None and not whole:
            raise ValueError(
                "patience: expected a number of epochs of at least 1, or None to train all, got "
                f"{patience!r}"
            )
        self.monitor, self.direction, self.patience = monitor, direction, patience
        self.restore = bool(restore)
        self._reset()

    def _reset(self) -> None:
        self.best: Best | None = None
        self.wait = 0
        self.stopped_epoch: int | None = None
        self.restored = False
        self._state: dict[str, Any] | None = None  # of the model after the best epoch
        self._begun: Mapping[str, str] = {}
        self._found_direction: str | None = None

    @property
    def why_stopped(self) -> str | None:
        """Why patience ended the training, in words; None if it did not."""
        if self.stopped_epoch is None:
            return None
        since = "" if self.best is None else f" than {self.best.value:.4g} in epoch "
        since += "" if self.best is None else str(self.best.epoch)
        return (
            f"stopped early after epoch {self.stopped_epoch}: no better {self.monitor}{since} for "
            f"{self.wait} epoch{'s'[: self.wait != 1]}"
        )

    # As a Keras callback.

    def on_train_begin(self, logs=None):
        self._reset()
        self._begun = digests(self.model) if self.restore else {}

    def on_epoch_end(self, epoch, logs=None):
        value = self._value(logs or {})
        if value is None:
            return
        if self._found_direction is None:
            self._found_direction = self._find_direction()
        if self._is_better(value):
            self._take(epoch, value, logs)
            return
        self.wait += 1
        if self.patience is not None and self.wait >= self.patience:
            self.stopped_epoch = epoch + 1
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.best is None and logs:  # None without an epoch
            warnings.warn(
                f"BestEpoch: no epoch had a finite {self.monitor!r}; the model is that of the last "
                "epoch",
                stacklevel=2,
            )
        self.restore_best()

    def restore_best(self) -> bool:
        """Gives the model the state of the best epoch so far, also in a fit that was broken off.

        Returns:
          Whether there is one.
        """
        if self.best is None or self._state is None:
            return False
        changed = restore_model(self.model, self._state)
        if changed:
            warnings.warn(
                "BestEpoch: has not put back large arrays that have changed only after the best "
                f"epoch: {', '.join(changed)}",
                stacklevel=2,
            )
        self.restored = True
        return True

    # For checkpoints.

    def get_state(self) -> dict[str, Any]:
        """What it remembers: numbers, and the model of the best epoch in arrays."""
        best = None if self.best is None else {**vars(self.best), "logs": dict(self.best.logs)}
        return {"best": best, "wait": self.wait, "state": self._state}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `get_state` returned."""
        self.best = None if state["best"] is None else Best(**state["best"])
        self.wait = state["wait"]
        # Copies: the arrays are views of the whole checkpoint, which would stay in memory.
        self._state = copy.deepcopy(state["state"])

    def _value(self, logs: Mapping[str, Any]) -> float | None:
        """The monitored value, the same on all workers; None if this epoch was not validated."""
        given = logs.get(self.monitor)
        if given is not None and np.ndim(given) != 0:
            raise InputError(
                "", f"monitor: expected a number, {self.monitor!r} has the shape {np.shape(given)}"
            )
        value = None if given is None else float(given)
        replicas = getattr(self.model, "replicas", None)
        if replicas is not None and replicas.workers > 1:
            sent = None if value is None else struct.pack("<d", value)
            sent = replicas.from_chief(sent)
            value = None if sent is None else struct.unpack("<d", sent)[0]
        validated = any(name.startswith("val_") for name in logs)
        if value is None and (validated or not self.monitor.startswith("val_")):
            raise InputError(
                "",
                f"monitor: there is no log {self.monitor!r}{near_miss(self.monitor, logs)}; this "
                f"training logs {', '.join(logs) or 'nothing'}",
            )
        return value

    def _find_direction(self) -> str:
        if self.direction != "auto":
            return self.direction
        outputs = getattr(self.model, "output_names", None) or ()
        found = direction_of(self.monitor, self.model.metrics, outputs)
        if found is None:
            raise InputError(
                "",
                f"direction: cannot tell whether a larger or a smaller {self.monitor!r} is better; "
                'give direction="max" or "min", or state `direction` in the class of the metric',
            )
        return found

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is not None:
            before = self.best.value
            better = value > before if self._found_direction == "max" else value < before
            if not better:
                return False
        # The loss of an epoch is finite though its last step has made a weight infinite.
        return finite_weights(self.model)

    def _take(self, epoch: int, value: float, logs: Mapping[str, Any]) -> None:
        numbers = {n: float(v) for n, v in logs.items() if np.ndim(v) == 0}
        step = steps_made(self.model)
        self.best = Best(epoch + 1, step, self.monitor, value, str(self._found_direction), numbers)
        self.wait = 0
        if self.restore:
            self._state = collect_model(self.model, self._begun)
        group = "validation" if self.monitor.startswith("val_") else "train"
        for board in getattr(self.model, "observers", ()):
            if isinstance(board, TensorBoard):
                board.mark(group, f"best/{self.monitor}", value, step)
