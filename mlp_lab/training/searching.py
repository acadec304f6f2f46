"""What the command `find_lr` does: searches, prints, and writes the curve."""

import contextlib
import dataclasses
import shutil
import time
from pathlib import Path

from mlp_lab import data
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError, RunError
from mlp_lab.options.config import Config
from mlp_lab.search.events import write
from mlp_lab.search.found import FoundRate
from mlp_lab.search.plot import plot
from mlp_lab.training import console, files
from mlp_lab.training.loading import name_of
from mlp_lab.training.rate import AUTO, search
from mlp_lab.training.replication import make_strategy
from mlp_lab.training.setup import check, prepare


def search_rate(config: Config) -> bool:
    """Searches the learning rate of a config, and prints it; whether one was found.

    Raises:
      InputError: something in the config cannot be done; nothing has been written.
      RunError: the curve cannot be written.
    """
    say = console.speaker()
    folder = _folder(config)
    config = dataclasses.replace(config, learning_rate=AUTO)
    try:
        strategy = make_strategy(dataclasses.replace(config, strategy="none"), say)
        setup = check(prepare(config, Replicas(strategy), say))
    except data.DataFault as fault:
        raise InputError("data_dir", str(fault)) from fault
    found = search(setup)
    _write(found, folder)
    for line in _told(found):
        say(line)
    say(f"curve: tensorboard --logdir {folder}")
    return found.chosen is not None


def _folder(config: Config) -> Path:
    """The folder that will be made."""
    name = config.name or f"find_lr-{name_of(config)}-{time.strftime('%Y%m%d-%H%M%S')}"
    path = files.log_dir(config.log_dir) / name
    if path.exists():
        raise InputError("name", f"{str(path)!r} already exists; choose another --name")
    return path


def _write(found: FoundRate, folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
        write(found, folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
        raise RunError(f"the curve cannot be written to {str(folder)!r}: {error}") from error


def _told(found: FoundRate):
    yield from plot(found)
    if found.steepest is not None:
        yield f"the smoothed loss falls fastest at {found.steepest:.2g}"
    for rate, loss in sorted(found.tried.items()):
        mark = "  <- chosen" if rate == found.chosen else ""
        yield f"  tried {rate:<8.2g} loss {loss:.4g}{mark}"
    if found.untrained is not None:
        yield f"  tried 0        loss {found.untrained:.4g}"
    if found.chosen is None:
        yield f"no learning rate was found: {found.reason}"
    else:
        yield (
            f"learning rate: {found.chosen:g}, good from {found.low:.2g} to {found.high:.2g}; "
            f"train with --learning_rate={found.chosen:g}"
        )
