"""examples/gan.py, vae.py and autoencoder.py: seen in TensorBoard, and resumed."""

import importlib.util

import events
import keras
import numpy as np
import pytest
from as_keras.running import Kill, Killed
from covering import slow_but
from process import ROOT, environment, python

EXAMPLES = {
    "gan": ("generator", "discriminator"),
    "vae": ("encoder", "decoder"),
    "autoencoder": ("encoder", "decoder"),
}
# 5 batches in an epoch, one smaller.
FEW = {"epochs": 3, "rows": 64 * 4 + 10}


def load(name):
    """A module of examples/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def often(monkeypatch):
    """Looks at every second step, and saves after every fourth."""
    from mlp_lab import callbacks

    seen, kept = callbacks.TensorBoard, callbacks.Checkpoints
    monkeypatch.setattr(callbacks, "TensorBoard", lambda log, **_: seen(log, histogram_every=2))
    monkeypatch.setattr(
        callbacks, "Checkpoints", lambda folder, **options: kept(folder, **{**options, "every": 4})
    )


def state(model):
    """All numbers that the rest of a training depends on."""
    optimizers = [v for v in vars(model).values() if isinstance(v, keras.Optimizer)]
    assert optimizers
    parts = [*model.weights, *(v for optimizer in optimizers for v in optimizer.variables)]
    return [np.array(part) for part in parts]


@pytest.mark.parametrize("name", slow_but(EXAMPLES, ["gan", "vae"]))
def test_a_stopped_run_ends_with_the_same_bits(name, often, tmp_path):
    example = load(name)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    right = example.train(whole, **FEW)
    with pytest.raises(Killed):
        example.train(parts, **FEW, callbacks=[Kill(11)])
    keras.utils.clear_session()  # names are as in a new process
    found = example.train(parts, **FEW)
    for a, b in zip(state(found), state(right), strict=True):
        np.testing.assert_array_equal(a, b)
    assert found.training_progress.steps == 15
    if name != "gan":  # whose losses do not have to fall
        losses = found.history.history["loss"]
        assert losses[2] < 0.9 * losses[0]

    # The gradients of both networks, at every second step of the whole run, once each.
    seen, once = events.read(parts / "train"), events.read(whole / "train")
    for network in EXAMPLES[name]:
        tags = [tag for tag in seen if tag.startswith(f"gradients/{network}/")]
        assert any(tag.endswith("kernel") for tag in tags)
        for tag in tags:
            assert sorted(seen[tag]) == list(range(0, 15, 2))
            for step, value in seen[tag].items():
                np.testing.assert_array_equal(value, once[tag][step], f"{tag} {step}")
    losses = [tag for tag in seen if tag.startswith("epoch_") and "loss" in tag]
    assert losses
    for tag in losses:
        assert sorted(seen[tag]) == [5, 10, 15]


@pytest.mark.parametrize("name", slow_but(EXAMPLES, ["autoencoder"]))
def test_it_runs_alone(name, tmp_path):
    env = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    path = ROOT / "examples" / f"{name}.py"
    done = python(str(path), "--epochs=1", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout
    assert (tmp_path / "logs" / name / "train").is_dir()


def test_they_are_short():
    for name in EXAMPLES:
        assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= 90
