"""The training step, written out."""

import functools

import keras
import tensorflow as tf

from mlp_lab.checkpoints.own_names import library
from mlp_lab.engine.fused import Fused
from mlp_lab.engine.keras_hooks import forward, loss_of
from mlp_lab.engine.sharing import Sharing
from mlp_lab.models.saving import Saving

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"mlp_lab: Keras uses {keras.backend.backend()}, but the training step needs TensorFlow's "
        "GradientTape; set KERAS_BACKEND=tensorflow before importing Keras"
    )


class GlassBox(Saving, Sharing, Fused):
    """Gives a Keras model an explicit training step.

    A mix-in: list it before the Keras class, as in `class Net(GlassBox, keras.Sequential)`.
    `train_step` below is the whole step; use `fit` and callbacks as in Keras (`Fused` runs
    many steps per call). It computes the same as Keras' hidden step: it respects sample
    weights, losses added by layers (regularizers, `add_loss`), the loss scale of
    mixed_float16, and the batch size when averaging losses over an epoch.
    """

    def __init_subclass__(cls, **kwargs):
        """Sets up a class by the order of its bases.

        Steps of a user's class that comes after this one replace those below, as they replace
        Keras'; so does its `save`. If a Keras model comes before this class, its hidden step would
        be the model's; such a class is refused when a model of it is made.
        """
        super().__init_subclass__(**kwargs)
        for name in (*GlassBox.lab_steps, *_FUNCTIONS, "save", "save_weights"):
            _prefer_users(cls, name)
        # A subclass of such a class inherits the refusal.
        if _keras_first(cls) and not any(map(_keras_first, cls.__bases__)):
            cls.__new__ = functools.partial(_refuse, cls)  # type: ignore[method-assign]

    def train_step(self, data):
        """Trains on one batch.

        Args:
          data: x, (x, y) or (x, y, sample_weight), as for `fit`.

        Returns:
          Metric results since the epoch began, by name.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

        with tf.GradientTape() as tape:
            outputs = forward(self, x, training=True)
            loss = loss_of(self, x, y, outputs, sample_weight, training=True)
            # mixed_float16 scales the loss up so that small gradients do not vanish.
            scaled_loss = self.optimizer.scale_loss(loss)

        weights = self.trainable_weights
        scaled_gradients = self.sum_gradients(tape.gradient(scaled_loss, weights))

        scale = self.optimizer.scale_loss(1.0)
        gradients = self.transform_gradients(_times(scaled_gradients, 1.0 / scale))
        self.optimizer.apply(_times(gradients, _or_nan(scale, scaled_gradients)), weights)

        self.track_loss(loss, x)
        return self.compute_metrics(x, y, outputs, sample_weight)

    def transform_gradients(self, gradients):
        """Changes the gradients between the tape and the optimizer; override it.

        For gradient clipping, noise or other changes. The default changes nothing.

        Args:
          gradients: d loss / d weight for each of `self.trainable_weights`, in that
            order and with the weights' shapes; None if the loss does not depend on the
            weight. The loss scale of mixed_float16 is already removed; if it made a
            gradient overflow, the step is skipped whatever is returned. Under a
            `tf.distribute` strategy they are the gradients of the global batch, summed
            over all replicas and equal on each; the returned ones must be equal too.

        Returns:
          The same number of gradients, in the same order.
        """
        return gradients

    def test_step(self, data):
        """Evaluates one batch: the loss and metrics, no tape.

        Args:
          data: as for `train_step`.

        Returns:
          Metric results since the evaluation began, by name.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = forward(self, x, training=False)
        loss = loss_of(self, x, y, outputs, sample_weight, training=False)
        self.track_loss(loss, x)
        return self.compute_metrics(x, y, outputs, sample_weight)


# Those of a subclass may do something else than call the model.
GlassBox.lab_steps = {
    "train_step": GlassBox.train_step,
    "test_step": GlassBox.test_step,
    "predict_step": keras.Model.predict_step,
}


_FUNCTIONS = "make_train_function", "make_test_function", "make_predict_function"


def _prefer_users(cls, name):
    """Gives a class the method of a user's class that only `GlassBox` hides."""
    order = [base for base in cls.__mro__ if name in vars(base)]
    if not order or order[0] not in GlassBox.__mro__:
        return
    for base in order:
        if library(base) == "keras":
            return
        if base not in GlassBox.__mro__:
            setattr(cls, name, vars(base)[name])
            return


def _keras_first(cls):
    """Whether a model's class has Keras' step, not the one above, although it is a `GlassBox`."""
    order = cls.__mro__
    return {keras.Model, GlassBox} <= {*order} and order.index(keras.Model) < order.index(GlassBox)


def _refuse(cls, *args, **kwargs):
    """Raises a TypeError that says how to write the class."""
    boxes = [_full_name(base) for base in cls.__bases__ if issubclass(base, GlassBox)]
    names = [_full_name(base) for base in cls.__bases__]
    right = [*boxes, *(name for name in names if name not in boxes)]
    raise TypeError(
        f"class {cls.__name__}({', '.join(names)}): GlassBox must come before the Keras class; "
        f"write `class {cls.__name__}({', '.join(right)}):`"
    )


def _full_name(cls):
    """The class as users write it: keras.Sequential, mlp_lab.GlassBox, Net."""
    package = library(cls)
    return f"{package}.{cls.__name__}" if package in ("keras", "mlp_lab") else cls.__name__


def _times(gradients, factor):
    """Each gradient times a factor; a constant factor of 1.0 adds no operation."""
    if isinstance(factor, float) and factor == 1.0:
        return gradients
    return [None if g is None else tf.math.scalar_mul(factor, g) for g in gradients]


def _or_nan(scale, scaled_gradients):
    """The loss scale, or NaN if a gradient overflowed under it.

    The optimizer lowers the scale and skips the step when a gradient is not finite. It must
    also do so when `transform_gradients` made that gradient finite.
    """
    if isinstance(scale, float):
        return scale
    values = [
        g.values if isinstance(g, tf.IndexedSlices) else g
        for g in scaled_gradients
        if g is not None
    ]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in values])
    return tf.where(finite, scale, float("nan"))
