"""How the learning rate changes during training."""

import math

import keras
from keras import ops

__all__ = ["LogCosine", "Warmup"]


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
        self.after = after
        self.steps = _at_least_1("steps", steps)

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


@keras.saving.register_keras_serializable("mlp_lab.learning_rates")
class LogCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises and falls in waves, each twice as long as the one before.

    rate(s) = rate * (1 - cos(2 pi log2(1 + (2^cycles - 1) t))) / 2 with t = min(s / steps, 1): 0
    at the start and at the end, and at the end of each wave. With 4 cycles it is the schedule
    "coslog4" of Holzmüller et al., Better by Default, 2024. The ends of waves are good points to
    stop at, and all of them are in reach of one run.

    Args:
      rate: the highest learning rate, above 0.
      steps: length of the run, at least 1.
      cycles: number of waves, at least 1.

    Raises:
      ValueError: `steps` or `cycles` is not a whole number of at least 1.
    """

    def __init__(self, rate: float, steps: int, cycles: int = 4):
        super().__init__()
        self.rate = rate
        self.steps = _at_least_1("steps", steps)
        self.cycles = _at_least_1("cycles", cycles)

    def __call__(self, step):
        rate = ops.convert_to_tensor(self.rate)
        t = ops.minimum(ops.cast(step, rate.dtype) / self.steps, 1)
        waves = ops.log2(1 + (2**self.cycles - 1) * t)
        return rate * (1 - ops.cos(2 * math.pi * waves)) / 2

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps, "cycles": self.cycles}


def _at_least_1(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")
    return value
