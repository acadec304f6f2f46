"""The event files of a training: what they held at a checkpoint, and how they are cut back to it.

Names of event files end with their owner (see `Writer`). A training looks at files of its own
owners only: another run may write below its folder.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from mlp_lab.folders import Folder, Remote, replacing

_CHUNK = 2**22


class EventFiles:
    """The event files that a training has written below a folder.

    Args:
      folder: local or remote.
    """

    def __init__(self, folder: Folder):
        self._folder = folder
        self._read: dict[str, tuple[int, Any]] = {}  # by name: how much is in the digest

    def taken(self, owners: Iterable[str]) -> dict[str, Any]:
        """Length and SHA-256 of each file of these owners, for `faults` and `cut_back`.

        What was read before is not read again.
        """
        owners = sorted({*owners})
        files = {}
        for name, path in self._own(owners).items():
            done, digest = self._read.get(name, (0, hashlib.sha256()))
            length = size(path)
            _update(digest, path, done, length)
            self._read[name] = length, digest
            files[name] = {"bytes": length, "sha256": digest.hexdigest()}
        return {"owners": owners, "files": files}

    def faults(self, taken: Mapping[str, Any]) -> list[str]:
        """What is not as it was at the checkpoint: files that are missing, shorter or changed."""
        own, found = self._own(taken["owners"]), []
        for name, was in taken["files"].items():
            if name not in own:
                found.append(f"{name} is missing")
            elif (now := size(own[name])) < was["bytes"]:
                found.append(f"{name} has {now:,} bytes, it had {was['bytes']:,}")
            else:
                digest = hashlib.sha256()
                _update(digest, own[name], 0, was["bytes"])
                if digest.hexdigest() != was["sha256"]:
                    found.append(f"{name} has been changed")
        return found

    def cut_back(self, taken: Mapping[str, Any]) -> None:
        """Removes what the training wrote after the checkpoint.

        A file is written anew and takes the other's place: one that has other names, as links or
        in a backup, keeps its content there.
        """
        for name, path in self._own(taken["owners"]).items():
            if name not in taken["files"]:
                path.unlink()
            elif size(path) > taken["files"][name]["bytes"]:
                _cut(path, taken["files"][name]["bytes"])

    def _own(self, owners: Iterable[str]) -> dict[str, Any]:
        folder: Any = self._folder
        ends = tuple(f".{owner}" for owner in owners)
        if not ends or not folder.is_dir():
            return {}
        paths = folder.rglob("events.out.tfevents.*")
        return {str(p.relative_to(folder)): p for p in paths if p.name.endswith(ends)}


def size(path: Folder) -> int:
    """Bytes of a file."""
    return path.size() if isinstance(path, Remote) else path.stat().st_size


def _update(digest: Any, path: Folder, start: int, end: int) -> None:
    """Adds these bytes of a file to a digest."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (content := file.read(min(_CHUNK, end - start))):
            digest.update(content)
            start += len(content)


def _cut(path: Folder, length: int) -> None:
    with path.open("rb") as file:
        kept = file.read(length)
    if isinstance(path, Remote):
        path.write_bytes(kept)
        return
    with replacing(path) as file:
        file.write(kept)
