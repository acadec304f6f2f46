"""How the learning rate changes during training."""

import keras
from keras import ops

__all__ = ["Warmup"]


@keras.saving.register_keras_serializable("mlp_lab.learning_rates")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly during the first steps.

    rate(s) = after(s) * min((s + 1) / steps, 1) at step s = 0, 1, ...: from step `steps` - 1 on,
    the warmup has no effect. For large global batches with large learning rates (Goyal et al.,
    Accurate, Large Minibatch SGD, 2017, section 2.2).

    Args:
      after: the learning rate without warmup, a number above 0 or a Keras schedule.
      steps: length of the warmup, at least 1.

    Raises:
      ValueError: `steps` is not a whole number of at least 1.
    """

    def __init__(self, after, steps: int):
        super().__init__()
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(f"steps: expected a whole number of at least 1, got {steps!r}")
        self.after = after
        self.steps = steps

    def __call__(self, step):
        rate = self.after(step) if callable(self.after) else self.after
        rate = ops.convert_to_tensor(rate)
        risen = (ops.cast(step, rate.dtype) + 1) / self.steps
        return rate * ops.minimum(risen, 1)

    def get_config(self):
        after = self.after
        if callable(after):
            after = keras.saving.serialize_keras_object(after)
        return {"after": after, "steps": self.steps}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a schedule from the result of `get_config`."""
        after = config["after"]
        if isinstance(after, dict):
            after = keras.saving.deserialize_keras_object(after, custom_objects=custom_objects)
        return cls(**{**config, "after": after})
