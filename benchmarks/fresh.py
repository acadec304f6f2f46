"""Start-up, memory and compilation, measured in fresh processes.

Used by `speed.py --startup`. Run as a program, it is one of these processes:

    python fresh.py {step,memory,compilation} {ours,ours-graph,keras} FOLDER
"""

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))


def _seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, check=False)
    return time.perf_counter() - start


def _measured(what: str, whose: str, folder: str) -> tuple[float, dict]:
    """Seconds of a process of this file, and what it printed."""
    start = time.perf_counter()
    command = [sys.executable, str(HERE / "fresh.py"), what, whose, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, json.loads(done.stdout.splitlines()[-1])


def startup(folder: str, repetitions: int) -> dict:
    """Measures, prints and returns what `docs/performance.md` says about fresh processes.

    Args:
      folder: holds data.npz.
      repetitions: of each measurement; medians are printed.
    """
    times: dict[str, list[float]] = {}
    memory: dict[str, list[dict]] = {}
    compilation: dict[str, list[dict]] = {}
    for _ in range(repetitions):  # interleaved
        for name, *command in (
            ("python -c pass", "-c", "pass"),
            ("python -m mlp_lab --help", "-m", "mlp_lab", "--help"),
            ("a mistyped flag", "-m", "mlp_lab", "--epohcs=3"),
            ("import tensorflow", "-c", "import tensorflow"),
        ):
            times.setdefault(name, []).append(_seconds(*command))
        for whose in ("ours", "ours-graph", "keras"):
            seconds, _ = _measured("step", whose, folder)
            times.setdefault(f"first step, {whose}", []).append(seconds)
        for whose in ("ours", "keras"):
            memory.setdefault(whose, []).append(_measured("memory", whose, folder)[1])
        for whose in ("ours", "ours-graph", "keras"):
            compilation.setdefault(whose, []).append(_measured("compilation", whose, folder)[1])

    def median(dictionaries, key):
        return statistics.median(d[key] for d in dictionaries)

    found: dict = {"seconds": {name: statistics.median(t) for name, t in times.items()}}
    print("| from the start of a process | median s |\n|---|---|")
    for name, seconds in found["seconds"].items():
        print(f"| {name} | {seconds:.2f} |")
    print("\n| peak memory of `fit`, 2 epochs | libraries, MB | all, MB |\n|---|---|---|")
    found["memory"] = {}
    for whose, of in memory.items():
        found["memory"][whose] = {key: median(of, key) for key in ("libraries", "peak")}
        print(f"| {whose} | {median(of, 'libraries'):.0f} | {median(of, 'peak'):.0f} |")
    print("\n| `fit` | once, s | once in a second `fit`, s | each step, ms |\n|---|---|---|---|")
    found["compilation"] = {}
    for whose, of in compilation.items():
        found["compilation"][whose] = {key: median(of, key) for key in ("once", "again", "step")}
        once, again, step = found["compilation"][whose].values()
        print(f"| {whose} | {once:.2f} | {again:.2f} | {1000 * step:.3f} |")
    # In pairs: the two processes of a repetition ran one after the other.
    pairs = list(zip(compilation["ours"], compilation["ours-graph"], strict=True))
    saved = statistics.median(graph["step"] - xla["step"] for xla, graph in pairs)
    cost = statistics.median(xla["once"] - graph["once"] for xla, graph in pairs)
    found["break_even_steps"] = cost / saved if saved > 0 else None
    print(f"\nXLA costs {cost:.2f} s once and saves {1000 * saved:.3f} ms in each step", end="")
    print(f": it pays from {cost / saved:,.0f} steps on." if saved > 0 else ": it never pays.")
    return found


# Below: the processes.


def peak() -> float:
    """Peak memory of this process in MB (of 10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _model_and_data(whose: str, folder: str, rows: int | None = None):
    import numpy as np
    from peers import BATCH, Task

    if whose == "keras":
        from peers.plain_keras import Fit
    else:
        from peers.ours import Fit
    with np.load(Path(folder) / "data.npz") as arrays:
        task = Task(**arrays, folder=folder)
    options = {} if whose == "keras" else {"jit_compile": whose == "ours"}
    contestant = Fit(task.first(rows or len(task.x)), **options)
    x, y, _ = contestant.data
    return contestant.model, (x, y, BATCH)


def _step(whose: str, folder: str) -> dict:
    model, data = _model_and_data(whose, folder, rows=128)
    model.fit(*data, epochs=1, verbose=0)
    return {}


def _memory(whose: str, folder: str) -> dict:
    import keras  # noqa: F401

    import mlp_lab.models  # noqa: F401

    libraries = peak()
    model, data = _model_and_data(whose, folder)
    model.fit(*data, epochs=2, verbose=0)
    return {"libraries": libraries, "peak": peak()}


def _compilation(whose: str, folder: str) -> dict:
    """Seconds that a first and a second `fit` take beyond their steps, and those of a step."""
    model, data = _model_and_data(whose, folder)
    from peers.fitting import Ends

    steps = -(-len(data[0]) // data[2])
    times, once = [], []
    for _ in range(2):
        ends = Ends()
        start = time.perf_counter()
        model.fit(*data, epochs=4, verbose=0, callbacks=[ends])
        whole = time.perf_counter() - start
        later = [b - a for a, b in itertools.pairwise(ends.times)]
        times += later
        once.append(whole - 4 * statistics.median(later))
    return {"once": once[0], "again": once[1], "step": statistics.median(times) / steps}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    processes = {"step": _step, "memory": _memory, "compilation": _compilation}
    print(json.dumps(processes[sys.argv[1]](*sys.argv[2:])))
