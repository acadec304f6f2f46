"""What the columns of the inputs are, where these are not pixels."""

from __future__ import annotations

import math

import numpy as np

from mlp_lab.data import Dataset
from mlp_lab.tables import Input
from mlp_lab.user_data.table import TableDataset


def inputs_of(dataset: Dataset) -> list[Input] | None:
    """What each column of a flat sample is; None for bytes, which have one scale."""
    if isinstance(dataset, TableDataset):
        return dataset.schema.inputs
    if dataset.x_train.dtype == np.uint8:
        return None
    columns = math.prod(dataset.x_train.shape[1:])
    return [Input(str(place), "number") for place in range(columns)]


def is_own(dataset: Dataset) -> bool:
    """Whether these are the user's own data, not a published set."""
    return dataset.origin.kind == "data"
