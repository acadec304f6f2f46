"""The loss and metrics of a single batch."""

from mlp_lab.probes.base import Probe


class Batch(Probe):
    """The loss and metrics of a single batch, and the learning rate of its update.

    By contrast, Keras' logs during an epoch are means since the epoch began.
    """

    def read(self, step):
        metrics = {f"batch_{name}": value for name, value in step.metrics.items()}
        return {"batch_loss": step.loss, **metrics, "learning_rate": step.learning_rate}
