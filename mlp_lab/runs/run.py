"""A run's folder, opened for reading."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.display import Displayed, Row
from mlp_lab.errors import InputError
from mlp_lab.options import flags, registry
from mlp_lab.options.config import Config
from mlp_lab.runs import layout
from mlp_lab.runs.events import EventFiles
from mlp_lab.runs.record import read_json
from mlp_lab.runs.series import SeriesMap

# Options that name classes.
_PARTS = ("model", "activation", "loss", "metrics", "optimizer")


class Run(Displayed):
    """What a training has left in its folder; made by `open_run`.

    Everything but `model` is read without TensorFlow, when it is first asked for. A run that is
    being trained can be read; open it again to see what has been added.

    Attributes:
      path: the folder; of a model that lies in no run's folder, its file.
      model_path: the saved model; it may not exist.
    """

    def __init__(self, path: Path, model_path: Path):
        self.path = path
        self.model_path = model_path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """What run.json holds; empty if it cannot be read."""
        return read_json(self.path / layout.RECORD) or {}

    @property
    def status(self) -> str:
        """finished, running, interrupted, failed, diverged; or unfinished, if no record says it."""
        return str(self.record.get("status", "unfinished"))

    @functools.cached_property
    def config(self) -> Config:
        """The options of the run, read from its flags.txt.

        Raises:
          InputError: it has no such file, or one of another version.
        """
        path = self.path / layout.FLAGS
        if not path.is_file():
            raise InputError("", f"{str(self.path)!r} has no {layout.FLAGS}, so no options")
        return flags.parse([f"--flagfile={path}", f"--name={self.name}"])

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Each log after each epoch, float64 [epochs], by its name in Keras (`val_loss`)."""
        found = self.record.get("history")
        if not isinstance(found, dict):
            return {}
        try:
            return {name: np.array([float(v) for v in values]) for name, values in found.items()}
        except (TypeError, ValueError):  # not written by a run
            return {}

    @functools.cached_property
    def model(self) -> Any:
        """The trained model, a `keras.Model`; this loads TensorFlow.

        Raises:
          InputError: there is none, or it cannot be loaded.
        """
        from mlp_lab.quiet import quiet_import

        with quiet_import():
            from mlp_lab.models import load_model
            from mlp_lab.models.load_model import ModelFileError
        if not self.model_path.is_file():
            raise InputError("", f"{str(self.path)!r} has no {layout.MODEL}: {self._why_none()}")
        self._import_own_classes()
        try:
            return load_model(self.model_path)
        except ModelFileError as error:
            raise InputError("", str(error)) from error

    def _import_own_classes(self) -> None:
        """Imports the modules of module:Class options, in which saved models find their classes."""
        found = self.record.get("config")
        config = found if isinstance(found, dict) else {}
        for name in _PARTS:
            for text in _texts(config.get(name)):
                if ":" not in text:
                    continue
                try:
                    registry.locate(registry.parse(name, text))
                except InputError as error:
                    raise InputError(
                        name,
                        f"{error.problem}; the run was trained with --{name}={text}: start from "
                        "the folder that has this module, or put it on PYTHONPATH",
                    ) from error

    def _why_none(self) -> str:
        if self.status == "finished":
            return "it has been removed since"
        return f"the run is {self.status}; resume it with --resume, or train it again"

    @functools.cached_property
    def schema(self) -> dict[str, Any] | None:
        """What schema.json holds, the columns of the table it learned from; None without one."""
        return read_json(self.path / layout.SCHEMA)

    @functools.cached_property
    def target(self) -> dict[str, Any] | None:
        """How the target of the table is read, as task.json holds it; None without a table."""
        return (read_json(self.path / layout.TASK) or {}).get("target")

    @functools.cached_property
    def events(self) -> EventFiles:
        """All event files."""
        return EventFiles(self.path)

    @property
    def faults(self) -> list[str]:
        """What of the event files could not be read, a sentence each."""
        return self.events.faults

    @property
    def scalars(self) -> SeriesMap:
        """`runs.Scalars` by tag: `run.scalars["gradients/global_norm"]`."""
        return self.events.map("scalars")

    @property
    def histograms(self) -> SeriesMap:
        """`runs.Histograms` by tag: `run.histograms["weights/hidden_1/kernel"]`."""
        return self.events.map("histograms")

    @property
    def texts(self) -> SeriesMap:
        """`runs.Values` of texts by tag."""
        return self.events.map("texts")

    @property
    def images(self) -> SeriesMap:
        """`runs.Values` of lists of PNG files by tag."""
        return self.events.map("images")

    @property
    def tensors(self) -> SeriesMap:
        """`runs.Values` of other arrays by tag, such as precision-recall curves."""
        return self.events.map("tensors")

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = [("path", str(self.path)), ("epochs", self.record.get("epochs"))]
        rows.append(("metrics", self.record.get("metrics", {})))
        return self.status, rows


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens a run's folder, to read what a training has left there.

    Args:
      path: the run's folder, `logs/NAME`; or a saved model, `.keras`: of a run's folder, it is
        the run that is opened.

    Returns:
      A `Run`: `run.config`, `run.record`, `run.history`, `run.model`, and every series that
      TensorBoard shows, as NumPy arrays: `run.scalars["gradients/global_norm"]`.

    Raises:
      InputError: there is no such folder or file, or it is no run's.
    """
    text = os.fspath(path)
    if "://" in text:
        raise InputError("", f"expected a local folder, got {text!r}; copy it here first")
    found = Path(os.path.expanduser(text))
    try:
        if found.is_dir():
            if layout.is_run(found):
                return Run(found, found / layout.MODEL)
            raise InputError("", _no_run(found))
        if found.is_file():
            if found.suffix not in (".keras", ".h5"):
                raise InputError(
                    "", f"expected a run's folder or a .keras file, got the file {text!r}"
                )
            return Run(found.parent if layout.is_run(found.parent) else found, found)
    except InputError:
        raise
    except (OSError, ValueError):
        raise InputError("", f"{text!r} cannot be opened") from None
    raise InputError("", f"there is no {text!r}; give a run's folder, as in logs/NAME")


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [text for text in values if isinstance(text, str)]


def _no_run(folder: Path) -> str:
    inside = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and layout.is_run(entry)
    )
    lacks = f"it has no {layout.RECORD} and no {layout.FLAGS}"
    if inside:
        return f"{str(folder)!r} is a folder of runs; name one of them, as in {folder / inside[0]}"
    return f"{str(folder)!r} is not a run's folder: {lacks}"
