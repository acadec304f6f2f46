"""How time and memory grow with width, depth, batch size, rows and probes.

    python benchmarks/growth.py --json growth.json

Each point is a process of its own, which trains `mlp_lab.MLP` on synthetic 8-bit images of
28 x 28 pixels with `jit_compile=True` and reports the median time of its epochs after the first.
The work of a step is taken as 6 * parameters * batch floating-point operations: a product and a
sum per weight and sample, for the forward pass, the gradient of the weights and the gradient of the
inputs. Takes about five minutes on two cores.
"""

import argparse
import dataclasses
import datetime
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

TUTORIAL = (256, 128, 64, 32)
# Work in an epoch where the number of rows is not what varies, and limits on its steps.
WORK = 5e10
STEPS = 16, 512


@dataclasses.dataclass(frozen=True)
class Point:
    """What one process trains.

    Attributes:
      hidden: units of the hidden layers.
      batch: samples per step.
      rows: samples; 0 for as many as take a second or so.
      probes: how many of the standard probes observe.
      every: steps from one look to the next.
    """

    hidden: tuple[int, ...] = TUTORIAL
    batch: int = 128
    rows: int = 0
    probes: int = 0
    every: int = 10

    @property
    def parameters(self) -> int:
        """Parameters of the network: 784 inputs, the hidden layers, 10 outputs."""
        sizes = (784, *self.hidden, 10)
        return sum((n + 1) * m for n, m in itertools.pairwise(sizes))

    @property
    def work(self) -> int:
        """Floating-point operations of a step."""
        return 6 * self.parameters * self.batch

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        if self.rows:
            return -(-self.rows // self.batch)
        least, most = STEPS
        return min(max(int(WORK / self.work), least), most)


AXES: dict[str, dict[str, Point]] = {
    "width": {f"{n}, {n}": Point((n, n)) for n in (64, 128, 256, 512, 1024, 2048, 4096)},
    "depth": {f"{n} x 128": Point((128,) * n) for n in (2, 4, 8, 16, 32)},
    "batch": {str(n): Point(batch=n) for n in (32, 64, 128, 256, 512, 1024, 2048, 4096)},
    "rows": {f"{n:,}": Point((64, 64), rows=n) for n in (6_000, 60_000, 600_000)},
    "probes": {f"{n}, every 10 steps": Point(probes=n) for n in range(7)},
}
HUGE = {"6,000,000": Point((64, 64), rows=6_000_000)}


def measure(point: Point) -> dict:
    """In this process: seconds of an epoch, and memory in MB (of 10^6 bytes)."""
    import keras
    import numpy as np
    from fresh import peak
    from peers.fitting import Ends

    import mlp_lab

    libraries = peak()
    rows = point.rows or point.steps * point.batch
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    y = random.integers(0, 10, rows, dtype=np.int32)
    data = peak()
    model = mlp_lab.MLP(point.hidden, input_scale=1 / 255)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    ends = Ends()
    with tempfile.TemporaryDirectory() as folder:
        probes = mlp_lab.probes.standard()[: point.probes]
        look = mlp_lab.callbacks.TensorBoard(folder, histogram_every=point.every, probes=probes)
        callbacks = [look, ends] if probes else [ends]
        start = time.perf_counter()
        model.fit(x, y, point.batch, epochs=4, verbose=0, callbacks=callbacks)
    later = [b - a for a, b in itertools.pairwise(ends.times)]
    epoch = statistics.median(later)
    return {
        "epoch": epoch,
        "once": ends.times[0] - start - epoch,
        "libraries": libraries,
        "data": data,
        "peak": peak(),
    }


def in_a_process(point: Point) -> dict:
    """Runs `measure` in a process of its own, and adds what follows from it."""
    command = [sys.executable, str(HERE / "growth.py"), "--point"]
    command.append(json.dumps(dataclasses.asdict(point)))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"growth.py: {point} failed\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    step = found["epoch"] / point.steps
    return {
        **found,
        "parameters": point.parameters,
        "steps": point.steps,
        "step": step,
        "work": point.work,
        "seconds_per_work": step / point.work,
    }


def main() -> None:
    """Reads the options, measures, prints, saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help=f"axes, comma-separated, of: {', '.join(AXES)}")
    parser.add_argument("--huge", action="store_true", help="6,000,000 rows too: 5 GB and more")
    parser.add_argument("--quick", action="store_true", help="a trial: the first point of each")
    parser.add_argument("--json", help="file for all that was measured")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.point:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        given = json.loads(chosen.point)
        print(json.dumps(measure(Point(**{**given, "hidden": tuple(given["hidden"])}))))
        return
    only = chosen.only.split(",") if chosen.only else list(AXES)
    if unknown := [axis for axis in only if axis not in AXES]:
        parser.error(f"--only: unknown {', '.join(unknown)}; there are {', '.join(AXES)}")
    from environment import machine, versions

    record: dict = {"date": str(datetime.date.today()), "versions": versions()}
    record |= {"machine": machine(), "axes": {}}
    for axis in only:
        points = AXES[axis] | (HUGE if axis == "rows" and chosen.huge else {})
        if chosen.quick:
            points = dict(list(points.items())[:1])
        print(f"| {axis} | epoch, s | step, ms | work of a step, MFLOP | ms per GFLOP | ", end="")
        print("once, s | peak memory, MB | of which data, MB |\n|---|---|---|---|---|---|---|---|")
        record["axes"][axis] = {}
        for name, point in points.items():
            found = record["axes"][axis][name] = in_a_process(point)
            print(
                f"| {name} | {found['epoch']:.2f} | {1e3 * found['step']:.3f} | "
                f"{found['work'] / 1e6:,.0f} | {1e12 * found['seconds_per_work']:,.1f} | "
                f"{found['once']:.1f} | {found['peak']:,.0f} | "
                f"{found['data'] - found['libraries']:,.0f} |",
                flush=True,
            )
        print()
    print(f"{record['date']}; {', '.join(f'{p} {v}' for p, v in record['versions'].items())}.")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
