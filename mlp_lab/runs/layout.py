"""The names of what a run's folder holds."""

FLAGS, RECORD, MODEL = "flags.txt", "run.json", "model.keras"
SCHEMA, TARGET = "schema.json", "target.json"
CHECKPOINTS = "checkpoints"

SUB_RUNS = ("", "train", "validation")
"""Folders with event files, as TensorBoard shows them: the run's own page, training, tests."""

UNFINISHED = ("unfinished", "running", "interrupted", "failed")
"""What `status` is of a run that has not come to its end."""
