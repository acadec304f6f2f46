"""What all workers of a run must have in common, and how they find out before the first step."""

import dataclasses
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from mlp_lab import __version__
from mlp_lab.data import DataFault, Dataset
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError, RunError
from mlp_lab.options.config import Config
from mlp_lab.training.setup import Setup

T = TypeVar("T")

# Each worker may have its own: these do not affect the result, nor when workers communicate.
OWN = ("log_dir", "overwrite", "verbose", "keep_checkpoints", "data_source", "data_dir",
       "worker_timeout")  # fmt: skip

_PACKAGES = ("tensorflow", "keras", "numpy")
# Bytes up to which files are read as a whole; places in a larger one, and rows of each.
_READ_WHOLE, _SAMPLED, _ROWS = 64_000_000, 64, 16


def report(config: Config, cluster: Any) -> dict[str, Any]:
    """What a worker tells the chief before TensorFlow starts."""
    values = dataclasses.asdict(config)
    flags = {name: value for name, value in values.items() if name not in OWN}
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "cluster": cluster,
        "versions": {"mlp_lab": __version__, **versions},
        "devices": max(len(tf.config.get_visible_devices("GPU")), 1),
        "flags": json.loads(json.dumps(flags)),  # as those of the others arrive
    }


def difference(reports: Mapping[int, Any]) -> tuple[str, str] | None:
    """The option in which a worker differs from the chief, and how it does; None if none does."""
    chief = reports[0]
    for number, other in sorted(reports.items()):
        if other.get("cluster") != chief["cluster"]:
            return "strategy", (
                f"multi_worker: TF_CONFIG of worker {number} has the cluster "
                f"{_shown(other.get('cluster'))}, that of the chief {_shown(chief['cluster'])}; "
                "give all workers the same cluster"
            )
        for name, version, chiefs in _unequal(other.get("versions"), chief["versions"]):
            return "strategy", (
                f"multi_worker: worker {number} has {name} {version}, the chief {chiefs}; install "
                "the same versions on all workers"
            )
        if other.get("devices") != chief["devices"]:
            return "strategy", (
                f"multi_worker: worker {number} has {_shown(other.get('devices'))} devices, the "
                f"chief {chief['devices']}; give all workers equally many, by CUDA_VISIBLE_DEVICES"
            )
        for name, value, chiefs in _unequal(other.get("flags"), chief["flags"]):
            return name, (
                f"worker {number} has {value}, the chief has {chiefs}; start all workers with the "
                "same flags"
            )
    return None


def together(
    replicas: Replicas, make: Callable[[], T], facts: Callable[[T], dict[str, Any]] | None = None
) -> T:
    """Makes something on all workers, or raises an error on all of them.

    `make` must not communicate. With one worker it is only called.

    Args:
      replicas: of all workers.
      make: makes it.
      facts: what must be equal on all workers, by option.

    Raises:
      InputError: `make` raised it on some worker, or facts differ.
      RunError: `make` raised another error on another worker.
    """
    if replicas.workers == 1:
        return make()
    try:
        made = make()
        own: dict[str, Any] = {"facts": facts(made) if facts else {}}
    except Exception as error:
        wrong_input = isinstance(error, InputError | DataFault)
        replicas.gather(json.dumps({"error": str(error), "input": wrong_input}).encode())
        raise
    found = [json.loads(content) for content in replicas.gather(json.dumps(own).encode())]
    for number, other in enumerate(found):
        if "error" in other:
            text = f"{'worker' if number else 'the chief, worker'} {number}: {other['error']}"
            raise InputError("", text) if other["input"] else RunError(text)
    for number, other in enumerate(found):
        for option, value, chiefs in _unequal(other["facts"], found[0]["facts"]):
            raise InputError(
                option,
                f"worker {number} has {value}, the chief has {chiefs}; give all workers the same",
            )
    return made


def of_setup(setup: Setup) -> dict[str, Any]:
    """What must be equal on all workers once the data are loaded and the parts are made."""
    config = setup.config
    made = {
        "model": [setup.model],
        "loss": [setup.loss],
        "metrics": setup.metrics,
        "optimizer": [setup.optimizer],
        "probes": setup.probes,
    }
    return {
        "data_dir" if config.data_dir else "data_source": _of_data(setup.dataset),
        **{option: _sources(parts) for option, parts in made.items()},
    }


def _of_data(dataset: Dataset) -> dict[str, str]:
    """Each array's shape, and a checksum of its content or, if that is in files, of samples."""
    found = {}
    for name in ("x_train", "y_train", "x_test", "y_test"):
        array = getattr(dataset, name)
        checksum = dataset.origin.sha256.get(name) or _sampled(array)
        found[name] = f"{tuple(array.shape)} sha256 {checksum}"
    return found


def _sampled(array: Any) -> str:
    """A checksum of all rows, or of some if they are many."""
    rows, checksum = len(array), hashlib.sha256()
    if array.nbytes <= _READ_WHOLE:
        starts, step = np.arange(0, rows, 1 << 14), 1 << 14
    else:
        starts, step = np.linspace(0, rows - _ROWS, _SAMPLED, dtype=np.int64), _ROWS
    for start in map(int, starts):
        checksum.update(np.ascontiguousarray(array[start : start + step]).tobytes())
    return checksum.hexdigest()


def _sources(parts: Any) -> dict[str, str]:
    """A checksum of the file of each class that does not come from an installed package."""
    found = {}
    for cls in {type(part) for part in parts}:
        module = sys.modules.get(cls.__module__)
        file = getattr(module, "__file__", None)
        if cls.__module__.partition(".")[0] in ("mlp_lab", "keras", "tensorflow") or not file:
            continue
        with open(file, "rb") as source:
            checksum = hashlib.sha256(source.read()).hexdigest()
        found[f"{cls.__module__}:{cls.__name__}"] = f"source with sha256 {checksum}"
    return found


def _unequal(other: Any, chief: Mapping[str, Any]):
    """(name, value of the other, value of the chief) of what differs; names below joined by a /."""
    other = other if isinstance(other, dict) else {}
    for name in [*chief, *(other.keys() - chief.keys())]:
        values = other.get(name), chief.get(name)
        if values[0] == values[1]:
            continue
        if all(isinstance(value, dict) for value in values):
            for inner, *pair in _unequal(values[0], dict(values[1] or {})):
                yield name, *(f"{inner} {value}" for value in pair)
        else:
            yield name, *map(_shown, values)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and " " in value else repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
