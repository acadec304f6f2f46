"""Optimizers, written out."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("mlp_lab.optimizers")
class GradientDescent(keras.optimizers.Optimizer):
    """Plain gradient descent: w <- w - learning_rate * gradient, in place.

    In place matters: `w = w - learning_rate * gradient` would rebind the name w to
    a tensor that no tape watches, and the next gradient would be None.

    Args:
      learning_rate: step length, above 0; a number or a Keras schedule. 0.01 to
        0.001 is a usual start: too large a step oscillates, too small a one drags.
      **kwargs: as for every Keras optimizer (clipnorm, weight_decay, ...).
    """

    def __init__(self, learning_rate=0.001, name="gradient_descent", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        """Descends one variable; Keras calls it for each with its gradient."""
        variable.assign_sub(ops.cast(learning_rate, variable.dtype) * gradient)
