"""The names of what a run's folder holds."""

from pathlib import Path

FLAGS, RECORD, MODEL = "flags.txt", "run.json", "model.keras"
SCHEMA, TASK = "schema.json", "task.json"
CHECKPOINTS = "checkpoints"

SUB_RUNS = ("", "train", "validation")
"""Folders with event files, as TensorBoard shows them: the run's own page, training, tests."""

UNFINISHED = ("unfinished", "running", "interrupted", "failed")
"""What `status` is of a run that has not come to its end."""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run: it has flags or a record."""
    return (folder / FLAGS).is_file() or (folder / RECORD).is_file()
