"""Gain of several workers and cost of their communication: measured, and projected to more.

    python benchmarks/scaling.py --json scaling.json

starts two workers on this machine, with one core each. On a cluster, run it on every worker with
its TF_CONFIG instead; the chief prints. It measures

  - c(b): seconds of a step on b rows by one worker that does not communicate, while the others do
    the same;
  - the time to sum a vector over all workers, for vectors of several sizes. To these times it fits,
    by least squares of relative errors, the time of a ring all-reduce (Patarasu and Yuan, Bandwidth
    optimal all-reduce algorithms for clusters of workstations, 2009):
        t(n, S) = 2 (n - 1) (a + S / (n w))
    with n workers, S bytes, a seconds per message and w bytes per second;
  - steps of all workers together, compared with c(b) + t(n, S), where S is 4 bytes per parameter.

From this it projects a step with more workers, for a fixed number of rows per worker and for a
fixed number of rows in total. --latency_us and --gigabits replace the measured connection by
another. Last, on this machine, it shows what `fit` of plain Keras does on two workers. Takes five
minutes on two cores.
"""

import argparse
import datetime
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "examples" / "cluster")]

from growth import TUTORIAL, Point  # noqa: E402

NETWORKS = {"256, 128, 64, 32": TUTORIAL, "1024, 1024": (1024, 1024)}
# Rows per worker of a step that grows with the workers, and rows of a step that does not.
EACH, ALL = 128, 8192
PROJECTED = (8, 64, 512)
BATCHES = sorted({EACH, ALL, *(ALL // n for n in PROJECTED)})
SIZES = [2**power for power in range(10, 27, 2)]  # bytes
# Work in an epoch, and limits on its steps.
WORK, STEPS = 1e10, (4, 256)


# On each worker.


class Fit:
    """`MLP.fit` on synthetic images; `seconds()` measures a step, after a first epoch."""

    def __init__(self, hidden, batch, scope, most=STEPS[1]):
        import keras
        import numpy as np

        import mlp_lab

        self.batch = batch
        self.steps = min(max(int(WORK / Point(hidden, batch).work), STEPS[0]), most)
        random = np.random.default_rng(0)
        rows = self.steps * batch
        self.x = random.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
        self.y = random.integers(0, 10, rows, dtype=np.int32)
        with scope:
            self.model = mlp_lab.MLP(hidden, input_scale=1 / 255)
            self.model.compile(
                optimizer=keras.optimizers.Adam(1e-3),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=["accuracy"],
                jit_compile=False,  # strategies of several replicas run without XLA
            )

    def seconds(self) -> float:
        """Seconds of one step, the median of two epochs."""
        from peers.fitting import Ends

        ends = Ends()
        options = {"epochs": 3, "verbose": 0, "callbacks": [ends]}
        self.model.fit(self.x, self.y, self.batch, **options)
        return statistics.median(b - a for a, b in itertools.pairwise(ends.times)) / self.steps


def sum_seconds(strategy, size: int, work: int) -> float:
    """Seconds of one sum of `size` bytes over all workers, divided so that values do not grow.

    Sums are repeated until about `work` bytes are summed.
    """
    import tensorflow as tf

    def replica(vector):
        context = tf.distribute.get_replica_context()
        # Copied, so that it is on a device, as the reduction wants it.
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.identity(vector))

    @tf.function(autograph=False)
    def sums(vector, times):
        def once(i, vector):
            return i + 1, strategy.run(replica, args=(vector,))

        return tf.while_loop(lambda i, _: i < times, once, [tf.constant(0), vector])[1]

    vector = tf.ones(size // 4)
    # The same on all workers, which must make equally many calls.
    times = tf.constant(max(int(work / (size + 2**15)), 2))
    found = []
    for _ in range(8):
        start = time.perf_counter()
        sums(vector, times)[:1].numpy()
        found.append((time.perf_counter() - start) / int(times))
    return statistics.median(found[1:])  # the first one traces


def measure(options: argparse.Namespace) -> dict | None:
    """Measures, on every worker; returns None on all but the chief."""
    import contextlib

    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    workers = strategy.num_replicas_in_sync
    networks, batches, sizes, most, work = NETWORKS, BATCHES, SIZES, STEPS[1], 2**23
    if options.quick:
        networks, batches, sizes, most, work = {"8": (8,)}, [EACH], SIZES[:4], 16, 2**19
    found: dict = {"workers": workers, "sum": {}, "networks": {}}
    fits = {
        name: {
            "together": Fit(hidden, EACH * workers, strategy.scope(), most),
            **{batch: Fit(hidden, batch, contextlib.nullcontext(), most) for batch in batches},
        }
        for name, hidden in networks.items()
    }
    replicas = next(iter(fits.values()))["together"].model.replicas
    times: dict = {}
    for r in range(options.rounds + 1):
        for size in sizes:
            times.setdefault(size, []).append(sum_seconds(strategy, size, work))
        for name, kinds in fits.items():
            for kind, fit in kinds.items():
                replicas.any(False)  # all start at the same time
                times.setdefault((name, kind), []).append(fit.seconds())
        if r == 0:  # compiles
            times.clear()
    for size in sizes:
        found["sum"][size] = statistics.median(times[size])
    for name, kinds in fits.items():
        steps = {kind: statistics.median(times[name, kind]) for kind in kinds}
        together = steps.pop("together")
        count = Point(networks[name]).parameters
        found["networks"][name] = {"parameters": count, "alone": steps, "together": together}
    return found if replicas.chief else None


# What follows from the measurements.


def ring(n: int, size: float, latency: float, bandwidth: float) -> float:
    """Seconds of a ring all-reduce; see the top of the file."""
    return 2 * (n - 1) * (latency + size / (n * bandwidth))


def fitted(n: int, sums: dict[int, float]) -> tuple[float, float]:
    """Latency in seconds and bandwidth in bytes per second that fit the `sums` of n workers."""
    import numpy as np

    sizes, seconds = np.array([*sums]), np.array([*sums.values()])
    # Each row is divided by its time: relative errors count.
    terms = np.stack([2 * (n - 1) / seconds, 2 * (n - 1) / n * sizes / seconds], axis=1)
    (latency, per_byte), *_ = np.linalg.lstsq(terms, np.ones(len(sizes)), rcond=None)
    # Noise may put it below what is possible.
    return max(float(latency), 0.0), 1 / max(float(per_byte), 1e-15)


def report(found: dict, latency_us: float | None, gigabits: float | None) -> None:
    """Adds the fit, its test and the projection to what was measured, and prints everything."""
    n = found["workers"]
    latency, bandwidth = fitted(n, found["sum"])
    found |= {"latency": latency, "bandwidth": bandwidth, "projection": []}
    print(f"| bytes summed over {n} workers | ms | formula, ms |\n|---|---|---|")
    for size, seconds in found["sum"].items():
        formula = ring(n, size, latency, bandwidth)
        print(f"| {size:,} | {1e3 * seconds:.3f} | {1e3 * formula:.3f} |")
    print(f"\na = {1e6 * latency:.0f} us, w = {bandwidth / 1e9:.2f} GB/s\n")
    print(f"| hidden layers | rows for each worker | alone, ms | {n} workers, ms | ", end="")
    print("formula, ms | measured / formula |\n|---|---|---|---|---|---|")
    for name, network in found["networks"].items():
        size = 4 * network["parameters"]
        for batch, seconds in network["alone"].items():
            print(f"| {name} | {batch} | {1e3 * seconds:.2f} |", end="")
            if batch == EACH:
                formula = seconds + ring(n, size, latency, bandwidth)
                ratio = network["ratio"] = network["together"] / formula
                print(f" {1e3 * network['together']:.2f} | {1e3 * formula:.2f} | {ratio:.2f} |")
            else:
                print(" | | |")
    latency = latency if latency_us is None else latency_us / 1e6
    bandwidth = bandwidth if gigabits is None else gigabits * 1e9 / 8
    print(f"\nProjected with a = {1e6 * latency:.0f} us, w = {bandwidth / 1e9:.2f} GB/s\n")
    print("| hidden layers | workers | rows for each | rows for all | computation, ms | ", end="")
    print("communication, ms | rows per second, relative to one worker |")
    print("|---|---|---|---|---|---|---|")
    for name, network in found["networks"].items():
        alone, size = network["alone"], 4 * network["parameters"]
        for growing, workers in itertools.product((True, False), PROJECTED):
            each = EACH if growing else ALL // workers
            before = EACH if growing else ALL  # of one worker
            if each not in alone or before not in alone:
                continue  # --quick
            compute, talk = alone[each], ring(workers, size, latency, bandwidth)
            gain = (each * workers / (compute + talk)) / (before / alone[before])
            found["projection"].append(
                {"network": name, "workers": workers, "each": each, "growing": growing}
                | {"computation": compute, "communication": talk, "gain": gain}
            )
            print(
                f"| {name} | {workers} | {each} | {each * workers:,} | {1e3 * compute:.2f} | "
                f"{1e3 * talk:.2f} | {gain:.1f} |"
            )


def fits() -> dict[str, str]:
    """How a `fit` on two workers ends, in plain Keras and in ours."""
    from local import start

    says = {}
    for whose in ("keras", "ours"):
        command = [sys.executable, str(HERE / "peers" / "fit_on_workers.py"), whose]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        workers = start(2, command, **options)
        try:
            chief, _ = [worker.communicate(timeout=180)[0] for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
        says[whose] = chief.strip()
    return says


def main() -> int:
    """Reads the options; measures as a worker, or starts two workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency_us", type=float, help="of a message, to project with")
    parser.add_argument("--gigabits", type=float, help="per second, to project with")
    parser.add_argument("--quick", action="store_true", help="a trial: one small network")
    parser.add_argument("--json", help="file for all that was measured")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from environment import machine, versions

    if "TF_CONFIG" in os.environ:
        found = measure(options)
        if found is None:
            return 0
        report(found, options.latency_us, options.gigabits)
        found |= {"date": str(datetime.date.today()), "versions": versions()}
        found |= {"machine": machine()}
        if options.json:
            Path(options.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        used = ", ".join(f"{package} {version}" for package, version in found["versions"].items())
        print(f"\n{found['date']}; {used}.", flush=True)
        return 0
    from local import start

    workers = start(2, [sys.executable, *sys.argv])
    if status := max(worker.wait() for worker in workers):
        return status
    says = fits()
    print("\n| `fit` on two workers | how it went |\n|---|---|")
    for whose, line in says.items():
        print(f"| {whose} | {line} |")
    if options.json:
        path = Path(options.json)
        found = json.loads(path.read_text(encoding="utf-8")) | {"fits": says}
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
