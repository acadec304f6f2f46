"""Disks that are full, small or without room for names, at every moment of a run."""

import contextlib
import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from process import environment, python

from attacks.attack import Unavailable, attack
from attacks.runs import (
    ends_alike,
    kill_after_checkpoint,
    latest_step,
    mounted,
    one_line,
    resumes,
    run,
    start,
    status,
    system,
    until,
    write_data,
)


def filled(folder):
    """Fills a file system to its last byte; returns the file to remove."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


@attack
def resumed_on_a_full_disk(home):
    """--resume on a disk that is still full is one line, status 1; later the run goes on."""
    with mounted(home / "disk", "size=64m") as disk:
        write_data(disk)
        folder = kill_after_checkpoint(disk, "run")
        filler = filled(disk)
        for _ in range(2):
            one_line(run(disk, "run", "--resume"), 1, "No space left")
            assert status(folder) in ("running", "failed")
        filler.unlink()
        resumes(disk)
        ends_alike(disk)


@attack
def full_while_it_trains(home):
    """A disk that fills up ends a run with one line and a true record; later it goes on."""
    with mounted(home / "disk", "size=64m") as disk:
        write_data(disk)
        folder = disk / "logs" / "run"
        process = start(disk, "run")
        until(lambda: latest_step(folder) >= 5, process)
        process.send_signal(signal.SIGSTOP)
        filler = filled(disk)
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
        assert ("No space left" in err, "Traceback" in err) == (True, False), err
        assert status(folder) == "failed"
        filler.unlink()
        resumes(disk)
        ends_alike(disk)


@attack
def started_on_a_tiny_disk(home):
    """A run that cannot begin for lack of room is one line, status 1, and leaves nothing."""
    write_data(home)
    with mounted(home / "logs", "size=8k") as disk:
        one_line(run(home, "run"), 1, "cannot begin", "No space left")
        assert not (disk / "run").exists()


@attack
def started_without_inodes(home):
    """A run that cannot begin for lack of inodes is one line, status 1."""
    write_data(home)
    with mounted(home / "logs", "size=64m,nr_inodes=3") as disk:
        one_line(run(home, "run"), 1, "No space left")
        assert not (disk / "run").exists()


@attack
def every_level(home):
    """At every size of the disk, a run ends with status 0, or 1 and one line, and a true record."""
    write_data(home)
    seen = set()
    for size in (12, 20, 40, 80, 120, 160, 200, 240, 280, 320, 400, 480, 640, 960, 4000):
        with mounted(home / "logs", f"size={size}k") as disk:
            done = run(home, "run")
            seen.add(done.returncode)
            folder = disk / "run"
            if done.returncode:
                one_line(done, 1, "No space left")
                assert not folder.exists() or status(folder) == "failed", size
            else:
                assert status(folder) == "finished"
    assert seen == {0, 1}


@contextlib.contextmanager
def slow(home):
    """A folder on a file system with the delays of a network."""
    (home / "behind").mkdir()
    at = home / "slow"
    at.mkdir()
    if importlib.util.find_spec("mfusepy") is None:
        raise Unavailable("a file system of one's own needs the package mfusepy")
    script = Path(__file__).with_name("slow_disk.py")
    command = [sys.executable, str(script), str(home / "behind"), str(at)]
    with open(home / "slow.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            if at.is_mount() or process.poll() is not None:
                break
            time.sleep(0.05)
        if not at.is_mount():
            raise Unavailable(f"it cannot be mounted: {(home / 'slow.log').read_text()[-300:]}")
        yield at
    finally:
        system("umount", "--lazy", str(at))
        process.kill()
        process.wait()


@attack
def file_system_with_delays(home):
    """On a file system with the delays of a network, a killed run ends with the same bits."""
    with slow(home) as disk:
        write_data(disk)
        kill_after_checkpoint(disk, "run")
        one_line(run(disk, "run"), 2, "--resume")
        resumes(disk)
        ends_alike(disk)


@attack
def one_process_on_a_slow_file_system(home):
    """On such a file system, too, a second process is kept out of a run's folder."""
    with slow(home) as disk:
        write_data(disk)
        folder = disk / "logs" / "run"
        process = start(disk, "run")
        until(lambda: latest_step(folder) >= 5, process)
        one_line(run(disk, "run", "--overwrite"), 2, "is being trained by process")
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        ends_alike(disk)


REMOTE = """\
import sys
import keras, numpy as np, tensorflow as tf
import mlp_lab
from mlp_lab.callbacks import Checkpoints, TensorBoard

x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
y = np.arange(320) % 3

class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 15:
            raise KeyboardInterrupt

def train(folder, *more):
    keras.utils.set_random_seed(0)
    model = mlp_lab.MLP((8,), 3, dropout=0.2)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    looks = TensorBoard(f"{folder}/logs", histogram_every=3)
    saving = Checkpoints(f"{folder}/checkpoints", every=4, events=f"{folder}/logs")
    model.fit(x, y, batch_size=32, epochs=3, verbose=0, callbacks=[looks, saving, *more])
    return [w.numpy() for w in model.weights if "seed" not in w.path]

try:
    train("ram://killed", Stop())
except KeyboardInterrupt:
    pass
for a, b in zip(train("ram://killed"), train("ram://whole"), strict=True):
    np.testing.assert_array_equal(a, b)
assert tf.io.gfile.listdir("ram://killed/logs/train")
"""


@attack
def file_system_of_tensorflow(home):
    """On a file system that only TensorFlow knows, a stopped fit ends with the same bits."""
    (home / "remote.py").write_text(REMOTE)
    done = python(str(home / "remote.py"), cwd=home, env=environment(home))
    assert done.returncode == 0, done.stderr


@attack
def removed_while_it_trains(home):
    """A folder that is removed while its run trains is told in one line, and not made again."""
    write_data(home)
    folder = home / "logs" / "run"
    process = start(home, "run")
    until(lambda: latest_step(folder) >= 5, process)
    process.send_signal(signal.SIGSTOP)
    shutil.rmtree(folder)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in err) == (1, False), err
