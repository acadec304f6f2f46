"""Files of arrays: npz, npy and IDX, one or several that belong together."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlp_lab.data.idx import is_gzip, is_idx, read_idx
from mlp_lab.data.npz import check_plain, npz_names, read_npy, read_npz
from mlp_lab.data.rows import MEMORY_MB, Rows, open_rows
from mlp_lab.data.streams import open_regular, unreadable
from mlp_lab.errors import InputError
from mlp_lab.user_data import roles

_X = ("x_train", "x_test")


@dataclasses.dataclass(frozen=True)
class Found:
    """Arrays of a source, as they are stored.

    Attributes:
      arrays: by role: x_train, y_train, x_test, y_test and class_names, as many as there are.
      names: of these arrays in the source, by role.
      lines: what was recognized, to be said.
    """

    arrays: dict[str, np.ndarray | Rows]
    names: dict[str, str]
    lines: tuple[str, ...]


def is_array_file(path: Path) -> bool:
    """Whether a file holds arrays: by its name (.npz, .npy) or its first bytes (IDX, npy).

    Raises:
      DataFault: it cannot be read.
    """
    if path.suffix.lower() in (".npz", ".npy"):
        return True
    with open_regular(path) as file:
        if file.read(6) == b"\x93NUMPY":
            return True
    return is_idx(path)


def read_file(path: Path, names: str | Mapping[str, str] = "", memory_mb: int = MEMORY_MB) -> Found:
    """The arrays of a file, or of a file and those beside it that belong to it.

    An .npz file with several arrays is a source of its own. An .npy or IDX file, or an .npz file
    with one array, has its y (and its test part) in files beside it, whose names are alike.

    Raises:
      DataFault: a file cannot be used.
      InputError: an array is missing, or more than one can have a role.
    """
    if path.suffix.lower() == ".npz":
        members = npz_names(path)
        if len(members) != 1 or not roles.is_named(_array_name(path.name)):
            return _of_npz(path, members, names)
    files = _named(path.parent)
    if not names:
        prefix = roles.prefix_of(_array_name(path.name))
        files = {name: file for name, file in files.items() if roles.prefix_of(name) == prefix}
    return _of_files(files, names, str(path), memory_mb)


def read_folder(
    path: Path, names: str | Mapping[str, str] = "", memory_mb: int = MEMORY_MB
) -> Found | None:
    """The arrays of the files in a folder; None if it holds no files of arrays.

    Raises:
      DataFault: a file cannot be used.
      InputError: an array is missing, or more than one can have a role.
    """
    files = _named(path)
    if not files:
        return None
    if len(files) == 1:
        (only,) = files.values()
        if only.suffix.lower() == ".npz":
            return read_file(only, names, memory_mb)
    return _of_files(files, names, str(path), memory_mb)


def listed(path: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, but no hidden files, sorted by name.

    Raises:
      DataFault: it cannot be read.
    """
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return [entry for entry in found if not is_hidden(entry.name)]


def is_hidden(name: str) -> bool:
    """Whether a name is one of those that systems leave behind: .DS_Store, Thumbs.db."""
    return name.startswith(".") or name.casefold() in ("thumbs.db", "desktop.ini", "__macosx")


def _of_npz(path: Path, members: Sequence[str], names: str | Mapping[str, str]) -> Found:
    chosen = roles.assign(members, names, str(path))
    read = read_npz(path, list(chosen.values()), check_plain)
    arrays: dict[str, np.ndarray | Rows] = {role: read[name] for role, name in chosen.items()}
    return Found(arrays, chosen, _lines(members, chosen))


def _of_files(
    files: Mapping[str, Path], names: str | Mapping[str, str], where: str, memory_mb: int
) -> Found:
    chosen = roles.assign(list(files), names, where)
    sizes = [os.stat(files[chosen[role]]).st_size for role in _X if role in chosen]
    large = sum(sizes) > memory_mb * 10**6
    arrays = {
        role: _array(files[name], memory_mb if large and role in _X else None)
        for role, name in chosen.items()
    }
    shown = {role: files[name].name for role, name in chosen.items()}
    lines = _lines([file.name for file in files.values()], shown)
    return Found(arrays, shown, lines)


def _array(path: Path, memory_mb: int | None) -> np.ndarray | Rows:
    """The array of a file; its rows stay there if it is not compressed and there is a bound."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        (name,) = npz_names(path)
        return read_npz(path, [name], check_plain)[name]
    npy = suffix == ".npy" or not is_idx(path)
    if memory_mb is not None and not is_gzip(path):
        return open_rows(path, memory_mb)
    return read_npy(path) if npy else read_idx(path)


def _lines(names: Sequence[str], chosen: Mapping[str, str]) -> tuple[str, ...]:
    """Which array is what, and which are not used."""
    said = ", ".join(f"{role} is {name}" for role, name in chosen.items() if role != name)
    lines = [said] if said else []
    if roles.part_of(chosen.get("x_test", "")) == "val":
        lines.append("the validation part is read as the test part, since there is no other")
    unused = [name for name in names if name not in chosen.values()]
    if unused:
        lines.append(f"not used: {roles.shown(unused)}")
    return tuple(lines)


def _named(folder: Path) -> dict[str, Path]:
    """The files of arrays in a folder by their names without endings; plain before gzipped ones."""
    files: dict[str, Path] = {}
    for entry in listed(folder):
        name = _array_name(entry.name)
        path = Path(entry.path)
        # Some programs unpack archives into folders with the names of the files.
        if entry.is_dir() and os.path.isfile(path / entry.name):
            path = path / entry.name
        if not _may_hold_arrays(path) or not os.path.isfile(path) or not is_array_file(path):
            continue
        if name in files and files[name].name != f"{path.name}.gz":
            if path.name == f"{files[name].name}.gz":
                continue
            raise InputError(
                "data", f"{folder} has both {files[name].name} and {path.name}; remove one of them"
            )
        files[name] = path
    return files


def _may_hold_arrays(path: Path) -> bool:
    """Whether to look into a file: by its name, as there may be very many others."""
    suffix, name = path.suffix.lower(), path.name.lower()
    return suffix in (".npz", ".npy", ".gz", "") or "idx" in name or "ubyte" in name


def _array_name(name: str) -> str:
    for ending in (".gz", ".npz", ".npy"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name
