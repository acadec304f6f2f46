"""What the columns of the inputs are, where these are not pixels."""

from __future__ import annotations

import numpy as np

from mlp_lab.data import Dataset
from mlp_lab.tables import Input
from mlp_lab.user_data.table import TableDataset


def inputs_of(dataset: Dataset) -> list[Input] | None:
    """What each column of a sample is; None for 8-bit images, whose pixels have one scale."""
    if isinstance(dataset, TableDataset):
        return dataset.schema.inputs
    if dataset.x_train.dtype == np.uint8:
        return None
    return [Input(str(place), "number") for place in range(dataset.x_train.shape[-1])]
