"""A sweep's folder: `<log_dir>/<name>/`.

sweep.flags   what the sweep is; the same command goes on, other flags are refused
trial-*/      the runs, each an ordinary run's folder
locks/        a file for each trial, locked by the process that trains it
rungs/        with --halving: the logs of a trial when it was stopped
failed/       why a trial has failed
sweep.csv     a row for each run
sweep.md      the result in words
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.sweep import SweepOptions
from mlp_lab.runs.layout import CHECKPOINTS, RECORD
from mlp_lab.sweeps.plan import Plan, Trial
from mlp_lab.training import files
from mlp_lab.training.lock import Held, Lock

FLAGS, CSV, SUMMARY = "sweep.flags", "sweep.csv", "sweep.md"
ENDED = ("finished", "diverged")
# These may be raised when a sweep goes on.
_MAY_GROW = ("trials", "seeds")

Logs = dict[str, list[Any]]
"""Every log after every epoch, as a run's record holds them."""


class SweepFolder:
    """The folder of one sweep.

    Args:
      plan: of the sweep.

    Raises:
      InputError: the folder is not a sweep's, or is that of a sweep with other flags.
    """

    def __init__(self, plan: Plan):
        self._options = plan.options
        self.path = files.log_dir(plan.options.log_dir) / str(plan.options.name)
        self.begun = (self.path / FLAGS).is_file()
        if self.begun:
            self._check_flags()
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise InputError(
                "name", f"{str(self.path)!r} exists and is not a sweep's; choose another --name"
            )

    def _check_flags(self) -> None:
        given = [f"--flagfile={self.path / FLAGS}", f"--name={self.path.name}"]
        before = flags.parse(given, SweepOptions).of_result()
        now = self._options.of_result()
        for name, value in now.items():
            grows = name in _MAY_GROW and not self._options.halving
            more = grows and isinstance(value, int) and isinstance(before[name], int)
            if value != before[name] and not (more and value > before[name]):
                raise InputError(
                    name,
                    f"the sweep {str(self.path)!r} began with {before[name]!r}, got {value!r}; "
                    "give what it began with, or another --name",
                )

    def create(self) -> None:
        """Makes the folder, or keeps the flags with which it goes on."""
        for name in ("locks", "rungs", "failed"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        files.write_text(self.path / FLAGS, flags.to_text(self._options))

    def trial(self, trial: Trial) -> Path:
        """The folder of a trial's run."""
        return self.path / trial.name

    @contextlib.contextmanager
    def locked(self, trial: Trial) -> Iterator[bool]:
        """Whether the trial could be locked, which it then is until the end of the `with`."""
        try:
            lock = Lock(self.path / "locks", f"{trial.name}.lock")
        except Held:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def record(self, trial: Trial) -> dict[str, Any]:
        """The record of a trial's run; empty if there is none."""
        return files.read_record(self.trial(trial) / RECORD)

    def has_checkpoint(self, trial: Trial) -> bool:
        """Whether a trial's run can be resumed."""
        return any((self.trial(trial) / CHECKPOINTS).glob("step-*.ckpt"))

    def at_rung(self, trial: Trial, epochs: int) -> Logs | None:
        """The logs of a trial that was stopped after so many epochs; None if it was not."""
        return self._read(self.path / "rungs" / f"{trial.name}-{epochs}.json")

    def write_rung(self, trial: Trial, epochs: int, logs: Logs) -> None:
        """Keeps the logs of a trial that has been stopped."""
        files.write_text(self.path / "rungs" / f"{trial.name}-{epochs}.json", json.dumps(logs))

    def failure(self, trial: Trial) -> dict[str, str] | None:
        """Why a trial has failed, and in which call of the command; None if it has not."""
        return self._read(self.path / "failed" / f"{trial.name}.json")

    def write_failure(self, trial: Trial, reason: str, session: str) -> None:
        """Keeps why a trial has failed."""
        content = json.dumps({"reason": reason, "session": session})
        files.write_text(self.path / "failed" / f"{trial.name}.json", content)

    def forget_failure(self, trial: Trial) -> None:
        """A trial that had failed did not fail again."""
        (self.path / "failed" / f"{trial.name}.json").unlink(missing_ok=True)

    def write_result(self, name: str, text: str) -> None:
        """Writes a file of the result, completely or not at all."""
        files.write_text(self.path / name, text)

    def _read(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
