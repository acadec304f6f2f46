"""What a run keeps of the user's own data, so that further rows can be read like them."""

from __future__ import annotations

import json

from mlp_lab.data import Dataset
from mlp_lab.runs.layout import SCHEMA, TASK
from mlp_lab.tables import schema_json
from mlp_lab.user_data import TableDataset


def files_of(dataset: Dataset) -> dict[str, str]:
    """The texts of the files, by name.

    task.json holds the task and, of a table, how the target is read; schema.json, of a table,
    what is done with each column.
    """
    task = {
        "task": dataset.task.to_dict(),
        "target": dataset.target.to_dict() if isinstance(dataset, TableDataset) else None,
    }
    files = {TASK: json.dumps(task, ensure_ascii=False, indent=2) + "\n"}
    if isinstance(dataset, TableDataset):
        files[SCHEMA] = schema_json.to_json(dataset.schema)
    return files
