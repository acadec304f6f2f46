"""Runs: the parts a config names, checked, trained, and recorded in a folder."""

from mlp_lab.training.run import Result, run

__all__ = ["Result", "run"]
