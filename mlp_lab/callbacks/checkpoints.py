"""Saves checkpoints of a training and resumes from them."""

import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from mlp_lab.callbacks.checks import check_glass_box, finite_weights
from mlp_lab.checkpoints import Store, collect, decode, encode, restore
from mlp_lab.engine.replicas import Replicas


class Stopped(Exception):
    """Training was ended by `stop`; its state has been saved.

    Attributes:
      why: what `stop` returned.
    """

    def __init__(self, why: object):
        super().__init__(f"training was stopped by {why} and can resume from its checkpoint")
        self.why = why


class Checkpoints(keras.callbacks.Callback):
    """Saves the whole state of a training at intervals, and resumes from the latest checkpoint.

    If a training is killed, at any moment, and started again with the same arguments, it ends
    with the same weights, optimizer state, metrics and history, bit for bit, as one that was
    never killed. For this it also saves the position within the epoch, the metrics' sums, what
    `EarlyStopping`, `ReduceLROnPlateau` and `ModelCheckpoint` remember, and the states of all
    random generators. Your own callbacks take part if they have `get_state()` and
    `set_state(state)`. `tf.data` pipelines are read again up to the position, so they must
    produce the same batches again.

    Event files below `events` are truncated to what they held at the checkpoint, so that curves
    continue without a restart or duplicate steps.

    Among several workers, only the chief reads and writes files, and it sends the others what
    it read; all save, and stop, after the same call. They need no shared folder.

    Pass it as the last callback. Steps run in compiled calls of up to half a second; it saves
    at the end of the call in which a checkpoint becomes due.

    Args:
      folder: for the checkpoints.
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

    Raises:
      ValueError: an argument is out of range.
      CheckpointError: (when `fit` starts) there are checkpoints but none can be used, or they
        belong to another model, optimizer or list of callbacks.
    """

    # It needs no call after every step; once per compiled call is enough.
    any_steps_per_execution = True

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
    ):
        super().__init__()
        self.store = Store(Path(os.fspath(folder)), keep, say)
        self.step = 0  # steps made in all epochs; checkpoints are named after it
        self.saved_step = -1  # step of the last checkpoint, below 0 if there is none
        self.seconds = 0.0  # time spent saving
        self._steps, self._interval = _every(every)
        self._resume = resume
        self._delete = delete
        self._stop = stop
        self._events = None if events is None else Path(os.fspath(events))
        self._others: list[keras.callbacks.Callback] = []
        self._pending: dict | None = None
        self._epoch = self._in_epoch = self._skip = 0
        self._saved_time = 0.0
        self._replicas = Replicas(tf.distribute.get_strategy())

    # As a Keras callback.

    def before_fit(self, model: keras.Model, callbacks: list[keras.callbacks.Callback]) -> None:
        """Called by `fit` before any callback starts, so that all find the state restored."""
        self._others = [c for c in callbacks if c is not self]
        self._epoch = self._in_epoch = self._skip = self.step = 0
        self.saved_step, self._saved_time = -1, time.monotonic()
        self._replicas = model.replicas
        self._pending = self._load() if self._resume else None
        if self._pending is None:
            return
        parts = ("weights", "optimizer", "callbacks")
        restore(model, self._others, self._pending["state"], parts)
        self._skip = self._pending["position"]["in_epoch"]
        self.step = self.saved_step = self._pending["position"]["step"]
        if self._events is not None and self._replicas.chief:
            _cut_back(self._events, self._pending["events"])

    def _load(self) -> dict | None:
        if self._replicas.workers == 1:
            return self.store.load()
        loaded = self.store.load() if self._replicas.chief else None
        content = self._replicas.from_chief(None if loaded is None else encode(loaded))
        return None if content is None else decode(content, "checkpoint of the chief")

    def on_train_begin(self, logs=None):
        check_glass_box(self, self.model)
        if self._pending is not None:
            position = self._pending["position"]
            self.model.resume_at(position["epoch"], position["in_epoch"], position["order"])

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._in_epoch = epoch, 0
        if self._pending is not None:
            # Callbacks have started and metrics have been reset: what is restored now stays.
            parts = ["callbacks", "generators", *(["metrics"] if self._skip else [])]
            restore(self.model, self._others, self._pending["state"], parts)
            self.model.history.epoch = list(self._pending["history"]["epoch"])
            self.model.history.history = self._pending["history"]["logs"]
            self._pending = None
        elif self._due() or self.saved_step < 0:
            self.save()
        self._end_if_asked()

    def on_train_batch_end(self, batch, logs=None):
        before = max(self._in_epoch, self._skip)
        # Keras counts a last, shorter call as if it had full length.
        self._in_epoch = min(batch + 1, self.params.get("steps") or math.inf)
        if self._in_epoch <= self._skip:
            return  # made before the checkpoint
        self.step += self._in_epoch - before
        self._skip = 0
        if self._due():
            self.save()
        self._end_if_asked()

    def on_train_end(self, logs=None):
        if self._delete and finite_weights(self.model) and self._replicas.chief:
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
            },
            "history": {
                "epoch": list(self.model.history.epoch),
                "logs": self.model.history.history,
            },
            "state": collect(self.model, self._others),
            "events": {} if self._events is None else _sizes(self._events),
        }
        if self._replicas.chief:
            self.store.save(self.step, tree)
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
        return self._replicas.any(time.monotonic() - self._saved_time >= self._interval)

    def _end_if_asked(self) -> None:
        why = self._stop() if self._stop is not None else None
        wanted = why is not None and why is not False
        # If one worker is asked to stop, all stop; all get the number, such as a signal's.
        asked = self._replicas.largest((int(why) if isinstance(why, int) else 0) or int(wanted))
        if asked:
            why = why if wanted else asked
            if self.saved_step != self.step:
                self.save()
            raise Stopped(why)


def _every(every: int | str | None) -> tuple[int | None, float | None]:
    """The interval as (steps, seconds), of which one or both are None."""
    if every is None:
        return None, None
    if isinstance(every, int) and not isinstance(every, bool) and every >= 1:
        return every, None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([sm])", every) if isinstance(every, str) else None
    if found is None:
        raise ValueError(
            'every: expected a number of steps (at least 1), a time such as "30s" or "1m", or '
            f"None, got {every!r}"
        )
    return None, float(found[1]) * {"s": 1, "m": 60}[found[2]]


def _event_files(folder: Path) -> dict[str, Path]:
    found = folder.rglob("events.out.tfevents.*") if folder.is_dir() else []
    return {str(path.relative_to(folder)): path for path in found}


def _sizes(folder: Path) -> dict[str, int]:
    return {name: path.stat().st_size for name, path in _event_files(folder).items()}


def _cut_back(folder: Path, sizes: dict[str, int]) -> None:
    """Removes what was written to the event files after the checkpoint."""
    for name, path in _event_files(folder).items():
        if name not in sizes:
            path.unlink()
        elif path.stat().st_size > sizes[name]:
            os.truncate(path, sizes[name])
