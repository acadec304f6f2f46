"""Seconds per epoch of the tutorial's Fashion-MNIST network, compared with other libraries.

    python benchmarks/speed.py --json speed.json

784-256-128-64-32-10, ReLU, Adam at 1e-3, batches of 128, softmax cross-entropy of the
logits, training accuracy measured, every row once per epoch in a new order. After a first epoch
that is not counted, contestants take turns, one epoch each per round, in an order that rotates by
one from round to round. What counts is the ratio to "ours" within a round, and its median is
printed: a machine that is slow for a while is slow for all.

Contestants that train with `fit` run two epochs per turn, and the second is timed. A contestant
whose package is missing is skipped. The eager loop and Cockpit run 100 steps, scaled to the epoch,
unless --slow is given. Takes about ten minutes on two cores.
"""

import argparse
import datetime
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from environment import machine, versions  # noqa: E402
from fresh import startup  # noqa: E402
from peers import BATCH, PEERS, Peer  # noqa: E402

# What is compared, with what, and the largest ratio allowed.
TARGETS = [
    ("ours-probes-100", "ours", 1.03),
    ("ours-probes-10", "ours", 1.15),
    ("ours-probes-1", "ours", 2.0),
    ("ours-guarded", "ours", 1.01),
    ("ours", "jax", 1.0),
    ("ours", "keras", 0.5),
    ("ours", "loop", 0.05),
    ("ours", "floor", 1.8),
    ("ours-probes-100", "keras", 1.0),
]


def missing(peer: Peer) -> str | None:
    """The first module that a contestant needs and that is not installed."""
    return next((name for name in peer.needs if importlib.util.find_spec(name) is None), None)


class Worker:
    """A process that runs the contestants of one framework; see `peers/worker.py`."""

    def __init__(self, folder: str):
        self.messages = tempfile.TemporaryFile()  # noqa: SIM115 (until `close`)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "peers" / "worker.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.messages,
            text=True,
        )

    def ask(self, method: str, name: str, rows: int) -> dict:
        """Sends one command and waits for its answer."""
        try:
            self.process.stdin.write(json.dumps([method, name, rows]) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.messages.seek(0)
            lines = self.messages.read().decode(errors="replace").strip().splitlines()
            return {"error": lines[-1] if lines else "its process ended"}

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.messages.close()


def rows_of(peer: Peer, rows: int, slow: bool) -> int:
    """How many rows a contestant trains on per turn."""
    return rows if slow or peer.steps is None else min(rows, peer.steps * BATCH)


def race(peers: list[Peer], folder: str, rows: int, rounds: int, slow: bool):
    """Runs the rounds.

    Returns:
      Name -> {"seconds": [per epoch, one per round], "accuracy"}; name -> why it was skipped.
    """
    times: dict[str, list[float]] = {}
    accuracies: dict[str, float | None] = {}
    skipped = {p.name: f"{m} is not installed" for p in peers if (m := missing(p))}
    workers: dict[str, Worker] = {}
    try:
        for peer in peers:
            if peer.name in skipped:
                continue
            framework = peer.needs[0]
            if framework not in workers:
                workers[framework] = Worker(folder)
            print(f"preparing {peer.name}", file=sys.stderr)
            answer = workers[framework].ask("prepare", peer.name, rows_of(peer, rows, slow))
            if "error" in answer:
                skipped[peer.name] = answer["error"]
        running = [peer for peer in peers if peer.name not in skipped]
        for r in range(rounds):
            print(f"round {r + 1} of {rounds}", file=sys.stderr)
            shift = r % max(len(running), 1)
            for peer in running[shift:] + running[:shift]:
                if peer.name in skipped:
                    continue
                used = rows_of(peer, rows, slow)
                time.sleep(0.2)  # until the threads of the previous one stop spinning
                answer = workers[peer.needs[0]].ask("epoch", peer.name, used)
                if "error" in answer:
                    skipped[peer.name] = answer["error"]
                    continue
                times.setdefault(peer.name, []).append(answer["seconds"] * rows / used)
                accuracies[peer.name] = answer["accuracy"]
    finally:
        for worker in workers.values():
            worker.close()
    results = {
        peer.name: {"seconds": times[peer.name], "accuracy": accuracies[peer.name]}
        for peer in running
        if peer.name not in skipped
    }
    return results, skipped


def ratio(results: dict, name: str, against: str) -> float | None:
    """Median over the rounds of the ratio of two contestants' seconds."""
    if name not in results or against not in results:
        return None
    pairs = zip(results[name]["seconds"], results[against]["seconds"], strict=True)
    return statistics.median(a / b for a, b in pairs)


def table(results: dict, peers: list[Peer], rows: int, slow: bool) -> list[str]:
    """Markdown, a line per contestant; adds what it computes to the results."""
    lines = ["| contestant | median s | min s | quartiles s | ratio to ours | accuracy |"]
    lines.append("|---|---|---|---|---|---|")
    for peer in peers:
        if peer.name not in results:
            continue
        result = results[peer.name]
        seconds = result["seconds"]
        low, _, high = np.quantile(seconds, [0.25, 0.5, 0.75])
        says = peer.says
        if rows_of(peer, rows, slow) < rows:
            says += f" ({peer.steps} steps, scaled)"
        result |= {
            "says": says,
            "median": statistics.median(seconds),
            "min": min(seconds),
            "quartiles": [low, high],
            "ratio": ratio(results, peer.name, "ours"),
        }
        to_ours = f"{result['ratio']:.3g}" if result["ratio"] else ""
        accuracy = f"{result['accuracy']:.3f}" if result["accuracy"] is not None else ""
        lines.append(
            f"| {says} | {result['median']:.3f} | {result['min']:.3f} | "
            f"{low:.3f} to {high:.3f} | {to_ours} | {accuracy} |"
        )
    return lines


def targets(results: dict) -> list[dict]:
    """Each target whose two contestants ran, with the measured ratio."""
    found = []
    for name, against, allowed in TARGETS:
        measured = ratio(results, name, against)
        if measured is not None:
            found.append(
                {
                    "target": f"{name} / {against}",
                    "measured": measured,
                    "allowed": allowed,
                    "met": measured <= allowed,
                }
            )
    return found


def save_data(folder: str, data_dir: str | None, rows: int | None) -> dict:
    """Writes data.npz for the workers; returns a description of it."""
    from mlp_lab import data

    dataset = data.load("fashion_mnist", "auto", data_dir, say=lambda *_: None)
    x, y = dataset.x_train[:rows], dataset.y_train[:rows]
    test = slice(rows)
    np.savez(
        Path(folder) / "data.npz",
        x=x,
        y=y,
        x_test=dataset.x_test[test],
        y_test=dataset.y_test[test],
    )
    return {"rows": len(x), "source": dataset.origin.kind, "published": dataset.origin.published}


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(peer.name for peer in PEERS)
    parser.add_argument("--rounds", type=int, help="epochs of each contestant (default: 7)")
    parser.add_argument("--only", help=f"contestants, comma-separated, of: {names}")
    parser.add_argument("--data_dir", help="folder of the data set (default: as train.py)")
    parser.add_argument("--rows", type=int, help="fewer rows than there are")
    parser.add_argument("--slow", action="store_true", help="whole epochs for everybody")
    parser.add_argument("--quick", action="store_true", help="a trial: 1,000 rows, 2 rounds")
    parser.add_argument(
        "--startup",
        action="store_true",
        help="measure start-up, memory and compilation in fresh processes in place of epochs",
    )
    parser.add_argument("--json", help="file for all that was measured")
    chosen = parser.parse_args()
    known = {peer.name for peer in PEERS}
    unknown = [name for name in (chosen.only or "").split(",") if name and name not in known]
    if unknown:
        parser.error(f"--only: unknown {', '.join(unknown)}; there are {names}")
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 7)
    chosen.rows = chosen.rows or (1000 if chosen.quick else None)
    if chosen.rounds < 1 or (chosen.rows or BATCH) < BATCH:
        parser.error(f"--rounds: at least 1, --rows: at least {BATCH}")
    return chosen


def main() -> None:
    """Reads the options, measures, prints, saves."""
    chosen = options()
    record: dict = {"date": str(datetime.date.today()), "versions": versions()}
    record["machine"] = machine()
    with tempfile.TemporaryDirectory() as folder:
        record["data"] = save_data(folder, chosen.data_dir, chosen.rows)
        rows = record["data"]["rows"]
        if chosen.startup:
            record["startup"] = startup(folder, 1 if chosen.quick else 5)
        else:
            only = chosen.only.split(",") if chosen.only else [peer.name for peer in PEERS]
            peers = [peer for peer in PEERS if peer.name in only]
            results, skipped = race(peers, folder, rows, chosen.rounds, chosen.slow)
            print(f"Seconds per epoch of {rows:,} rows, {chosen.rounds} rounds\n")
            print("\n".join(table(results, peers, rows, chosen.slow)))
            for name, reason in skipped.items():
                print(f"skipped {name}: {reason}")
            record |= {"rounds": chosen.rounds, "results": results, "skipped": skipped}
            record["targets"] = targets(results)
            if record["targets"]:
                print("\n| target | measured | allowed | |\n|---|---|---|---|")
            for target in record["targets"]:
                print(
                    f"| {target['target']} | {target['measured']:.3f} | {target['allowed']:.3g} | "
                    f"{'met' if target['met'] else 'missed'} |"
                )
    used = ", ".join(f"{package} {version}" for package, version in record["versions"].items())
    print(f"\n{record['date']}; {record['machine']['cpus']} processors; {used}.")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
