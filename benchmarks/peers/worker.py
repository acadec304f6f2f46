"""One process of `benchmarks/speed.py`: the contestants of one framework.

    python worker.py FOLDER

reads commands from standard input, one JSON list per line, `[method, peer, rows]`, and answers
each with one line, `{"seconds": ..., "accuracy": ...}` or `{"error": ...}`. The data are in
FOLDER/data.npz.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

import numpy as np  # noqa: E402

from peers import PEERS, Task  # noqa: E402


def main() -> None:
    """Answers commands until the input ends."""
    # What the frameworks print goes to standard error, not into the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    folder = Path(sys.argv[1])
    with np.load(folder / "data.npz") as arrays:
        task = Task(**arrays, folder=str(folder))
    made: dict = {}
    peers = {peer.name: peer for peer in PEERS}
    for line in sys.stdin:
        method, name, rows = json.loads(line)
        try:
            if name not in made:
                module, cls = peers[name].made_by.split(":")
                found = getattr(importlib.import_module(f"peers.{module}"), cls)
                made[name] = found(task.first(rows), **peers[name].options)
            seconds, accuracy = getattr(made[name], method)() or (None, None)
            answer = {"seconds": seconds, "accuracy": accuracy}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
