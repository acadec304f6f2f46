"""Finds and reads the files of a data set in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import ARRAY_NAMES, IDX_STEMS, DatasetInfo
from mlp_lab.data.checks import checked
from mlp_lab.data.faults import DataFault
from mlp_lab.data.idx import read_idx
from mlp_lab.data.npz import read_npz
from mlp_lab.data.streams import reason_of

_SHOWN_NAMES = 6


def find_files(path: Path, info: DatasetInfo) -> dict[str, Path]:
    """Finds the file of each array.

    A folder may hold several candidates. The order is: IDX plain, IDX gzipped,
    npz. Plain and gzipped files may be mixed; an npz is used only when the four
    IDX files are not all there.

    Args:
      path: a folder, or an .npz file itself.
      info: the data set looked for.

    Returns:
      A path per array name; the same path four times for an npz.

    Raises:
      DataFault: the path is missing, neither a folder nor an .npz file, empty,
        or lacks the files.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(path))
    except FileNotFoundError:
        raise DataFault(path, "does not exist") from None
    except NotADirectoryError:
        if path.suffix.lower() == ".npz" and path.is_file():
            return dict.fromkeys(ARRAY_NAMES, path)
        raise DataFault(path, "is neither a directory nor an .npz file") from None
    except (OSError, ValueError) as error:
        raise DataFault(path, f"cannot be read ({reason_of(error)})") from error
    if not names:
        raise DataFault(path, f"is an empty directory; expected {_expected(info)}")
    found = {}
    for array in ARRAY_NAMES:
        name = next((name for name in idx_names(array) if name in names), None)
        if name is not None:
            found[array] = path / name
    if len(found) == len(ARRAY_NAMES):
        return found
    for name in info.npz_names:
        if name in names:
            return dict.fromkeys(ARRAY_NAMES, path / name)
    if found:
        lacking = [IDX_STEMS[array] for array in ARRAY_NAMES if array not in found]
        raise DataFault(path, f"lacks {', '.join(f'{stem}[.gz]' for stem in lacking)}")
    raise DataFault(path, _wrong_files(path, names, info))


def idx_names(array: str) -> tuple[str, ...]:
    """File names under which an array's IDX file is accepted, the preferred one first.

    Besides the published name (`train-images-idx3-ubyte`) that with a dot for
    the second hyphen (`train-images.idx3-ubyte`), which some archives contain.
    """
    stem = IDX_STEMS[array]
    dotted = stem.replace("-idx", ".idx")
    return (stem, dotted, f"{stem}.gz", f"{dotted}.gz")


def read_arrays(files: Mapping[str, Path], info: DatasetInfo) -> dict[str, np.ndarray]:
    """Reads and checks the four arrays.

    Args:
      files: a path per array name, as `find_files` returns.
      info: the data set the files claim to be.

    Returns:
      Images uint8 [n, rows, columns] and labels int32 [n], by name.

    Raises:
      DataFault: a file cannot be used, or the arrays do not form a data set.
    """
    first = files[ARRAY_NAMES[0]]
    if first.suffix.lower() == ".npz":
        arrays = read_npz(first)
    else:
        arrays = {name: read_idx(files[name]) for name in ARRAY_NAMES}
    return checked(arrays, files, info)


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
            return f"{text}; its folder {path / name} may be the one"
    return text
