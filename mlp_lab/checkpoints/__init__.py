"""Checkpoints: the whole state of a training, in files that are complete or not used."""

from mlp_lab.checkpoints.files import CheckpointError, decode, encode, read, write
from mlp_lab.checkpoints.state import collect, restore
from mlp_lab.checkpoints.store import Store

__all__ = ["CheckpointError", "Store", "collect", "decode", "encode", "read", "restore", "write"]
