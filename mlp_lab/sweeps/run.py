"""Runs a sweep: checks all of it, and keeps the processes that train its trials."""

import secrets
import signal
from collections.abc import Callable

import tensorflow as tf

from mlp_lab.errors import InputError, Interrupted, RunError
from mlp_lab.sweeps.bands import write_bands
from mlp_lab.sweeps.folder import SweepFolder
from mlp_lab.sweeps.plan import Plan
from mlp_lab.sweeps.processes import Processes, can_fork
from mlp_lab.sweeps.progress import Progress
from mlp_lab.sweeps.report import report
from mlp_lab.sweeps.worker import Loader, Worker, check_all

Say = Callable[[str], None]


def sweep(plan: Plan, say: Say) -> bool:
    """Trains all trials of a sweep that are not finished; whether all have a result.

    Raises:
      InputError: a configuration cannot be trained, or the folder is not this sweep's; nothing
        has been trained.
      Interrupted: a signal came, or the time was up; what was being trained is saved.
      RunError: processes ended that should not, or files cannot be written.
    """
    folder = SweepFolder(plan)
    session = secrets.token_hex(4)
    progress = Progress(plan, folder, session)
    if not can_fork():
        if plan.options.jobs > 1:
            raise InputError("jobs", "several processes need Linux; leave it out")
        _begin(plan, folder, Loader(), say)
        Worker(plan, folder, session, Loader(), say).work(renewable=False)
        return _finish(plan, folder, progress, say)
    _run_processes(plan, folder, session, say)
    return _finish(plan, folder, progress, say)


def _begin(plan: Plan, folder: SweepFolder, loader: Loader, say: Say) -> None:
    """Checks every configuration of a sweep that is new, and makes its folder."""
    if not folder.begun:
        check_all(plan, loader)
    try:
        folder.create()
    except OSError as error:
        raise InputError("log_dir", f"cannot write to {str(folder.path)!r}: {error}") from error
    count = len({trial.number for trial in plan.trials})
    done, total = Progress(plan, folder).counts()
    say(f"sweep: {folder.path}: {count} configurations, {total} runs, {done} of them done")


def _run_processes(plan: Plan, folder: SweepFolder, session: str, say: Say) -> None:
    def begin_and_work(number: int, ready: Callable[[], None]) -> bool:
        loader = Loader()
        if number == 0:
            _begin(plan, folder, loader, say)
        ready()
        return Worker(plan, folder, session, loader, say).work(renewable=True)

    seconds = None if plan.options.minutes is None else 60 * plan.options.minutes
    with Processes(plan.options.jobs, begin_and_work, seconds) as processes:
        why = processes.wait()
    if why is None:
        return
    if not folder.path.is_dir():
        message = "nothing was written: the configurations were still being checked"
        if isinstance(why, signal.Signals):
            raise Interrupted(int(why), f"interrupted; {message}")
        raise InputError("minutes", f"the time was up, and {message}; give more")
    report(plan, folder)
    done, total = Progress(plan, folder, session).counts()
    message = f"{done} of {total} runs are done, and all is saved; the same command goes on"
    if isinstance(why, signal.Signals):
        raise Interrupted(int(why), f"interrupted: {message}")
    say(f"after {plan.options.minutes:g} minutes {message}")


def _finish(plan: Plan, folder: SweepFolder, progress: Progress, say: Say) -> bool:
    try:
        lines = report(plan, folder)
        write_bands(plan, folder)
    except (OSError, tf.errors.OpError) as error:
        raise RunError(f"the result cannot be written to {str(folder.path)!r}: {error}") from error
    for line in lines:
        say(line)
    say(f"result: {folder.path / 'sweep.md'}; tensorboard --logdir {folder.path}")
    return not progress.todo() and not any(folder.failure(trial) for trial in plan.trials)
