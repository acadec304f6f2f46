"""Trains with several worker processes on this machine, to try out what a cluster would do.

    python examples/cluster/local.py 2 --flagfile=configs/fashion_mnist.flags --name=trial

The first argument is the number of workers; all others are passed to train.py. Each worker is a
process with its own TF_CONFIG, on a free port of the loopback interface, and gets its share of the
processor's cores. If one ends, so do the others; the same command with --resume continues the run.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TRAIN = Path(__file__).resolve().parent.parent.parent / "train.py"


def free_ports(count: int) -> list[int]:
    """Ports that are free at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def environments(count: int, base: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The environment of each worker, on top of `base` (if None, that of this process)."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    shared = dict(os.environ if base is None else base)
    cores = max((os.cpu_count() or 1) // count, 1)
    shared.setdefault("TF_NUM_INTRAOP_THREADS", str(cores))
    shared["no_grpc_proxy"] = "127.0.0.1"  # or workers would connect through http_proxy
    tasks = [{"type": "worker", "index": index} for index in range(count)]
    return [{**shared, "TF_CONFIG": json.dumps({"cluster": cluster, "task": t})} for t in tasks]


def start(count: int, command: Sequence[str], env=None, **options) -> list[subprocess.Popen]:
    """Starts a command once per worker; `options` are those of `subprocess.Popen`."""
    return [
        subprocess.Popen(command, env=environment, **options)
        for environment in environments(count, env)
    ]


def main() -> int:
    """Starts the workers, waits for all, and returns the largest exit status."""
    if len(sys.argv) < 2 or not sys.argv[1].isdigit() or not int(sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    command = [sys.executable, str(TRAIN), "--strategy=multi_worker", *sys.argv[2:]]
    workers = start(int(sys.argv[1]), command)
    # Ctrl-C reaches the workers too, like every process on the terminal; they save and end.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    return max(worker.wait() for worker in workers)


if __name__ == "__main__":
    sys.exit(main())
