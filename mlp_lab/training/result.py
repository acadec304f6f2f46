"""What a run leaves."""

import dataclasses
from pathlib import Path
from typing import Any

import keras

from mlp_lab.training.record import FINISHED


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run leaves: its folder, its model, every log after every epoch, its record."""

    path: Path
    model: keras.Model
    history: dict[str, list[float]]
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether all epochs were trained and the loss stayed finite."""
        return self.record["status"] == FINISHED
