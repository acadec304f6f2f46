"""Parts of Keras without a public name that the training step needs, each in one place.

tests/test_workarounds.py notices when Keras changes them.
"""

import contextlib
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

_DIFFER = (
    keras.layers.AlphaDropout,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
"""Keras' layers that always compute something else in training."""


def forward(model: keras.Model, x: Any, training: bool) -> Any:
    """The model's outputs, as Keras' own step calls it.

    A `call` without the argument `training` is called without it: its dropout and batch
    normalization then stay in inference mode, also in training, which a warning says once.
    """
    if takes_training(model):
        return model(x, training=training)
    outputs = model(x)
    layers = always_in_inference(model) if training else []
    if layers and not vars(model).get("_told_of_inference"):
        vars(model)["_told_of_inference"] = True  # past Keras' __setattr__
        warnings.warn(
            f"{type(model).__name__}.call has no argument `training`, so that {', '.join(layers)} "
            "stay in inference mode during training, as in Keras; write `def call(self, inputs, "
            "training=None)`",
            stacklevel=3,
        )
    return outputs


def takes_training(model: keras.Model) -> bool:
    """Whether `call` has the argument `training`."""
    return model._call_has_training_arg


def loss_of(model: keras.Model, x, y, outputs, sample_weight, training: bool) -> Any:
    """What `compute_loss` returns, whether it has the argument `training` or not."""
    return model._compute_loss(x, y, outputs, sample_weight, training=training)


def loss_tracker(model: keras.Model) -> keras.metrics.Mean | None:
    """The mean loss of the epoch; None before `compile`.

    It is not looked up among `model.metrics`, which a user may override, and may give a metric
    of the same name.
    """
    return model._loss_tracker


def output_losses(model: keras.Model) -> list[keras.metrics.Mean]:
    """The mean losses of single outputs, where there are several; `compute_loss` updates them."""
    return list(getattr(model._compile_loss, "metrics", ()))


@contextlib.contextmanager
def output_losses_of_batches(model: keras.Model) -> Iterator[None]:
    """While it is open, the mean losses of single outputs count each batch as one.

    So do Keras' for arrays: it would weight by the batch size if its shape were known, which for
    arrays it never is there.
    """
    metrics = output_losses(model)
    for metric in metrics:
        update = metric.update_state
        vars(metric)["update_state"] = lambda values, *_, update=update, **__: update(values)
    try:
        yield
    finally:
        for metric in metrics:
            del vars(metric)["update_state"]


def layers_of(model: keras.Model) -> Iterator[keras.Layer]:
    """All layers of a model, nested ones too."""
    return model._flatten_layers(include_self=False)


def mask_of(tensor: Any) -> Any:
    """The mask that a layer has given its output; None without one."""
    return getattr(tensor, "_keras_mask", None)


def set_mask(tensor: Any, mask: Any) -> None:
    """Gives a tensor a mask, as layers do."""
    tensor._keras_mask = mask


def optimizers_of(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    """The model's optimizers: that of `compile`, and those in attributes, as of a GAN."""
    optimizers = (p for p in parts_of([*vars(model).values()]) if isinstance(p, keras.Optimizer))
    return list({id(optimizer): optimizer for optimizer in optimizers}.values())


@contextlib.contextmanager
def at_rate(optimizer: keras.optimizers.Optimizer, rate: Callable[[], Any]) -> Iterator[None]:
    """While it is open, the optimizer's learning rate is what `rate()` returns.

    Setting `learning_rate` would drop the variable that holds the rate, and cannot be undone.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss scale
    before = vars(inner)["_learning_rate"]
    vars(inner)["_learning_rate"] = rate  # past Keras' __setattr__, which would track it
    try:
        yield
    finally:
        vars(inner)["_learning_rate"] = before


@contextlib.contextmanager
def unreduced(model: keras.Model) -> Iterator[None]:
    """While it is open, optimizers take gradients as they are, unless a strategy is in use.

    Keras has TensorFlow sum them over all replicas, also if there is only one. This changes no
    value, but TensorFlow then keeps the graph of the step until the process ends.
    """
    found = [] if tf.distribute.has_strategy() else optimizers_of(model)
    found += [o.inner_optimizer for o in found if hasattr(o, "inner_optimizer")]
    reducing = [o for o in found if hasattr(o, "_all_reduce_sum_gradients")]
    for optimizer in reducing:
        vars(optimizer)["_all_reduce_sum_gradients"] = list  # of pairs: gradient, variable
    try:
        yield
    finally:
        for optimizer in reducing:
            vars(optimizer).pop("_all_reduce_sum_gradients", None)


def parts_of(value: Any) -> Iterator[Any]:
    """What is in lists, tuples and dicts, however deep; anything else itself."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        yield value
        return
    for part in value:
        yield from parts_of(part)


def always_in_inference(model: keras.Model) -> list[str]:
    """Names of layers that differ in training, in a model whose `call` has no `training`."""
    # Many layers take `training` and do not use it; containers hand it on to others.
    leaves = (layer for layer in layers_of(model) if not any(layers_of(layer)))
    return [
        layer.name
        for layer in leaves
        if isinstance(layer, _DIFFER)
        or (layer._call_has_training_arg and not type(layer).__module__.startswith("keras."))
    ]


def batches_of(data: Any) -> Any:
    """The form of the batches of what Keras' `fit` draws from, a `TFEpochIterator`."""
    return data._distributed_dataset.element_spec


def pass_epoch(data: Any) -> None:
    """Leaves what Keras' `fit` draws from as it is after an epoch, without training.

    An iterator that lives over epochs, as with `steps_per_epoch` and of Python generators, is
    read, and so is one of unknown length. Others are only begun: this is when `tf.data` draws the
    seeds of a shuffle.
    """
    generator = type(data.data_adapter).__name__ == "GeneratorDataAdapter"
    if data.steps_per_epoch is None and data.num_batches is not None and not generator:
        for _ in data:
            pass
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the end of the data; it was given in that epoch
        with data.catch_stop_iteration():
            for first, last, batches in data:
                if not sum(1 for _ in itertools.islice(batches, last - first + 1)):
                    raise StopIteration
