"""What the user says about data of their own."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from mlp_lab.data.rows import MEMORY_MB
from mlp_lab.tables import Form


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user says about data of their own; see the flags of the same names.

    Args:
      data: a path or a pandas DataFrame.
      target: column of a table to predict; several separated by commas, or a sequence of names.
      task: "auto", or what to learn.
      columns: kinds of columns that overrule what is recognized (`tables.parse_columns`).
      test_data: a path or DataFrame to test on, or None.
      test_split: share of the rows to test on where there is none.
      validation_split: share of the training rows to hold out, 0 for none.
      group: column whose rows of equal value stay together.
      time: column by which the last rows are the test part.
      arrays: names of arrays, `"x=features,y=labels"`; None for the usual ones.
      image_size: height and width of pictures, `"28"` or `"28x32"`; None for theirs.
      color: "auto", "gray" or "rgb".
      data_memory_mb: x of plain npy and IDX files that is larger stays in its files.
      form: what is known about the text of a table.
      seed: chooses the rows of the parts.
    """

    data: Any
    target: str | tuple[str, ...] | None = None
    task: str = "auto"
    columns: str = ""
    test_data: Any = None
    test_split: float = 0.2
    validation_split: float = 0.2
    group: str | None = None
    time: str | None = None
    arrays: str | None = None
    image_size: str | None = None
    color: str = "auto"
    data_memory_mb: int = MEMORY_MB
    form: Form = dataclasses.field(default_factory=Form)
    seed: int = 0


def stem_of(data: Any) -> str:
    """What data, and a run on them, are called by: the file's name without its endings."""
    if not isinstance(data, str | os.PathLike):
        return "table"
    name = Path(data).name.partition(".")[0]
    kept = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:60]
    return kept or "data"
