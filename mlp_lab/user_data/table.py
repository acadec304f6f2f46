"""A table of the user's own, ready to learn from."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab import tasks
from mlp_lab.data import Dataset, Origin
from mlp_lab.display import shortened
from mlp_lab.errors import InputError
from mlp_lab.tables import (
    Schema,
    Split,
    Table,
    Target,
    TargetForm,
    Targets,
    check_leaks,
    find_target,
    parse_columns,
    read,
    split_by_group,
    split_by_time,
)
from mlp_lab.user_data.parts import choose_rows
from mlp_lab.user_data.wanted import Wanted, stem_of


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TableDataset(Dataset):
    """A `Dataset` made of a table.

    Attributes:
      schema: what was done with each column; encodes further rows.
      target: how the target was read; encodes those of further rows.
    """

    schema: Schema = None  # type: ignore[assignment]
    target: TargetForm = None  # type: ignore[assignment]


def load_table(wanted: Wanted, say: Callable[[str], None]) -> TableDataset:
    """Reads a table and splits it; its schema comes from the training part only.

    Args:
      wanted: what the user says about it.
      say: told what was recognized, converted, left out, and why.

    Raises:
      InputError: it cannot be read without guessing, or nothing can be learned from it; one line
        with the column and the line.
    """
    lines: list[str] = []

    def note(*new: str) -> None:
        for line in new:
            lines.append(line)
            say(line)

    table = read(wanted.data, wanted.form, "data")
    note(*table.lines)
    found = find_target(
        table, _names(table, wanted.target), "" if wanted.task == "auto" else wanted.task
    )
    note(*found.lines())
    kind, why = tasks.infer(_facts(found), wanted.task)
    note(why)
    target = _form(found, kind)
    parts, splits = _split(table.take(found.rows), target, kind, wanted)
    note(*(f"{name} part: {how}" for name, how in splits.items()))
    outside = (*target.names, *([wanted.group] if wanted.group else []))
    schema = Schema.of(parts["train"], outside, wanted.columns)
    note(*str(schema).splitlines(), *schema.lines())
    arrays, targets = {}, {}
    for name, part in parts.items():
        arrays[f"x_{name}"], targets[name] = _encoded(schema, target, part, name, note)
    note(*check_leaks(schema.inputs, arrays["x_train"], targets["train"]))
    task = _task(kind, target, targets["train"], note)
    arrays |= {f"y_{name}": task.y(y) for name, y in targets.items()}
    origin = Origin(
        "data",
        table.source,
        _sha256(wanted.data),
        False,
        {name: len(part) for name, part in parts.items()},
        tuple(lines),
        splits,
    )
    names = () if kind == "numbers" else target.classes
    return TableDataset(
        stem_of(wanted.data),
        class_names=names,
        origin=origin,
        task=task,
        schema=schema,
        target=target,
        **arrays,
    )


def _names(table: Table, target: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The target columns that are meant."""
    if not target:
        raise InputError(
            "target",
            f"name the column of {table.source} to predict: --target=COLUMN, one of "
            f"{shortened(list(table.columns))}",
        )
    if not isinstance(target, str):
        return tuple(target)
    if target in table.columns:
        return (target,)
    return tuple(name.strip() for name in next(csv.reader([target], skipinitialspace=True)))


def _facts(found: Target) -> tasks.TargetFacts:
    return tasks.TargetFacts(
        name=", ".join(found.names),
        numeric=found.numeric,
        whole=all(column.whole for column in found.columns),
        distinct=max(column.distinct for column in found.columns),
        rows=len(found.rows),
        several_labels=bool(found.separator),
        several_columns=len(found.columns) > 1,
        indicators=all(column.indicator for column in found.columns),
    )


def _form(found: Target, kind: str) -> TargetForm:
    if kind == "numbers":
        return found.as_numbers()
    return found.as_labels() if kind == "labels" else found.as_classes()


def _split(
    table: Table, target: TargetForm, kind: str, wanted: Wanted
) -> tuple[dict[str, Table], dict[str, str]]:
    """The tables of the parts, and how each was chosen."""
    parts, splits, shares = {}, {}, {}
    if wanted.test_data is not None:
        parts["test"] = read(wanted.test_data, wanted.form, "test_data")
        splits["test"] = f"all rows of {parts['test'].source}"
    else:
        shares["test"] = wanted.test_split
    if wanted.validation_split:
        shares["validation"] = wanted.validation_split
    for name, share in shares.items():
        chosen = _chosen(table, target, kind, wanted, share, name)
        parts[name], splits[name] = table.take(chosen.test), chosen.how
        table = table.take(chosen.train)
    parts["train"] = table
    return parts, splits


def _chosen(
    table: Table, target: TargetForm, kind: str, wanted: Wanted, share: float, purpose: str
) -> Split:
    """The rows of a part, and the rest."""
    if wanted.time is not None:
        asked = parse_columns(wanted.columns).get(wanted.time, "")
        return split_by_time(table, wanted.time, share, asked)
    if wanted.group is not None:
        return split_by_group(table, wanted.group, share, wanted.seed, purpose)
    classes = target.encode(table).y if kind in ("classes", "binary") else None
    return choose_rows(len(table), share, wanted.seed, classes, purpose)


def _encoded(
    schema: Schema, target: TargetForm, part: Table, name: str, note: Callable[..., None]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of the rows that have a target."""
    targets: Targets = target.encode(part)
    if targets.left_out:
        note(f"{name} part: {targets.left_out:,} rows have no target and are left out")
        part = part.take(targets.rows)
    encoded = schema.encode(part)
    if name != "train":
        note(*(f"{name} part: {line}" for line in encoded.lines()))
    return encoded.x, targets.y


def _task(kind: str, target: TargetForm, y: np.ndarray, note: Callable[..., None]) -> tasks.Task:
    if kind != "numbers":
        made = {"classes": tasks.Classes, "binary": tasks.Binary, "labels": tasks.Labels}[kind]
        absent = [name for i, name in enumerate(target.classes) if not _occurs(y, i)]
        if absent:
            note(f"the training part has no row of {shortened(absent)}: this cannot be learned")
        return made(target.classes)
    return tasks.Numbers.of(target.names, y)


def _occurs(y: np.ndarray, place: int) -> bool:
    return bool((y == place).any() if y.ndim == 1 else y[:, place].any())


def _sha256(data: Any) -> dict[str, str]:
    """Of the file, if there is one."""
    if not isinstance(data, str | os.PathLike):
        return {}
    with Path(data).expanduser().open("rb") as file:
        return {"data": hashlib.file_digest(file, "sha256").hexdigest()}
