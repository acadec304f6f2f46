"""The batch itself: its loss and metrics."""

from mlp_lab.probes.base import Probe


class Batch(Probe):
    """The loss and metrics of one batch alone, and the learning rate of its update.

    Keras' logs during an epoch are means since the epoch began; these are not.
    """

    def read(self, step):
        metrics = {f"batch_{name}": value for name, value in step.metrics.items()}
        return {"batch_loss": step.loss, **metrics, "learning_rate": step.learning_rate}
