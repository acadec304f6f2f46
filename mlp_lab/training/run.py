"""One run, from a config to a trained, saved and recorded model."""

import contextlib
import dataclasses
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mlp_lab import data
from mlp_lab.callbacks import (
    Checkpoints,
    Diagnosis,
    NonFinite,
    NonFiniteError,
    Pictures,
    Stopped,
    TensorBoard,
)
from mlp_lab.diagnosis import Finding
from mlp_lab.engine.progress import steps_made
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.models.saving import save_in_place
from mlp_lab.options.config import Config
from mlp_lab.training import console, failure, record
from mlp_lab.training.agreement import of_setup, together
from mlp_lab.training.folder import CHECKPOINTS, MODEL, NON_FINITE, NoFolder, RunFolder
from mlp_lab.training.identity import identity
from mlp_lab.training.page import RunPage
from mlp_lab.training.replication import lost_worker, make_strategy
from mlp_lab.training.result import Result
from mlp_lab.training.setup import Setup, check, prepare
from mlp_lab.training.signals import Signals
from mlp_lab.writers import new_owner


def run(config: Config) -> Result:
    """Trains a model as the config says, testing after every epoch.

    Sets Keras' global random seed and dtype policy, and with `deterministic` TensorFlow's
    determinism of operations, which stays on in the process.

    Raises:
      InputError: something in the config cannot be done, or what is resumed has changed; nothing
        has been written.
      Interrupted: a signal that asks to end came; the state is saved, `resume` continues.
      RunError: files cannot be written, or no checkpoint can be used. Checkpoints that
        were complete still are.
    """
    replicas = Replicas(make_strategy(config, console.speaker()))
    say = console.speaker("" if replicas.chief else f"worker {replicas.worker}: ")
    folder = together(replicas, lambda: (RunFolder if replicas.chief else NoFolder)(config))
    try:
        setup = check(together(replicas, lambda: prepare(config, replicas, say), of_setup))
        with Signals() as signals:
            begun = together(replicas, lambda: begin(setup, folder, signals, say))
            try:
                return end(begun, fit(begun))
            except BaseException as error:
                _break_off(begun, error)
                raise
    except data.DataFault as fault:
        raise InputError("data_dir", str(fault)) from fault
    except (InputError, tf.errors.OpError) as error:
        # All workers make the weights together: if one is gone a part cannot be made.
        lost = replicas.workers > 1 and lost_worker(error.__cause__ or error, -1)
        if lost:
            raise lost from error
        raise
    finally:
        folder.release()


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """A run that has its folder, locked, and is recorded as running."""

    setup: Setup
    folder: RunFolder
    entry: record.Record
    page: RunPage
    checkpoints: Checkpoints
    say: console.Say

    def close_page(self, entry: record.Record, succeeded: bool) -> None:
        """Completes the run's page in TensorBoard."""
        self.page.end(entry, succeeded, steps_made(self.setup.model))


class Outcome(NamedTuple):
    """How a fit ended: every log after every epoch, what was not finite or None, and findings."""

    history: dict[str, list[float]]
    trouble: str | None
    findings: list[Finding]


def begin(setup: Setup, folder: RunFolder, signals: Signals, say: console.Say) -> Begun:
    """Makes the folder, writes the first record, and says what is about to be trained.

    A run that is resumed is first compared with its checkpoint; until then nothing is written.
    """
    try:
        folder.create()
        before = folder.read_record() if folder.resumed else {}
        run = before.get("id") or folder.saved_id() or new_owner()
        checkpoints = _checkpoints(setup, folder, run, signals, say)
        if folder.resumed:
            checkpoints.check()
        entry = record.begun(setup, run, before if folder.resumed else None)
        folder.write_record(entry)
    except BaseException as error:
        if not folder.resumed and not isinstance(error, InputError):
            folder.discard()
        outside = failure.told_of_start(error, folder)
        if outside is not None:
            raise outside from error
        raise
    for line in console.begun(setup, folder, entry, before):
        say(line)
    page = RunPage(folder.path, setup.config, run, setup.replicas.chief)
    return Begun(setup, folder, entry, page, checkpoints, say)


def fit(begun: Begun) -> Outcome:
    """Trains the model, and saves it if it comes to its end.

    Raises:
      BaseException: what ended the training before.
    """
    setup, folder, chief = begun.setup, begun.folder, begun.setup.replicas.chief
    model, config = setup.model, setup.config
    diagnosis = _diagnosis(begun)
    try:
        if not folder.resumed:
            begun.page.begin(begun.entry, (metric.name for metric in setup.metrics))
        history = model.fit(
            *setup.training,
            batch_size=config.batch_size,
            epochs=config.epochs,
            validation_data=setup.validation,
            shuffle=config.shuffle,
            callbacks=[*_observers(begun), *diagnosis, begun.checkpoints],
            verbose=console.verbosity(config.verbose) if chief else 0,
        ).history
        if record.finite_losses(history) and chief:  # that of validation may not be finite
            save_in_place(model, folder.path / MODEL)
        setup.replicas.any(False)  # the chief's connection is needed until it has saved
        return Outcome(history, None, _findings(diagnosis))
    except NonFiniteError as error:
        return Outcome(model.history.history, str(error), _findings(diagnosis))


def end(begun: Begun, outcome: Outcome) -> Result:
    """Writes the final record, says how it went, and returns the result."""
    folder, entry = begun.folder, record.ended(begun.entry, *outcome)
    folder.write_record(entry)
    model = None if isinstance(folder, NoFolder) else folder.path / MODEL
    for line in console.ended(entry, outcome.history, model):
        begun.say(line)
    result = Result(folder.path, begun.setup.model, outcome.history, entry)
    begun.close_page(entry, result.finished)
    return result


def _observers(begun: Begun) -> list[keras.callbacks.Callback]:
    """What looks at the training, and at the model after epochs."""
    setup, path, config = begun.setup, begun.folder.path, begun.setup.config
    looks = TensorBoard(
        path,
        config.histogram_every,
        probes=setup.probes,
        layers=config.probe_layers,
        owner=begun.entry["id"],
    )
    callbacks: list[Any] = [NonFinite(path / NON_FINITE), looks]
    if config.pictures_every:
        names, freq = setup.dataset.class_names, config.pictures_every
        callbacks.append(Pictures(begun.page.writer, *setup.pictured, names, freq=freq))
    return callbacks


def _diagnosis(begun: Begun) -> list[Diagnosis]:
    """What says what is wrong; none if it is not wanted."""
    setup, config = begun.setup, begun.setup.config
    if config.diagnose == "off":
        return []
    found = Diagnosis(
        setup.rules,
        config.diagnose_seconds,
        begun.page.writer,
        begun.say,
        flags=True,
        thorough=config.diagnose == "full",
    )
    return [found]


def _findings(diagnosis: list[Diagnosis]) -> list[Finding]:
    return [finding for each in diagnosis for finding in each.findings]


def _checkpoints(
    setup: Setup, folder: RunFolder, run: str, signals: Signals, say: console.Say
) -> Checkpoints:
    every = setup.config.checkpoint_every
    return Checkpoints(
        folder.path / CHECKPOINTS,
        every=None if every == "0" else int(every) if every.isdigit() else every,
        keep=setup.config.keep_checkpoints,
        resume=setup.config.resume,
        stop=signals.asked,
        events=folder.path,
        delete=False,  # a run keeps its last checkpoints, also if its model cannot be saved
        say=say,
        identity=identity(setup, run),
        owners=[run],
        accept_changes=setup.config.accept_changes,
    )


def _break_off(begun: Begun, error: BaseException) -> None:
    """Records that an error or a signal has ended the run, and raises what the user is told."""
    entry = record.broken_off(begun.entry, error, isinstance(error, KeyboardInterrupt | Stopped))
    with contextlib.suppress(OSError, tf.errors.OpError):  # the disk may be what failed
        begun.folder.write_record(entry)
        begun.close_page(entry, False)
    lost = begun.setup.replicas.workers > 1 and lost_worker(error, begun.checkpoints.saved_step)
    if lost:
        raise lost from error
    outside = failure.told(error, begun.folder)
    if outside is not None:
        raise outside from error
