"""A new loss: `python train.py --loss='examples.focal_loss:FocalLoss(gamma=2.0)'`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("examples")
class FocalLoss(keras.losses.Loss):
    """-(1 - p_y)^gamma * log p_y: samples that are already classified well count less."""

    label_form = "one_hot"

    def __init__(self, gamma=2.0, name="focal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def call(self, y_true, logits):
        log_p = ops.sum(y_true * ops.log_softmax(logits), axis=-1)
        return -((1 - ops.exp(log_p)) ** self.gamma) * log_p

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}
