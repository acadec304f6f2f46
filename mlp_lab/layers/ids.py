"""Ids of categories from numbers of any kind."""

import numpy as np
from keras import ops

from mlp_lab.tables.plan import UNSEEN


def category_ids(x, sizes):
    """int32 ids [n, d] of numbers [n, d]; `UNSEEN` for what is no id below the column's size."""
    x = ops.cast(x, "float64")
    limits = ops.convert_to_tensor(np.array(sizes), "float64")
    # Comparisons with NaN are false.
    known = ops.logical_and(ops.logical_and(x >= 0, x < limits), ops.floor(x) == x)
    return ops.cast(ops.where(known, x, UNSEEN), "int32")
