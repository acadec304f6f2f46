"""Where Keras keeps downloaded data sets, found without importing Keras."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mlp_lab.data.catalogue import DatasetInfo


def keras_homes() -> tuple[Path, ...]:
    """Folders that Keras uses for its cache, the preferred one first.

    As in `keras/src/backend/config.py`: `KERAS_HOME` if set, else `.keras` in the user's
    home, or in /tmp if that home is not writable. As in `keras.utils.get_file`: `/tmp/.keras`
    in place of a folder that is not writable.
    """
    home = os.environ.get("KERAS_HOME")
    if home is None:
        base = os.path.expanduser("~")
        home = os.path.join(base if os.access(base, os.W_OK) else "/tmp", ".keras")
    home = os.path.expanduser(home)
    homes = [Path(home)] if home else []
    if not _writable(home):
        homes.append(_fallback_home())
    return tuple(dict.fromkeys(homes))


def cached_files(home: Path, info: DatasetInfo) -> dict[str, Path]:
    """Per array name, the path where Keras would keep it; nothing is read."""
    folder = home / info.cache_subdir
    return {name: folder / file.file_name for file in info.downloads for name in file.holds}


def _writable(home: str) -> bool:
    if not home:
        return False
    # Keras creates a missing home when it is imported, so the nearest existing parent
    # folder must be writable.
    place = os.path.abspath(home)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    return os.path.isdir(place) and os.access(place, os.W_OK)


def _fallback_home() -> Path:
    return Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras")
