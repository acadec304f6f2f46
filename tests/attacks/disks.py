"""Disks that are full, small or without room for names, at every moment of a run."""

import contextlib
import shutil
import signal

from attacks.attack import attack
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
