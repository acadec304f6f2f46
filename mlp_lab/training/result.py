"""What a run leaves."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

from mlp_lab.display import Displayed, Row
from mlp_lab.training import console
from mlp_lab.training.record import FINISHED


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Result(Displayed):
    """What a run leaves: its folder, its model, every log after every epoch, its record.

    Printed, it shows how the run ended, not every number of its history.
    """

    path: Path
    model: keras.Model
    history: dict[str, list[float]]
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether all epochs were trained and the loss stayed finite."""
        return self.record["status"] == FINISHED

    def _display(self) -> tuple[str, list[Row]]:
        record = self.record
        rows: list[Row] = [
            ("path", str(self.path)),
            ("model", f"{type(self.model).__name__}, {record['parameters']:,} parameters"),
            ("epochs", record.get("epochs")),
            ("metrics", record.get("metrics", {})),
        ]
        if "best" in record:
            rows.append(("best", console.best(record)))
        if "reason" in record:
            rows.append(("reason", record["reason"]))
        return record["status"], rows
