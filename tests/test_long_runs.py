"""Runs of many steps: memory stays flat, and what is written grows as the schedule says."""

import json
import statistics
import sys

import pytest
from process import ROOT, environment, python

# Prints, for every epoch, the step, the memory in use and the bytes of events so far.
PROCESS = """
import json, sys
from pathlib import Path
import keras, numpy as np
import mlp_lab

folder = Path(sys.argv[1])
steps, epoch, every = map(int, sys.argv[2:])

class Use(keras.callbacks.Callback):
    any_steps_per_execution = True

    def on_epoch_end(self, epoch, logs=None):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        written = sum(path.stat().st_size for path in folder.rglob("events.*"))
        print(json.dumps([int(self.model.optimizer.iterations), pages * 4096, written]), flush=True)

rng = np.random.default_rng(0)
rows = 16 * epoch
x, y = rng.integers(0, 256, (rows, 28, 28), np.uint8), rng.integers(0, 10, rows)
model = mlp_lab.MLP(dropout=0.1, input_scale=1 / 255)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", loss, metrics=["accuracy"])
callbacks = [
    mlp_lab.callbacks.NonFinite(),
    mlp_lab.callbacks.TensorBoard(folder, histogram_every=every),
    Use(),
    mlp_lab.callbacks.Checkpoints(folder / "checkpoints", every=5_000, say=lambda line: None),
]
model.fit(x, y, batch_size=16, epochs=steps // epoch, verbose=0, callbacks=callbacks)
"""


def run(folder, steps, every, epoch=1_000, **options):
    """Rows of (step, bytes of memory, bytes of events)."""
    folder.mkdir(exist_ok=True)
    script = folder / "script.py"
    script.write_text(PROCESS)
    numbers = map(str, (steps, epoch, every))
    env = {**environment(folder), "PYTHONPATH": str(ROOT)}
    done = python(str(script), str(folder), *numbers, env=env, **options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_flat_and_events_grow_evenly(tmp_path):
    rows = run(tmp_path, 100_000, 100, fresh=True, timeout=None)  # per 1,000 steps
    _, memory, written = zip(*rows, strict=True)
    # Medians: what the allocator holds goes up and down by some megabytes.
    grown = (statistics.median(memory[90:]) - statistics.median(memory[10:20])) / 1e6
    early, late = written[40] - written[20], written[99] - written[79]
    print(f"memory grew by {grown:.1f} MB; events by {early:,} and {late:,} bytes in 20,000 steps")
    assert grown < 20
    assert late < 1.05 * early


@pytest.mark.parametrize("epoch", [200, pytest.param(1_000, marks=pytest.mark.slow)])
def test_events_grow_with_the_looks(epoch, tmp_path):
    """Half as many looks, half as many bytes."""
    often, seldom = (
        run(tmp_path / str(looks), 4 * epoch, epoch // looks, epoch) for looks in (10, 5)
    )
    written = [rows[-1][2] - rows[0][2] for rows in (often, seldom)]
    assert 1.8 < written[0] / written[1] < 2.2
