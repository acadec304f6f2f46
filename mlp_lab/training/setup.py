"""What a config stands for, made and checked once: the data, the model, and what trains it."""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from mlp_lab import data
from mlp_lab.data.pipeline import most_rows, one_hot
from mlp_lab.data.rows import part
from mlp_lab.diagnosis import Rule
from mlp_lab.display import Displayed, Row
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.probes import Probe
from mlp_lab.training import parts
from mlp_lab.training.fit_check import check_fit

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
      dataset: the data; where --validation_split holds samples out, these are its test set.
      model: the model; `check` builds and compiles it.
      loss: the loss to minimize.
      metrics: what is measured beside it.
      optimizer: with the learning rate's schedule for a run of all epochs.
      probes: what to read from a step.
      rules: what to look for in a diagnosis.
      label_form: `"one_hot"` or `"integer"`, the form in which the loss takes labels.
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

    @functools.cached_property
    def training(self) -> tuple[Any, Any]:
        """(x, y) to train on, the labels in the loss's form."""
        return self.dataset.x_train, self._labels(self.dataset.y_train)

    @functools.cached_property
    def validation(self) -> tuple[Any, Any]:
        """(x, y) to test on after every epoch, the labels in the loss's form."""
        return self.dataset.x_test, self._labels(self.dataset.y_test)

    @functools.cached_property
    def pictured(self) -> tuple[Any, Any]:
        """(x, y) that pictures are drawn from, in memory, the labels as integers."""
        arrays = self.dataset.x_test, self.dataset.y_test
        if any(isinstance(array, data.Rows) for array in arrays):
            arrays = arrays[0][:_PICTURED], arrays[1][:_PICTURED]
        return arrays

    def _labels(self, y: Any) -> Any:
        return one_hot(y, self.dataset.num_classes) if self.label_form == "one_hot" else y

    def _display(self) -> tuple[str, list[Row]]:
        config, model = self.config, self.model
        size = f", {model.count_params():,} parameters" if model.built else ""
        return f"of {config.dataset}", [
            ("x_train", self.dataset.x_train, ""),
            ("x_test", self.dataset.x_test, ""),
            ("labels", f"{self.label_form}, {self.dataset.num_classes} classes"),
            ("model", f"{config.model}: {type(model).__name__}{size}"),
            ("loss", config.loss),
            ("metrics", ", ".join(config.metrics)),
            ("optimizer", config.optimizer),
            ("probes", ", ".join(config.probes)),
            ("replicas", self.replicas.count),
        ]


def prepare(config: Config, replicas: Replicas, say: Callable[[str], None]) -> Setup:
    """Loads the data and makes the parts that the config names.

    Sets Keras' global random seed and dtype policy, and with `deterministic` TensorFlow's
    determinism of operations, which stays on in the process.

    Args:
      config: the options.
      replicas: the devices that are to share each batch.
      say: told where the data come from.

    Raises:
      InputError: the data cannot be used, or a part cannot be made.
    """
    dataset = data.load(
        config.dataset, config.data_source, config.data_dir, say, config.data_memory_mb
    )
    if config.validation_split:
        dataset = _held_out(dataset, config.validation_split)
    _check_batch_size(config.batch_size, len(dataset.x_train), replicas.count)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(config.precision)
    made = parts.make(config, dataset)
    return Setup(
        config,
        replicas,
        dataset,
        *made,
        probes=parts.probes(config),
        rules=parts.rules(config),
        label_form=parts.label_form(config, made.loss),
    )


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


def _held_out(dataset: data.Dataset, share: float) -> data.Dataset:
    """The last samples of the training set in the test set's place."""
    rows = len(dataset.x_train)
    kept = math.floor(rows * (1 - share))
    if not 0 < kept < rows:
        raise InputError(
            "validation_split",
            f"expected a share that leaves some of the {rows} samples on both sides, got {share}",
        )
    x, y = dataset.x_train, dataset.y_train
    return dataclasses.replace(
        dataset,
        x_train=part(x, 0, kept),
        y_train=part(y, 0, kept),
        x_test=part(x, kept, rows),
        y_test=part(y, kept, rows),
    )
