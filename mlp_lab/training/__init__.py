"""Runs: the parts that a config names, checked, trained, and recorded in a folder."""

from mlp_lab.training.result import Result
from mlp_lab.training.run import run
from mlp_lab.training.setup import Setup

__all__ = ["Result", "Setup", "run"]
