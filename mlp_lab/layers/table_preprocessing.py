"""From the columns of a table to the features that a network learns from."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mlp_lab.layers.category_embedding import CategoryEmbedding
from mlp_lab.layers.checks import at_least, equally_long
from mlp_lab.layers.is_missing import IsMissing
from mlp_lab.layers.one_hot import OneHot
from mlp_lab.layers.periodic import PeriodicEmbedding
from mlp_lab.layers.piecewise_linear import PiecewiseLinearEmbedding
from mlp_lab.layers.robust_scale import RobustScale
from mlp_lab.tables.plan import FIRST_WORD, MISSING, Input

_EMBEDDINGS = ("none", "periodic", "piecewise_linear")


@keras.saving.register_keras_serializable("mlp_lab.layers")
class TablePreprocessing(keras.layers.Layer):
    """The first layer for a table: numbers and categories of any kind as finite features.

    Inputs [n, columns], in the order of `mlp_lab.tables.Schema.inputs`, give outputs
    [n, features], in this order:

    - numbers: `RobustScale`, then `PeriodicEmbedding` or `PiecewiseLinearEmbedding` if asked for;
      a missing one (NaN) becomes the median of the training data;
    - for each column of numbers that had missing ones in training: 1 if it is missing, else 0;
    - categories of at most `most_one_hot` known words: `OneHot`;
    - larger categories: `CategoryEmbedding`.

    Make one by `from_data`. What it has found in the training data are arguments, so the layer is
    complete when it is made, and a saved model takes the same inputs. Without an embedding it is
    the preprocessing of RealMLP-TD-S (Holzmüller et al., Better by Default, 2024), which has no
    larger categories. Float64 inputs are not cast before their center is subtracted.

    Args:
      numbers: lists with an entry for each column of numbers: its place among the inputs
        ("columns"), "centers" and "scales" as in `RobustScale`, and whether to tell which are
        missing ("missing").
      categories: lists with an entry for each category: "columns", "sizes" as in `OneHot`, and
        whether missing ones are a feature of a one-hot category ("missing").
      numerical_embedding: "none", "periodic" or "piecewise_linear".
      embedding_dim: length of the vector for a number or a category that is embedded; None is 4
        and 8.
      edges: for "piecewise_linear", as there.
      most_one_hot: largest number of known words that is not embedded.

    Raises:
      ValueError: an argument is out of range, the lists differ in length, the columns are not 0,
        1, 2, ... in some order, or no feature is left; in a call, the inputs are not
        [n, columns].
    """

    def __init__(
        self,
        numbers: Mapping[str, Sequence],
        categories: Mapping[str, Sequence],
        numerical_embedding: str = "none",
        embedding_dim: int | None = None,
        edges: Sequence[Sequence[float]] | None = None,
        most_one_hot: int = 8,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.numbers = _lists("numbers", numbers, ("columns", "centers", "scales", "missing"))
        self.categories = _lists("categories", categories, ("columns", "sizes", "missing"))
        columns = self.numbers["columns"] + self.categories["columns"]
        if sorted(columns) != list(range(len(columns))):
            raise ValueError(f"columns: expected 0, 1, 2, ... in some order, got {columns}")
        if numerical_embedding not in _EMBEDDINGS:
            raise ValueError(
                f"numerical_embedding: expected one of {', '.join(_EMBEDDINGS)}, got "
                f"{numerical_embedding!r}"
            )
        self.numerical_embedding = numerical_embedding
        self.embedding_dim = embedding_dim
        self.edges = None if edges is None else [list(column) for column in edges]
        self.most_one_hot = at_least("most_one_hot", most_one_hot, 0)
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: len(columns)})
        self._number_parts()
        self._category_parts()
        if not self.compute_output_shape((None, len(columns)))[-1]:
            raise ValueError("expected columns that hold something, got categories without a word")

    @classmethod
    def from_data(
        cls, inputs: Sequence[Input], x: Any, numerical_embedding: str = "none", **options: Any
    ) -> "TablePreprocessing":
        """A layer for tables like this one.

        Args:
          inputs: what the columns are, `mlp_lab.tables.Schema.inputs`.
          x: the training rows as the schema encodes them, [n, columns], at least one; best
            float64. NaN is missing, and infinite numbers are left out of the statistics.
          numerical_embedding: "none", "periodic" or "piecewise_linear".
          options: further arguments.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(inputs) or not len(x):
            raise ValueError(f"x: expected [rows, {len(inputs)}] with rows, got {list(x.shape)}")
        places = [i for i, column in enumerate(inputs) if column.kind == "number"]
        words = [i for i, column in enumerate(inputs) if column.kind != "number"]
        values = x[:, places].astype("float64")
        scale = RobustScale.from_data(values, dtype="float64")
        if numerical_embedding == "piecewise_linear":
            scaled = np.where(np.isnan(values), np.nan, np.asarray(scale(values)))
            options["edges"] = PiecewiseLinearEmbedding.from_data(scaled).edges
        return cls(
            numbers={
                "columns": places,
                "centers": scale.centers,
                "scales": scale.scales,
                "missing": np.isnan(values).any(axis=0).tolist(),
            },
            categories={
                "columns": words,
                "sizes": [inputs[i].size for i in words],
                "missing": (x[:, words] == MISSING).any(axis=0).tolist(),
            },
            numerical_embedding=numerical_embedding,
            **options,
        )

    def _number_parts(self):
        """Makes the layers for numbers."""
        given, columns = self.numbers, self.numbers["columns"]
        self.scale = self.embedding = self.is_missing = None
        if not columns:
            return
        self.scale = self._made("scale", RobustScale, given["centers"], given["scales"])
        if self.numerical_embedding == "periodic":
            self.embedding = self._made("embedding", PeriodicEmbedding, **self._dim())
        elif self.numerical_embedding == "piecewise_linear":
            if self.edges is None or len(self.edges) != len(columns):
                raise ValueError("edges: expected a list for each column of numbers")
            self.embedding = self._made(
                "embedding", PiecewiseLinearEmbedding, self.edges, **self._dim()
            )
        if any(given["missing"]):
            self.is_missing = self._made("is_missing", IsMissing)

    def _category_parts(self):
        """Makes the layers for categories."""
        self.one_hot = self.category_embedding = None
        few, many = self._few(), self._few(False)
        if few["columns"]:
            self.one_hot = self._made("one_hot", OneHot, few["sizes"], few["missing"])
        if many["columns"]:
            self.category_embedding = self._made(
                "category_embedding", CategoryEmbedding, many["sizes"], **self._dim()
            )

    def _made(self, name, cls, *args, **options):
        return cls(*args, **options, name=name, dtype=self.dtype_policy)

    def _dim(self):
        return {} if self.embedding_dim is None else {"dim": self.embedding_dim}

    def _few(self, few=True):
        """The categories of few, or of many words."""
        given = self.categories
        chosen = [
            i
            for i, size in enumerate(given["sizes"])
            if (size - FIRST_WORD <= self.most_one_hot) == few
        ]
        return {name: [values[i] for i in chosen] for name, values in given.items()}

    def _parts(self):
        """Columns and layer of each part, in the order of the features."""
        columns, missing = self.numbers["columns"], self.numbers["missing"]
        told = [column for column, is_told in zip(columns, missing, strict=True) if is_told]
        parts = [
            (columns, self.scale),
            (told, self.is_missing),
            (self._few()["columns"], self.one_hot),
            (self._few(False)["columns"], self.category_embedding),
        ]
        return [(columns, layer) for columns, layer in parts if layer is not None]

    def build(self, input_shape):
        for columns, layer in self._parts():
            layer.build((input_shape[0], len(columns)))
        if self.embedding is not None:
            self.embedding.build((input_shape[0], len(self.numbers["columns"])))

    def call(self, inputs):
        features = []
        for columns, layer in self._parts():
            outputs = layer(ops.take(inputs, np.array(columns, "int32"), axis=1))
            if layer is self.scale and self.embedding is not None:
                outputs = self.embedding(outputs)
            features.append(outputs)
        return features[0] if len(features) == 1 else ops.concatenate(features, axis=-1)

    def compute_output_shape(self, input_shape):
        shapes = [
            layer.compute_output_shape((input_shape[0], len(columns)))
            for columns, layer in self._parts()
        ]
        if self.embedding is not None:
            shapes[0] = self.embedding.compute_output_shape(shapes[0])
        return (input_shape[0], sum(shape[-1] for shape in shapes))

    def get_config(self):
        return {
            **super().get_config(),
            "numbers": self.numbers,
            "categories": self.categories,
            "numerical_embedding": self.numerical_embedding,
            "embedding_dim": self.embedding_dim,
            "edges": self.edges,
            "most_one_hot": self.most_one_hot,
        }


def _lists(argument, given, names):
    if set(given) != set(names):
        raise ValueError(f"{argument}: expected {', '.join(names)}, got {', '.join(given)}")
    lists = {name: list(given[name]) for name in names}
    equally_long(**{f"{argument}[{name!r}]": values for name, values in lists.items()})
    return lists
