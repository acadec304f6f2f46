"""What a run depends on, as it is kept in its checkpoints and compared when it is resumed."""

import hashlib
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

from mlp_lab.data import Dataset
from mlp_lab.data.dataset import ARRAYS
from mlp_lab.data.fingerprint import fingerprint
from mlp_lab.options import registry
from mlp_lab.options.config import Config
from mlp_lab.training.folder import ID
from mlp_lab.training.setup import Setup

_PACKAGES = tuple(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib"))


def identity(setup: Setup, run: str) -> dict[str, str]:
    """By the name that a message has for it: the run, its options, data and own source code.

    Args:
      setup: what is trained.
      run: the run's id.
    """
    options = {f"--{name}": str(value) for name, value in setup.config.of_result().items()}
    return {ID: run, **options, **checksums(setup.dataset), **sources(setup.config)}


def checksums(dataset: Dataset) -> dict[str, str]:
    """Each array's shape and SHA-256, by the name that a message has for it; see `fingerprint`."""
    known, found = dataset.origin.sha256, {}
    for name in ARRAYS:
        array = getattr(dataset, name)
        if array is None:
            continue
        found[f"the shape of {name}"] = str(tuple(array.shape))
        found[f"the SHA-256 of {name}"] = known.get(name) or fingerprint(array)
    return found


def sources(config: Config) -> dict[str, str]:
    """The SHA-256 of the source files of parts given as module:Class, and of what they import."""
    found: dict[str, Path] = {}
    for option in registry.REGISTERED:
        value = getattr(config, option) or ()
        for text in (value,) if isinstance(value, str) else value:
            name = registry.parse(option, text).target.partition(":")[0]
            if ":" in text.partition("(")[0] and name in sys.modules:
                _add(sys.modules[name], found)
    return {
        f"the SHA-256 of the module {name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(found.items())
    }


def _add(module: ModuleType, found: dict[str, Path]) -> None:
    """Adds a module, and those beside or below it whose objects it uses."""
    path = _path(module)
    if path is None or module.__name__ in found:
        return
    found[module.__name__] = path
    top = module.__name__.count(".") + (path.name == "__init__.py")
    root = path.parents[top] if top < len(path.parents) else path.parent
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
        other = sys.modules.get(name or "")
        inside = None if other is None else _path(other)
        if other is not None and inside is not None and root in inside.parents:
            _add(other, found)


def _module_of(value: object) -> str | None:
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else None


def _path(module: ModuleType) -> Path | None:
    """The source file of a user's module; None for libraries, the lab, and `__main__`."""
    file = getattr(module, "__file__", None)
    name = module.__name__
    if not file or not file.endswith(".py") or name.partition(".")[0] in ("mlp_lab", "__main__"):
        return None
    path = Path(file).resolve()
    installed = any(folder in path.parents for folder in _PACKAGES)
    return path if path.is_file() and not installed else None
