"""Runs that are killed, interrupted, run twice or out of disk: real processes, real signals."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from covering import slow_but
from killing import assert_same, end, kill_and_resume, later, outcome, start, wait_for

from mlp_lab.checkpoints import Store


def until_a_checkpoint(home, name):
    process = start(home, name)
    folder = home / "logs" / name
    wait_for(lambda: any(folder.glob("checkpoints/step-*[1-9]*.ckpt")), process)
    return process, folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def undisturbed(home):
    began = time.monotonic()
    end(start(home, "undisturbed"))
    return outcome(home, "undisturbed"), time.monotonic() - began


@pytest.mark.parametrize("share", [0.85])
def test_killed_run_goes_on_to_the_same_end(share, home, undisturbed):
    expected, seconds = undisturbed
    kill_and_resume(home, f"killed-{share}", later(share * seconds))
    assert_same(outcome(home, f"killed-{share}"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_killed_at_any_moment(number, home, undisturbed):
    expected, seconds = undisturbed
    after = random.Random(number).uniform(0.2, 1.0) * seconds
    kill_and_resume(home, f"random-{number}", later(after))
    assert_same(outcome(home, f"random-{number}"), expected)


# SIGINT takes the same way; by default test_run.py sends it.
@pytest.mark.parametrize("number", slow_but([signal.SIGINT, signal.SIGTERM], [signal.SIGTERM]))
def test_signal_saves_and_says_how_to_go_on(number, home, undisturbed):
    name = number.name
    process, folder = until_a_checkpoint(home, name)
    process.send_signal(signal.SIGSTOP)  # so that it is there while the second one starts
    _, err = end(start(home, name, "--overwrite"), 2)
    assert f"is being trained by process {process.pid}" in err
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = end(process, 128 + number)
    command = f"--flagfile={folder}/flags.txt --name={name} --resume"
    assert err.splitlines()[-1].endswith(
        f"interrupted, and saved; to resume: python train.py {command}"
    )
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "interrupted"
    _, err = end(start(home, name, "--resume", "--learning_rate=0.5"), 2)
    assert "--learning_rate" in err
    end(start(home, name, "--resume"))
    assert_same(outcome(home, name), undisturbed[0])
    _, err = end(start(home, name, "--resume"), 2)
    assert "has finished" in err


def test_damaged_checkpoint_is_passed_over(home, undisturbed):
    name = "damaged"
    process = start(home, name)
    folder = home / "logs" / name / "checkpoints"
    wait_for(lambda: len([*folder.glob("step-*.ckpt")]) >= 2, process)
    process.kill()
    process.communicate()
    newest = max(folder.glob("step-*.ckpt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    out, _ = end(start(home, name, "--resume"))
    assert f"checkpoint not used: {newest.name}: damaged" in out
    assert_same(outcome(home, name), undisturbed[0])


def system(*command):
    """Whether a command of the system could be done here."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    if not system("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)):
        pytest.skip("a file system of its own needs the rights to mount one")
    yield tmp_path
    system("umount", "--lazy", str(tmp_path))


def test_full_disk(small_disk, undisturbed):
    process, folder = until_a_checkpoint(small_disk, "full")
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    _, err = end(process, 1)
    last = err.splitlines()[-1]
    assert f"train.py: error: the run '{folder}' has stopped: " in last
    assert "No space left on device" in last
    assert last.endswith(f"--flagfile={folder}/flags.txt --name=full --resume")
    assert "Traceback" not in err
    assert Store(folder / "checkpoints", say=pytest.fail).load() is not None
    assert not [*folder.glob("checkpoints/*.tmp")]
    filler.unlink()
    end(start(small_disk, "full", "--resume"))
    assert_same(outcome(small_disk, "full"), undisturbed[0])


def test_permission_lost(tmp_path, undisturbed):
    process, folder = until_a_checkpoint(tmp_path, "locked")
    checkpoints = folder / "checkpoints"
    try:
        if os.geteuid():
            checkpoints.chmod(0o500)
        elif not system("chattr", "+i", str(checkpoints)):  # nothing else stops root
            process.kill()
            process.communicate()
            pytest.skip("root can write everywhere here")
        _, err = end(process, 1)
    finally:
        checkpoints.chmod(0o700) if os.geteuid() else system("chattr", "-i", str(checkpoints))
    assert f"the run '{folder}' has stopped: [Errno " in err.splitlines()[-1]
    assert "not permitted" in err or "denied" in err
    assert "Traceback" not in err
    end(start(tmp_path, "locked", "--resume"))
    assert_same(outcome(tmp_path, "locked"), undisturbed[0])


def test_folder_removed(tmp_path):
    process, folder = until_a_checkpoint(tmp_path, "gone")
    folder.rename(tmp_path / "elsewhere")
    _, err = end(process, 1)
    assert f"the run '{folder}' has stopped: " in err.splitlines()[-1]
    assert "No such file or directory" in err or "was removed" in err
    assert err.splitlines()[-1].endswith("; there is no checkpoint to resume from")
    assert "Traceback" not in err
    assert Store(tmp_path / "elsewhere" / "checkpoints", say=pytest.fail).load() is not None
