"""Short trainings of a model under one change, to see what the change brings."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.diagnosis.experiment import NotTried, activated, experiment, refuse
from mlp_lab.engine.keras_hooks import forward, loss_of
from mlp_lab.models import GlassBox


@dataclasses.dataclass(frozen=True)
class Change:
    """What a trial does otherwise than the run.

    Attributes:
      rate: factor for the learning rate.
      x, y: data in place of the run's; None for the run's.
      kernels: how kernels are initialized: a function of a shape; None for the run's own.
      activation: for all hidden layers with one; None for the run's own.
      loss: a function of labels and outputs; None for the model's.
      penalty: whether penalties are added to the loss, and dropout drops.
      read: turns outputs of the trial into those of the run, if `y` is another one.
    """

    rate: float = 1.0
    x: Any = None
    y: Any = None
    kernels: Callable[[tuple[int, ...]], np.ndarray] | None = None
    activation: Any = None
    loss: Any = None
    penalty: bool = True
    read: Callable[[np.ndarray], np.ndarray] | None = None


class Trials:
    """Trains a model for some steps from given weights, with an optimizer of its own.

    The optimizer is a new one of the class and the settings of the model's. The step is that of
    the model: forward pass, its loss, the tape, `transform_gradients`. Nothing is recorded and no
    metric is updated; afterwards the model is as before (see `experiment`).

    Args:
      model: compiled and built.
      weights: those to start from, in the order of `model.weights`.
      batch_size: rows of a batch.

    Raises:
      NotTried: the model has a step of its own, several optimizers, no loss, or a state that
        cannot be put back.
    """

    def __init__(self, model: keras.Model, weights: list[np.ndarray], batch_size: int):
        refuse(model)
        if type(model).train_step is not GlassBox.train_step:
            raise NotTried("the model has a train_step of its own")
        if not isinstance(getattr(model, "optimizer", None), keras.optimizers.Optimizer):
            raise NotTried("the model has no optimizer of its own")
        self._model, self._weights, self._batch = model, weights, batch_size
        self._optimizer, self.rate = _fresh(model)
        self._begun: list[np.ndarray] = []
        self._loops: dict[Any, Any] = {}

    def run(self, data: tuple[Any, Any, Any], steps: int, change: Change, test_x: Any) -> "Trial":
        """Trains on rows of `data` in random order; outputs for `test_x` before and after.

        Args:
          data: x, y and sample_weight; the last may be None.
          steps: how many.
          change: what to do otherwise.
          test_x: inputs.
        """
        model, optimizer = self._model, self._optimizer
        x, y, weight = data
        x, y = (x if change.x is None else change.x), (y if change.y is None else change.y)
        with experiment(model):
            for variable, value in zip(model.weights, self._weights, strict=True):
                variable.assign(value)
            if change.kernels is not None:
                _reinitialize(model, change.kernels)
            if change.activation is not None:
                for layer in hidden(model):
                    vars(layer)["activation"] = change.activation
            self._reset(optimizer, change.rate)
            tensors = tf.nest.map_structure(
                tf.convert_to_tensor, tuple(p for p in (x, y, weight) if p is not None)
            )
            order = _order(len(tf.nest.flatten(x)[0]), self._batch, steps)
            losses = self._loop(change)(tensors, tf.constant(order)).numpy()
            outputs = tf.nest.map_structure(np.asarray, forward(model, test_x, training=False))
        return Trial(losses, change.read(outputs) if change.read else outputs)

    def _reset(self, optimizer, rate: float) -> None:
        if not optimizer.built:
            optimizer.build(self._model.trainable_variables)
            self._begun = [v.value.numpy() for v in optimizer.variables]
        for variable, value in zip(optimizer.variables, self._begun, strict=True):
            variable.assign(value)
        optimizer.learning_rate = self.rate * rate

    def _loop(self, change: Change) -> Callable:
        key = (change.activation, change.loss, change.penalty)
        if key not in self._loops:
            loop = functools.partial(_train, self._model, self._optimizer, change)
            if not self._model.run_eagerly:
                loop = tf.function(loop, autograph=False, reduce_retracing=True)
            self._loops[key] = loop
        return self._loops[key]


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """What came of a trial: the loss of every step, and the outputs for the test rows."""

    losses: np.ndarray
    outputs: Any

    @property
    def finite(self) -> bool:
        """Whether all losses and outputs are numbers."""
        arrays = [self.losses, *tf.nest.flatten(self.outputs)]
        return all(bool(np.isfinite(a).all()) for a in arrays)


def hidden(model: keras.Model) -> list[keras.Layer]:
    """The layers with an activation, but for the last one."""
    return activated(model)[:-1]


def glorot(seed: int = 0) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Kernels of Glorot and Bengio (2010): uniform within sqrt(6 / (fan_in + fan_out))."""
    rng = np.random.default_rng(seed)

    def kernel(shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = int(np.prod(shape[:-1])), shape[-1]
        limit = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)

    return kernel


def kernels(model: keras.Model) -> list[Any]:
    """The trainable weights that multiply inputs: those of two and more axes."""
    return [w for w in model.trainable_weights if len(w.shape) >= 2]


def _reinitialize(model: keras.Model, kernel: Callable[[tuple[int, ...]], np.ndarray]) -> None:
    for weight in model.trainable_weights:
        if len(weight.shape) >= 2:
            weight.assign(kernel(tuple(weight.shape)))
        elif weight.name == "bias":
            weight.assign(np.zeros(weight.shape))


def _fresh(model: keras.Model) -> tuple[keras.optimizers.Optimizer, float]:
    """A new optimizer like the model's, and its learning rate; of a schedule an early one."""
    given: Any = model.optimizer
    given = getattr(given, "inner_optimizer", given)  # of mixed_float16
    config: Mapping[str, Any] = given.get_config()
    schedule = given._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        rate = max(float(schedule(step)) for step in (0, 10, 100, 1000))
    else:
        rate = float(np.asarray(given.learning_rate))
    made = type(given).from_config({**config, "learning_rate": rate})
    return made, rate


def _order(rows: int, batch: int, steps: int) -> np.ndarray:
    """The rows of each step: permutations one after another, int32 [steps, batch]."""
    rng, batch = np.random.default_rng(1), min(batch, rows)
    many = -(-steps * batch // rows)
    flat = np.concatenate([rng.permutation(rows) for _ in range(many)])
    return flat[: steps * batch].reshape(steps, batch).astype(np.int32)


def _train(model, optimizer, change, data, order):
    """The losses of steps on these rows, float32 [steps]."""
    penalty = change.penalty

    def step(number, losses):
        rows = order[number]
        batch = tf.nest.map_structure(lambda t: tf.gather(t, rows), data)
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            outputs = forward(model, x, training=penalty)
            if change.loss is not None:
                loss = tf.reduce_mean(change.loss(y, outputs))
            else:
                loss = loss_of(model, x, y, outputs, weight, training=penalty)
            if change.loss is None and not penalty and model.losses:
                loss = loss - tf.add_n([tf.cast(each, loss.dtype) for each in model.losses])
        weights = model.trainable_weights
        gradients = model.transform_gradients(tape.gradient(loss, weights))
        pairs = [(g, w) for g, w in zip(gradients, weights, strict=True) if g is not None]
        optimizer.apply(*map(list, zip(*pairs, strict=True)))
        return number + 1, losses.write(number, tf.cast(loss, tf.float32))

    steps = tf.shape(order)[0]
    kept = tf.TensorArray(tf.float32, steps)
    if tf.executing_eagerly():
        number = 0
        while number < int(steps):
            number, kept = step(number, kept)
        return kept.stack()
    start = tf.constant(0), kept
    return tf.while_loop(lambda number, _: number < steps, step, start)[1].stack()
