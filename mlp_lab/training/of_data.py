"""What of a run goes by its data: options that are left open, the model's form, the labels'."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from mlp_lab import user_data
from mlp_lab.data import Dataset, Rows
from mlp_lab.errors import InputError
from mlp_lab.layers import TablePreprocessing
from mlp_lab.options import registry
from mlp_lab.options.config import Config
from mlp_lab.tasks import Numbers, Task

_PUBLISHED_LOSS = "categorical_crossentropy"
_PUBLISHED_METRICS = ("accuracy", "mean_squared_error")
_EMBEDDING_OPTIONS = ("numerical_embedding", "embedding_dim")
# 8-bit pixels to [0, 1].
_PIXEL_SCALE = 1 / 255


def model_arguments(config: Config, cls: Any, dataset: Dataset) -> dict[str, Any]:
    """Arguments of a model that go by the data, by name.

    They are how many outputs the task has; for numbers, what brings outputs to their unit; the
    factor that maps pixels to [0, 1], or the layer that makes features of other inputs.

    Args:
      config: the options.
      cls: the model's class.
      dataset: the data.

    Raises:
      InputError: the class does not take a table, or an option needs one.
    """
    task, x = dataset.task, dataset.x_train
    given: dict[str, Any] = {"num_outputs": task.num_outputs, "num_classes": task.num_outputs}
    if isinstance(task, Numbers):
        given["in_units"] = (task.mean, task.scale)
    embedding = {
        name: getattr(config, name)
        for name in _EMBEDDING_OPTIONS
        if getattr(config, name) is not None
    }
    inputs = user_data.inputs_of(dataset)
    if inputs is None:
        if embedding:
            raise InputError(next(iter(embedding)), "is for numbers of a table; leave it out")
        return {**given, "input_scale": _PIXEL_SCALE if config.data is None else _scale(x)}
    table = isinstance(dataset, user_data.TableDataset)
    if table and inspect.isclass(cls) and "preprocessing" not in registry.accepts(cls):
        raise InputError(
            "model",
            f"{config.model!r} cannot take a table, whose columns have missing values and ids of "
            "categories; give its __init__ an argument preprocessing, the layer that makes "
            "features of them",
        )
    flat = np.asarray(x[:]).reshape(len(x), -1)
    given["preprocessing"] = TablePreprocessing.from_data(inputs, flat, **embedding)
    return given


def _scale(x: Any) -> float:
    """The factor that maps bytes to [0, 1]: pixels by 1 / 255, others by their maximum."""
    most = 255 if isinstance(x, Rows) else int(x.max())
    return 1 / max(most, 1)


def completed(config: Config, dataset: Dataset, say: Callable[[str], None]) -> Config:
    """The options, with those that are left to the data chosen.

    Args:
      config: the options.
      dataset: the data.
      say: told what of the options is changed because the data are few.
    """
    task = dataset.task
    chosen: dict[str, Any] = {}
    published = config.data is None
    if config.loss is None:
        chosen["loss"] = _PUBLISHED_LOSS if published else task.loss
    if config.metrics is None:
        # What is descended is in the logs as "loss".
        names = _PUBLISHED_METRICS if published else task.metrics
        chosen["metrics"] = names
    rows = len(dataset.x_train)
    if not published and config.batch_size > rows:
        chosen["batch_size"] = rows
        say(f"batch size: {rows}, all training rows, in place of {config.batch_size}")
    if config.pictures_every is None:
        chosen["pictures_every"] = 1 if config.epochs <= 50 else config.epochs // 10
    if config.histogram_every is None:
        steps = config.epochs * -(-rows // chosen.get("batch_size", config.batch_size))
        chosen["histogram_every"] = max(1, min(100, steps // 10))
    return dataclasses.replace(config, **chosen) if chosen else config


def label_form(config: Config, task: Task, chosen_loss: keras.losses.Loss) -> str:
    """The form in which the loss takes the labels.

    Of classes it is `"one_hot"` or `"integer"`: what --labels says, or what the loss states. A
    custom loss states it as a class attribute `label_form`; without one it gets the labels as
    they are, integers. Of other tasks it is `"outputs"`: numbers in the shape of the outputs.
    """
    if task.kind != "classes":
        if config.labels != "auto":
            raise InputError(
                "labels", f"is about one of several classes, the task is {task.kind}; leave it out"
            )
        return "outputs"
    if config.labels != "auto":
        return config.labels
    return getattr(chosen_loss, "label_form", "integer")
