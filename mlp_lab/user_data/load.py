"""Loads data of the user's own, whatever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlp_lab import tasks
from mlp_lab.data import Dataset, Origin, Rows
from mlp_lab.errors import InputError
from mlp_lab.user_data import choose
from mlp_lab.user_data.arrays import Arrays
from mlp_lab.user_data.parts import choose_rows
from mlp_lab.user_data.table import load_table
from mlp_lab.user_data.wanted import Wanted, stem_of

_OF_TABLES = ("target", "columns", "group", "time")


def load(wanted: Wanted, say: Callable[[str], None]) -> Dataset:
    """Loads them and splits them into parts.

    Args:
      wanted: what the user says about them.
      say: told what was recognized, and why.

    Raises:
      InputError: they cannot be read, or nothing can be learned from them.
    """
    arrays = choose.load(
        wanted.data,
        test_data=wanted.test_data,
        names=wanted.arrays or "",
        image_size=wanted.image_size or "",
        color=wanted.color,
        kind=_kind(wanted.task),
        memory_mb=wanted.data_memory_mb,
    )
    if arrays is None:
        for option in ("arrays", "image_size"):
            if getattr(wanted, option) is not None:
                raise InputError(option, "is not about tables, which --data is; leave it out")
        return load_table(wanted, say)
    for option in _OF_TABLES:
        if getattr(wanted, option):
            raise InputError(option, "is about tables, which --data is not; leave it out")
    return _of_arrays(arrays, wanted, say)


def _kind(task: str) -> str:
    """What y is read as; two classes are classes, with one output or two."""
    return "classes" if task == "binary" else task


def _of_arrays(arrays: Arrays, wanted: Wanted, say: Callable[[str], None]) -> Dataset:
    parts, splits = _parts(arrays, wanted)
    task = _task(arrays, parts["y_train"], wanted.task)
    said = [f"{name} part: {how}" for name, how in splits.items()]
    lines = (*arrays.lines, f"task: {task.kind}", *said)
    for line in lines:
        say(line)
    rows = {name[2:]: len(array) for name, array in parts.items() if name.startswith("y_")}
    origin = Origin("data", arrays.origin, {}, False, rows, lines, splits)
    learned = {n: task.y(array) if n.startswith("y_") else array for n, array in parts.items()}
    names = arrays.class_names or ()
    return Dataset(stem_of(wanted.data), class_names=names, origin=origin, task=task, **learned)


def _parts(arrays: Arrays, wanted: Wanted) -> tuple[dict[str, Any], dict[str, str]]:
    """x and y of all parts, and how the rows of each were chosen."""
    parts: dict[str, Any] = {"x_train": arrays.x_train, "y_train": arrays.y_train}
    splits, shares = {}, {}
    if arrays.x_test is None:
        shares["test"] = wanted.test_split
    if wanted.validation_split:
        shares["validation"] = wanted.validation_split
    for name, share in shares.items():
        if isinstance(parts["x_train"], Rows):
            raise InputError(
                f"{name}_split",
                "rows that are streamed from files are not split; give them as --test_data, with "
                "--validation_split=0, or more memory by --data_memory_mb",
            )
        y = parts["y_train"]
        classes = y if arrays.kind == "classes" else None
        chosen = choose_rows(len(y), share, wanted.seed, classes, name)
        for array in ("x", "y"):
            whole = parts[f"{array}_train"]
            parts[f"{array}_train"] = whole[chosen.train]
            parts[f"{array}_{name}"] = whole[chosen.test]
        splits[name] = chosen.how
    if arrays.x_test is not None:
        parts |= {"x_test": arrays.x_test, "y_test": arrays.y_test}
        splits["test"] = "as given"
    return parts, splits


def _task(arrays: Arrays, y_train: np.ndarray, asked: str) -> tasks.Task:
    kind, names = arrays.kind, arrays.class_names or ()
    if kind == "numbers":
        count = y_train.shape[1]
        targets = ["y"] if count == 1 else [f"y{place}" for place in range(count)]
        return tasks.Numbers.of(targets, y_train)
    if kind == "labels":
        return tasks.Labels(names)
    if asked == "binary" and len(names) != 2:
        raise InputError("task", f"binary is for two classes, y has {len(names)}; choose classes")
    two = len(names) == 2 and asked != "classes"
    return tasks.Binary(names) if two else tasks.Classes(names)
