"""Loads a data set from the best available source, and says which one and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.data import catalogue
from mlp_lab.data.catalogue import ARRAY_NAMES, DatasetInfo
from mlp_lab.data.checks import check_content, content_hashes
from mlp_lab.data.dataset import Dataset, Origin
from mlp_lab.data.download import download
from mlp_lab.data.faults import Absent, DataFault
from mlp_lab.data.folder import find_files, read_arrays, stated_hashes
from mlp_lab.data.keras_cache import cached_files, keras_homes
from mlp_lab.data.rows import MEMORY_MB, Rows
from mlp_lab.errors import InputError, near_miss, one_line

SOURCES = ("auto", "data_dir", "keras_cache", "installed", "download", "sample")
"""What `--data_source` accepts. "auto" tries the sources in the order of `AUTO_ORDER`."""

AUTO_ORDER = ("keras_cache", "installed", "download", "sample")
"""The order of "auto" if no `data_dir` is given."""

SAMPLE_DIR = Path(__file__).parent / "sample"

_IN_WORDS = {"keras_cache": "in the Keras cache", "installed": "installed with the system"}


class _Journal:
    """Passes each line to the user and keeps it for the record."""

    def __init__(self, say: Callable[[str], object]):
        self._say = say
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        line = one_line(line)
        self.lines.append(line)
        self._say(line)


def load(
    name: str,
    source: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    say: Callable[[str], object] = print,
    memory_mb: int = MEMORY_MB,
) -> Dataset:
    """Loads a data set.

    With `data_dir`, only that place is used; any problem with it is an error, and no other
    source is tried. Without it, "auto" takes the first available of: the Keras cache, a set
    installed with the system, a download (which gives up within seconds if there is no
    network), the sample bundled with mlp_lab. Apart from `data_dir`, a source is used only if
    its content is exactly the published set (or the known sample). Damaged copies and the
    reasons for using the sample are reported in one line each and kept in
    `Dataset.origin.notes`.

    Args:
      name: one of `dataset_names()`.
      source: one of `SOURCES`; if it is not "auto", no other source is tried. "download" does
        not download files again that are in the Keras cache with the right checksum.
      data_dir: a folder with shards, IDX, gzipped IDX or npy files or Keras' npz, or an .npz
        file (see `folder.find_files`); `~` is expanded. Allowed with the sources "auto" and
        "data_dir".
      say: called with each line for the user.
      memory_mb: if a `data_dir` is larger than this many MB (of 10^6 bytes), uncompressed, its
        rows stay in their files, and a pipeline holds up to this many MB of them at once.

    Returns:
      The data set, with read-only arrays or `Rows`.

    Raises:
      InputError: an option is wrong, or the requested source fails.
    """
    info = _info(name)
    if source not in SOURCES:
        raise InputError(
            "data_source",
            f"unknown source '{source}'; allowed: {', '.join(SOURCES)}"
            + near_miss(str(source), SOURCES),
        )
    check_together(source, data_dir)
    journal = _Journal(say)
    if data_dir is not None:
        return _from_data_dir(info, data_dir, journal, memory_mb)
    if source != "auto":
        return _pinned(info, source, journal)
    return _auto(info, journal)


def check_together(source: str, data_dir: str | os.PathLike[str] | None) -> None:
    """Checks that a known source is given a folder if, and only if, it reads one.

    Raises:
      InputError: there is a folder for a source that does not read it, or none for "data_dir".
    """
    if data_dir is None and source == "data_dir":
        raise InputError("data_source", "data_dir needs a folder; give --data_dir=PATH")
    if data_dir is not None and source not in ("auto", "data_dir"):
        raise InputError(
            "data_dir",
            f"'{os.fspath(data_dir)}' was given together with --data_source={source}, "
            "which does not read it; omit one of the two",
        )


def _info(name: str) -> DatasetInfo:
    known = catalogue.DATASETS
    if name not in known:
        raise InputError(
            "dataset",
            f"unknown data set '{name}'; allowed: {', '.join(known)}" + near_miss(str(name), known),
        )
    return known[name]


def _auto(info: DatasetInfo, journal: _Journal) -> Dataset:
    reasons: list[str] = []
    for kind in AUTO_ORDER[:-1]:
        try:
            return _READERS[kind](info, journal)
        except Absent as absent:
            reasons.append(absent.reason)
        except DataFault as fault:
            where = _IN_WORDS[kind]
            journal.note(f"{info.name}: the copy {where} is damaged and not used: {fault}")
            reasons.append(f"the copy {where} is damaged")
    return _from_sample(info, journal, "; ".join(reasons) + "; ")


def _pinned(info: DatasetInfo, source: str, journal: _Journal) -> Dataset:
    instead = "use --data_source=auto, or --data_dir=FOLDER with the full set"
    try:
        return _READERS[source](info, journal)
    except Absent as absent:
        raise InputError(
            "data_source", f"{source}: {info.name}: {absent.reason}; {instead}"
        ) from absent
    except DataFault as fault:
        raise InputError("data_source", f"{source}: {fault}; remove it or {instead}") from fault


def _from_data_dir(
    info: DatasetInfo, data_dir: str | os.PathLike[str], journal: _Journal, memory_mb: int
) -> Dataset:
    given = os.fspath(data_dir)
    if not given:
        raise InputError("data_dir", "is empty; give a folder or an .npz file, or omit it")
    path = Path(os.path.expanduser(given))
    try:
        files = find_files(path, info)
        arrays = read_arrays(files, info, memory_mb)
        streamed = isinstance(arrays["x_train"], Rows) or isinstance(arrays["x_test"], Rows)
        hashes = stated_hashes(files) if streamed else content_hashes(arrays)
        for other in catalogue.DATASETS.values():
            if other.name != info.name and hashes in (
                dict(other.sha256),
                dict(other.sample_sha256),
            ):
                raise DataFault(
                    path, f"holds {other.name}, not {info.name}; use --dataset={other.name}"
                )
    except DataFault as fault:
        raise InputError("data_dir", f"{fault}; correct --data_dir or omit it") from fault
    if streamed:
        journal.note(
            f"{info.name}: {path} is larger than --data_memory_mb={memory_mb}: its rows "
            f"({_rows_in_words(_rows(arrays))}) are read from its files when they are needed"
        )
    elif hashes != dict(info.sha256):
        journal.note(
            f"{info.name}: the content of {path} is not the published set "
            f"({_rows_in_words(_rows(arrays))}); results are not comparable with published ones"
        )
    return _dataset(info, arrays, hashes, "data_dir", _location(files), journal)


def _from_keras_cache(info: DatasetInfo, journal: _Journal) -> Dataset:
    looked_in: list[Path] = []
    first_fault: DataFault | None = None
    for home in keras_homes():
        files = cached_files(home, info)
        paths = dict.fromkeys(files.values())
        location = _location(files)
        looked_in.append(location)
        missing = [path.name for path in paths if not os.path.lexists(path)]
        if len(missing) == len(paths):
            continue
        try:
            if missing:
                raise DataFault(location, f"lacks {', '.join(missing)}")
            return _published(info, files, "keras_cache", location, journal)
        except DataFault as fault:
            first_fault = first_fault or fault
    if first_fault is not None:
        raise first_fault
    raise Absent(f"not {_IN_WORDS['keras_cache']} ({' or '.join(map(str, looked_in))})")


def _from_installed(info: DatasetInfo, journal: _Journal) -> Dataset:
    for folder in map(Path, info.installed):
        if os.path.lexists(folder):
            files = find_files(folder, info)
            return _published(info, files, "installed", folder, journal)
    raise Absent(f"not {_IN_WORDS['installed']} ({' or '.join(info.installed)})")


def _from_download(info: DatasetInfo, journal: _Journal) -> Dataset:
    arrays, files = download(info, journal.note)
    return _dataset(info, arrays, content_hashes(arrays), "download", _location(files), journal)


def _from_sample(info: DatasetInfo, journal: _Journal, reasons: str = "") -> Dataset:
    """Reads the bundled sample; `reasons` say why it is used and end with "; "."""
    path = SAMPLE_DIR / f"{info.name}.npz"
    files = dict.fromkeys(ARRAY_NAMES, path)
    try:
        arrays = read_arrays(files, info)
        hashes = content_hashes(arrays)
        check_content(hashes, info.sample_sha256, files, f"the bundled sample of {info.name}")
    except DataFault as fault:
        raise InputError(
            "data_source", f"sample: {fault}; this installation is damaged: install mlp_lab again"
        ) from fault
    full = info.rows
    advice = "--data_dir=FOLDER" + (", or connect to the network" if reasons else "")
    journal.note(
        f"{info.name}: {reasons}using the bundled sample: {_rows_in_words(_rows(arrays))} of the "
        f"full {full['train']:,} and {full['test']:,}. Accuracy will be lower than on the full "
        f"set. For the full set: {advice}"
    )
    return _dataset(info, arrays, hashes, "sample", path, journal)


_READERS: Mapping[str, Callable[[DatasetInfo, _Journal], Dataset]] = {
    "keras_cache": _from_keras_cache,
    "installed": _from_installed,
    "download": _from_download,
    "sample": _from_sample,
}


def _published(
    info: DatasetInfo,
    files: Mapping[str, Path],
    kind: str,
    location: Path,
    journal: _Journal,
) -> Dataset:
    """Reads files that must hold the published set; raises `DataFault` if they do not."""
    arrays = read_arrays(files, info)
    hashes = content_hashes(arrays)
    check_content(hashes, info.sha256, files, f"the published {info.name}")
    return _dataset(info, arrays, hashes, kind, location, journal)


def _dataset(
    info: DatasetInfo,
    arrays: Mapping[str, Any],
    hashes: Mapping[str, str],
    kind: str,
    location: Path,
    journal: _Journal,
) -> Dataset:
    origin = Origin(
        kind=kind,
        location=str(location),
        sha256=dict(hashes),
        published=dict(hashes) == dict(info.sha256),
        rows=_rows(arrays),
        notes=tuple(journal.lines),
    )
    return Dataset(info.name, **arrays, class_names=info.class_names, origin=origin)


def _location(files: Mapping[str, Path]) -> Path:
    """What to name as the place of a data set: its one file, or the folder of several."""
    first = files[ARRAY_NAMES[0]]
    return first if len(set(files.values())) == 1 else first.parent


def _rows(arrays: Mapping[str, np.ndarray | Rows]) -> dict[str, int]:
    return {"train": len(arrays["x_train"]), "test": len(arrays["x_test"])}


def _rows_in_words(rows: Mapping[str, int]) -> str:
    return f"{rows['train']:,} training and {rows['test']:,} test images"
