"""Reading TensorBoard event files back, by tag, step and value."""

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util


def read(folder: Path) -> dict[str, dict[int, np.ndarray]]:
    """All summaries in a folder's event files: tag -> step -> value."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                steps = found.setdefault(value.tag, {})
                assert event.step not in steps, f"{value.tag} has step {event.step} twice"
                steps[event.step] = tensor_util.make_ndarray(value.tensor)
    return found
