"""The base class of probes."""

from collections.abc import Mapping
from typing import Any

from mlp_lab.engine.step import Step


class Probe:
    """Reads values from a step; subclass it for your own quantity.

    A probe only implements `read`; the callback decides when it is called and where its
    values are written.

    Example, the share of small weights in every kernel:

    >>> class Sparsity(mlp_lab.probes.Probe):
    ...     group = "sparsity"
    ...
    ...     def read(self, step):
    ...         return {
    ...             name: np.mean(np.abs(w) < 1e-3)
    ...             for name, w in step.weights.items()
    ...             if name.endswith("kernel")
    ...         }

    Attributes:
      group: first part of the tags, as in `sparsity/hidden_1/kernel`; empty for none.
      every: the interval in steps; None leaves it to the callback. A multiple of the
        callback's own interval costs nothing extra.
    """

    group: str = ""
    every: int | None = None

    def read(self, step: Step) -> Mapping[str, Any]:
        """Returns values of one step by name.

        Runs on a separate thread while training continues: it may use everything in `step`,
        but must not use the model.

        Args:
          step: the step's tensors, as NumPy arrays.

        Returns:
          For each name a number, written as a scalar; an array of any shape, written as a
          histogram with mean, std, min, max and norm; or a string, written when it changes.
          Of a sparse or ragged tensor the stored values are written; of complex numbers
          `<name>/real` and `<name>/imag`; of a dict `<name>/<key>`. None, and arrays of
          strings, are left out.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement read(step)")
