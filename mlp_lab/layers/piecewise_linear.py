"""Numbers as how far they have come in each of several bins."""

import itertools

import keras
import numpy as np
from keras import ops

from mlp_lab.layers.checks import numbers
from mlp_lab.layers.numerical_embedding import NumericalEmbedding

# In units of the inputs. Narrower bins would divide by what rounding leaves of them.
_NARROWEST = 1e-3


@keras.saving.register_keras_serializable("mlp_lab.layers")
class PiecewiseLinearEmbedding(NumericalEmbedding):
    """Several learned features for each number, from its position among bins.

    Inputs [n, d] give outputs [n, d * dim]; a number x of column j becomes
    (x, e @ kernel_j + bias_j), with e_t = (x - edge_t) / (edge_{t+1} - edge_t), at least 0 and at
    most 1: 1 for the bins below x, 0 for those above (Gorishniy et al., On Embeddings for
    Numerical Features, 2022, "PLE"; there, the outer bins are open). So the features are
    piecewise linear in x, with corners at the edges.

    Args:
      edges: for each column a list of rising numbers; without two, the column has no bins.
      dim: numbers that stand for one, itself included, at least 2.

    Raises:
      ValueError: edges do not rise or are not finite, or `dim` is below 2; in the first call, the
        inputs are not [n, d] with d the number of lists.
    """

    def __init__(self, edges, dim=4, **kwargs):
        super().__init__(dim, **kwargs)
        self.edges = [numbers("edges", column) for column in edges]
        for column in self.edges:
            if any(a >= b for a, b in itertools.pairwise(column)):
                raise ValueError(f"edges: expected rising numbers, got {column}")
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: len(self.edges)})

    @classmethod
    def from_data(cls, x, bins=16, **options):
        """A layer whose bins hold equally many of these numbers.

        Args:
          x: [n, d], NaN where a number is missing.
          bins: for each column, at most; fewer where numbers repeat.
          options: further arguments.
        """
        shares = np.linspace(0, 1, bins + 1)
        return cls([_edges(column, shares) for column in np.asarray(x, "float64").T], **options)

    def width(self):
        return max([len(column) - 1 for column in self.edges] + [1])

    def features(self, x):
        starts, rates = np.zeros((2, len(self.edges), self.width()))
        for j, column in enumerate(self.edges):
            filled = slice(0, max(len(column) - 1, 0))
            starts[j, filled], rates[j, filled] = column[:-1], 1 / np.diff(column)
        starts, rates = (ops.convert_to_tensor(v, x.dtype) for v in (starts, rates))
        return ops.clip((ops.expand_dims(x, -1) - starts) * rates, 0, 1)

    def get_config(self):
        return {**super().get_config(), "edges": self.edges}


def _edges(column, shares):
    values = column[np.isfinite(column)]
    if not len(values):
        return []
    edges: list[float] = []
    for edge in np.quantile(values, shares).tolist():
        if not edges or edge - edges[-1] >= _NARROWEST:
            edges.append(edge)
    return edges
