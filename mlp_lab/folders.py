"""Folders to write to: local ones, and those of TensorFlow's other file systems, such as gs://."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import tensorflow as tf

# As TensorFlow recognizes them; a single letter is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.+-]+):/(/?)")


class Remote(os.PathLike):
    """A file or folder of another file system; as much of `pathlib.Path` as is needed here.

    `pathlib` would make `ram:/x`, a local path, of `ram://x`.

    Args:
      path: `scheme://...`.
    """

    def __init__(self, path: str):
        self._path = path.rstrip("/") if not path.endswith("://") else path

    def __fspath__(self) -> str:
        return self._path

    __str__ = __fspath__

    def __repr__(self) -> str:
        return f"Remote({self._path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self._path}/{name}" if not self._path.endswith("/") else self._path + name)

    @property
    def name(self) -> str:
        """The last part."""
        return self._path.rpartition("/")[2]

    @property
    def parent(self) -> Remote:
        """The folder that it is in."""
        return Remote(self._path.rpartition("/")[0])

    def __lt__(self, other: Remote) -> bool:
        return self._path < other._path

    def with_name(self, name: str) -> Remote:
        """A path in the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> Remote:
        """The path with another end of its name."""
        return self.with_name(self.name.rpartition(".")[0] + suffix)

    def relative_to(self, other: Remote) -> str:
        """The part of the path below another."""
        return self._path.removeprefix(f"{other}/")

    def is_dir(self) -> bool:
        """Whether there is such a folder."""
        return tf.io.gfile.isdir(self._path)

    def is_file(self) -> bool:
        """Whether there is such a file."""
        return self.exists() and not self.is_dir()

    def iterdir(self) -> Iterator[Remote]:
        """What is in the folder."""
        return (self / name.rstrip("/") for name in tf.io.gfile.listdir(self._path))

    def glob(self, pattern: str) -> Iterator[Remote]:
        """What in the folder has such a name."""
        return (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))

    def rglob(self, pattern: str) -> Iterator[Remote]:
        """Files in the folder and all below it that have such a name."""
        for within, _, names in tf.io.gfile.walk(self._path):
            yield from (Remote(within) / n for n in names if fnmatch.fnmatchcase(n, pattern))

    def size(self) -> int:
        """Bytes of the file."""
        return tf.io.gfile.stat(self._path).length

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        if not missing_ok or self.exists():
            tf.io.gfile.remove(self._path)

    def replace(self, target: Remote) -> None:
        """Renames it; a file of that name is overwritten."""
        tf.io.gfile.rename(self._path, target._path, overwrite=True)

    def open(self, mode: str) -> tf.io.gfile.GFile:
        """The file, opened."""
        return tf.io.gfile.GFile(self._path, mode)

    def read_bytes(self) -> bytes:
        """The content of the file."""
        with self.open("rb") as file:
            return file.read()

    def write_text(self, text: str) -> None:
        """Writes a file of text."""
        self.write_bytes(text.encode())

    def exists(self) -> bool:
        """Whether there is such a file or folder."""
        return tf.io.gfile.exists(self._path)

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        """Makes the folder and those above it; it may exist."""
        tf.io.gfile.makedirs(self._path)

    def write_bytes(self, content: bytes) -> None:
        """Writes the file under a temporary name, and renames it; one that exists is replaced."""
        unfinished = self.with_name(f".{self.name}.{os.getpid()}.tmp")
        unfinished.unlink(missing_ok=True)  # `ram://` would append to it
        try:
            with unfinished.open("wb") as file:
                file.write(content)
            unfinished.replace(self)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


Folder = Path | Remote


@contextlib.contextmanager
def whole(path: Path, unfinished: Path) -> Iterator[Path]:
    """Gives the temporary name to write a file under, which then takes the place of `path`.

    It is flushed to the disk (fsync) and renamed, and the folder's entry is flushed too: whenever
    the process or the machine stops, the file at `path` is the old or the new one. If `path` is a
    link, the link is replaced, not what it leads to.

    Args:
      path: of the file.
      unfinished: another name in the same folder; what has it is removed.

    Raises:
      OSError: it cannot be written; nothing is left of it.
    """
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        _sync(unfinished)
        unfinished.replace(path)
        with contextlib.suppress(OSError):  # some systems cannot open a folder
            _sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when its content is complete: `whole`."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with whole(path, unfinished), open(unfinished, "xb") as file:
        yield file


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder(path: str | os.PathLike[str], argument: str = "folder") -> Folder:
    """A path as a `pathlib.Path`, or as a `Remote` if it belongs to another file system.

    Args:
      path: local, or `scheme://...`.
      argument: what the user calls it, for the error message.

    Raises:
      ValueError: TensorFlow has no file system for the scheme, or `pathlib` has made a local path
        of `scheme://...`.
    """
    if isinstance(path, Remote):
        return path
    text = os.fspath(path)
    scheme = scheme_of(text)
    if scheme is None:
        return Path(text)
    known = _known()
    if scheme not in known:
        raise ValueError(
            f"{argument}: {text!r}: TensorFlow has no file system for {scheme}://, only for "
            f"{', '.join(f'{name}://' for name in known)} and local paths; import the package that "
            "adds it first, or give another path"
        )
    if "://" not in text:
        raise ValueError(
            f"{argument}: {text!r} is a local path; write {scheme}://, as a string: pathlib.Path "
            "drops a slash"
        )
    return Remote(text)


def scheme_of(path: str) -> str | None:
    """The scheme of a path that belongs to another file system, such as "gs"; None if local.

    Also of `gs:/...`, which `pathlib` makes of `gs://...`.
    """
    found = _SCHEME.match(path)
    return found[1] if found and (found[2] or found[1] in _known()) else None


def _known() -> list[str]:
    return sorted(filter(None, tf.io.gfile.get_registered_schemes()))
