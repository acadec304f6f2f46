"""Runs for attacks: one that was killed after a checkpoint, copied for each attack."""

import atexit
import contextlib
import functools
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from killing import assert_same, outcome
from process import environment, popen, train

from attacks.attack import Unavailable

ROOT = Path(__file__).resolve().parent.parent.parent

FLAGS = (
    "--epochs=6", "--dropout=0.3", "--histogram_every=4", "--checkpoint_every=5",
    "--nojit_compile", "--hidden_units=8", "--pictures_every=2", "--verbose=line",
    "--precision=float32", "--batch_size=50",
)  # fmt: skip
ROWS = 1000


def start(home: Path, name: str, *flags: str, common=FLAGS, **options) -> subprocess.Popen:
    """Starts a run on `home/data`, which writes to `home/logs`."""
    env = {**environment(home), "PYTHONUNBUFFERED": "1"}
    command = [str(ROOT / "train.py"), *_flags(home, name, *flags, common=common)]
    return popen(*command, **{"env": env, "cwd": home, **options})


def run(home: Path, name: str, *flags: str, common=FLAGS, **options) -> subprocess.CompletedProcess:
    """Runs it to its end."""
    flags = _flags(home, name, *flags, common=common)
    return train(*flags, home=home, entry=(str(ROOT / "train.py"),), cwd=home, **options)


def _flags(home: Path, name: str, *flags: str, common=FLAGS) -> list[str]:
    places = [f"--log_dir={home}/logs", f"--data_dir={home}/data", f"--name={name}"]
    return [*common, *places, *flags]


def write_data(home: Path) -> Path:
    """Small arrays as npy files in `home/data`."""
    generator, folder = np.random.default_rng(0), home / "data"
    folder.mkdir(exist_ok=True)
    for part, rows in (("train", ROWS), ("test", ROWS // 5)):
        labels = np.arange(rows) % 10
        pixels = generator.integers(0, 100, (rows, 28, 28)) + 15 * labels[:, None, None]
        np.save(folder / f"x_{part}.npy", pixels.astype(np.uint8))
        np.save(folder / f"y_{part}.npy", labels.astype(np.uint8))
    return folder


def until(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    """Waits for it; fails if the process ends before, or it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.002)


def kill_after_checkpoint(home: Path, name: str, *flags: str, **options) -> Path:
    """Starts a run and kills it in its second epoch; returns its folder."""
    folder = home / "logs" / name
    process = start(home, name, *flags, **options)
    until(lambda: latest_step(folder) >= 25, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert latest_step(folder) < 120, "it came to its end"
    return folder


def latest_step(folder: Path) -> int:
    """The step of the latest checkpoint; -1 if there is none."""
    found = folder.glob("checkpoints/step-*.ckpt")
    return max((int(path.stem[5:]) for path in found), default=-1)


@functools.cache
def _template(flags: tuple[str, ...]) -> Path:
    home = Path(tempfile.mkdtemp(prefix="attacks-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    write_data(home)
    kill_after_checkpoint(home, "run", *flags)
    return home


def killed(home: Path, *flags: str) -> Path:
    """The folder of a run called `run` in `home` that was killed after a checkpoint."""
    shutil.copytree(_template(flags), home, dirs_exist_ok=True)
    return home / "logs" / "run"


@functools.cache
def undisturbed(*flags: str):
    """What such a run leaves if nothing happens to it."""
    home = Path(tempfile.mkdtemp(prefix="attacks-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    write_data(home)
    done = run(home, "run", *flags)
    assert done.returncode == 0, done.stderr
    return outcome(home, "run")


def ends_alike(home: Path, *flags: str, name: str = "run") -> None:
    """Asserts that the run has ended as an undisturbed one does, bit for bit."""
    assert_same(outcome(home, name), undisturbed(*flags))


def resumes(home: Path, *flags: str, name: str = "run") -> str:
    """Resumes it to its end; returns what it printed."""
    done = run(home, name, "--resume", *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def one_line(done: subprocess.CompletedProcess, status: int, *words: str) -> str:
    """Asserts that a process has ended with this status and one line with these words."""
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("train.py: ")]
    assert (len(lines), "Traceback" in done.stderr) == (1, False), done.stderr
    assert all(word in lines[0] for word in words), lines[0]
    return lines[0]


def refused(home: Path, *words: str, flags: tuple[str, ...] = (), **options) -> str:
    """Asserts that it is not resumed, in one line, and that nothing in its folder changes."""
    folder = home / "logs" / "run"
    before = contents(folder)
    line = one_line(run(home, "run", "--resume", *flags, **options), 2, *words)
    assert contents(folder) == before
    return line


def contents(folder: Path) -> dict[str, bytes | str]:
    """The content of every file below a folder, but locks; of links, where they lead."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = str(path.readlink())
        elif path.is_file() and path.name != "run.lock":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def status(folder: Path) -> str:
    """The status in a run's record."""
    return json.loads((folder / "run.json").read_text())["status"]


def system(*command: str) -> bool:
    """Whether a command of the system could be done here."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory at this folder, while it is open."""
    folder.mkdir(exist_ok=True)
    if not system("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
        raise Unavailable("mounting a file system needs the rights for it")
    try:
        yield folder
    finally:
        system("umount", "--lazy", str(folder))
