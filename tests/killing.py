"""Runs that are started, killed and resumed as processes, and what they leave behind."""

import json
import time

import events
import killing_models  # noqa: F401, so that its class can be loaded
import numpy as np
from process import ROOT, environment, popen

import mlp_lab

FLAGS = [
    "--data_source=sample", "--epochs=3", "--dropout=0.3", "--histogram_every=20",
    "--checkpoint_every=20", "--nojit_compile", "--hidden_units=32,16", "--pictures_every=2",
    "--verbose=line", "--precision=float32",
]  # fmt: skip
TWO_OPTIMIZERS = "--model=tests.killing_models:TwoOptimizers"
# These tell of time.
TIMED = {"steps_per_second", "observing/share"}


def start(home, name, *arguments):
    flags = [*FLAGS, f"--log_dir={home}/logs", f"--name={name}", *arguments]
    env = {**environment(home), "PYTHONUNBUFFERED": "1"}
    return popen(str(ROOT / "train.py"), *flags, env=env)


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
    # Keras does not compile a loaded model that has a `compile` of its own, and draws anew the
    # seeds of dropout.
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.weights, *(optimizer.variables if optimizer else ())]
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


def later(seconds):
    """A moment to kill at: so many seconds from now."""
    end = time.monotonic() + seconds
    return lambda folder: time.monotonic() >= end


def kill_and_resume(home, name, moment, *flags):
    """Kills a run, then does what it says until it is finished.

    Args:
      home: a folder for all runs.
      name: of the run.
      moment: given the run's folder, whether to kill now; asked until it says so.
      flags: further flags of the run.

    Returns:
      How far the run had come, by what the kill left of it.
    """
    folder = home / "logs" / name
    process = start(home, name, *flags)
    while process.poll() is None and not moment(folder):
        time.sleep(0.0002)
    process.kill()
    process.communicate()
    found = place(folder)
    if not folder.exists():
        end(start(home, name, *flags))
        return found
    _, err = end(start(home, name, *flags), 2)
    if "--resume" in err:
        end(start(home, name, *flags, "--resume"))
    elif found != ENDED:
        end(start(home, name, *flags, "--overwrite"))
    return found


ENDED = "after its end"


def place(folder):
    """How far a run had come, by what it left."""
    if not folder.exists():
        return "before it wrote"
    if not (folder / "run.json").exists():
        return "while it made its folder"
    if json.loads((folder / "run.json").read_text())["status"] == "finished":
        return ENDED
    if any(folder.glob("checkpoints/.*.tmp")):
        return "while it saved a checkpoint, half of which was left"
    if (folder / "model.keras").exists():
        return "while it saved the model"
    return (
        "in training, after a checkpoint"
        if any(folder.glob("checkpoints/step-*[1-9]*.ckpt"))
        else "before a checkpoint"
    )
