"""Categories as zeros and a one."""

import keras
import numpy as np
from keras import ops

from mlp_lab.layers.checks import category_sizes, equally_long
from mlp_lab.layers.ids import category_ids
from mlp_lab.tables.plan import FIRST_WORD, MISSING


@keras.saving.register_keras_serializable("mlp_lab.layers")
class OneHot(keras.layers.Layer):
    """A feature for each known word of each category: 1 for the word of the row, else 0.

    Inputs [n, d] are ids: 0 missing, 1 unseen, from 2 on known words; anything else (NaN,
    fractions, ids out of range) counts as unseen. Outputs are [n, features], for each column
    `missing` if asked for, then the words. Unseen is all zeros: a feature of its own would be 0
    throughout training, and its weights would keep their random start.

    Args:
      sizes: number of ids of each of the d columns, at least 2.
      missing: for each column, whether "missing" is a feature; False makes it all zeros.

    Raises:
      ValueError: a size is below 2, or the lists differ in length; in a call, the inputs are not
        [n, d].
    """

    def __init__(self, sizes, missing, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.sizes, self.missing = category_sizes(sizes), [bool(value) for value in missing]
        equally_long(sizes=self.sizes, missing=self.missing)
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: len(self.sizes)})

    @property
    def features(self):
        """Column and id of each feature, in order."""
        return [
            (column, id_)
            for column, size in enumerate(self.sizes)
            for id_ in range(MISSING, size)
            if id_ >= FIRST_WORD or (id_ == MISSING and self.missing[column])
        ]

    def call(self, inputs):
        columns, wanted = np.array(self.features, "int32").reshape(-1, 2).T
        ids = ops.take(category_ids(inputs, self.sizes), columns, axis=1)
        return ops.cast(ids == ops.convert_to_tensor(wanted, "int32"), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.features))

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "missing": self.missing}
