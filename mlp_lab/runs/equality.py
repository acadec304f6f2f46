"""Up to which step two runs are equal bit for bit, from what they have written."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.runs.layout import CHECKPOINTS
from mlp_lab.runs.run import Run

# Times; the record of the run and its row in HParams, which hold times and paths.
_CLOCK = re.compile(r"(train/)?(steps_per_second|observing/share)$|run$|_hparams_/|custom_scalars")
# In which order a step makes them.
_ORDER = ("weights", "learning_rate", "activations", "batch_", "gradients", "updates", "units")
_CHECKPOINT = re.compile(r"step-([0-9]{12})\.ckpt")
_NOT_OF_THE_MODEL = ("optimizer", "_loss_tracker", "_compile_metrics")


@dataclasses.dataclass(frozen=True)
class Equality:
    """How far two runs are equal bit for bit.

    Attributes:
      equal_until: the last step of the equal part at which they could be compared; None if they
        differ from the first, or have nothing in common.
      differs_at: the first step at which something differs; None if nothing does.
      tensor: what differs first at that step, as TensorBoard or the checkpoint names it.
      compared: at which steps what was compared, in words.
    """

    equal_until: int | None
    differs_at: int | None
    tensor: str
    compared: str

    def __str__(self) -> str:
        if self.differs_at is not None:
            until = "" if self.equal_until is None else f"equal until step {self.equal_until}, "
            return f"{until}different from step {self.differs_at}: {self.tensor}"
        if self.equal_until is None:
            return "they have nothing in common that could be compared"
        return f"equal throughout, to step {self.equal_until}"


def equality(a: Run, b: Run) -> Equality:
    """Compares the event files, the checkpoints and the saved models of two runs.

    Event files hold, of tensors, the mean, standard deviation, minimum, maximum, norm and a
    histogram at the steps that were looked at; they tell that tensors differ, and make it very
    likely that they do not. Checkpoints and saved models hold every bit.
    """
    steps: set[int] = set()
    found: list[tuple[int, int, int, str]] = []  # step, rank, place in the file, name
    resolution: list[str] = []
    for part in (_events, _checkpoints, _models):
        at, differences, words = part(a, b)
        steps |= at
        found += differences
        resolution.append(words)
    first = min(found, default=None)
    before = [step for step in steps if first is None or step < first[0]]
    return Equality(
        equal_until=max(before, default=None),
        differs_at=None if first is None else first[0],
        tensor="" if first is None else first[3],
        compared="; ".join(filter(None, resolution)),
    )


Part = tuple[set[int], list[tuple[int, int, int, str]], str]


def _events(a: Run, b: Run) -> Part:
    mine, other = a.events.raw(), b.events.raw()
    steps: set[int] = set()
    found = []
    tags = [tag for tag in mine if tag in other and not _CLOCK.match(tag)]
    for place, tag in enumerate(tags):
        common = sorted(mine[tag].points.keys() & other[tag].points.keys())
        steps.update(common)
        one, two = mine[tag].points, other[tag].points
        step = next((s for s in common if not _same_bits(one[s][1], two[s][1])), None)
        if step is not None:
            found.append((step, _rank(tag), place, tag))
    looks = sorted({step for tag in tags if "/weights/" in tag for step in mine[tag].points})
    words = f"{len(tags)} series of event files at {_listed(sorted(steps))}"
    if looks:
        words += f" (of weights their moments and histograms, at {_listed(looks)})"
    alone = sum(1 for tag in {*mine} ^ {*other} if not _CLOCK.match(tag))
    return steps, found, words + (f"; {alone} series are in one of them only" if alone else "")


def _checkpoints(a: Run, b: Run) -> Part:
    mine, other = _by_step(a), _by_step(b)
    common = sorted(mine.keys() & other.keys())
    if not common:
        return set(), [], "no checkpoints of the same step"
    found, used = [], []
    for step in common:
        one, two = _variables(mine[step]), _variables(other[step])
        if one is None or two is None:
            continue
        used.append(step)
        for place, name in enumerate(_ordered({**one, **two})):
            if not _same_bits(one.get(name), two.get(name)):
                found.append((step, 0, 10_000 + place, f"{name} in the checkpoint"))
                break
    return set(used), found, f"every bit of checkpoints at {_listed(used)}"


def _models(a: Run, b: Run) -> Part:
    if not (a.model_path.is_file() and b.model_path.is_file()):
        return set(), [], ""
    one, two = _saved(a.model_path), _saved(b.model_path)
    last = [max(_last_step(run), 0) for run in (a, b)]
    if one is None or two is None or last[0] != last[1]:
        return set(), [], ""
    differing = [name for name in {**one, **two} if not _same_bits(one.get(name), two.get(name))]
    found = [(last[0], 0, 20_000, f"{name} in the saved model") for name in differing[:1]]
    return {last[0]}, found, "every bit of the saved models"


def _last_step(run: Run) -> int:
    points = [raw.points for tag, raw in run.events.raw().items() if "/epoch_" in tag]
    return max((step for each in points for step in each), default=0)


def _saved(path: Path) -> dict[str, np.ndarray] | None:
    """Every array of a saved model, weights first."""
    import h5py

    found: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item)

    try:
        with zipfile.ZipFile(path) as file:
            content = io.BytesIO(file.read("model.weights.h5"))
        with h5py.File(content) as weights:
            weights.visititems(keep)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, RuntimeError):
        return None
    return {name: found[name] for name in _ordered(found)}


def _variables(path: Path) -> dict[str, np.ndarray] | None:
    from mlp_lab.quiet import quiet_import

    with quiet_import():
        from mlp_lab.checkpoints import CheckpointError, read
    try:
        saved = read(path)["state"]["variables"]
        return {name: entry["value"] for name, entry in saved.items()}
    except (CheckpointError, OSError, KeyError, TypeError, AttributeError):
        return None


def _by_step(run: Run) -> dict[int, Path]:
    folder = run.path / CHECKPOINTS
    if not folder.is_dir():
        return {}
    named = ((_CHECKPOINT.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in named if match}


def _ordered(names: Any) -> Iterator[str]:
    """Names of the model's own variables first, hidden layers before outputs."""
    return iter(sorted(names, key=lambda n: (n.startswith(_NOT_OF_THE_MODEL), "output" in n)))


def _same_bits(a: Any, b: Any) -> bool:
    if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype == object:
        return a.tolist() == b.tolist()
    return a.tobytes() == b.tobytes()


def _rank(tag: str) -> int:
    name = tag.removeprefix("train/")
    return next((i for i, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))


def _listed(steps: list[int]) -> str:
    if not steps:
        return "no step"
    if len(steps) <= 3:
        return ("step " if len(steps) == 1 else "steps ") + ", ".join(map(str, steps))
    return f"{len(steps)} steps from {steps[0]} to {steps[-1]}"
