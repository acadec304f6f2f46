"""Saves checkpoints of a training and resumes from them."""

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np

from mlp_lab.callbacks.checks import check_glass_box, finite_weights
from mlp_lab.callbacks.copies import FreshCopies, Function
from mlp_lab.callbacks.stopped import Stopped
from mlp_lab.checkpoints import Identity, Store, collect, digests, lacking, restore, unsaved
from mlp_lab.checkpoints.files import CheckpointError
from mlp_lab.checkpoints.interval import interval
from mlp_lab.checkpoints.memory import changed, generators, set_generators
from mlp_lab.folders import folder as as_folder

# Generators that data may be drawn with.
_DRAWN_WITH = frozenset(("python", "numpy"))


class Checkpoints(FreshCopies):
    """Saves the whole state of a training at intervals, and resumes from the latest checkpoint.

    If a training is killed, at any moment, and started again with the same arguments, it ends
    with the same weights, optimizer state, metrics and history, bit for bit, as one that was
    never killed. The state is everything that a training changes and that can be reached from
    the model through attributes, lists and dicts: variables of any number of optimizers, of
    metrics and of your own, random generators, and numbers, arrays and lists of them in
    attributes that your classes set. It also saves the position within the epoch, what
    `EarlyStopping`, `ReduceLROnPlateau` and `ModelCheckpoint` remember, and the states of the
    generators of Python, NumPy and Keras. Your own callbacks take part if they have
    `get_state()` and `set_state(state)`. What has a state that cannot be saved, such as an open
    file, is named when the fit begins.

    Data other than arrays are read again up to the position, so they must give the same batches
    again: those of the epoch, or with `steps_per_epoch` and from generators those of all epochs.

    Event files below `events` are truncated to what they held at the checkpoint, so that curves
    continue without a restart or duplicate steps. Only files of this training are touched: those
    of its callbacks that have an `owner`, as `TensorBoard` and `Pictures` do.

    What is resumed must be what was begun: a checkpoint of a training on other arrays, or whose
    event files are missing or changed, is refused.

    Among several workers, only the chief reads and writes files, and it sends the others what
    it read; all save, and stop, after the same call. They need no shared folder.

    It is called after all other callbacks. Steps run in compiled calls of up to half a second; it
    saves at the end of the call in which a checkpoint becomes due. A copy, and what is unpickled,
    is a new callback with the same arguments.

    Args:
      folder: for the checkpoints; also on a file system that only TensorFlow knows (`gs://`).
      every: a number of steps; or a time in seconds or minutes, "30s" or "1m"; or None to save
        only on `stop`.
      keep: how many of the latest checkpoints are kept.
      resume: False starts over, whatever is in the folder.
      stop: called after every compiled call; if it returns anything but None or False, the
        training saves a checkpoint and ends with `Stopped`.
      events: folder with the event files of this training; None leaves them unchanged.
      delete: whether a training that reaches its end removes its checkpoints, so that another
        `fit` starts over. Checkpoints stay if the last weights are not finite.
      say: called with each message for the user.
      identity: what else the training depends on, as text by name; kept in the checkpoints, and
        compared. By default a checksum of the arrays that `fit` is given.
      owners: owners of event files beside the callbacks'.
      accept_changes: whether to resume although something differs; it is said.

    Raises:
      ValueError: an argument is out of range.
      CheckpointError: (when `fit` starts) there are checkpoints but none can be used, or they
        belong to another model, optimizer, list of callbacks, or to other data.
    """

    # It needs no call after every step; once per compiled call is enough.
    any_steps_per_execution = True
    # It saves what other callbacks remember of the same step.
    comes_last = True
    of_a_fit = (
        *("step", "saved_step", "seconds", "_others", "_pending", "_epoch", "_in_epoch", "_skip"),
        *("_saved_time", "_begun", "_random", "_drawing", "_logs", "_identity"),
    )

    def __init__(
        self,
        folder: str | os.PathLike,
        every: int | str | None = "1m",
        keep: int = 2,
        resume: bool = True,
        stop: Callable[[], object] | None = None,
        events: str | os.PathLike | None = None,
        delete: bool = True,
        say: Callable[[str], None] = print,
        identity: Mapping[str, str] | None = None,
        owners: Iterable[str] = (),
        accept_changes: bool = False,
    ):
        super().__init__()
        self._say = Function(say, print)
        self.store = Store(folder, keep, self._say)
        self._steps, self._interval = interval(every)
        self._resume = resume
        self._delete = delete
        self._stop = Function(stop or _never, _never)
        self._events = None if events is None else as_folder(events, "events")
        self._parts = None if identity is None else dict(identity)
        self._owners, self._accept = tuple(owners), accept_changes
        self._reset()

    def _reset(self) -> None:
        self.step = 0  # steps made in all epochs; checkpoints are named after it
        self.saved_step = -1  # step of the last checkpoint, below 0 if there is none
        self.seconds = 0.0  # time spent saving
        self._others: list[keras.callbacks.Callback] = []
        self._pending: dict | None = None
        self._epoch = self._in_epoch = self._skip = 0
        self._saved_time = 0.0
        self._begun: Mapping[str, str] = {}  # digests of what rarely changes
        self._random: dict[str, Any] = {}  # generators when the fit, and the epoch, began
        self._drawing: set[str] = set()  # those that the data are drawn with
        self._logs: dict[str, Any] = {}
        self._identity = Identity(self._parts or {}, self._events)

    def check(self) -> None:
        """Raises, without a model, what `fit` would raise about the checkpoints' identity."""
        loaded = self.store.load() if self._resume else None
        if loaded is not None:
            self._identity.check(loaded, self._accept)

    # As a Keras callback.

    def before_fit(self, model: keras.Model, callbacks: list[keras.callbacks.Callback]) -> None:
        """Called by `fit` before any callback starts, so that all find the state restored."""
        spent = self.seconds
        self._reset()
        self.seconds, self._saved_time = spent, time.monotonic()
        self._others = [c for c in callbacks if c is not self]
        self._begun = digests(model)
        if self._parts is None:
            data = model.data_fingerprint()
            self._identity = Identity({} if data is None else {"data": data}, self._events)
        self._tell_of_unsaved(model)
        self._pending = self.store.load_for(model.replicas) if self._resume else None
        if self._pending is None:
            return
        if model.replicas.chief:
            for difference in self._identity.check(self._pending, self._accept):
                self._say(f"accepted: {difference}")
        if lacking(model, self._pending["state"]):
            model.make_missing_variables()
        different = restore(model, self._others, self._pending["state"])
        position = self._pending["position"]
        self._skip = position["in_epoch"]
        self.step = self.saved_step = position["step"]
        if model.replicas.chief:
            self._identity.cut_back(self._pending["identity"])
        self._say(f"resumed from the checkpoint of step {self.step} in {str(self.store.folder)!r}")
        if different:
            self._say(f"not as in the training that is resumed: {', '.join(different)}")

    def _tell_of_unsaved(self, model) -> None:
        left_out = unsaved(model)
        if model.random_operations:
            names = ", ".join(model.random_operations)
            left_out.append(f"tf.random in the step ({names}; use keras.random)")
        if left_out:
            self._say(f"checkpoints do not hold the state of {', '.join(left_out)}")

    def on_train_begin(self, logs=None):
        check_glass_box(self, self.model)
        self._random["fit"] = generators()
        if self._pending is None:
            return
        position, self._random = self._pending["position"], self._pending["random"]
        set_generators(self._random["fit"], _DRAWN_WITH)
        self.model.resume_at(
            position["epoch"], position["in_epoch"], position["order"], position["number"],
            logs=position["logs"], skipped=self._set_generators,
        )  # fmt: skip
        # What the data are drawn with now is where it was; a thread may be drawing ahead.
        self._drawing = changed(self._random["fit"], generators()) & _DRAWN_WITH

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._in_epoch = epoch, 0
        if self._pending is not None and epoch == self._pending["position"]["epoch"]:
            # Callbacks have started and metrics have been reset: what is restored now stays.
            restore(self.model, self._others, self._pending["state"], self._drawing)
            self.model.history.epoch = list(self._pending["history"]["epoch"])
            self.model.history.history = self._pending["history"]["logs"]
            if self._skip:  # the epoch's data are drawn from its beginning
                set_generators(self._random["epoch"], _DRAWN_WITH - self._drawing)
            else:
                self._pending = None
        else:
            self._pending, self._skip = None, 0
            self._random["epoch"] = generators()
            if self._due() or self.saved_step < 0:
                self.save()
        self._end_if_asked()

    def _set_generators(self) -> None:
        """Called when the steps made before the checkpoint have been skipped."""
        if self._pending is not None:
            self._drawing |= changed(self._random["epoch"], generators()) & _DRAWN_WITH
            set_generators(self._pending["state"]["generators"], _DRAWN_WITH - self._drawing)

    def on_train_batch_end(self, batch, logs=None):
        before = max(self._in_epoch, self._skip)
        # Keras counts a last, shorter call as if it had full length.
        self._in_epoch = min(batch + 1, self.params.get("steps") or math.inf)
        if self._in_epoch <= self._skip:  # made before the checkpoint
            if self._pending and self._in_epoch + self.model.steps_per_execution > self._skip:
                # Other callbacks have been called for steps that are skipped.
                restore(self.model, self._others, self._pending["state"], self._drawing)
            return
        self._pending = None
        self.step += self._in_epoch - before
        self._skip = 0
        self._logs = logs or {}
        if self._due():
            self.save()
        self._end_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        if self._in_epoch < self._skip:
            raise CheckpointError(
                f"the data of epoch {epoch + 1} ended after {self._in_epoch} steps, but the "
                f"checkpoint was made after {self._skip}; resume with the data it was made with"
            )

    def on_train_end(self, logs=None):
        if self._delete and finite_weights(self.model) and self.model.replicas.chief:
            self.store.clear()

    def save(self) -> None:
        """Writes a checkpoint now, between two steps; all workers must call it.

        Raises:
          OSError: it cannot be written; earlier checkpoints stay.
        """
        start = time.monotonic()
        for callback in self._others:
            if hasattr(callback, "flush"):
                callback.flush()
        tree = {
            "position": {
                "epoch": self._epoch,
                "in_epoch": self._in_epoch,
                "step": self.step,
                "order": self.model.sample_order(self._epoch),
                "number": self.model.epoch_number(self._epoch),
                "logs": {n: v for n, v in self._logs.items() if isinstance(v, float | np.ndarray)},
            },
            "history": {
                "epoch": list(self.model.history.epoch),
                "logs": self.model.history.history,
            },
            "state": collect(self.model, self._others, self._begun),
            "random": self._random,
        }
        if self.model.replicas.chief:
            owners = [c.owner for c in self._others if hasattr(c, "owner")]
            identity = self._identity.taken([*owners, *self._owners])
            self.store.save(self.step, {**tree, "identity": identity})
        self.saved_step, self._saved_time = self.step, time.monotonic()
        self.seconds += self._saved_time - start

    def _due(self) -> bool:
        # The last good weights are not given up for bad ones.
        if self.saved_step == self.step or not finite_weights(self.model):
            return False
        if self._steps is not None:
            return self.step // self._steps > self.saved_step // self._steps
        if self._interval is None:
            return False
        # Workers' clocks differ, so they decide together.
        return self.model.replicas.any(time.monotonic() - self._saved_time >= self._interval)

    def _end_if_asked(self) -> None:
        why = self._stop()
        wanted = why is not None and why is not False
        # If one worker is asked to stop, all stop; all get the number, such as a signal's.
        asked = self.model.replicas.largest(
            (int(why) if isinstance(why, int) else 0) or int(wanted)
        )
        if asked:
            why = why if wanted else asked
            if self.saved_step != self.step:
                self.save()
            raise Stopped(why)


def _never() -> None:
    """Does not ask to stop."""
