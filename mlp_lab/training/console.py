"""What a run says on the console."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlp_lab.runs.layout import RECORD
from mlp_lab.training import parts
from mlp_lab.training.folder import RunFolder
from mlp_lab.training.record import FINISHED, Record, other_versions
from mlp_lab.training.setup import Setup

Say = Callable[[str], None]


def speaker(prefix: str = "") -> Say:
    """A function that prints a line at once, after a prefix."""

    def say(text: str) -> None:
        print(f"{prefix}{text}", flush=True)

    return say


def begun(setup: Setup, folder: RunFolder, record: Record, before: Record) -> Iterator[str]:
    """What is about to be trained, on what, and where it is written.

    Args:
      setup: what is trained.
      folder: of the run.
      record: of the run's beginning.
      before: of the run that is resumed; empty if none is, or if it is lost.
    """
    config, dataset, model = setup.config, setup.dataset, setup.model
    validation = dataset.x_validation
    held_out = "" if validation is None else f", {len(validation):,} validation"
    what = "images" if setup.has_images else "samples"
    yield (
        f"{dataset.name}: {len(dataset.x_train):,} training{held_out} and "
        f"{len(dataset.x_test):,} test {what} from {dataset.origin.location}"
    )
    yield f"{config.model}: {model.count_params():,} parameters, on {' '.join(record['devices'])}"
    for name in parts.unregistered(model, setup.loss, setup.optimizer, *setup.metrics):
        yield (
            f"note: {name} will be saved, but loading it needs custom_objects; decorate the class "
            "with @keras.saving.register_keras_serializable()"
        )
    if folder.resumed and not before:
        yield f"note: {RECORD} cannot be read, and is written anew"
    versions = other_versions(before)
    if versions:
        yield f"note: other versions than the run began with: {'; '.join(versions)}"
    if not folder.locked:
        yield (
            "note: the file system of --log_dir cannot lock files; take care that no second "
            "process trains in the same folder"
        )
    yield f"run: {folder.path}"


def ended(record: Record, saved: bool, model: Path | None) -> Iterator[str]:
    """How it went.

    Args:
      record: of the run's end.
      saved: whether the model is saved.
      model: where a finished run's model is saved; None for a worker that writes nothing.
    """
    if record["status"] == FINISHED:
        metrics = record["metrics"].items()
        yield f"finished: {'  '.join(f'{name} {float(value):.4f}' for name, value in metrics)}"
        for part in ("test", "baseline"):
            if part in record:
                figures = "  ".join(f"{n} {_shown(v)}" for n, v in sorted(record[part].items()))
                note = "" if part == "test" else " (knowing only the training targets)"
                yield f"{part}{note}: {figures}"
        if "reason" in record:
            yield record["reason"]
    else:
        yield (
            f"stopped: {record.get('reason', 'the validation loss is not finite')}; try a smaller "
            "--learning_rate, or smaller initial weights (--kernel_initializer)"
        )
    if "best" in record:
        kept = "" if record["config"]["keep"] == "best" else "; the model is that of the last epoch"
        yield f"{best(record)}{kept}"
    if model is not None:
        where = f"saved: {model}; " if saved else ""
        yield f"{where}look inside: tensorboard --logdir {model.parent.parent}"


def best(record: Mapping[str, Any]) -> str:
    """The best epoch of a run that looked for one."""
    found = record["best"]
    if found is None:
        return "no best epoch: in none was the monitored value finite"
    return (
        f"best epoch {found['epoch']} of {record['epochs']}: {found['monitor']} "
        f"{found['value']:.4g}"
    )


def _shown(value: float | str) -> str:
    """A figure of any size: 0.8312, 1,234.5."""
    if isinstance(value, str):
        return value
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4f}"


def verbosity(choice: str) -> int:
    """Keras' number for a choice of --verbose: 0 none, 1 a bar, 2 a line per epoch."""
    if choice == "auto":
        choice = "bar" if sys.stdout.isatty() else "line"
    return {"none": 0, "bar": 1, "line": 2}[choice]
