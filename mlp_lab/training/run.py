"""One run, from a config to a trained, saved and recorded model."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mlp_lab import data, pictures, user_data
from mlp_lab.callbacks import (
    BestEpoch,
    Checkpoints,
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
from mlp_lab.runs.layout import CHECKPOINTS, MODEL
from mlp_lab.training import best, console, failure, record
from mlp_lab.training.agreement import of_setup, together
from mlp_lab.training.folder import NON_FINITE, NoFolder, RunFolder
from mlp_lab.training.identity import identity
from mlp_lab.training.kept import files_of
from mlp_lab.training.loading import Loader, Say, load
from mlp_lab.training.page import RunPage
from mlp_lab.training.rate import AUTO, began_with, found_rate
from mlp_lab.training.replication import lost_worker, make_strategy
from mlp_lab.training.result import Result
from mlp_lab.training.run_diagnosis import diagnosis_of
from mlp_lab.training.setup import Setup, check, prepare
from mlp_lab.training.signals import Signals
from mlp_lab.training.test_part import tested_at_end
from mlp_lab.writers import new_owner


@dataclasses.dataclass(frozen=True)
class Around:
    """What surrounds a run that is one of several; none of it changes what is trained.

    Attributes:
      say: called with each line for the user, in place of printing.
      loader: gives the data set; see `prepare`.
      group: of its row in HParams; see `RunPage`.
      callbacks: further ones; they have no state that a checkpoint must hold.
      stop: asked after every compiled call; if it returns anything but None or False, the run
        is saved and ends with `Stopped`.
    """

    say: Say | None = None
    loader: Loader = load
    group: str | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    stop: Callable[[], object] = lambda: None


def run(config: Config, around: Around | None = None) -> Result:
    """Trains a model as the config says, testing after every epoch.

    Sets Keras' global random seed and dtype policy, and with `deterministic` TensorFlow's
    determinism of operations, which stays on in the process.

    Args:
      config: the options.
      around: for a run that is one of several, such as the trials of a sweep.

    Raises:
      InputError: something in the config cannot be done, or what is resumed has changed; nothing
        has been written.
      Interrupted: a signal that asks to end came; the state is saved, `resume` continues.
      RunError: files cannot be written, or no checkpoint can be used. Checkpoints that
        were complete still are.
    """
    around = around or Around()
    replicas = Replicas(make_strategy(config, around.say or console.speaker()))
    prefix = "" if replicas.chief else f"worker {replicas.worker}: "
    say = around.say or console.speaker(prefix)
    config, loader, kind = began_with(config), around.loader, _folder_of(replicas)
    folder = together(replicas, lambda: kind(config))
    try:
        if config.learning_rate == AUTO:
            config, loader = found_rate(config, replicas, say, loader)
            folder = kind(config)
        setup = check(together(replicas, lambda: prepare(config, replicas, say, loader), of_setup))
        with Signals() as signals:
            begun = together(replicas, lambda: begin(setup, folder, signals, say, around))
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


def _folder_of(replicas: Replicas) -> type[RunFolder]:
    return RunFolder if replicas.chief else NoFolder


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """A run that has its folder, locked, and is recorded as running."""

    setup: Setup
    folder: RunFolder
    entry: record.Record
    page: RunPage
    checkpoints: Checkpoints
    say: console.Say
    around: Around

    def close_page(self, entry: record.Record, succeeded: bool) -> None:
        """Completes the run's page in TensorBoard."""
        self.page.end(entry, succeeded, steps_made(self.setup.model))


class Outcome(NamedTuple):
    """How a fit ended.

    Attributes:
      history: every log after every epoch.
      trouble: what was not finite, or None.
      watch: what looked for the best epoch, or None.
      tested: figures of the test part and of its baseline: see `record.ended`.
      findings: of its diagnosis.
      saved: whether the model is saved.
    """

    history: dict[str, list[float]]
    trouble: str | None
    watch: BestEpoch | None
    tested: dict[str, dict[str, float]]
    findings: list[Finding]
    saved: bool


def begin(
    setup: Setup, folder: RunFolder, signals: Signals, say: console.Say, around: Around
) -> Begun:
    """Makes the folder, writes the first record, and says what is about to be trained.

    A run that is resumed is first compared with its checkpoint; until then nothing is written.
    """
    try:
        folder.create()
        before = folder.read_record() if folder.resumed else {}
        run = before.get("id") or folder.saved_id() or new_owner()

        def stop() -> object:
            return signals.asked() or around.stop()

        checkpoints = _checkpoints(setup, folder, run, stop, say)
        if folder.resumed:
            checkpoints.check()
        entry = record.begun(setup, run, before if folder.resumed else None)
        folder.write_record(entry)
        if user_data.is_own(setup.dataset):
            for name, text in files_of(setup.dataset).items():
                folder.write_text(name, text)
    except BaseException as error:
        if not folder.resumed and not isinstance(error, InputError):
            folder.discard()
        outside = failure.told_of_start(error, folder)
        if outside is not None:
            raise outside from error
        raise
    for line in console.begun(setup, folder, entry, before):
        say(line)
    page = RunPage(folder.path, setup.config, run, setup.replicas.chief, around.group)
    return Begun(setup, folder, entry, page, checkpoints, say, around)


def fit(begun: Begun) -> Outcome:
    """Trains the model, and saves it if it comes to its end, or if that of the best epoch is kept.

    Raises:
      BaseException: what ended the training before.
    """
    setup, folder = begun.setup, begun.folder
    model, config, watch = setup.model, setup.config, best.watch(setup.config)
    chief = setup.replicas.chief
    trouble, diagnosis = None, diagnosis_of(setup, begun.page.writer, begun.say)
    try:
        if not folder.resumed:
            begun.page.begin(begun.entry, (metric.name for metric in setup.metrics))
        history = model.fit(
            *setup.training,
            sample_weight=setup.weights,
            batch_size=config.batch_size,
            epochs=config.epochs,
            validation_data=setup.validation,
            shuffle=config.shuffle,
            callbacks=[
                *_observers(begun),
                *filter(None, [watch, diagnosis]),
                *begun.around.callbacks,
                begun.checkpoints,
            ],
            verbose=console.verbosity(config.verbose) if chief else 0,
        ).history
    except NonFiniteError as error:
        history, trouble = model.history.history, str(error)
        if watch is not None:
            watch.restore_best()
    # The loss of validation may not be finite though the training came to its end.
    kept = watch is not None and watch.restored
    saved = kept or (trouble is None and record.finite_losses(history))
    if saved and chief:
        save_in_place(model, folder.path / MODEL)
    tested = tested_at_end(setup) if saved else {}
    if trouble is None or saved:
        setup.replicas.any(False)  # the chief's connection is needed until it has saved
    return Outcome(history, trouble, watch, tested, diagnosis.findings if diagnosis else [], saved)


def end(begun: Begun, outcome: Outcome) -> Result:
    """Writes the final record, says how it went, and returns the result."""
    history, trouble, watch, tested, findings, saved = outcome
    entry = record.ended(begun.entry, history, trouble, watch, tested, findings)
    folder = begun.folder
    folder.write_record(entry)
    model = None if isinstance(folder, NoFolder) else folder.path / MODEL
    for line in console.ended(entry, saved, model):
        begun.say(line)
    result = Result(folder.path, begun.setup.model, history, entry)
    begun.close_page(entry, result.finished)
    return result


def _observers(begun: Begun) -> list[keras.callbacks.Callback]:
    """What looks at the training, and at the model after epochs."""
    setup, path, config = begun.setup, begun.folder.path, begun.setup.config
    looks = TensorBoard(
        path,
        config.histogram_every or 0,
        probes=setup.probes,
        layers=config.probe_layers,
        owner=begun.entry["id"],
    )
    callbacks: list[Any] = [NonFinite(path / NON_FINITE), looks]
    if config.pictures_every:
        callbacks.append(
            Pictures(
                begun.page.writer,
                *setup.pictured,
                setup.dataset.task.names,
                pictures.standard(setup.dataset.task.kind, setup.has_images),
                freq=config.pictures_every,
            )
        )
    return callbacks


def _checkpoints(
    setup: Setup, folder: RunFolder, run: str, stop: Callable[[], object], say: console.Say
) -> Checkpoints:
    every = setup.config.checkpoint_every
    return Checkpoints(
        folder.path / CHECKPOINTS,
        every=None if every == "0" else int(every) if every.isdigit() else every,
        keep=setup.config.keep_checkpoints,
        resume=setup.config.resume,
        stop=stop,
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
