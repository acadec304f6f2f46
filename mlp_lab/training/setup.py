"""What a config stands for, made and checked once: the data, the model, and what trains it."""

import contextlib
import csv
import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab import data
from mlp_lab.data.pipeline import most_rows, one_hot
from mlp_lab.diagnosis import Rule
from mlp_lab.display import Displayed, Row
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.probes import Probe
from mlp_lab.tasks import Task, class_weights
from mlp_lab.training import of_data, parts
from mlp_lab.training.best import check_monitor
from mlp_lab.training.fit_check import check_fit
from mlp_lab.training.loading import Loader, Say, held_out, load

# Test images of a streamed set that pictures are drawn from.
_PICTURED = 10_000
# Samples on which the parts are tried.
_TRIED = 32


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Setup(Displayed):
    """The objects that a config names, ready to train, to evaluate or to look into.

    Made by `prepare`; `check` refuses parts that do not fit each other, and compiles the model.
    Neither writes anything.

    Attributes:
      config: the options.
      replicas: the devices that share each batch.
      dataset: the data.
      model: the model; `check` builds and compiles it.
      loss: the loss to minimize.
      metrics: what is measured beside it.
      optimizer: with the learning rate's schedule for a run of all epochs.
      probes: what to read from a step.
      label_form: `"one_hot"` or `"integer"`, the form in which the loss takes classes; of other
        tasks `"outputs"`.
      rules: what to look for in a diagnosis.
      loaded: the data as they were loaded, before samples were held out.
    """

    config: Config
    replicas: Replicas
    dataset: data.Dataset
    model: keras.Model
    loss: keras.losses.Loss
    metrics: list[keras.metrics.Metric]
    optimizer: keras.optimizers.Optimizer
    probes: list[Probe]
    rules: list[Rule]
    label_form: str
    loaded: data.Dataset

    @functools.cached_property
    def training(self) -> tuple[Any, Any]:
        """(x, y) to train on, the labels in the loss's form."""
        return self.dataset.x_train, self._labels(self.dataset.y_train)

    @functools.cached_property
    def weights(self) -> np.ndarray | None:
        """What each training sample counts in the loss, float32 [n]; None if all count the same."""
        if self.config.class_weight is None:
            return None
        if self.dataset.task.kind not in ("classes", "binary"):
            raise InputError(
                "class_weight",
                f"is for classes, the task is {self.dataset.task.kind}; leave it out",
            )
        asked = _weights(self.config.class_weight)
        return class_weights(np.asarray(self.dataset.y_train[:]), self.dataset.task.names, asked)

    @property
    def held_out(self) -> bool:
        """Whether training samples are held out, so that the test part is left for the end."""
        return self.dataset.x_validation is not None

    @functools.cached_property
    def validation(self) -> tuple[Any, Any]:
        """(x, y) to test on after every epoch: what is held out, or else the test part."""
        if self.held_out:
            return self.dataset.x_validation, self._labels(self.dataset.y_validation)
        return self.test

    @functools.cached_property
    def test(self) -> tuple[Any, Any]:
        """(x, y) of the test part, the labels in the loss's form."""
        return self.dataset.x_test, self._labels(self.dataset.y_test)

    @property
    def has_images(self) -> bool:
        """Whether the samples are images, which pictures can show."""
        return self.dataset.x_train.dtype == np.uint8

    @functools.cached_property
    def pictured(self) -> tuple[Any, Any]:
        """(x, y) that pictures are drawn from, in memory: classes as integers."""
        dataset = self.dataset
        arrays: Any = dataset.x_test, dataset.y_test
        if self.held_out:
            arrays = dataset.x_validation, dataset.y_validation
        if any(isinstance(array, data.Rows) for array in arrays):
            arrays = arrays[0][:_PICTURED], arrays[1][:_PICTURED]
        return arrays

    def _labels(self, y: Any) -> Any:
        return one_hot(y, self.dataset.num_classes) if self.label_form == "one_hot" else y

    def _display(self) -> tuple[str, list[Row]]:
        config, model = self.config, self.model
        size = f", {model.count_params():,} parameters" if model.built else ""
        return f"of {self.dataset.name}", [
            ("x_train", self.dataset.x_train, ""),
            *([("x_validation", self.dataset.x_validation, "")] if self.held_out else []),
            ("x_test", self.dataset.x_test, ""),
            ("labels", f"{self.label_form}, {_counted(self.dataset.task)}"),
            ("model", f"{config.model}: {type(model).__name__}{size}"),
            ("loss", config.loss),
            ("metrics", ", ".join(config.metrics or ())),
            ("optimizer", config.optimizer),
            ("probes", ", ".join(config.probes)),
            ("replicas", self.replicas.count),
        ]


def prepare(
    config: Config,
    replicas: Replicas,
    say: Say,
    loader: Loader = load,
) -> Setup:
    """Loads the data and makes the parts that the config names.

    Sets Keras' global random seed and dtype policy, and with `deterministic` TensorFlow's
    determinism of operations, which stays on in the process.

    Args:
      config: the options.
      replicas: the devices that are to share each batch.
      say: told where the data come from.
      loader: what loads the data; one that keeps them serves several configs.

    Raises:
      InputError: the data cannot be used, or a part cannot be made.
    """
    loaded = loader(config, say)
    dataset = held_out(loaded, config)
    config = of_data.completed(config, dataset, say)
    _check_batch_size(config.batch_size, len(dataset.x_train), replicas.count)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(config.precision)
    made = parts.make(config, dataset)
    setup = Setup(
        config,
        replicas,
        dataset,
        *made,
        probes=parts.probes(config),
        rules=parts.rules(config),
        label_form=of_data.label_form(config, dataset.task, made.loss),
        loaded=loaded,
    )
    _ = setup.weights  # refused before anything is written
    return setup


def check(setup: Setup) -> Setup:
    """Refuses what does not fit together, on one small batch; returns it with a compiled model.

    Raises:
      InputError: the parts do not fit each other or the data, or a batch of streamed rows
        does not fit into the memory for them.
    """
    config = setup.config
    most_rows(setup.training, config.batch_size, config.shuffle, 1)
    few = slice(0, min(config.batch_size, _TRIED))
    batch = tuple(array[few] for array in setup.training)
    check_fit(setup, batch)
    several = setup.replicas.count > 1
    if several:
        # Those parts were for the check. These are equal, and on all devices.
        keras.utils.set_random_seed(config.seed)
        with setup.replicas.strategy.scope():
            made = parts.make(config, setup.dataset)
            made.model(batch[0])
        setup = dataclasses.replace(setup, **made._asdict())
    with setup.replicas.strategy.scope() if several else contextlib.nullcontext():
        setup.model.compile(
            optimizer=setup.optimizer,
            loss=setup.loss,
            metrics=setup.metrics,
            jit_compile="auto" if config.jit_compile is None else config.jit_compile,
            run_eagerly=config.run_eagerly,
        )
    setup.model.shuffle_seed = config.seed
    check_monitor(setup)
    return setup


def _check_batch_size(batch_size: int, rows: int, replicas: int) -> None:
    if batch_size > rows:
        raise InputError(
            "batch_size",
            f"expected 1 to {rows}, the training samples of this data set, got {batch_size}",
        )
    if batch_size < replicas:
        raise InputError(
            "batch_size",
            f"expected at least {replicas}, a sample for each replica, got {batch_size}",
        )


def _weights(text: str) -> str | dict[str, float]:
    """Reads --class_weight: a word, or weights by the names of classes."""
    if ":" not in text:
        return text
    found = {}
    for pair in next(csv.reader([text], skipinitialspace=True)):
        name, _, weight = pair.rpartition(":")
        try:
            found[name.strip()] = float(weight)
        except ValueError:
            raise InputError(
                "class_weight", f"expected name:number, got {pair!r}, or balanced"
            ) from None
    return found


def _counted(task: Task) -> str:
    """How many of what the task has."""
    count = len(task.names)
    what = {"labels": "labels", "numbers": "numbers"}.get(task.kind, "classes")
    return f"{count} {what}"
