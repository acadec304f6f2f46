"""The problems of `find_lr.py`: both networks of the tutorial, and six tables."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

PICTURES = ("mnist", "fashion_mnist")
# Table -> its target, what it is, and the rows of a batch.
TABLES = {
    "penguins": ("species", "classes", 16),
    "soybean": ("Class", "classes", 32),
    "concrete": ("compressive_strength", "numbers", 32),
    "spam": ("type", "classes", 32),
    "letter": ("lettr", "classes", 64),
    "diamonds": ("price", "numbers", 128),
}
NAMES = (*PICTURES, *TABLES)


@dataclasses.dataclass(frozen=True)
class Problem:
    """Data, and what is needed to make a model for them."""

    name: str
    x: Any
    y: Any
    batch: int
    outputs: int
    loss: str


def load(name: str, data: Path | None, rows: int | None = None) -> Problem:
    """Reads one.

    Args:
      name: one of `NAMES`.
      data: folder with mnist/, fashion_mnist/ and tables/; None for the bundled sample of pictures.
      rows: how many training rows are kept; all by default.
    """
    if name in PICTURES:
        x, y = _pictures(name, data)
        if name == "mnist":
            y = np.eye(10, dtype=np.float32)[y]
        loss = "mean_squared_error" if name == "mnist" else "classes"
        return Problem(name, x[:rows], y[:rows], 128, 10, loss)
    target, kind, batch = TABLES[name]
    x, labels = _table(Path(data or ".") / "tables" / f"{name}.csv", target)
    outputs = 1
    if kind == "classes":
        classes, labels = np.unique(labels, return_inverse=True)
        outputs = len(classes)
    else:
        labels = labels.astype(np.float32)[:, np.newaxis]
        labels = (labels - labels.mean()) / labels.std()
    return Problem(name, x[:rows], labels[:rows], batch, outputs, kind)


def _table(path: Path, target: str) -> tuple[Any, Any]:
    """The training rows: numbers standardized, a missing one as the mean; words one-hot."""
    import pandas

    table = pandas.read_csv(path)
    # The rows that are not of the fixed test part; see the README of the tables.
    at = np.arange(len(table), dtype=np.uint64)
    table = table[((at * 2654435761 % 2**32) / 2**32 >= 0.2) & table[target].notna()]
    inputs = table.drop(columns=target)
    numbers = inputs.select_dtypes("number")
    numbers = ((numbers - numbers.mean()) / numbers.std()).fillna(0)
    words = [pandas.get_dummies(inputs[name]) for name in inputs.select_dtypes(exclude="number")]
    parts = [part.to_numpy(np.float32) for part in (numbers, *words)]
    x = np.concatenate(parts, axis=1)
    order = np.random.default_rng(0).permutation(len(x))  # some are sorted by their target
    return x[order], table[target].to_numpy()[order]


def _pictures(name: str, data: Path | None) -> tuple[Any, Any]:
    from mlp_lab.data import load as load_data

    folder = None if data is None else str(data / name)
    dataset = load_data(name, "sample" if data is None else "auto", folder)
    return dataset.x_train, dataset.y_train


def make(problem: Problem, optimizer: str, seed: int) -> Any:
    """A model for it, compiled; `optimizer` is "sgd" or "adam"."""
    import keras

    import mlp_lab

    keras.utils.set_random_seed(seed)
    hidden = {"mnist": (256, 128), "fashion_mnist": (256, 128, 64, 32)}.get(problem.name, (64, 64))
    pictures = problem.name in PICTURES
    model = mlp_lab.MLP(
        hidden,
        num_classes=problem.outputs,
        input_scale=1 / 255 if pictures else 1.0,
        **({"kernel_initializer": mlp_lab.initializers.get("truncated_normal_0.1")}
           if problem.name == "mnist" else {}),
    )  # fmt: skip
    loss: Any = "mean_squared_error"
    if problem.loss == "classes":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    model.shuffle_seed = seed
    return model
