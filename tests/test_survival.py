"""Runs that are killed, interrupted, run twice or out of disk: real processes, real signals."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import events
import numpy as np
import pytest
from process import ROOT

import mlp_lab

FLAGS = [
    "--data_source=sample", "--epochs=4", "--dropout=0.3", "--histogram_every=20",
    "--checkpoint_every=20", "--nojit_compile", "--hidden_units=32,16", "--pictures_every=2",
    "--verbose=line", "--precision=float32",
]  # fmt: skip
# These tell of time.
TIMED = {"steps_per_second", "observing/share"}


def start(home, name, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KERAS")}
    environment |= {"HOME": str(home), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *FLAGS, f"--log_dir={home}/logs",
         f"--name={name}", *arguments],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def end(process, status=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, out + err
    return out, err


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def outcome(home, name):
    """All that a run leaves, but times: weights, history, every event."""
    folder = home / "logs" / name
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    model = mlp_lab.load_model(folder / "model.keras")
    # Keras draws anew the seeds of a loaded model's dropout.
    variables = [*model.weights, *model.optimizer.variables]
    weights = [np.array(v) for v in variables if "seed" not in v.path]
    curves = {
        (part, tag): {step: np.asarray(value) for step, value in curve.items()}
        for part in (".", "train", "validation")
        for tag, curve in events.read(folder / part).items()
        if tag not in TIMED and not tag.startswith(("run", "_hparams_"))
    }
    return weights, record["history"], curves


def assert_same(a, b):
    for one, other in zip(a[0], b[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert a[1] == b[1]
    assert a[2].keys() == b[2].keys()
    assert {part for part, _ in a[2]} == {".", "train", "validation"}
    for key, curve in a[2].items():
        assert list(curve) == list(b[2][key]), key
        for step, value in curve.items():
            np.testing.assert_array_equal(value, b[2][key][step], err_msg=f"{key} {step}")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def undisturbed(home):
    began = time.monotonic()
    end(start(home, "undisturbed"))
    return outcome(home, "undisturbed"), time.monotonic() - began


def kill_and_resume(home, name, after):
    """Kills a run after some seconds, then does what it says until it is finished."""
    process = start(home, name)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    folder = home / "logs" / name
    if not folder.exists():  # killed before anything was written
        end(start(home, name))
        return
    _, err = end(start(home, name), 2)
    if "--resume" in err:
        end(start(home, name, "--resume"))
    elif "finished" not in (folder / "run.json").read_text():
        end(start(home, name, "--overwrite"))


@pytest.mark.parametrize("share", [0.85])
def test_killed_run_goes_on_to_the_same_end(share, home, undisturbed):
    expected, seconds = undisturbed
    kill_and_resume(home, f"killed-{share}", share * seconds)
    assert_same(outcome(home, f"killed-{share}"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_killed_at_any_moment(number, home, undisturbed):
    expected, seconds = undisturbed
    after = random.Random(number).uniform(0.2, 1.0) * seconds
    kill_and_resume(home, f"random-{number}", after)
    assert_same(outcome(home, f"random-{number}"), expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_and_says_how_to_go_on(number, home, undisturbed):
    name = number.name
    process = start(home, name)
    folder = home / "logs" / name
    wait_for(lambda: any(folder.glob("checkpoints/step-*[1-9]*.ckpt")), process)
    process.send_signal(signal.SIGSTOP)  # so that it is there while the second one starts
    _, err = end(start(home, name, "--overwrite"), 2)
    assert f"is being trained by process {process.pid}" in err
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = end(process, 128 + number)
    command = f"--flagfile={folder}/flags.txt --name={name} --resume"
    assert err.splitlines()[-1].endswith(
        f"interrupted, and saved; to go on: python train.py {command}"
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
