"""One run, from a config to a trained, saved and recorded model."""

import contextlib
import dataclasses
import datetime
import functools
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mlp_lab import data
from mlp_lab.callbacks import Checkpoints, NonFinite, NonFiniteError, Pictures, Stopped, TensorBoard
from mlp_lab.checkpoints import CheckpointError
from mlp_lab.data.pipeline import most_rows, one_hot
from mlp_lab.data.rows import part
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError, Interrupted, RunError
from mlp_lab.options.config import Config
from mlp_lab.training import parts, record
from mlp_lab.training.checks import check_fit
from mlp_lab.training.folder import CHECKPOINTS, FLAGS, MODEL, NON_FINITE, NoFolder, RunFolder
from mlp_lab.training.page import RunPage
from mlp_lab.training.replication import lost_worker, make_strategy
from mlp_lab.training.signals import Signals

RUNNING, FINISHED, DIVERGED = "running", "finished", "diverged"
_STRATEGIES = ("none", "mirrored", "multi_worker")
INTERRUPTED, FAILED = "interrupted", "failed"

# Test images of a streamed set that pictures are drawn from.
_PICTURED = 10_000


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run leaves: its folder, its model, every log after every epoch, its record."""

    path: Path
    model: keras.Model
    history: dict[str, list[float]]
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether all epochs were trained and the loss stayed finite."""
        return self.record["status"] == FINISHED


def run(config: Config) -> Result:
    """Trains a model as the config says, testing after every epoch.

    Sets Keras' global random seed and dtype policy, and with `deterministic` TensorFlow's
    determinism of operations, which stays on in the process.

    Raises:
      InputError: something in the config cannot be done; nothing has been written.
      Interrupted: SIGINT or SIGTERM came; the state is saved, `resume` goes on.
      RunError: files cannot be written, or no checkpoint can be used. Checkpoints that
        were whole still are.
    """
    replicas = Replicas(make_strategy(config, functools.partial(_say, "")))
    folder = RunFolder(config) if replicas.chief else NoFolder(config)
    try:
        return _run(config, folder, replicas)
    except data.DataFault as fault:
        raise InputError("data_dir", str(fault)) from fault
    except (InputError, tf.errors.OpError) as error:
        # Weights are made by all workers together: where one is gone a part cannot be made.
        lost = replicas.workers > 1 and lost_worker(error.__cause__ or error, -1)
        if lost:
            raise lost from error
        raise
    finally:
        folder.release()


def _run(config: Config, folder: RunFolder, replicas: Replicas) -> Result:
    say = functools.partial(_say, "" if replicas.chief else f"worker {replicas.worker}: ")
    dataset = data.load(
        config.dataset, config.data_source, config.data_dir, say, config.data_memory_mb
    )
    if config.validation_split:
        dataset = _held_out(dataset, config.validation_split)
    rows = len(dataset.x_train)
    if config.batch_size > rows:
        raise InputError(
            "batch_size",
            f"expected 1 to {rows}, the training samples of this data set, got {config.batch_size}",
        )

    if config.batch_size < replicas.count:
        raise InputError(
            "batch_size",
            f"expected at least {replicas.count}, a sample for each replica, got "
            f"{config.batch_size}",
        )
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(config.precision)
    make = functools.partial(_make, config, dataset)
    model, loss, metrics, optimizer = make()
    probes = parts.probes(config)
    labels = parts.label_form(config, loss)
    y_train, y_test = dataset.y_train, dataset.y_test
    if labels == "one_hot":
        y_train, y_test = (one_hot(y, dataset.num_classes) for y in (y_train, y_test))
    pictured: Any = dataset.x_test, dataset.y_test
    if any(isinstance(array, data.Rows) for array in pictured):
        pictured = [array[:_PICTURED] for array in pictured]
    # Refuses too little memory before anything is written.
    most_rows((dataset.x_train, y_train), config.batch_size, config.shuffle, 1)
    few = slice(0, min(config.batch_size, 32))
    batch = dataset.x_train[few], y_train[few]
    check_fit(config, model, loss, metrics, labels, batch, dataset.num_classes)
    if replicas.count > 1:
        # Those were for the check. These are the same, on all devices.
        keras.utils.set_random_seed(config.seed)
        with replicas.strategy.scope():
            model, loss, metrics, optimizer = make()
            model(batch[0])
    with replicas.strategy.scope() if replicas.count > 1 else contextlib.nullcontext():
        model.compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            jit_compile="auto" if config.jit_compile is None else config.jit_compile,
            run_eagerly=config.run_eagerly,
        )
    model.shuffle_seed = config.seed

    folder.create()
    entry = _first_record(config, dataset, model, replicas)
    if folder.resumed:
        before = folder.read_record()
        entry["started"] = before.get("started", entry["started"])
        entry["resumed"] = [*before.get("resumed", []), _now()]
    folder.write_record(entry)
    tested = "held-out" if config.validation_split else "test"
    say(
        f"{dataset.name}: {rows:,} training and {len(dataset.x_test):,} {tested} images from "
        f"{dataset.origin.location}"
    )
    say(f"{config.model}: {model.count_params():,} parameters, on {' '.join(entry['devices'])}")
    for name in parts.unregistered(model, loss, optimizer, *metrics):
        say(
            f"note: {name} will be saved, but loading it needs custom_objects; decorate the class "
            "with @keras.saving.register_keras_serializable()"
        )
    say(f"run: {folder.path}")
    board = TensorBoard(
        folder.path, config.histogram_every, probes=probes, layers=config.probe_layers
    )
    page = RunPage(folder.path, config, replicas.chief)
    callbacks = [NonFinite(folder.path / NON_FINITE), board]
    if config.pictures_every:
        images, classes = pictured
        names, freq = dataset.class_names, config.pictures_every
        callbacks.append(Pictures(page.writer, images, classes, names, freq=freq))
    signals = Signals()
    every = config.checkpoint_every
    checkpoints = Checkpoints(
        folder.path / CHECKPOINTS,
        every=None if every == "0" else int(every) if every.isdigit() else every,
        keep=config.keep_checkpoints,
        resume=config.resume,
        stop=signals.asked,
        events=folder.path,
        delete=False,  # not before the model is saved
        say=say,
    )
    trouble = None
    try:
        with signals:
            if not folder.resumed:
                page.begin(entry, (metric.name for metric in metrics))
            history = model.fit(
                dataset.x_train,
                y_train,
                batch_size=config.batch_size,
                epochs=config.epochs,
                validation_data=(dataset.x_test, y_test),
                shuffle=config.shuffle,
                callbacks=[*callbacks, checkpoints],
                verbose=_verbosity(config.verbose) if replicas.chief else 0,
            ).history
        if _finite(history) and replicas.chief:  # a loss in validation may not be
            model.save(folder.path / MODEL)
        replicas.any(False)  # the chief's connection is needed until it has saved
    except NonFiniteError as error:
        trouble = str(error)
        history = model.history.history
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | Stopped)
        status = INTERRUPTED if interrupted else FAILED
        reason = f"{type(error).__name__}: {error}"
        entry = {**entry, "status": status, "reason": reason, "ended": _now()}
        with contextlib.suppress(OSError, tf.errors.OpError):  # the disk may be what failed
            folder.write_record(entry)
            page.end(entry, False, int(model.optimizer.iterations.numpy()))
        lost = replicas.workers > 1 and lost_worker(error, checkpoints.saved_step)
        if lost:
            raise lost from error
        _translate(error, folder)
        raise
    result = _finish(folder, entry, model, history, trouble, say)
    page.end(result.record, result.finished, int(model.optimizer.iterations.numpy()))
    return result


def _make(config: Config, dataset: data.Dataset) -> tuple:
    """The model, loss, metrics and optimizer that the config names."""
    steps = config.epochs * -(-len(dataset.x_train) // config.batch_size)
    return (
        parts.model(config, dataset),
        parts.loss(config),
        parts.metrics(config, dataset),
        parts.optimizer(config, steps),
    )


def _held_out(dataset: data.Dataset, share: float) -> data.Dataset:
    """The last samples of the training set in the test set's place."""
    rows = len(dataset.x_train)
    kept = math.floor(rows * (1 - share))
    if not 0 < kept < rows:
        raise InputError(
            "validation_split",
            f"expected a share that leaves some of the {rows} samples on both sides, got {share}",
        )
    x, y = dataset.x_train, dataset.y_train
    return dataclasses.replace(
        dataset,
        x_train=part(x, 0, kept),
        y_train=part(y, 0, kept),
        x_test=part(x, kept, rows),
        y_test=part(y, kept, rows),
    )


def _translate(error: BaseException, folder: RunFolder) -> None:
    """Raises what the user is told of an error that comes from outside of the training."""
    command = f"--flagfile={folder.path / FLAGS} --name={folder.path.name} --resume"
    if isinstance(error, Stopped) and isinstance(error.why, int):
        number = int(error.why)
        message = f"interrupted, and saved; to go on: python train.py {command}"
        raise Interrupted(number, message) from None
    if isinstance(error, CheckpointError):
        raise RunError(str(error)) from error
    # Found in a file by a thread of tf.data, which hands on its words alone.
    fault = re.search(r"DataFault: (.*)", str(error))
    if isinstance(error, OSError | tf.errors.OpError) and (
        fault or not isinstance(error, tf.errors.InvalidArgumentError)
    ):
        reason = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        reason = fault[1] if fault else reason
        goes_on = (
            f"once that is mended, go on: python train.py {command}"
            if folder.has_checkpoint()
            else "there is no checkpoint to go on from"
        )
        raise RunError(f"the run {str(folder.path)!r} has stopped: {reason}; {goes_on}") from error


def _finite(history: dict[str, list[float]]) -> bool:
    """Whether the losses are; a metric may be NaN by its own definition."""
    return all(math.isfinite(value) for value in history["loss"] + history["val_loss"])


def _first_record(
    config: Config, dataset: data.Dataset, model: keras.Model, replicas: Replicas
) -> dict[str, Any]:
    return {
        "status": RUNNING,
        "started": _now(),
        "command": sys.argv,
        "config": dataclasses.asdict(config),
        "seed": config.seed,
        "data": {"name": dataset.name, **dataset.origin.as_record()},
        "parameters": model.count_params(),
        "versions": record.versions(),
        "machine": record.machine(),
        "strategy": _STRATEGIES[(replicas.count > 1) + (replicas.workers > 1)],
        "replicas": replicas.count,
        "workers": replicas.workers,
        "devices": keras.distribution.list_devices(),
    }


def _finish(
    folder: RunFolder,
    entry: dict[str, Any],
    model: keras.Model,
    history: dict[str, list[float]],
    trouble: str | None,
    say: Callable[[str], None],
) -> Result:
    """Writes the final record, says how it went, and returns the result.

    Args:
      trouble: what is not finite in training, or None.
      say: told how it went.
    """
    finite = trouble is None and _finite(history)
    status = FINISHED if finite else DIVERGED
    entry = {
        **entry,
        "status": status,
        "ended": _now(),
        "epochs": len(history.get("loss", [])),
        "metrics": record.last(history),
        "history": {name: [record.finite(v) for v in vs] for name, vs in history.items()},
    }
    if trouble is not None:
        entry["reason"] = trouble
    folder.write_record(entry)
    if finite:
        final = "  ".join(f"{name} {values[-1]:.4f}" for name, values in sorted(history.items()))
        say(f"finished: {final}")
    else:
        say(
            f"stopped: {trouble or 'the loss in validation is not finite'}; try a smaller "
            "--learning_rate, or smaller initial weights (--kernel_initializer)"
        )
    if isinstance(folder, NoFolder):
        return Result(folder.path, model, history, entry)
    saved = f"saved: {folder.path / MODEL}; " if finite else ""
    say(f"{saved}look inside: tensorboard --logdir {folder.path.parent}")
    return Result(folder.path, model, history, entry)


def _say(prefix: str, text: str) -> None:
    print(f"{prefix}{text}", flush=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _verbosity(choice: str) -> int:
    """Keras' number for it: 0 none, 1 a bar, 2 a line per epoch."""
    if choice == "auto":
        choice = "bar" if sys.stdout.isatty() else "line"
    return {"none": 0, "bar": 1, "line": 2}[choice]
