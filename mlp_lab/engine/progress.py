"""How far a model has been trained: steps and epochs, counted by the engine."""

import dataclasses
from typing import Any

import keras


@dataclasses.dataclass
class Progress:
    """Steps made and epochs begun, over all calls of `fit`.

    Keras' `optimizer.iterations` is not the number of steps: models may have several optimizers
    or none, gradients may be accumulated over steps, and steps left out by a loss scale are not
    counted.

    Attributes:
      steps: training steps made; the number of the next one.
      epochs: epochs begun.
    """

    steps: int = 0
    epochs: int = 0

    def at_least(self, optimizer: Any) -> None:
        """Counts steps that an optimizer made before the engine counted."""
        self.steps = max(self.steps, steps_of(optimizer))


def steps_of(optimizer: Any) -> int:
    """Steps that an optimizer knows of; 0 without one."""
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return 0
    # Of accumulated gradients `iterations` counts only the updates of weights.
    return int(optimizer.iterations.numpy()) * (optimizer.gradient_accumulation_steps or 1)


def steps_made(model: keras.Model) -> int:
    """Training steps of a model, also of one whose steps the engine does not run."""
    progress = getattr(model, "training_progress", None)
    by_optimizer = steps_of(getattr(model, "optimizer", None))
    return by_optimizer if progress is None else max(progress.steps, by_optimizer)
