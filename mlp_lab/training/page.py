"""A run's own page in TensorBoard: options, record, arrangement of the curves."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlp_lab.options.config import Config
from mlp_lab.writers import Writer

# These say where a run is written and what it prints, not what was trained.
_NO_HPARAMS = ("data_dir", "log_dir", "name", "overwrite", "verbose")


class RunPage:
    """Writes what concerns the run as a whole, into the run's folder itself.

    That is a row in HParams with the options and the metrics of training and validation; the
    record as text; and the charts of Custom Scalars: training beside validation, squared
    error beside cross-entropy, and the curves that show how learning goes.

    Args:
      folder: the run's folder.
      config: the run's options.
      run: the run's id, with which the names of its files end.
      chief: whether this worker writes; the other workers have no page.
      group: of runs that differ only in their seed: they share a row in HParams, which shows
        the means of their metrics. None gives the run a row of its own.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        run: str,
        chief: bool = True,
        group: str | None = None,
    ):
        self.writer = Writer(folder, run)
        self._group = group
        self._chief = chief
        self._config = config

    def begin(self, record: Mapping[str, Any], metrics: Iterable[str]) -> None:
        """Writes the page of a run that is about to start.

        Args:
          record: as in run.json.
          metrics: names of the logged metrics beside the loss.
        """
        if not self._chief:
            return
        logs = ["loss", *metrics]
        options = {
            # An option that may be left to the model is a string in every run: HParams takes
            # a column's type, and whether it exists, from the first run that it finds.
            field.name: value if field.default is not None else str(value or "default")
            for field in dataclasses.fields(self._config)
            for value in [getattr(self._config, field.name)]
            if field.name not in _NO_HPARAMS and not (self._group and field.name == "seed")
        }
        groups = ("validation", "train")
        shown = [(f"epoch_{log}", group) for log in logs for group in groups]
        if self._config.finds_best:
            monitored = self._config.monitored
            group = groups[not monitored.startswith("val_")]
            shown.insert(0, (f"best/{monitored}", group))
        self.writer.hparams(options, shown, self._group)
        self.writer.layout(_layout(str(self._config.loss), logs))
        self.writer.text("run", _table(record), step=0)
        self.writer.flush()

    def end(self, record: Mapping[str, Any], succeeded: bool, step: int) -> None:
        """Completes the page and closes the file."""
        if not self._chief:
            return
        self.writer.text("run", _table(record), step=step)
        self.writer.hparams_end(succeeded)
        self.writer.close()


def _layout(loss: str, logs: list[str]) -> dict[str, dict[str, list[str]]]:
    beside = {log: [f"^epoch_{re.escape(log)}$"] for log in logs}
    charts = {"Training beside validation": beside}
    if "mean_squared_error" in logs and loss != "mean_squared_error":
        both = ["^epoch_loss$", "^epoch_mean_squared_error$"]
        charts["Squared error beside the loss"] = {f"{loss} and mean_squared_error": both}
    charts["How learning goes"] = {
        "gradient norm of each layer": [r"^gradients/[^/]+/norm$"],
        "update to weight of each layer": [r"^updates/.+/ratio$"],
        "dead and saturated units": [r"^units/.+/(dead|saturated)$"],
        "loss of single batches": ["^batch_loss$"],
    }
    return charts


def _table(record: Mapping[str, Any]) -> str:
    """The record as a Markdown table: nested parts as JSON, without the curves."""
    rows = ["| | |", "|---|---|"]
    for name, value in record.items():
        if name in ("history", "config"):
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        rows.append(f"| {name} | {text.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)
