"""Optimizers, written out."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("mlp_lab.optimizers")
class GradientDescent(keras.optimizers.Optimizer):
    """Plain gradient descent: w <- w - learning_rate * gradient, in place.

    The update must be in place: `w = w - learning_rate * gradient` would rebind the
    name w to a tensor that no tape watches, and the next gradient would be None.

    Args:
      learning_rate: step size, above 0; a number or a Keras schedule. Start with 0.01
        to 0.001: large steps oscillate, small steps converge slowly.
      **kwargs: as for every Keras optimizer (clipnorm, weight_decay, ...).
    """

    def __init__(self, learning_rate=0.001, name="gradient_descent", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable; Keras calls it for each variable with its gradient."""
        variable.assign_sub(ops.cast(learning_rate, variable.dtype) * gradient)
