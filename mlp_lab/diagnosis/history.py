"""What was seen while the model was trained."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from mlp_lab.diagnosis.forward import activation_name
from mlp_lab.engine.step import Step

_BOUNDS = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_NEAR = 0.02
_ROWS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Look:
    """A step, summed up.

    Attributes:
      step: its number.
      loss: of its batch.
      gradients: the root mean square of each kernel's gradient, by layer, first to last.
      ratios: norm of the update over that of the weights, by layer.
      dead: share of units of ReLU layers that gave 0 for every row, by layer.
      saturated: share of outputs of sigmoid and tanh layers within 2 % of a bound, by layer.
      spread: standard deviation of each output over the rows, the largest of them.
      finite: whether loss, gradients and updated weights are.
    """

    step: int
    loss: float
    gradients: Mapping[str, float]
    ratios: Mapping[str, float]
    dead: Mapping[str, float]
    saturated: Mapping[str, float]
    spread: float
    finite: bool


@dataclasses.dataclass(eq=False)
class History:
    """Looks into steps, and the logs of epochs.

    Attributes:
      looks: in the order of the steps.
      epochs: the logs of each.
      steps: how many were made.
      trouble: a step that was not finite, known from elsewhere.
    """

    looks: list[Look] = dataclasses.field(default_factory=list)
    epochs: list[dict[str, float]] = dataclasses.field(default_factory=list)
    steps: int = 0
    trouble: int | None = None

    def log(self, name: str) -> np.ndarray:
        """A log after every epoch; empty if it is not there."""
        values = [e[name] for e in self.epochs if isinstance(e.get(name), float | int)]
        return np.asarray(values, np.float64)

    @property
    def broken(self) -> int | None:
        """The first step that was seen to be not finite."""
        seen = [look.step for look in self.looks if not look.finite]
        seen += [] if self.trouble is None else [self.trouble]
        if not seen and not np.isfinite(self.log("loss")).all():
            seen.append(self.steps)
        return min(seen, default=None)


def look_of(step: Step) -> Look:
    """Sums up a step."""
    kernels = [n for n in step.gradients if np.ndim(step.gradients[n]) >= 2]
    gradients = {n.rpartition("/")[0] or n: _rms(step.gradients[n]) for n in kernels}
    ratios = {}
    for name in kernels:
        size = np.linalg.norm(step.weights[name]) if name in step.weights else 0.0
        if size > 0 and name in step.updates:
            ratios[name.rpartition("/")[0] or name] = float(
                np.linalg.norm(step.updates[name]) / size
            )
    dead, saturated = units(step.activations, step.layers)
    outputs = np.asarray(step.outputs) if isinstance(step.outputs, np.ndarray) else np.zeros((0, 1))
    spread = float(outputs.std(axis=0).max()) if len(outputs) > 1 and outputs.size else np.nan
    finite = all(np.isfinite(v) for v in (*gradients.values(), *ratios.values()))
    finite = finite and (np.isfinite(step.loss) or not step.has_loss)
    return Look(step.number, step.loss, gradients, ratios, dead, saturated, spread, finite)


def units(activations: Mapping, layers: Mapping) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of dead units and of saturated outputs, by layer; the last layer is left out."""
    dead, saturated = {}, {}
    for name in list(activations)[:-1]:
        values, kind = activations[name], activation_name(layers.get(name))
        if np.ndim(values) < 2 or not np.size(values) or kind not in ("relu", "relu6", *_BOUNDS):
            continue
        flat = np.asarray(values, np.float32).reshape(-1, np.shape(values)[-1])[:_ROWS]
        if kind in ("relu", "relu6"):
            dead[name] = float(np.mean(~flat.any(axis=0)))
        else:
            low, high = _BOUNDS[kind]
            edge = _NEAR * (high - low)
            saturated[name] = float(np.mean((flat < low + edge) | (flat > high - edge)))
    return dead, saturated


def _rms(array: np.ndarray) -> float:
    values = np.asarray(array, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(values * values))) if values.size else 0.0
