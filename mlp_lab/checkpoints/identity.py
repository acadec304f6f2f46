"""What a training is: kept in its checkpoints, so that those of another are refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlp_lab.checkpoints.events import EventFiles
from mlp_lab.checkpoints.files import CheckpointError, OtherTraining
from mlp_lab.folders import Folder

_SHOWN = 40


class Identity:
    """What must be the same when a training is resumed: what it depends on, and its event files.

    Args:
      parts: what it depends on, by the names that a message has for it: its run, its data, its
        options, its source code, as text or checksums.
      events: the folder with its event files; None if they do not matter.
    """

    def __init__(self, parts: Mapping[str, str], events: Folder | None):
        self._parts = dict(parts)
        self._events = None if events is None else EventFiles(events)

    def taken(self, owners: Iterable[str]) -> dict[str, Any]:
        """What a checkpoint keeps of it; `owners` are those of the event files."""
        events = None if self._events is None else self._events.taken(owners)
        return {"parts": self._parts, "events": events}

    def check(self, tree: Mapping[str, Any], accept: bool) -> list[str]:
        """Refuses a checkpoint that was not made as this training is.

        Args:
          tree: the checkpoint.
          accept: whether differences are accepted.

        Returns:
          The differences.

        Raises:
          OtherTraining: there are some, and they are not accepted.
        """
        if "identity" not in tree:
            raise CheckpointError(
                "the checkpoint was made by an older version; start over, in an empty folder"
            )
        found = self.differences(tree["identity"])
        if found and not accept:
            raise OtherTraining(
                f"the checkpoint of step {tree['position']['step']} cannot be resumed: "
                f"{'; '.join(found)}; undo that, start over, or resume with accept_changes"
            )
        return found

    def differences(self, taken: Mapping[str, Any]) -> list[str]:
        """What is not as it was when a checkpoint was made, each with what it was and is."""
        was = taken["parts"]
        names = [*was, *(name for name in self._parts if name not in was)]
        found = [
            f"{name} was {_short(was.get(name))} and is {_short(self._parts.get(name))}"
            for name in names
            if was.get(name) != self._parts.get(name)
        ]
        if self._events is not None and taken["events"] is not None:
            found += self._events.faults(taken["events"])
        return found

    def cut_back(self, taken: Mapping[str, Any]) -> None:
        """Removes from the event files what was written after the checkpoint."""
        if self._events is not None and taken["events"] is not None:
            self._events.cut_back(taken["events"])


def _short(value: str | None) -> str:
    if value is None:
        return "absent"
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
