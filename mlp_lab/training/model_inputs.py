"""What a model gets to read its inputs, pixels or the columns of a table."""

import inspect
from collections.abc import Sequence
from typing import Any

from mlp_lab.data import Dataset
from mlp_lab.errors import InputError
from mlp_lab.layers import TablePreprocessing
from mlp_lab.options import registry
from mlp_lab.options.config import Config
from mlp_lab.tables import Input

# 8-bit pixels to [0, 1].
_PIXEL_SCALE = 1 / 255
_TABLE_OPTIONS = ("numerical_embedding", "embedding_dim")


def for_inputs(
    config: Config, cls: Any, dataset: Dataset, inputs: Sequence[Input]
) -> dict[str, Any]:
    """Arguments for a model's `__init__`: a factor for pixels, a layer for a table.

    Args:
      cls: the model's class.
      inputs: what the columns are, if the data are a table.

    Raises:
      InputError: the class does not take a table, or the data are none and an option needs one.
    """
    options = {
        name: getattr(config, name) for name in _TABLE_OPTIONS if getattr(config, name) is not None
    }
    if not inputs:
        for name in options:
            raise InputError(
                name, "embeds columns of a table, but these data are images; leave it out"
            )
        return {"input_scale": _PIXEL_SCALE}
    if inspect.isclass(cls) and "preprocessing" not in registry.accepts(cls):
        raise InputError(
            "model",
            f"{config.model!r} cannot take a table, whose columns have missing values and ids of "
            "categories; give its __init__ an argument preprocessing, the layer that makes "
            "features of them",
        )
    return {"preprocessing": TablePreprocessing.from_data(inputs, dataset.x_train, **options)}
