"""A run's folder: `<log_dir>/<name>/`.

flags.txt     --flagfile=<this file> runs it again
run.json      the record: versions, seed, data source, status, metrics
train/        TensorBoard events of training
validation/   TensorBoard events of the tests after each epoch
checkpoints/  the latest states of the run, to resume from
run.lock      the process that trains
model.keras   the trained model
non_finite/   if a number became NaN or infinite: the batch, and the weights before it
"""

import dataclasses
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from mlp_lab.errors import InputError
from mlp_lab.folders import scheme_of
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.training.lock import LOCK, Lock

FLAGS, RECORD, MODEL = "flags.txt", "run.json", "model.keras"
CHECKPOINTS, NON_FINITE = "checkpoints", "non_finite"

_UNFINISHED = ("unfinished", "running", "interrupted", "failed")

# A resumed run may change these: they do not affect its result.
_FREE = (
    *("name", "overwrite", "resume", "log_dir", "verbose", "data_source", "data_dir"),
    *("checkpoint_every", "keep_checkpoints", "worker_timeout"),
)


class RunFolder:
    """The folder of one run; nothing is written before `create`.

    Args:
      config: `log_dir`, `name`, `overwrite` and `resume` say which folder.

    Raises:
      InputError: the folder exists and may not be overwritten, or cannot be resumed, or
        log_dir is not a folder that can be written to.

    Attributes:
      path: the folder.
      resumed: whether an existing run is resumed. A run of several workers starts if there is
        none to resume: whatever restarts workers gives them the flags that they had.
    """

    def __init__(self, config: Config):
        self._config = config
        self._lock: Lock | None = None
        if scheme_of(config.log_dir):
            raise InputError(
                "log_dir",
                f"expected a local folder, where runs can be locked and resumed, got "
                f"{config.log_dir!r}; write to a local one and copy it there",
            )
        self._log_dir = Path(os.path.expanduser(config.log_dir))
        if self._log_dir.parts[:1] and self._log_dir.parts[0].startswith("~"):
            raise InputError(
                "log_dir",
                f"there is no home folder {self._log_dir.parts[0]!r}; for a folder of that name "
                f"write ./{config.log_dir}",
            )
        _check_writable(self._log_dir)
        stem = config.name or f"{config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.path = self._log_dir / stem
        many, status = config.strategy == "multi_worker", self._status()
        begun = status is not None and (self.has_checkpoint() or status not in _UNFINISHED)
        self.resumed = config.resume and (begun or not many)
        self._replaced = config.overwrite or (config.resume and not self.resumed)
        if config.name is None:
            number = 2
            while self.path.exists():
                self.path = self._log_dir / f"{stem}-{number}"
                number += 1
        elif self.resumed:
            self._check_resumable()
        elif os.path.lexists(self.path):
            self._check_replaceable()

    def _check_resumable(self) -> None:
        """Refuses a run that is missing, has ended, or has no checkpoint or other flags."""
        status = self._status()
        if status is None:
            raise InputError(
                "resume", f"there is no run {str(self.path)!r}; check --name, --log_dir"
            )
        if status in ("finished", "diverged"):
            raise InputError(
                "resume", f"the run {str(self.path)!r} has {status}; there is nothing to resume"
            )
        if not self.has_checkpoint():
            raise InputError(
                "resume",
                f"the run {str(self.path)!r} ended before its first checkpoint; start over "
                "with --overwrite instead of --resume",
            )
        saved: Config = flags.parse([f"--flagfile={self.path / FLAGS}", f"--name={self.path.name}"])
        for field in dataclasses.fields(Config):
            before, now = (getattr(config, field.name) for config in (saved, self._config))
            if field.name not in _FREE and before != now:
                raise InputError(
                    field.name,
                    f"the run {str(self.path)!r} began with {before!r}, got {now!r}; resume "
                    f"with its own flags: --flagfile={self.path / FLAGS} --name={self.path.name} "
                    "--resume",
                )

    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return any((self.path / CHECKPOINTS).glob("step-*.ckpt"))

    def read_record(self) -> dict[str, Any]:
        """The record as it was last written; empty if none can be read."""
        try:
            record = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _status(self) -> str | None:
        if not (self.path / FLAGS).is_file():
            return None
        return str(self.read_record().get("status", "unfinished"))

    def _check_replaceable(self) -> None:
        unfinished = self._status() in _UNFINISHED
        if not self._replaced and unfinished and self.has_checkpoint():
            raise InputError(
                "name",
                f"the run {str(self.path)!r} is unfinished; give --resume to continue from its "
                "last checkpoint, --overwrite to delete it, or another --name",
            )
        if not self._replaced:
            raise InputError(
                "name",
                f"the run {str(self.path)!r} already exists; choose another --name, or "
                "give --overwrite to delete it",
            )
        if self.path.is_symlink() or not self._is_of_a_run():
            raise InputError(
                "overwrite",
                f"{str(self.path)!r} is not a run's folder (it has no {RECORD} and no {FLAGS}), so "
                "it is not deleted; choose another --name, or remove it yourself",
            )

    def _is_of_a_run(self) -> bool:
        """Whether a run made this folder, even if it was killed before its first record."""
        if not self.path.is_dir():
            return False
        names = {entry.name for entry in self.path.iterdir()}
        return names <= {LOCK} or bool(names & {FLAGS, RECORD})

    def create(self) -> None:
        """Makes the folder, in place of an old one if --overwrite says so, with its flags.

        It is locked until `release`. A run that is resumed has its folder.

        Raises:
          InputError: it cannot be made, or another run has just made it or is training in it.
        """
        try:
            if self.resumed:
                self._lock = Lock(self.path)
                return
            if self._replaced and self.path.exists():
                self._check_replaceable()
                Lock(self.path).release()
                shutil.rmtree(self.path)
            self._log_dir.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
            self._lock = Lock(self.path)
            (self.path / FLAGS).write_text(flags.to_text(self._config), encoding="utf-8")
        except FileExistsError:
            raise InputError(
                "name", f"{str(self.path)!r} has just been made by another run; try again"
            ) from None
        except OSError as error:
            raise InputError(
                "log_dir", f"cannot write to {str(self.path)!r}: {error.strerror}"
            ) from error

    def release(self) -> None:
        """Unlocks the folder for other processes."""
        if self._lock is not None:
            self._lock.release()

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes the record completely or not at all: a reader never finds half of it."""
        unfinished = self.path / f".{RECORD}.tmp"
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.path / RECORD)


class NoFolder(RunFolder):
    """The run's folder as seen by a worker that is not the chief: it neither reads nor writes."""

    def __init__(self, config: Config):
        self.path = Path(config.log_dir).expanduser() / str(config.name)
        self.resumed = False
        self._lock = None

    def create(self) -> None:
        """Does nothing: the chief makes the folder."""

    def has_checkpoint(self) -> bool:
        """False: only the chief reads checkpoints."""
        return False

    def write_record(self, record: dict[str, Any]) -> None:
        """Does nothing: the chief writes the record."""


def _check_writable(log_dir: Path) -> None:
    """Refuses a log_dir that cannot be written to, before any work is done."""
    existing = log_dir
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(
            "log_dir", f"{str(existing)!r} is not a folder; choose a folder that can be written to"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            "log_dir",
            f"no permission to write to {str(existing)!r}; choose a folder that can be written to",
        )
