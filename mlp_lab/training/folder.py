"""A run's folder: `<log_dir>/<name>/`.

flags.txt     --flagfile=<this file> runs it again
run.json      the record: versions, seed, data source, status, metrics
train/        TensorBoard events of training
validation/   TensorBoard events of the tests after each epoch
model.keras   the trained model
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from mlp_lab import flags
from mlp_lab.config import Config
from mlp_lab.errors import InputError

FLAGS, RECORD, MODEL = "flags.txt", "run.json", "model.keras"


class RunFolder:
    """The folder of one run; nothing is written before `create`.

    Args:
      config: `log_dir`, `name` and `overwrite` say which folder.

    Raises:
      InputError: the folder exists and may not be overwritten, or log_dir is no
        folder that can be written to.
    """

    def __init__(self, config: Config):
        self._config = config
        self._log_dir = Path(config.log_dir).expanduser()
        _check_writable(self._log_dir)
        stem = config.name or f"{config.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
        self.path = self._log_dir / stem
        if config.name is None:
            number = 2
            while self.path.exists():
                self.path = self._log_dir / f"{stem}-{number}"
                number += 1
        elif os.path.lexists(self.path):
            self._check_replaceable()

    def _check_replaceable(self) -> None:
        if not self._config.overwrite:
            raise InputError(
                "name",
                f"the run {str(self.path)!r} exists and stays as it is; choose another --name, or "
                "give --overwrite to delete it",
            )
        if not (self.path / RECORD).is_file() or self.path.is_symlink():
            raise InputError(
                "overwrite",
                f"{str(self.path)!r} is not a run's folder (it has no {RECORD}), so it is not "
                "deleted; choose another --name, or remove it yourself",
            )

    def create(self) -> None:
        """Makes the folder, in place of an old one if --overwrite says so, with its flags.

        Raises:
          InputError: it cannot be made, or another run has just made it.
        """
        try:
            if self._config.overwrite and self.path.exists():
                self._check_replaceable()
                shutil.rmtree(self.path)
            self._log_dir.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
            (self.path / FLAGS).write_text(flags.to_text(self._config), encoding="utf-8")
        except FileExistsError:
            raise InputError(
                "name", f"{str(self.path)!r} has just been made by another run; start again"
            ) from None
        except OSError as error:
            raise InputError(
                "log_dir", f"cannot write to {str(self.path)!r}: {error.strerror}"
            ) from error

    def write_record(self, record: dict[str, Any]) -> None:
        """Writes the record, whole or not at all: a reader never finds half of it."""
        unfinished = self.path / f".{RECORD}.tmp"
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.path / RECORD)


def _check_writable(log_dir: Path) -> None:
    """Refuses a log_dir that cannot be written to, before any work is done for it."""
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
