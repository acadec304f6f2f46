"""Runs on two workers, of which some are killed: by `tools/kills.py --workers=2`."""

import contextlib
import json
import subprocess
import time

from attacks.workers import cluster, config
from killing import ENDED, FLAGS, place
from process import ROOT, environment, popen


def start_workers(home, name):
    """Starts both; the same command resumes the run, if there is one to resume."""
    addresses = cluster()
    flags = [*FLAGS, "--strategy=multi_worker", "--resume", f"--name={name}"]
    # Fewer steps: each of them waits for the slower worker.
    flags += ["--batch_size=512", "--epochs=2", "--checkpoint_every=5", "--histogram_every=5"]
    flags.append("--worker_timeout=30s")  # where the other is killed before it comes
    running = []
    for index in range(2):
        env = {
            **environment(home), "PYTHONUNBUFFERED": "1", "no_proxy": "127.0.0.1",
            "TF_CONFIG": json.dumps(config(addresses, index)),
        }  # fmt: skip
        running.append(popen(str(ROOT / "train.py"), *flags, f"--log_dir={home}/logs", env=env))
    return running


def end_workers(running, allowed=(0,), timeout=300):
    """Waits for all; their exit statuses have to be allowed."""
    end = time.monotonic() + timeout
    outputs: dict[int, str] = {}
    while len(outputs) < len(running):  # their pipes hold what a run prints
        for index, process in enumerate(running):
            if index not in outputs:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    outputs[index] = "".join(process.communicate(timeout=0.2))
        if time.monotonic() > end:
            for index, process in enumerate(running):
                process.kill()
                outputs.setdefault(index, f"STILL RUNNING: {process.communicate()}")
            raise AssertionError(str(outputs))
    statuses = [process.returncode for process in running]
    assert all(status in allowed for status in statuses), (statuses, outputs)


def kill_workers_and_resume(home, name, moment, victims):
    """Kills one worker, or both, and gives the same command again until the run is finished.

    Args:
      home: a folder for all runs.
      name: of the run.
      moment: given the run's folder, whether to kill now; asked until it says so.
      victims: which workers to kill.

    Returns:
      How far the run had come, by what the kill left of it.
    """
    folder = home / "logs" / name
    running = start_workers(home, name)
    while all(process.poll() is None for process in running) and not moment(folder):
        time.sleep(0.0002)
    for index in victims:
        running[index].kill()
    found = place(folder)
    # One that is left ends by itself: with an error, or because the run was complete.
    end_workers(running, (0, 1, -9))
    if place(folder) != ENDED:
        end_workers(start_workers(home, name))
    return found
