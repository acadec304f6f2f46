"""What of a model goes by its data."""

from typing import Any

import numpy as np

from mlp_lab import user_data
from mlp_lab.data import Dataset, Rows
from mlp_lab.layers import TablePreprocessing
from mlp_lab.tasks import Numbers

_PIXEL_SCALE = 1 / 255


def arguments_for(dataset: Dataset, **embedding: Any) -> dict[str, Any]:
    """Arguments of a model such as `MLP` that go by the data, by name.

    They are num_outputs; for numbers in_units, the mean and scale of each target; and what makes
    features of the inputs: input_scale, the factor that maps bytes to [0, 1], or preprocessing,
    a layer with the statistics of the training part.

    Args:
      dataset: the data.
      embedding: further arguments of `layers.TablePreprocessing.from_data`.
    """
    task, x = dataset.task, dataset.x_train
    given: dict[str, Any] = {"num_outputs": task.num_outputs}
    if isinstance(task, Numbers):
        given["in_units"] = (task.mean, task.scale)
    inputs = user_data.inputs_of(dataset)
    if inputs is None:
        return {**given, "input_scale": _scale(dataset)}
    flat = np.asarray(x[:]).reshape(len(x), -1)
    given["preprocessing"] = TablePreprocessing.from_data(inputs, flat, **embedding)
    return given


def _scale(dataset: Dataset) -> float:
    """Pixels by 1 / 255; other bytes, such as 0 and 1 of true and false, by their maximum."""
    x = dataset.x_train
    if isinstance(x, Rows) or not user_data.is_own(dataset):
        return _PIXEL_SCALE
    return 1 / max(int(x.max()), 1)
