"""What of a run goes by its data: options that are left open, the model's form, the labels'."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import keras

from mlp_lab import user_data
from mlp_lab.data import Dataset
from mlp_lab.errors import InputError
from mlp_lab.models import arguments_for
from mlp_lab.options import registry
from mlp_lab.options.config import Config
from mlp_lab.tasks import Task

_PUBLISHED_LOSS = "categorical_crossentropy"
_PUBLISHED_METRICS = ("accuracy", "mean_squared_error")
_EMBEDDING_OPTIONS = ("numerical_embedding", "embedding_dim")


def model_arguments(config: Config, cls: Any, dataset: Dataset) -> dict[str, Any]:
    """Arguments of a model that go by the data, by name: see `models.arguments_for`.

    Args:
      config: the options.
      cls: the model's class.
      dataset: the data.

    Raises:
      InputError: the class does not take a table, or an option needs one.
    """
    embedding = {
        name: getattr(config, name)
        for name in _EMBEDDING_OPTIONS
        if getattr(config, name) is not None
    }
    if embedding and user_data.inputs_of(dataset) is None:
        raise InputError(next(iter(embedding)), "is for numbers of a table; leave it out")
    table = isinstance(dataset, user_data.TableDataset)
    if table and inspect.isclass(cls) and "preprocessing" not in registry.accepts(cls):
        raise InputError(
            "model",
            f"{config.model!r} cannot take a table, whose columns have missing values and ids of "
            "categories; give its __init__ an argument preprocessing, the layer that makes "
            "features of them",
        )
    given = arguments_for(dataset, **embedding)
    # Classes of one's own may have either name.
    return {**given, "num_classes": given["num_outputs"]}


def completed(config: Config, dataset: Dataset, say: Callable[[str], None]) -> Config:
    """The options, with those that are left to the data chosen.

    Args:
      config: the options.
      dataset: the data.
      say: told what of the options is changed because the data are few.
    """
    task = dataset.task
    chosen: dict[str, Any] = {}
    published = not user_data.is_own(dataset)
    if config.loss is None:
        chosen["loss"] = _PUBLISHED_LOSS if published else task.loss
    if config.metrics is None:
        chosen["metrics"] = _PUBLISHED_METRICS if published else task.metrics
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
