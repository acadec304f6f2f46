"""A folder of checkpoints, in which the latest few are kept."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from mlp_lab.checkpoints import files
from mlp_lab.checkpoints.files import CheckpointError
from mlp_lab.folders import folder as as_folder

_NAME = re.compile(r"step-([0-9]{12})\.ckpt")
_UNFINISHED = re.compile(r"\.step-[0-9]{12}\.ckpt\.[0-9]+\.tmp")


class Store:
    """Checkpoints, named after the number of steps made.

    Args:
      folder: created with the first checkpoint; also one that TensorFlow reads (`gs://`, `ram://`).
      keep: how many of the latest are kept, at least 1.
      say: called with a message for each file that cannot be used.

    Raises:
      ValueError: keep below 1.
    """

    def __init__(
        self, folder: str | os.PathLike, keep: int = 2, say: Callable[[str], None] = print
    ):
        if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
            raise ValueError(f"keep: expected a whole number of at least 1, got {keep!r}")
        self.folder = as_folder(folder)
        self.keep = keep
        self._say = say

    def paths(self) -> list[Any]:
        """All checkpoints, the latest first."""
        if not self.folder.is_dir():
            return []
        found = [
            path for path in self.folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()
        ]
        return sorted(found, reverse=True)

    def save(self, step: int, tree: Mapping[str, Any]) -> Any:
        """Writes a checkpoint, then removes the oldest beyond `keep`.

        Raises:
          OSError: it cannot be written; earlier checkpoints stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step-{step:012d}.ckpt"
        files.write(path, tree)
        for old in self.paths()[self.keep :]:
            old.unlink(missing_ok=True)
        # Left by a process that was killed while writing.
        for left in self.folder.glob(".step-*.tmp"):
            if _UNFINISHED.fullmatch(left.name) and left.is_file():
                left.unlink(missing_ok=True)
        return path

    def clear(self) -> None:
        """Removes all checkpoints."""
        for path in self.paths():
            path.unlink(missing_ok=True)

    def load_for(self, replicas: Any) -> dict[str, Any] | None:
        """As `load`; among several workers the chief reads, and sends the others what it read."""
        if replicas.workers == 1:
            return self.load()
        loaded = self.load() if replicas.chief else None
        content = replicas.from_chief(None if loaded is None else files.encode(loaded))
        return None if content is None else files.decode(content, "checkpoint of the chief")

    def load(self) -> dict[str, Any] | None:
        """The latest intact checkpoint; damaged ones are reported and skipped.

        Returns:
          Its tree, or None if there are no checkpoints.

        Raises:
          CheckpointError: there are checkpoints, but none can be used.
        """
        paths = self.paths()
        reasons = []
        for path in paths:
            try:
                tree = files.read(path)
            except (CheckpointError, OSError, tf.errors.OpError) as error:
                reasons.append(str(error))
                self._say(f"checkpoint not used: {error}")
                continue
            for newer in paths[: len(reasons)]:  # else they would stay the latest forever
                newer.replace(newer.with_suffix(".damaged"))
            return tree
        if reasons:
            raise CheckpointError(
                f"none of the {len(reasons)} checkpoints in {str(self.folder)!r} can be used: "
                + "; ".join(reasons)
            )
        return None
