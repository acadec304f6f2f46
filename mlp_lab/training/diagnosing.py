"""A diagnosis without a run: the static part, a short training, and experiments."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras

from mlp_lab import data
from mlp_lab.callbacks import Diagnosis
from mlp_lab.data.rows import part
from mlp_lab.diagnosis import Finding, Subject, subject_of
from mlp_lab.engine.given import Given
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.runs.layout import FLAGS
from mlp_lab.training.replication import make_strategy
from mlp_lab.training.setup import check, prepare

STEPS = 300
"""Of the short training."""


def config_of(folder: str) -> Config:
    """The options of a run, from its folder.

    Raises:
      InputError: it is not a run's folder.
    """
    path = Path(folder).expanduser() / FLAGS
    if not path.is_file():
        raise InputError("run", f"expected the folder of a run, with {FLAGS} in it, got {folder!r}")
    config: Config = flags.parse([f"--flagfile={path}"])
    return config


def diagnose(config: Config, say: Callable[[str], None]) -> tuple[list[Finding], list[str]]:
    """What is wrong with the training that the config describes; nothing is written.

    The model is trained for up to 300 steps on the first rows, as the run would be.

    Args:
      config: the options; its strategy does not matter.
      say: told where the data come from.

    Returns:
      The findings, causes first; and what could not be judged.

    Raises:
      InputError: something in the config cannot be done.
    """
    config = dataclasses.replace(config, strategy="none")
    replicas = Replicas(make_strategy(config, say))
    try:
        setup = check(prepare(config, replicas, say))
        x, y = setup.training
        rows = min(len(x), STEPS * config.batch_size)
        per_epoch = -(-rows // config.batch_size)
        epochs = max(min(config.epochs, STEPS // per_epoch), 1)
        whole = Given((x, y, None), setup.validation, 0.0, config.batch_size, config.shuffle)
        callback = _OfAll(whole, setup.rules, config.diagnose_seconds, config.diagnose == "full")
        setup.model.fit(
            part(x, 0, rows),
            part(y, 0, rows),
            batch_size=config.batch_size,
            epochs=epochs,
            shuffle=config.shuffle,
            callbacks=[callback],
            verbose=0,
        )
    except data.DataFault as fault:
        raise InputError("data_dir", str(fault)) from fault
    return callback.findings, callback.unjudged


class _OfAll(Diagnosis):
    """Judges all data, of which the short training gets the first rows."""

    def __init__(self, whole: Given, rules, seconds: float, thorough: bool):
        super().__init__(rules, seconds, say=_silent, flags=True, thorough=thorough)
        self._whole = whole

    def _subject(self, given: Given) -> Subject:
        model: keras.Model = self.model
        return subject_of(model, self._whole, flags=True)


def _silent(text: str) -> None:
    """Says nothing: the findings are returned."""
