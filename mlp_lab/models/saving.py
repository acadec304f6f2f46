"""Saving a model completely or not at all."""

import contextlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from mlp_lab.folders import scheme_of, whole

# Keras chooses the form by the end of the name.
_ENDS = (".weights.h5", ".keras", ".h5", ".hdf5")
_MOST_BYTES_OF_NAME = 100


class Saving:
    """Gives a Keras model a `save` and a `save_weights` that leave no half of a file."""

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model as `keras.Model.save` does; its arguments are the same.

        A local file is written under a temporary name in the same folder, flushed to the disk and
        renamed: whenever the process stops, there is the whole new file, or what was there
        before. A link is followed.
        """
        save = super().save  # type: ignore[misc]
        # Keras asks before it replaces a file.
        if (not overwrite and os.path.lexists(filepath)) or zipped is False:
            return save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)
        with whole_file(filepath) as path:
            return save(path, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves the weights as `keras.Model.save_weights` does, a file as `save` does."""
        save = super().save_weights  # type: ignore[misc]
        if (not overwrite and os.path.lexists(filepath)) or max_shard_size is not None:
            return save(filepath, overwrite, max_shard_size)
        with whole_file(filepath) as path:
            return save(path, overwrite)


def save_in_place(model: keras.Model, path: Path) -> None:
    """Saves any Keras model in place of what is at a local path; a link is replaced.

    Raises:
      OSError: it cannot be written; what was there before stays.
    """
    with whole_file(path, follow=False) as unfinished:
        model.save(unfinished)


@contextlib.contextmanager
def whole_file(path: Any, follow: bool = True) -> Iterator[Any]:
    """Yields the name under which to write a file; at the end it becomes `path`.

    Names left by processes that were killed are removed. What is not a local file of Keras'
    formats is written directly.

    Args:
      path: of the file.
      follow: whether a link at `path` stays, and the file that it leads to is replaced.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    end = next((end for end in _ENDS if text.endswith(end)), None)
    special = follow and os.path.exists(text) and not os.path.isfile(text)
    if end is None or scheme_of(text) or special:
        yield path
        return
    final = Path(os.path.realpath(text) if follow else text)
    stem = os.fsencode(final.name)[:_MOST_BYTES_OF_NAME].decode(errors="ignore")
    _remove_left(final.parent, stem)
    writer = f"{os.getpid()}-{threading.get_native_id()}"
    unfinished = final.with_name(f".{stem}.{writer}.tmp{end}")
    with whole(final, unfinished):
        yield str(unfinished)
        if follow and final.is_file():
            shutil.copymode(final, unfinished)


def _remove_left(folder: Path, stem: str) -> None:
    """Removes the unfinished files of processes that have ended."""
    unfinished = re.compile(rf"\.{re.escape(stem)}\.([0-9]{{1,9}})-[0-9]+\.tmp\..+")
    with contextlib.suppress(OSError):
        for entry in [*os.scandir(folder)]:
            found = unfinished.fullmatch(entry.name)
            if found and entry.is_file(follow_symlinks=False) and not _runs(int(found[1])):
                os.unlink(entry)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True
