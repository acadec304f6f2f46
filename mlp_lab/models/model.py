"""The base of all models of the lab."""

import keras

from mlp_lab.models.glass_box import GlassBox


@keras.saving.register_keras_serializable("mlp_lab")
class Model(GlassBox, keras.Model):
    """A `keras.Model` whose training step is explicit: subclass it for a new model.

    Make layers in `__init__`, connect them in `call`; everything else is done.
    Override `transform_gradients` to change gradients, `train_step` (a screen long,
    in `GlassBox`) for another step altogether.

    To be loaded again, a subclass is decorated with
    `keras.saving.register_keras_serializable()`; arguments of `__init__` that are not
    plain values (numbers, texts, lists) need a `get_config` that returns them.

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
        # save the defaults in place of what was given: another model, without a word.
        return keras.Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        if args or {"inputs", "outputs"} & kwargs.keys():
            # Keras would make this class, and with it every subclass, a functional one.
            raise TypeError(
                f"{type(self).__name__}: expected no inputs and outputs; make layers in __init__ "
                "and connect them in call, or write `class Net(mlp_lab.GlassBox, keras.Model): "
                "pass` and call Net(inputs, outputs)"
            )
        super().__init__(**kwargs)
