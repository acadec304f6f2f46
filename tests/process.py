"""Running the lab as its users do: as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from forking import Forked, can_fork

ROOT = Path(__file__).resolve().parent.parent


def hear_signals() -> None:
    """Undoes what a shell does to processes in the background, and nohup: to ignore signals.

    Children ignore what their parent ignores, and tests send them signals.
    """
    for number, usual in ((signal.SIGINT, signal.default_int_handler),
                          (signal.SIGHUP, signal.SIG_DFL)):  # fmt: skip
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def environment(home: Path) -> dict[str, str]:
    """A user's environment with an empty home and no network (a proxy that refuses)."""
    ours = ("TF_", "KERAS_", "XLA_", "PYTEST_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    no_network = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
    return {**kept, **no_network, "no_proxy": "", "HOME": str(home)}


def popen(*arguments: str, env: dict[str, str], fresh: bool = False, **options) -> subprocess.Popen:
    """Starts `python ARGUMENTS`, from the checkout's folder unless `cwd` is given.

    Args:
      arguments: of Python: a script or `-m` and a module, then theirs.
      env: the environment.
      fresh: a new interpreter. By default a process is forked from one that has loaded
        TensorFlow, where that makes no difference but in time; see `forking.py`.
      options: as of `subprocess.Popen`.
    """
    options = {
        "cwd": ROOT, "env": env, "text": True, "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE, **options,
    }  # fmt: skip
    if not fresh and can_fork(arguments, env):
        return Forked(list(arguments), **options)
    return subprocess.Popen([sys.executable, *arguments], **options)


def python(*arguments: str, timeout: float = 300, **options) -> subprocess.CompletedProcess:
    """Runs `python ARGUMENTS` to its end; options as of `popen`."""
    with popen(*arguments, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        finally:
            process.kill()  # does nothing to one that has ended
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def train(
    *arguments: str, home: Path, entry: tuple[str, ...] = ("train.py",), **options
) -> subprocess.CompletedProcess:
    """Runs train.py, or another entry, with these flags; options as of `python`."""
    return python(*entry, *arguments, **{"env": environment(home), **options})
