"""A new metric: `python train.py --metrics='accuracy,examples.top_k:TopK(k=2)'`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("examples")
class TopK(keras.metrics.Mean):
    """The share of samples whose label is among the k largest outputs."""

    label_form = "one_hot"

    def __init__(self, k=2, name="top_k", **kwargs):
        super().__init__(name=name, **kwargs)
        self.k = k

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.in_top_k(ops.argmax(y_true, axis=-1), y_pred, self.k)
        super().update_state(hits, sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "k": self.k}
