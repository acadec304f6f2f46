"""One real training step, as observers get it."""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlp_lab.display import Displayed, Row, shortened

# Values of all weights up to which `repr` computes the updates.
_FEW = 2**20


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Step(Displayed):
    """The values of one training step, as NumPy arrays: those of the step itself, not copies.

    Printed, it shows shapes and norms, not the values.

    Attributes:
      number: steps made before this one, over all calls of `fit`; the first step is 0.
      weights: every floating-point weight by name, as the step's forward pass used it.
      new_weights: the same after the step.
      gradients: d loss / d weight by name of the weight, after `transform_gradients`,
        without a loss scale.
      activations: outputs of every layer by its name, in the training's forward pass (dropout
        included).
      loss: the batch's loss with all added losses; NaN if the step computes none.
      labels: as the step passed them to the metrics, or None.
      outputs: the model's outputs, likewise.
      sample_weight: likewise.
      data: the batch as `train_step` got it; None if several steps per call draw from a
        `tf.data` pipeline.
      metrics: the metrics of this batch alone, by name.
      learning_rate: of the update.
      spread: how far the gradients g_r of R replicas, means over n_r of n rows, are from
        their mean g: sqrt(sum_r n_r / n |g_r - g|^2) / |g|; NaN with one replica.
      layers: the layers by the names used in `activations`, to look up their settings.
      has_loss: whether the step computed its loss by `compute_loss`.
    """

    number: int
    weights: Mapping[str, np.ndarray]
    new_weights: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]
    activations: Mapping[str, np.ndarray]
    loss: float
    labels: Any
    outputs: Any
    sample_weight: Any
    data: Any
    metrics: Mapping[str, float]
    learning_rate: float
    layers: Mapping[str, Any]
    spread: float = float("nan")
    has_loss: bool = True

    @functools.cached_property
    def updates(self) -> Mapping[str, np.ndarray]:
        """What the optimizer added to each weight with a gradient, new - old, by name."""
        both = self.weights.keys() & self.new_weights.keys()
        return {n: self.new_weights[n] - self.weights[n] for n in self.gradients if n in both}

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = [("loss", self.loss), ("learning_rate", self.learning_rate)]
        if self.spread == self.spread:  # not NaN
            rows.append(("spread", self.spread))
        rows += [(name, getattr(self, name)) for name in ("metrics", "data", "labels", "outputs")]
        if self.sample_weight is not None:
            rows.append(("sample_weight", self.sample_weight))
        rows += [("weights", self.weights), ("gradients", self.gradients), self._change()]
        layers: Any = self.layers
        if isinstance(layers, Mapping):
            layers = shortened([type(layer).__name__ for layer in layers.values()])
        return str(self.number), [*rows, ("activations", self.activations), ("layers", layers)]

    def _change(self) -> Row:
        """The updates, or the new weights where the updates take long or do not exist."""
        with contextlib.suppress(Exception):
            if sum(gradient.size for gradient in self.gradients.values()) <= _FEW:
                return "updates", self.updates
        return "new_weights", self.new_weights
