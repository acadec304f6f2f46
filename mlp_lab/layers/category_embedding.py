"""Categories as learned vectors."""

import keras
import numpy as np
from keras import ops

from mlp_lab.layers.checks import at_least, category_sizes
from mlp_lab.layers.ids import category_ids
from mlp_lab.tables.plan import FIRST_WORD


@keras.saving.register_keras_serializable("mlp_lab.layers")
class CategoryEmbedding(keras.layers.Layer):
    """A learned vector for each id of each category (Guo and Berkhahn, Entity Embeddings, 2016).

    Inputs [n, d] are ids: 0 missing, 1 unseen, from 2 on known words; anything else (NaN,
    fractions, ids out of range) counts as unseen. Outputs are [n, d * dim], column by column.
    The weight `embedding` is [sum of sizes, dim]: the ids of the first column, then those of the
    second, and so on. Known words start standard normal; missing and unseen start at 0 and stay
    there if training has none, so that they add nothing instead of something random.

    Args:
      sizes: number of ids of each of the d columns, at least 2.
      dim: length of a vector, at least 1.

    Raises:
      ValueError: an argument is out of range; in a call, the inputs are not [n, d].
    """

    def __init__(self, sizes, dim=8, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.sizes = category_sizes(sizes)
        self.dim = at_least("dim", dim, 1)
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: len(self.sizes)})
        self.embedding = None

    def build(self, input_shape):
        self.embedding = self.add_weight(
            name="embedding", shape=(sum(self.sizes), self.dim), initializer=self._initial
        )

    def _initial(self, shape, dtype=None):
        is_word = np.concatenate([np.arange(size) >= FIRST_WORD for size in self.sizes])
        normal = keras.initializers.RandomNormal(0.0, 1.0)(shape, dtype=dtype)
        return normal * ops.cast(is_word[:, np.newaxis], dtype)

    def call(self, inputs):
        first = np.cumsum([0, *self.sizes[:-1]]).astype("int32")
        rows = category_ids(inputs, self.sizes) + first
        vectors = ops.take(self.embedding, rows, axis=0)
        vectors = ops.reshape(vectors, (-1, self.dim * len(self.sizes)))
        return ops.cast(vectors, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.dim * len(self.sizes))

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "dim": self.dim}
