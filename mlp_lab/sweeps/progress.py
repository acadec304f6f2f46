"""What is done of a sweep and what is to be done, as its folder tells."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlp_lab.sweeps.folder import ENDED, Logs, SweepFolder
from mlp_lab.sweeps.plan import Plan, Trial


class Task(NamedTuple):
    """A trial, and the epoch up to which it is trained."""

    trial: Trial
    epochs: int


class Progress:
    """The state of a sweep, which any number of processes change.

    With halving by n and E epochs, all configurations are trained for E / n^k epochs; the best
    n-th of them go on up to E / n^(k-1), and so on up to E (Jamieson and Talwalkar, Non-stochastic
    best arm identification and hyperparameter optimization, 2016). A rung begins when the one
    below is complete, so that the result does not depend on which process is faster.

    Args:
      plan: of the sweep.
      folder: of the sweep.
      session: a name of this call of the command: what has failed in it is not tried again.
    """

    def __init__(self, plan: Plan, folder: SweepFolder, session: str = ""):
        self._folder, self._session = folder, session
        self._halving = plan.options.halving
        self._sign = -1.0 if plan.options.objective.startswith("max") else 1.0
        self._log = plan.options.objective.partition(" ")[2]
        self._groups: dict[int, list[Trial]] = {}
        for trial in plan.trials:
            self._groups.setdefault(trial.number, []).append(trial)

    def rungs(self) -> list[list[int]]:
        """Epochs of each configuration at each rung; the last are those of the whole run.

        The number of epochs is that of the configuration, which may be varied.
        """
        count, n = len(self._groups), self._halving
        epochs = [trials[0].config.epochs for trials in self._groups.values()]
        below = 0
        while n and n ** (below + 1) <= min(count, *epochs, math.inf):
            below += 1
        return [[max(e // n**k, 1) if k else e for e in epochs] for k in range(below, -1, -1)]

    def todo(self) -> list[Task]:
        """What can be trained now, in the order of the trials; empty if the sweep has ended."""
        alive = [*self._groups]
        for epochs in self.rungs():
            tasks = [
                Task(trial, epochs[number]) for number in alive for trial in self._groups[number]
            ]
            open_tasks = [task for task in tasks if not self.done(task)]
            if open_tasks:
                return open_tasks
            alive = self._best(alive, epochs)
        return []

    def done(self, task: Task) -> bool:
        """Whether there is nothing to do for a task."""
        if self.logs_at(task) is not None:
            return True
        failure = self._folder.failure(task.trial)
        return failure is not None and failure.get("session") == self._session

    def logs_at(self, task: Task) -> Logs | None:
        """The logs of a trial up to an epoch; None if it has not come so far."""
        record = self._folder.record(task.trial)
        if record.get("status") in ENDED:
            return {name: values[: task.epochs] for name, values in record["history"].items()}
        if task.epochs < task.trial.config.epochs:
            return self._folder.at_rung(task.trial, task.epochs)
        return None

    def value(self, logs: Logs | None) -> float:
        """What is compared, smaller for better; infinite for a run that diverged or failed."""
        values = (logs or {}).get(self._log) or [math.inf]
        value = self._sign * float(values[-1])
        return value if math.isfinite(value) else math.inf

    def latest(self, trial: Trial) -> tuple[str, Logs]:
        """How far a trial has come: its status and its logs."""
        record = self._folder.record(trial)
        if record.get("status") in ENDED:
            return str(record["status"]), record["history"]
        number = [*self._groups].index(trial.number)
        for epochs in reversed(self.rungs()[:-1]):
            logs = self._folder.at_rung(trial, epochs[number])
            if logs is not None:
                return "stopped", logs
        if self._folder.failure(trial) is not None:
            return "failed", {}
        return "open", {}

    def counts(self) -> tuple[int, int]:
        """Runs that have ended or been left behind, and all."""
        waiting = {task.trial.name for task in self.todo()}
        trials = [trial for group in self._groups.values() for trial in group]
        return sum(trial.name not in waiting for trial in trials), len(trials)

    def _best(self, alive: Sequence[int], epochs: list[int]) -> list[int]:
        """The n-th part of the configurations that goes on."""
        if not self._halving:
            return [*alive]

        def mean(number: int) -> Any:
            tasks = [Task(trial, epochs[number]) for trial in self._groups[number]]
            values = [self.value(self.logs_at(task)) for task in tasks]
            return sum(values) / len(values), number

        return sorted(sorted(alive, key=mean)[: max(len(alive) // self._halving, 1)])
