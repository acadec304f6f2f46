"""Trains the trials of a sweep, one after another, until none is left."""

import dataclasses
import gc
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from mlp_lab import data
from mlp_lab.callbacks import Stopped
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError, Interrupted, RunError, one_line
from mlp_lab.options.config import Config
from mlp_lab.sweeps.folder import SweepFolder
from mlp_lab.sweeps.plan import Plan
from mlp_lab.sweeps.progress import Progress, Task
from mlp_lab.sweeps.report import report
from mlp_lab.training.loading import key_of, load
from mlp_lab.training.record import finite
from mlp_lab.training.replication import make_strategy
from mlp_lab.training.run import Around, run
from mlp_lab.training.setup import check, prepare
from mlp_lab.training.signals import Signals

_RUNG = "rung"
# A worker is renewed before it has this many times the memory that it had after its first trial.
_GROWTH = 1.5
_WAIT_SECONDS = 0.3

Say = Callable[[str], None]


class Loader:
    """Loads data sets, each once."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[Any, ...], data.Dataset] = {}

    def __call__(self, config: Config, say: Say) -> data.Dataset:
        """The data set that a config names."""
        key = key_of(config)
        if key not in self._loaded:
            self._loaded[key] = load(config, say)
        return self._loaded[key]


def check_all(plan: Plan, loader: Loader) -> None:
    """Makes the parts of every configuration and tries them on a batch, as a run does.

    Raises:
      InputError: one cannot be trained; it is named.
    """
    for trial in {trial.number: trial for trial in reversed(plan.trials)}.values():
        keras.backend.clear_session()
        try:
            replicas = Replicas(make_strategy(trial.config, _silent))
            check(prepare(trial.config, replicas, _silent, loader))
        except (InputError, data.DataFault) as error:
            text = " ".join(f"{name}={value}" for name, value in trial.values.items())
            raise InputError("vary", f"{text}: {error}") from None


class Worker:
    """One process' part in a sweep.

    Args:
      plan: of the sweep.
      folder: of the sweep, created.
      session: see `Progress`.
      loader: of data.
      say: told of every trial that ends.
    """

    def __init__(self, plan: Plan, folder: SweepFolder, session: str, loader: Loader, say: Say):
        self._plan, self._folder, self._session = plan, folder, session
        self._progress = Progress(plan, folder, session)
        self._loader, self._say = loader, say
        self._memory: list[int] = []

    def work(self, renewable: bool) -> bool:
        """Trains until nothing is left to do, also by others; whether this is so.

        Args:
          renewable: whether to end before the memory of this process has grown too large.

        Raises:
          Interrupted: a signal came; the trial that was being trained is saved.
        """
        with Signals() as signals:
            while todo := self._mine(self._progress.todo()):
                if signals.asked():
                    raise Interrupted(int(signals.asked() or signal.SIGTERM), "interrupted")
                if not any(self._take(task) for task in todo):
                    time.sleep(_WAIT_SECONDS)  # others train them; they may be killed
                elif renewable and self._grown():
                    return False
        return True

    def _mine(self, todo: list[Task]) -> list[Task]:
        if self._plan.options.part is None:
            return todo
        index, count = map(int, self._plan.options.part.split("/"))
        return [task for task in todo if self._plan.trials.index(task.trial) % count == index]

    def _take(self, task: Task) -> bool:
        """Trains a task if no other process does; whether it was trained here."""
        with self._folder.locked(task.trial) as mine:
            if not mine or self._progress.done(task):
                return False
            self._train(task)
        report(self._plan, self._folder)
        return True

    def _train(self, task: Task) -> None:
        keras.backend.clear_session()
        trial, until = task.trial, Until(task)
        config = self._continued(task)
        around = Around(
            say=_silent,
            loader=self._loader,
            group=trial.group,
            callbacks=(until,) if task.epochs < trial.config.epochs else (),
            stop=until.asked,
        )
        try:
            result = run(config, around)
            self._folder.forget_failure(trial)
            self._tell(task, result.record["status"], result.history)
        except Stopped:
            self._folder.write_rung(trial, task.epochs, until.logs())
            self._tell(task, f"stopped after {task.epochs} epochs", until.logs())
        except Interrupted:
            raise
        except (Exception, SystemExit) as error:
            self._fail(task, error)
        finally:
            gc.collect()

    def _continued(self, task: Task) -> Config:
        config = task.trial.config
        if not self._folder.trial(task.trial).exists():
            return config
        if self._folder.record(task.trial) and self._folder.has_checkpoint(task.trial):
            return dataclasses.replace(config, resume=True)
        return dataclasses.replace(config, overwrite=True)

    def _fail(self, task: Task, error: BaseException) -> None:
        kind = "" if isinstance(error, InputError | RunError) else f"{type(error).__name__}: "
        reason = one_line(f"{kind}{error}")
        self._folder.write_failure(task.trial, reason, self._session)
        self._say(f"{task.trial.name}: failed: {reason}")

    def _tell(self, task: Task, status: str, logs: Mapping[str, Sequence[float | str]]) -> None:
        done, total = self._progress.counts()
        values = " ".join(f"{name}={value}" for name, value in task.trial.values.items())
        name = self._plan.options.objective.partition(" ")[2]
        last = f", {name} {float(logs[name][-1]):.4g}" if logs.get(name) else ""
        self._say(f"{task.trial.name} ({values}): {status}{last}; {done} of {total} done")

    def _grown(self) -> bool:
        """Whether the next trial may exceed the memory that this process may have."""
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return False
        self._memory.append(pages)
        most = max((b - a for a, b in zip(self._memory, self._memory[1:], strict=False)), default=0)
        return self._memory[-1] + max(most, 0) > _GROWTH * self._memory[0]


class Until(keras.callbacks.Callback):
    """Asks a run to stop when it has been trained for a number of epochs."""

    # It is not called for batches.
    any_steps_per_execution = True

    def __init__(self, task: Task):
        super().__init__()
        self._epochs, self._whole = task.epochs, task.trial.config.epochs
        self._reached = False

    def on_epoch_begin(self, epoch, logs=None):
        # Also of a run that is resumed from there.
        self._reached = self._whole > self._epochs <= epoch

    def asked(self) -> str | None:
        """What `Checkpoints` asks: why to stop, or None."""
        return _RUNG if self._reached else None

    def logs(self) -> dict[str, list[float | str]]:
        """Every log after every epoch."""
        found = self.model.history.history
        return {name: [finite(float(v)) for v in values] for name, values in found.items()}


def _silent(text: str) -> None:
    """Says nothing: the sweep says how each trial ended."""
