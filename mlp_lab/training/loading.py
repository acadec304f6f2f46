"""Loading the data that a config names."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from mlp_lab import data, user_data
from mlp_lab.data import Dataset
from mlp_lab.data.rows import part
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.options.data import DataOptions
from mlp_lab.options.user_data import UserDataOptions

Say = Callable[[str], None]
Loader = Callable[[Config, Say], Dataset]


def load(config: Config, say: Say) -> Dataset:
    """The data that a config names, before samples of a published set are held out.

    `say` is told where they come from and what was recognized.
    """
    if config.data is not None:
        return user_data.load(wanted(config), say)
    return data.load(
        config.dataset, config.data_source, config.data_dir, say, config.data_memory_mb
    )


def name_of(config: Config) -> str:
    """What the data are called, as in the names of folders made for them."""
    return config.dataset if config.data is None else user_data.stem_of(config.data)


def wanted(config: Config) -> user_data.Wanted:
    """What a config says about the user's own data."""
    names = [field.name for field in dataclasses.fields(user_data.Wanted)]
    given = {name: getattr(config, name) for name in names if hasattr(config, name)}
    if config.validation_split is None:
        del given["validation_split"]
    return user_data.Wanted(**{**given, "form": config.form()})


def key_of(config: Config) -> tuple[Any, ...]:
    """What the loaded data depend on: configs of equal keys load the same."""
    fields = {f.name for kind in (DataOptions, UserDataOptions) for f in dataclasses.fields(kind)}
    own = ("seed",) if config.data is not None else ()
    return tuple((name, getattr(config, name)) for name in (*sorted(fields), *own))


def held_out(dataset: Dataset, config: Config) -> Dataset:
    """With the last samples of a published training set as validation part, if that is asked for.

    The user's own data come with theirs.
    """
    share = config.validation_split
    if config.data is not None or not share:
        return dataset
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
        x_validation=part(x, kept, rows),
        y_validation=part(y, kept, rows),
    )
