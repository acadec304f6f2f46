"""Runs, read from their folders: records, curves, comparisons. No TensorFlow is loaded for it."""

from mlp_lab.runs.comparing import Comparison, compare
from mlp_lab.runs.equality import Equality
from mlp_lab.runs.listing import Entry, list_runs
from mlp_lab.runs.run import Run, open_run
from mlp_lab.runs.series import Histograms, Scalars, SeriesMap, Values

__all__ = [
    "Comparison",
    "Entry",
    "Equality",
    "Histograms",
    "Run",
    "Scalars",
    "SeriesMap",
    "Values",
    "compare",
    "list_runs",
    "open_run",
]
