"""What all workers of a run must have in common, and how they find out before the first step."""

import dataclasses
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from mlp_lab import __version__
from mlp_lab.data import DataFault
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError, RunError
from mlp_lab.options.config import Config
from mlp_lab.training.identity import checksums, sources
from mlp_lab.training.setup import Setup

T = TypeVar("T")

# Each worker may have its own: these do not affect the result, nor when workers communicate.
OWN = ("log_dir", "overwrite", "verbose", "keep_checkpoints", "data_source", "data_dir",
       "data", "test_data", "worker_timeout")  # fmt: skip

_PACKAGES = ("tensorflow", "keras", "numpy")


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
    return {
        _source(config): checksums(setup.dataset),
        "model": sources(config),
    }


def _source(config: Config) -> str:
    """The option that says where the data come from."""
    if config.data:
        return "data"
    return "data_dir" if config.data_dir else "data_source"


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
