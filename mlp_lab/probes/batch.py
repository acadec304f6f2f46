"""The loss and metrics of a single batch."""

import numpy as np

from mlp_lab.probes.base import Probe


class Batch(Probe):
    """The loss and metrics of a single batch, and the learning rate of its update.

    A model without an optimizer of its own, as one with several, has no learning rate; a step
    that does not call `compute_loss` has no `batch_loss`.

    By contrast, Keras' logs during an epoch are means since the epoch began.
    """

    def read(self, step):
        metrics = {f"batch_{name}": value for name, value in step.metrics.items()}
        rate = {} if np.isnan(step.learning_rate) else {"learning_rate": step.learning_rate}
        loss = {"batch_loss": step.loss} if step.has_loss else {}
        return {**loss, **metrics, **rate}
