"""Finds and reads the files of a data set in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import ARRAY_NAMES, IDX_STEMS, DatasetInfo
from mlp_lab.data.checks import checked
from mlp_lab.data.faults import DataFault
from mlp_lab.data.idx import is_gzip, read_idx
from mlp_lab.data.npz import check_dtype, read_npz
from mlp_lab.data.rows import MEMORY_MB, Rows, open_rows
from mlp_lab.data.shards import INDEX, open_shards
from mlp_lab.data.streams import open_regular, unreadable

_SHOWN_NAMES = 6


def find_files(path: Path, info: DatasetInfo) -> dict[str, Path]:
    """Finds the file of each array.

    A folder may hold several candidates. The order of preference is: shards, plain IDX, gzipped
    IDX, npy (`x_train.npy`, ...), npz. IDX and npy files may be mixed; an npz is used only if one
    of the four arrays has no such file. In place of a file there may be a folder that holds one
    of the same name, as some programs unpack archives; a file comes first.

    Args:
      path: a folder, or an .npz file.
      info: the data set to look for.

    Returns:
      A path per array name. For an npz, or for shards and their index, it is the same path
      four times.

    Raises:
      DataFault: the path does not exist, is neither a folder nor an .npz file, is empty,
        or lacks the files.
    """
    try:
        with os.scandir(path) as entries:
            files = {entry.name: not entry.is_dir() for entry in entries}
        names = sorted(files)
    except FileNotFoundError:
        raise DataFault(path, "does not exist") from None
    except NotADirectoryError:
        if path.suffix.lower() == ".npz" and path.is_file():
            return dict.fromkeys(ARRAY_NAMES, path)
        raise DataFault(path, "is neither a directory nor an .npz file") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not names:
        raise DataFault(path, f"is an empty directory; expected {_expected(info)}")
    if files.get(INDEX):
        return dict.fromkeys(ARRAY_NAMES, path / INDEX)
    found = {}
    for array in ARRAY_NAMES:
        known = [name for name in (*idx_names(array), f"{array}.npy") if name in files]
        places = [path / name for name in known if files[name]]
        places += [path / name / name for name in known if os.path.isfile(path / name / name)]
        # A folder alone is not what was meant; what reads it says so.
        places += [path / name for name in known]
        if places:
            found[array] = places[0]
    if len(found) == len(ARRAY_NAMES):
        return found
    for name in info.npz_names:
        if name in files:
            return dict.fromkeys(ARRAY_NAMES, path / name)
    if found:
        lacking = [IDX_STEMS[array] for array in ARRAY_NAMES if array not in found]
        raise DataFault(path, f"lacks {', '.join(f'{stem}[.gz]' for stem in lacking)}")
    raise DataFault(path, _wrong_files(path, names, info))


def idx_names(array: str) -> tuple[str, ...]:
    """File names under which an array's IDX file is accepted, the preferred one first.

    Besides the published name (`train-images-idx3-ubyte`), the one with a dot in place of
    the second hyphen (`train-images.idx3-ubyte`) is accepted, which some archives contain.
    """
    stem = IDX_STEMS[array]
    dotted = stem.replace("-idx", ".idx")
    return (stem, dotted, f"{stem}.gz", f"{dotted}.gz")


def read_arrays(
    files: Mapping[str, Path], info: DatasetInfo, memory_mb: int = MEMORY_MB
) -> dict[str, np.ndarray | Rows]:
    """Reads and checks the four arrays; those of larger sets are only opened.

    Args:
      files: a path per array name, as `find_files` returns them.
      info: the data set the files claim to be.
      memory_mb: if shards, or plain IDX and npy files, are larger than this many MB (of 10^6
        bytes), their rows are read when they are needed. Compressed files are always read.

    Returns:
      Images uint8 [n, rows, columns] and labels int32 [n], by name.

    Raises:
      DataFault: a file cannot be used, or the arrays do not form a data set.
    """
    first = files[ARRAY_NAMES[0]]
    arrays: Mapping[str, np.ndarray | Rows]
    if first.name == INDEX:
        arrays = _of_shards(first.parent, memory_mb)
    elif first.suffix.lower() == ".npz":
        arrays = read_npz(first)
    else:
        opened: dict[str, np.ndarray | Rows] = {}
        large = sum(_size(path) for path in files.values()) > memory_mb * 10**6
        for name, path in files.items():
            if path.suffix == ".npy" or (large and not is_gzip(path)):
                opened[name] = open_rows(path, memory_mb)
            else:
                opened[name] = read_idx(path)
        arrays = opened if large else _in_memory(opened)
    for name, array in arrays.items():
        check_dtype(array.dtype, name, files[name])
    return checked(arrays, files, info)


def stated_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """The content hashes that the index of shards states; empty for other files."""
    first = files[ARRAY_NAMES[0]]
    if first.name != INDEX:
        return {}
    sha256 = open_shards(first.parent).sha256
    return {f"{name}_{part}": sha256[part][name] for part in sha256 for name in sha256[part]}


def _of_shards(path: Path, memory_mb: int) -> dict[str, np.ndarray | Rows]:
    parts = open_shards(path, memory_mb).parts
    found = {f"{name}_{part}": parts[part][name] for part in parts for name in parts[part]}
    if missing := [name for name in ARRAY_NAMES if name not in found]:
        raise DataFault(path / INDEX, f"lacks {', '.join(missing)}; it has {', '.join(found)}")
    chosen = {name: found[name] for name in ARRAY_NAMES}
    large = sum(rows.nbytes for rows in chosen.values()) > memory_mb * 10**6
    return dict(chosen) if large else _in_memory(chosen)


def _in_memory(arrays: Mapping[str, np.ndarray | Rows]) -> dict[str, np.ndarray | Rows]:
    return {name: np.asarray(array) for name, array in arrays.items()}


def _size(path: Path) -> int:
    with open_regular(path) as file:
        return os.fstat(file.fileno()).st_size


def _expected(info: DatasetInfo) -> str:
    stems = ", ".join(f"{IDX_STEMS[array]}[.gz]" for array in ARRAY_NAMES)
    return f"{stems}, or {' or '.join(info.npz_names)}"


def _wrong_files(path: Path, names: list[str], info: DatasetInfo) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    text = f"holds {shown}" + (f" and {more} more" if more > 0 else "")
    text += f"; expected {_expected(info)}"
    for name in (info.name, info.name.replace("_", "-")):
        if (path / name).is_dir():
            return f"{text}; did you mean its folder {path / name}?"
    return text
