"""The experiments: what is tried, and what it tells."""

import dataclasses
import functools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.diagnosis import baseline
from mlp_lab.diagnosis.experiment import NotTried, experiment
from mlp_lab.diagnosis.subject import Subject
from mlp_lab.diagnosis.task import Task
from mlp_lab.diagnosis.trial import Change, Trials, glorot
from mlp_lab.engine.keras_hooks import forward

_SPLIT = 200  # rows from which on trials are judged on rows that they have not seen
_FLOPS = 1e10  # of a trial
_STEPS = 400  # of a trial, at most
_FEW = 20  # at least
_SHARE = 0.6  # of the skill of nearest neighbors, which a model that does well reaches


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an experiment has given.

    Attributes:
      skill: see `Task.skill`; minus infinity if something was not finite.
      steps: how many were made.
      first, last: mean losses of the first and of the last steps.
    """

    skill: float
    steps: int
    first: float
    last: float


class Experiments:
    """Trials on the sampled rows, each run once at most, within a budget of seconds.

    Args:
      subject: the training.
      task: what it is about.
      weights: those that it began with.
      seconds: the budget of all trials together; one that has begun is ended.

    Attributes:
      refused: why there are no trials; empty if there are.
      tried: outcomes by the names of what was tried.
    """

    def __init__(self, subject: Subject, task: Task, weights: list[np.ndarray], seconds: float):
        self._subject, self._task, self._weights = subject, task, weights
        self._left = seconds
        self.refused = ""
        self.tried: dict[str, Outcome | None] = {}
        rows = len(subject.y)
        order = np.random.default_rng(2).permutation(rows)
        kept = int(rows * 0.75) if rows >= _SPLIT else rows
        self._train, self._test = order[:kept], order[kept:] if kept < rows else order

    # What the run, and simple models, reach.

    @functools.cached_property
    def final(self) -> float:
        """The skill of the model as it is now."""
        model, x = self._subject.model, self._rows(self._subject.x, self._test)
        try:
            with experiment(model):
                outputs = forward(model, tf.nest.map_structure(tf.convert_to_tensor, x), False)
        except NotTried:
            return float("nan")
        return self._task.skill(self.test_y, np.asarray(outputs))

    @functools.cached_property
    def test_y(self) -> np.ndarray:
        """The labels that skill is measured by."""
        return self._subject.y[self._test]

    @functools.cached_property
    def linear(self) -> float:
        """The skill of a linear model; NaN if there is none."""
        return self._simple(baseline.linear, self._subject.y)

    def nearest(self, y: np.ndarray | None = None) -> float:
        """The skill of nearest neighbors, also for other labels."""
        return self._simple(baseline.nearest, self._subject.y if y is None else y)

    def linear_on(self, y: np.ndarray) -> float:
        """The skill of a linear model for other labels."""
        return self._simple(baseline.linear, y)

    def _simple(self, method: Any, y: np.ndarray) -> float:
        x = baseline.features(self._subject.x)
        if x is None or len(self._train) < 2:
            return float("nan")
        targets = self._task.targets(y)
        if not np.isfinite(targets).all():
            return float("nan")
        found = method(x[self._train], targets[self._train], x[self._test])
        return dataclasses.replace(self._task, from_logits=False).skill(
            y[self._test][: len(found)], found
        )

    @property
    def margin(self) -> float:
        """By how much skill must differ not to be chance."""
        return max(0.15, 2.5 * np.sqrt(0.25 / len(self._test)) if len(self._test) >= 20 else 0.2)

    @property
    def well(self) -> bool:
        """Whether the model does what can be expected, so that nothing is looked for."""
        final, linear = self.final, self.linear
        if not final >= 0.1:
            return False
        if np.isnan(linear) or len(self._train) < _SPLIT:
            enough = 0.9 if self._task.form != "numbers" else 0.97
            return final >= enough or (final >= 0.6 and not final < linear - 0.3)
        if final >= 0.97:
            return True
        return final >= linear - 0.05 and not final < _SHARE * self.nearest()

    # Trials.

    @property
    def steps(self) -> int:
        """Steps of a trial: those of the run, within the limits of its cost."""
        batch = min(self._subject.batch_size, len(self._train))
        flops = (
            6 * sum(int(np.prod(w.shape)) for w in self._subject.model.trainable_weights) * batch
        )
        most = int(np.clip(_FLOPS / max(flops, 1), _FEW, _STEPS))
        return max(min(self._subject.steps or most, most), 1)

    def run(self, name: str, change: Change, times: int = 1) -> Outcome | None:
        """The outcome of a trial; None if there is no time left or it cannot be made."""
        if name not in self.tried:
            start = time.monotonic()
            self.tried[name] = self._run(change, times)
            self._left -= time.monotonic() - start
        return self.tried[name]

    def _run(self, change: Change, times: int) -> Outcome | None:
        if self.refused or self._left <= 0:
            return None
        try:
            trials = self._trials
            subject, steps = self._subject, self.steps * times
            data = tuple(self._rows(p, self._train) for p in (subject.x, subject.y, subject.weight))
            changed = dataclasses.replace(
                change,
                x=None if change.x is None else self._rows(change.x, self._train),
                y=None if change.y is None else self._rows(change.y, self._train),
            )
            test_x = self._rows(subject.x if change.x is None else change.x, self._test)
            trial = trials.run(data, steps, changed, test_x)
        except NotTried as reason:
            self.refused = str(reason)
            return None
        except Exception as error:  # of the user's code
            self.refused = f"a trial failed: {type(error).__name__}"
            return None
        n = max(len(trial.losses) // 10, 1)
        finite = bool(np.isfinite(trial.losses).all())
        skill = self._task.skill(self.test_y, trial.outputs) if finite else -np.inf
        first, last = float(np.mean(trial.losses[:n])), float(np.mean(trial.losses[-n:]))
        return Outcome(skill, steps, first, last)

    @functools.cached_property
    def _trials(self) -> Trials:
        return Trials(self._subject.model, self._weights, self._subject.batch_size)

    @staticmethod
    def _rows(structure: Any, rows: np.ndarray) -> Any:
        return tf.nest.map_structure(lambda a: None if a is None else a[rows], structure)

    def helps(self, name: str, change: Change, times: int = 1) -> Outcome | None:
        """The outcome of a trial if it is clearly better than the run, and than the run's start."""
        same = self.run("as it is", Change())
        if same is None:
            return None
        found = self.run(name, change, times)
        if found is None:
            return None
        before = max(same.skill, self.final if np.isfinite(self.final) else -np.inf, 0.0)
        return found if found.skill >= before + self.margin else None

    def told(self, name: str, outcome: Outcome) -> str:
        """A sentence with the numbers of a trial that helps."""
        same = self.tried.get("as it is")
        was = "not finite" if same is None or not np.isfinite(same.skill) else f"{same.skill:.2f}"
        return (
            f"tried for {outcome.steps} steps from the first weights, {name} reaches a skill of "
            f"{outcome.skill:.2f}, the run's own settings {was} (0: as ignorance, 1: no error)"
        )

    # Single changes.

    def standardized(self) -> Outcome | None:
        """Whether standardized inputs of the first layer help."""
        x = self._subject.x
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "biuf":
            return None
        flat = x.reshape(len(x), -1).astype(np.float64)
        std = flat.std(axis=0)
        std = std + 0.1 * max(float(std.mean()), 1e-12)
        scaled = ((flat - flat.mean(axis=0)) / std / self._scale_inside(x)).reshape(x.shape)
        return self.helps("standardized inputs", Change(x=scaled.astype(np.float32)))

    def _scale_inside(self, x: np.ndarray) -> float:
        """The factor by which the model's own scaling layers multiply its inputs."""
        factor = 1.0
        for layer in self._subject.model.layers:
            scale = getattr(layer, "scale", None)
            if isinstance(layer, keras.layers.Rescaling) and isinstance(scale, float | int):
                factor *= scale
        return factor or 1.0

    def scaled_targets(self) -> Outcome | None:
        """Whether targets of mean 0 and variance 1 help."""
        y = np.asarray(self._subject.y, np.float64)
        mean, std = y.mean(axis=0), y.std() or 1.0
        return self.helps(
            "standardized targets",
            Change(
                y=((y - mean) / std).astype(np.float32),
                read=lambda o: np.asarray(o).reshape(len(o), -1) * std + mean.reshape(1, -1),
            ),
        )

    def reinitialized(self) -> Outcome | None:
        """Whether other initial kernels help."""
        return self.helps("Glorot's initialization", Change(kernels=glorot()))

    def unpenalized(self) -> Outcome | None:
        """Whether it helps to leave out penalties and dropout."""
        return self.helps("no penalty and no dropout", Change(penalty=False))

    def activated(self, name: str) -> Outcome | None:
        """Whether another activation of all hidden layers helps."""
        change = Change(activation=keras.activations.get(name))
        return self.helps(f"{name} in the hidden layers", change)

    def losing(self, name: str, loss: Any) -> Outcome | None:
        """Whether another loss helps, a function of labels and outputs."""
        return self.helps(f"the loss {name}", Change(loss=loss))

    def rate(self, factor: float) -> Outcome | None:
        """Whether another learning rate helps."""
        return self.helps(f"the learning rate x {factor:g}", Change(rate=factor))

    def longer(self, times: int) -> Outcome | None:
        """Whether more steps help."""
        return self.helps(f"{times} times the steps", Change(), times)

    @property
    def learning_rate(self) -> float:
        """The rate that trials start from."""
        return self._trials.rate
