"""`--learning_rate=auto`: the rate that a run is to have, searched before it begins."""

import dataclasses

from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.runs.layout import FLAGS
from mlp_lab.search import FoundRate, find_lr
from mlp_lab.training import files
from mlp_lab.training.loading import Loader, Say
from mlp_lab.training.setup import Setup, check, prepare

AUTO = "auto"


def search(setup: Setup) -> FoundRate:
    """Searches the learning rate for a setup whose model is compiled.

    Raises:
      InputError: the rate cannot be searched for this model.
    """
    x, y = setup.training
    try:
        return find_lr(setup.model, x, y, batch_size=setup.config.batch_size)
    except ValueError as error:
        raise InputError("learning_rate", f"auto: {error}") from error


def began_with(config: Config) -> Config:
    """For a run that is resumed the rate that was found when it began, in place of auto."""
    if config.learning_rate != AUTO or not config.resume or config.name is None:
        return config
    path = files.log_dir(config.log_dir) / str(config.name) / FLAGS
    if not path.is_file():
        return config
    saved: Config = flags.parse([f"--flagfile={path}", f"--name={config.name}"])
    return dataclasses.replace(config, learning_rate=saved.learning_rate)


def found_rate(
    config: Config, replicas: Replicas, say: Say, loader: Loader
) -> tuple[Config, Loader]:
    """The config with a number in place of auto, and what gives the data that were loaded.

    Raises:
      InputError: none was found, or there are several devices.
    """
    if replicas.count > 1:
        raise InputError(
            "learning_rate",
            f"auto searches on one device, got {replicas.count}; search with --strategy=none and "
            "the --batch_size of one device, and give the number",
        )
    setup = check(prepare(config, replicas, say, loader))
    found = search(setup)
    if found.chosen is None:
        raise InputError("learning_rate", f"auto found none: {found.reason}; give a number")
    say(
        f"learning rate: {found.chosen:g}, good from {found.low:.2g} to {found.high:.2g}, found in "
        f"{found.steps} steps"
    )
    # The same data, without reading them again.
    return dataclasses.replace(config, learning_rate=found.chosen), lambda *_: setup.loaded
