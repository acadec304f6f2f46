"""Checkpoints: the whole state of a training, in files that are complete or not used."""

from mlp_lab.checkpoints.files import (
    CheckpointError,
    OtherTraining,
    decode,
    encode,
    read,
    write,
)
from mlp_lab.checkpoints.held import Held, held
from mlp_lab.checkpoints.identity import Identity
from mlp_lab.checkpoints.state import (
    collect,
    collect_model,
    digests,
    lacking,
    restore,
    restore_model,
    unsaved,
)
from mlp_lab.checkpoints.store import Store
from mlp_lab.checkpoints.walk import find

__all__ = [
    "CheckpointError",
    "Held",
    "Identity",
    "OtherTraining",
    "Store",
    "collect",
    "collect_model",
    "decode",
    "digests",
    "encode",
    "find",
    "held",
    "lacking",
    "read",
    "restore",
    "restore_model",
    "unsaved",
    "write",
]
