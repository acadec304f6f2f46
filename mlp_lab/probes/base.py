"""What a probe is."""

from collections.abc import Mapping
from typing import Any

from mlp_lab.engine.step import Step


class Probe:
    """Reads values off a step; subclass it for a quantity of your own.

    A probe implements `read`. When it is asked, at which step its values are written and
    where is not its concern.

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
      group: first part of the tags: `sparsity/hidden_1/kernel`; empty for none.
      every: steps from one look to the next; None leaves it to the callback. A multiple of
        the callback's own interval costs nothing more.
    """

    group: str = ""
    every: int | None = None

    def read(self, step: Step) -> Mapping[str, Any]:
        """Values of one step by name.

        Called on a thread of its own, while training goes on: it may take everything from
        `step`, and must not use the model.

        Args:
          step: the step's tensors, as NumPy arrays.

        Returns:
          By name a number, written as a scalar; an array of any shape, written as a
          histogram with mean, std, min, max and norm; or a text, written when it changes.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement read(step)")
