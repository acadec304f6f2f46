"""Finds the files of a folder with a subfolder for each class, perhaps in train/ and test/."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import reason_of
from mlp_lab.errors import InputError
from mlp_lab.tables.category import natural
from mlp_lab.user_data import roles
from mlp_lab.user_data.files import is_hidden, listed


@dataclasses.dataclass
class ClassFolders:
    """The picture files of one part.

    Attributes:
      path: the folder that holds the folders of the classes.
      files: by class name, in natural order.
      hidden, stray: names of hidden files, and of files that are in no class' folder.
    """

    path: Path
    files: dict[str, list[Path]]
    hidden: list[str]
    stray: list[str]


def find_parts(path: Path) -> tuple[list[ClassFolders], list[str]]:
    """The training part, and the test part if there is one; and what to say of them.

    Raises:
      DataFault: a folder cannot be read.
      InputError: a class has no files, there is one class only, or the parts have different
        classes.
    """
    folders = {entry.name: Path(entry.path) for entry in listed(path) if entry.is_dir()}
    parts: dict[str, str] = {}
    for name in folders:
        part = roles.split_of(name)
        if part in parts:
            raise InputError("data", f"{path} has both {parts[part]}/ and {name}/; remove one")
        if part:
            parts[part] = name
    lines = []
    if "train" in parts and len(parts) > 1:
        chosen = [parts["train"], parts.get("test", parts.get("val", ""))]
        if "test" not in parts:
            lines.append(f"{parts['val']}/ is read as the test part, since there is no test/")
        unused = [f"{name}/" for name in folders if name not in chosen]
        if unused:
            lines.append(f"not used: {roles.shown(unused)}")
        found = [_classes(folders[name]) for name in chosen]
        _check_same_classes(*found)
    else:
        found = [_classes(path)]
    hidden = [name for folder in found for name in folder.hidden]
    if hidden:
        names = collections.Counter(map(os.path.basename, hidden))
        lines.append(f"hidden files skipped: {len(hidden):,} ({roles.shown(sorted(names), 4)})")
    stray = [name for folder in found for name in folder.stray]
    if stray:
        lines.append(f"in no folder of a class, not used: {roles.shown(stray)}")
    return found, lines


def _classes(path: Path) -> ClassFolders:
    found = ClassFolders(path, {}, [], [])
    with os.scandir(path) as entries:
        found.hidden += [entry.name for entry in entries if is_hidden(entry.name)]
    entries_seen = listed(path)
    for entry in sorted(entries_seen, key=lambda entry: natural(entry.name)):
        if entry.is_dir():
            found.files[entry.name] = sorted(
                _walk(Path(entry.path), found.hidden), key=lambda file: natural(str(file))
            )
        else:
            found.stray.append(entry.name)
    if not found.files:
        holds = f"it holds {roles.shown(found.stray)}" if found.stray else "it is empty"
        raise InputError(
            "data",
            f"{path}: expected arrays (npz, npy, IDX), or a folder of pictures for each class; "
            f"{holds}",
        )
    empty = [name for name, files in found.files.items() if not files]
    if empty:
        raise InputError(
            "data",
            f"{path}: the folder of class {empty[0]!r} has no pictures"
            + (f", and {len(empty) - 1:,} more like it" if len(empty) > 1 else "")
            + "; remove it or put pictures into it",
        )
    if len(found.files) == 1:
        raise InputError(
            "data",
            f"{path}: there is one class only, {next(iter(found.files))!r}; expected a folder of "
            "pictures for each of two or more classes",
        )
    return found


def _walk(folder: Path, hidden: list[str]) -> Iterator[Path]:
    """All files below a folder; folders that are links are not followed, as they may be loops."""

    def fail(error: OSError) -> None:
        raise DataFault(error.filename or folder, f"cannot be read ({reason_of(error)})")

    for place, folders, files in os.walk(folder, onerror=fail):
        hidden += [name for name in (*files, *folders) if is_hidden(name)]
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (Path(place, name) for name in files if not is_hidden(name))


def _check_same_classes(train: ClassFolders, test: ClassFolders) -> None:
    for one, other in ((train, test), (test, train)):
        lacking = [name for name in one.files if name not in other.files]
        if lacking:
            raise InputError(
                "data",
                f"{other.path} has no folder for class {lacking[0]!r}, which {one.path} has"
                + (f", and {len(lacking) - 1:,} more" if len(lacking) > 1 else "")
                + "; both parts need the same classes",
            )
