"""A run's folder: `<log_dir>/<name>/`.

flags.txt     --flagfile=<this file> runs it again
run.json      the record: versions, seed, data source, status, metrics
train/        TensorBoard events of training
validation/   TensorBoard events of the tests after each epoch
checkpoints/  the latest states of the run, to resume from
run.lock      the process that trains
model.keras   the trained model
schema.json   of a table: what is done with each column
task.json     of the user's own data: what is learned, and how the target is read
non_finite/   if a number became NaN or infinite: the batch, and the weights before it
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from mlp_lab.checkpoints import Store
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.runs.layout import CHECKPOINTS, FLAGS, MODEL, RECORD, SCHEMA, TASK, UNFINISHED
from mlp_lab.training import files
from mlp_lab.training.loading import name_of
from mlp_lab.training.lock import LOCK, Lock

NON_FINITE = "non_finite"
# The name of the run's id among what its checkpoints are compared by.
ID = "the run's id"
# What a run writes: nothing of it may be a link to something else.
_OWN = (FLAGS, RECORD, MODEL, SCHEMA, TASK, LOCK, CHECKPOINTS, NON_FINITE, "train", "validation")


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
        self._log_dir = files.log_dir(config.log_dir)
        stem = config.name or f"{name_of(config)}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.path = self._log_dir / stem
        many, status = config.strategy == "multi_worker", self._status()
        begun = status is not None and (self.has_checkpoint() or status not in UNFINISHED)
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
        for name in _OWN:
            if (self.path / name).is_symlink():
                raise InputError(
                    "resume",
                    f"{str(self.path / name)!r} is a link, so that the run would write outside of "
                    "its folder; put what it leads to in its place",
                )
        if not self.has_checkpoint():
            raise InputError(
                "resume",
                f"the run {str(self.path)!r} ended before its first checkpoint; start over "
                "with --overwrite instead of --resume",
            )
        saved: Config = flags.parse([f"--flagfile={self.path / FLAGS}", f"--name={self.path.name}"])
        before = saved.of_result()
        for name, now in self._config.of_result().items():
            if before[name] != now:
                raise InputError(
                    name,
                    f"the run {str(self.path)!r} began with {before[name]!r}, got {now!r}; resume "
                    f"with its own flags: --flagfile={self.path / FLAGS} --name={self.path.name} "
                    "--resume",
                )

    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return bool(Store(self.path / CHECKPOINTS).paths())

    def read_record(self) -> dict[str, Any]:
        """The record as it was last written; empty if none can be read."""
        return files.read_record(self.path / RECORD)

    def saved_id(self) -> str | None:
        """The run's id in its latest checkpoint, for a run whose record is lost."""
        tree = Store(self.path / CHECKPOINTS).load() if self.has_checkpoint() else None
        return tree["identity"]["parts"].get(ID) if tree and "identity" in tree else None

    def _status(self) -> str | None:
        if not (self.path / FLAGS).is_file():
            return None
        return str(self.read_record().get("status", "unfinished"))

    def _check_replaceable(self) -> None:
        unfinished = self._status() in UNFINISHED
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

        It is locked until `release`; what was checked before is checked again under the lock. A
        run that is resumed has its folder.

        Raises:
          InputError: another run has just made it, or is training in it.
          OSError: it cannot be made; `discard` removes what is left of it.
        """
        if self.resumed:
            self._lock = Lock(self.path)
            self._check_resumable()
            return
        if self._replaced and self.path.exists():
            self._check_replaceable()
            self._lock = Lock(self.path)
            files.empty(self.path)
        else:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            try:
                self.path.mkdir()
            except FileExistsError:
                raise InputError(
                    "name", f"{str(self.path)!r} has just been made by another run; try again"
                ) from None
            self._lock = Lock(self.path)
        (self.path / FLAGS).write_text(flags.to_text(self._config), encoding="utf-8")

    def discard(self) -> None:
        """Removes the folder of a run that has not begun, if this run holds it."""
        if self._lock is not None:
            self.release()
            shutil.rmtree(self.path, ignore_errors=True)

    def release(self) -> None:
        """Unlocks the folder for other processes."""
        if self._lock is not None:
            self._lock.release()

    @property
    def locked(self) -> bool:
        """Whether other processes are kept out of the folder; not every file system can."""
        return self._lock is not None and self._lock.held

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes the record completely or not at all: a reader never finds half of it."""
        files.write_record(self.path / RECORD, record)

    def write_text(self, name: str, text: str) -> None:
        """Writes a file of the run completely or not at all."""
        files.write_text(self.path / name, text)


class NoFolder(RunFolder):
    """The run's folder as seen by a worker that is not the chief: it neither reads nor writes."""

    def __init__(self, config: Config):
        self.path = Path(config.log_dir).expanduser() / str(config.name)
        self.resumed = False
        self._lock = None

    def create(self) -> None:
        """Does nothing: the chief makes the folder."""

    def discard(self) -> None:
        """Does nothing: the chief removes the folder."""

    @property
    def locked(self) -> bool:
        """True: the chief says if it is not."""
        return True

    def has_checkpoint(self) -> bool:
        """False: only the chief reads checkpoints."""
        return False

    def write_record(self, record: dict[str, Any]) -> None:
        """Does nothing: the chief writes the record."""

    def write_text(self, name: str, text: str) -> None:
        """Does nothing: the chief writes the run's files."""
