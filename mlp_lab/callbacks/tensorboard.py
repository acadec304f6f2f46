"""Writes what the steps of a `GlassBox` do, for TensorBoard."""

import functools
import math
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from mlp_lab import probes as all_probes
from mlp_lab.callbacks.checks import check_glass_box
from mlp_lab.callbacks.copies import FreshCopies
from mlp_lab.callbacks.cost import Cost
from mlp_lab.callbacks.recorder import Recorder
from mlp_lab.callbacks.worker import Worker
from mlp_lab.engine.progress import steps_made
from mlp_lab.folders import folder
from mlp_lab.probes.base import Probe
from mlp_lab.schedules import Auto, Every, Never
from mlp_lab.writers import new_owner

# Names that a warning lists.
_SHOWN = 6


class TensorBoard(FreshCopies):
    """Writes what the model's real training steps did, for TensorBoard.

    In `log_dir/train`, at the true step (all steps that the model has made, so that the curves
    of a second `fit` or a resumed run continue where they stopped):

      weights/..., gradients/..., activations/..., updates/...: histograms and mean, std,
        min, max and norm, at every `histogram_every`-th step
      units/...: dead and saturated units, at the same steps
      batch_loss, batch_<metric>, learning_rate: of this batch alone, at the same steps or as
        `update_freq` says; no learning_rate if the model has no optimizer of its own
      epoch_loss, epoch_<metric>: means over the epoch, after each epoch; histograms and mean,
        std, min, max and norm of what is not a single number
      steps_per_second, observing/share: after each epoch; the share is an upper bound of the
        part of the training time that looking took

    In `log_dir/validation`: epoch_loss and epoch_<metric>. Values that are not finite are left
    out of the histograms and counted in `<tag>/nan` and `<tag>/infinite`.

    A step is looked at, not repeated, in eager, graph and XLA mode and however many steps run
    in one call. The resulting weights are the same with and without this callback, bit for bit.

    Under a `tf.distribute` strategy, the batch, its activations, gradients and metrics are those
    of all replicas together, and only the chief of several workers writes.

    Args:
      log_dir: folder for `train/` and `validation/`; local, or of another file system that
        TensorFlow knows, such as `gs://bucket/run`.
      histogram_every: steps from one look to the next; "auto" for as often as it costs less
        than 3 % of the time; 0 for never.
      update_freq: when the batch's own loss and metrics are written: "batch" or a number of
        steps; "epoch" for never; None for together with the histograms.
      probes: what to read; None for all of `mlp_lab.probes.standard()`.
      layers: regular expression; only layers and weights with a match in their name are
        recorded. Sums over the whole model still include all of them. If nothing matches, a
        warning at the first look lists some names.
      owner: the end of the event files' names; by default drawn at random. `Checkpoints` changes
        files of its training's owners only.

    Raises:
      ValueError: an argument is out of range.
      TypeError: (when `fit` starts) the model is not a `GlassBox`.
    """

    # It gets steps one by one, however many run in one call; see GlassBox.observers.
    any_steps_per_execution = True
    of_a_fit = ("_shared", "_probes", "_recorder", "_worker", "_cost", "_chief", "_matched")

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_every: int | str = 100,
        update_freq: int | str | None = None,
        probes: Iterable[Probe] | None = None,
        layers: str | None = None,
        owner: str | None = None,
    ):
        super().__init__()
        self._owner = owner
        self.log_dir = folder(log_dir, "log_dir")
        self._freqs = histogram_every, update_freq
        self._read = list(all_probes.standard() if probes is None else probes)
        for probe in self._read:
            if not isinstance(probe, Probe):
                raise ValueError(
                    f"probes: expected instances of mlp_lab.probes.Probe, got {probe!r}; write "
                    "Weights(), not Weights"
                )
        try:
            self._layers = re.compile(layers or "")
        except re.error as error:
            raise ValueError(
                f"layers: {layers!r} is not a valid regular expression: {error}"
            ) from None
        self._reset()

    def _reset(self) -> None:
        every, update_freq = self._freqs
        self._shared = _schedule(every)
        self._probes: list[tuple[Probe, Every]] = []
        for probe in self._read:
            own = self._shared if probe.every is None else Every(probe.every)
            if isinstance(probe, all_probes.Batch) and update_freq is not None:
                own = _update_schedule(update_freq)
            self._probes.append((probe, own))
        self._recorder = Recorder(self.log_dir, self._owner or new_owner())
        self._worker = Worker()
        self._cost = Cost()
        self._chief = True
        self._matched = False

    def set_model(self, model: keras.Model) -> None:
        """Called by `fit`.

        Raises:
          TypeError: the model is not a `GlassBox`.
        """
        check_glass_box(self, model)
        super().set_model(model)

    # As a Keras callback.

    def on_train_begin(self, logs=None):
        self._chief = self.model.replicas.chief
        self._matched = False
        if isinstance(self._shared, Auto) and self.model.replicas.workers > 1:
            raise ValueError(
                'histogram_every: "auto" depends on the clock, but all workers must look at the '
                "same steps; give a number of steps"
            )
        self.model.observers.append(self)

    def on_epoch_begin(self, epoch, logs=None):
        self._cost.begin_epoch()

    def on_epoch_end(self, epoch, logs=None):
        if not self._chief:
            return
        step = steps_made(self.model)
        groups: dict[str, dict[str, Any]] = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            group = "validation" if name.startswith("val_") else "train"
            groups[group][f"epoch_{name.removeprefix('val_')}"] = value
        cost = self._cost
        if cost.seconds:
            groups["train"]["steps_per_second"] = cost.steps / cost.seconds
        if cost.looks and not math.isnan(cost.share):
            groups["train"]["observing/share"] = cost.share
        for group, values in groups.items():
            write = functools.partial(self._recorder.write, group, step, values.items())
            self._worker.do(write)
        self._worker.do(self._recorder.flush)

    def mark(self, group: str, tag: str, value: float, step: int) -> None:
        """Writes one more scalar, while `fit` runs.

        Args:
          group: "train" or "validation", the subfolder.
          tag: its name.
          value: a number.
          step: to which it belongs.
        """
        if self._chief:
            self._worker.do(functools.partial(self._recorder.write, group, step, [(tag, value)]))

    # As an observer of the model's steps.

    def next_step(self, step: int) -> float:
        """The first step, from `step` on, that a probe reads."""
        return min((schedule.next_step(step) for _, schedule in self._probes), default=math.inf)

    def ran(self, steps, seconds, seen):
        """Called after a compiled call; has the step that was looked at, if any, recorded."""
        start = time.perf_counter()
        if seen is not None and self._chief:
            if not self._matched:
                self._warn_of_no_match(seen)
            now = seen.number
            due = [probe for probe, schedule in self._probes if schedule.next_step(now) == now]
            self._worker.do(functools.partial(self._record, seen, due))
        seconds += time.perf_counter() - start
        self._cost.ran(steps, seconds, looked=seen is not None)
        if self._cost.look:
            self._shared.spent(self._cost.look, self._cost.step)

    def stopped(self):
        """Called when `fit` ends, after an error too; writes what has not been written."""
        try:
            self._worker.finish()
        finally:
            self._recorder.close()

    # For checkpoints.

    @property
    def owner(self) -> str:
        """The end of the names of its event files."""
        return self._recorder.owner

    def flush(self):
        """Waits until everything that was seen is in the files."""
        self._worker.finish()
        self._recorder.flush()

    def get_state(self):
        """The texts written so far, as a text is written only when it changes, and the owner."""
        return {"texts": dict(self._recorder.texts), "owner": self.owner}

    def set_state(self, state):
        """Restores what `get_state` returned."""
        self._recorder.texts = dict(state["texts"])
        self._recorder.owner = state["owner"]

    # On the worker's thread.

    def _record(self, step, probes):
        start = time.perf_counter()
        values = (item for probe in probes for item in self._chosen(step, probe))
        self._recorder.write("train", step.number, values)
        self._cost.worked(time.perf_counter() - start)

    def _chosen(self, step, probe) -> Iterator[tuple[str, Any]]:
        parts = self._parts(step) if self._layers.pattern and probe.group else ()
        for name, value in probe.read(step).items():
            of_other = any(name == part or name.startswith(f"{part}/") for part in parts)
            if not of_other or self._layers.search(name):
                yield f"{probe.group}/{name}" if probe.group else name, value

    def _parts(self, step) -> list[str]:
        """The names that `layers` chooses from."""
        return [*step.layers, *step.weights]

    def _warn_of_no_match(self, step) -> None:
        """Says once a fit that `layers` matches nothing."""
        parts, self._matched = self._parts(step), True
        if self._layers.pattern and not any(map(self._layers.search, parts)):
            names = ", ".join([*parts[:_SHOWN], *(["..."] if len(parts) > _SHOWN else [])])
            warnings.warn(
                f"TensorBoard: layers (--probe_layers) {self._layers.pattern!r} matches no layer "
                f"and no weight, so that none is recorded; names are {names}",
                stacklevel=2,
            )


def _schedule(every: int | str) -> Every:
    if every == "auto":
        return Auto()
    if not isinstance(every, int) or isinstance(every, bool) or every < 0:
        raise ValueError(
            f'histogram_every: expected a number of steps, 0 for never, or "auto", got {every!r}'
        )
    return Every(every) if every else Never()


def _update_schedule(update_freq: int | str) -> Every:
    named = {"batch": Every(1), "epoch": Never()}
    if isinstance(update_freq, str):
        if update_freq not in named:
            raise ValueError(
                f'update_freq: expected "batch", "epoch" or a number of steps, got {update_freq!r}'
            )
        return named[update_freq]
    return Every(update_freq)
