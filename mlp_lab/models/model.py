"""The base class of the lab's models."""

import keras

from mlp_lab.models.glass_box import GlassBox


@keras.saving.register_keras_serializable("mlp_lab")
class Model(GlassBox, keras.Model):
    """A `keras.Model` with an explicit training step: subclass it for a new model.

    Create layers in `__init__` and connect them in `call`; the rest is done for you.
    Override `transform_gradients` to change the gradients, or `train_step` (in `GlassBox`,
    it fits on a screen) for a different step.

    To load a saved model, decorate its class with
    `keras.saving.register_keras_serializable()`. If arguments of `__init__` are not plain
    values (numbers, strings, lists), write a `get_config` that returns them.

    Example:

    >>> class Linear(mlp_lab.Model):
    ...     def __init__(self, num_classes=10, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.flatten = keras.layers.Flatten()
    ...         self.logits = mlp_lab.layers.Dense(num_classes)
    ...
    ...     def call(self, inputs):
    ...         return self.logits(self.flatten(inputs))
    """

    def __new__(cls, *args, **kwargs):
        # keras.Model drops the arguments here, and Keras' automatic get_config would then
        # save the defaults instead of the given values: silently a different model.
        return keras.Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        if args or {"inputs", "outputs"} & kwargs.keys():
            # Keras would turn this class, and with it every subclass, into a functional model.
            raise TypeError(
                f"{type(self).__name__}: expected no inputs and outputs; create layers in __init__ "
                "and connect them in call, or write `class Net(mlp_lab.GlassBox, keras.Model): "
                "pass` and call Net(inputs, outputs)"
            )
        super().__init__(**kwargs)
