"""The table recipe on eight public tables, beside figures of other libraries.

    python benchmarks/tables.py --folder=TABLES --json tables.json
    python benchmarks/tables.py --folder=TABLES --sets concrete,credit --seeds 2 \\
        --flags="--noinput_scaling"

TABLES holds the files named in `SETS`: penguins (palmerpenguins), credit and concrete
(modeldata), spam (kernlab), letter and soybean (mlbench), diamonds (ggplot2) and slid (carData),
all from CRAN packages. Row i of a file is a test row when (i * 2654435761 mod 2^32) / 2^32 < 0.2.
Each run is `train.py`'s own on the rest, in a process of its own with one thread: with
configs/table.flags, the target and the test rows, and no setting per table. CPU seconds are those
of the run, from reading the file to the last figure, without importing TensorFlow.

The figures of the other libraries were measured on the same rows, on 2026-11-27, on another
machine of two cores: scikit-learn 1.9 (MLP with defaults, standardized inputs; of numbers also a
standardized target), histogram gradient boosting with its defaults, pytabkit 1.7.3
(RealMLP_TD_S_Classifier and _Regressor with their defaults), Keras 3.15.1 with FeatureSpace
(Dense 128-128, Adam, early stopping).
"""

import argparse
import json
import os
import shlex
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

SETS = {
    "penguins": "species",
    "credit": "Status",
    "spam": "type",
    "letter": "lettr",
    "soybean": "Class",
    "diamonds": "price",
    "concrete": "compressive_strength",
    "slid": "wages",
}
CONTESTANTS = ("linear", "sk_mlp", "hgb", "realmlp", "keras_fs")
# In the order of CONTESTANTS; None where there is no figure.
ACCURACY = {
    "penguins": (0.9857, 0.9943, 0.9714, 0.9971, 1.0),
    "credit": (0.8029, 0.7760, 0.7861, 0.7956, 0.7962),
    "spam": (0.9142, 0.9427, 0.9566, 0.9490, 0.9414),
    "letter": (0.7656, 0.9491, 0.9615, 0.9795, 0.9518),
    "soybean": (0.9270, 0.9080, 0.9051, 0.9285, 0.9161),
}
LOG_LOSS = {
    "penguins": (0.0381, 0.0198, 0.1720, 0.0823, 0.0076),
    "credit": (0.4389, 0.4860, 0.4468, 0.4423, 0.4305),
    "spam": (0.2487, 0.2158, 0.1336, 0.1667, 0.1859),
    "letter": (0.8700, 0.1642, 0.1257, 0.2039, 0.1467),
    "soybean": (0.2217, 0.2022, 0.2843, 0.3432, 0.1903),
}
R2 = {
    "diamonds": (0.9234, 0.9605, 0.9807, None, 0.9758),
    "concrete": (0.5496, 0.8361, 0.8921, 0.8552, 0.8563),
    "slid": (0.3044, 0.3826, 0.3303, 0.3753, 0.3805),
}
RMSE = {
    "diamonds": (1102.0, 777.9, 553.0, None, 619.9),
    "concrete": (10.849, 6.543, 5.311, 6.146, 6.127),
    "slid": (6.714, 6.326, 6.588, 6.362, 6.336),
}
SECONDS = {
    "penguins": (0.01, 0.18, 0.10, 2.61, 10.0),
    "credit": (0.02, 2.05, 0.20, 27.0, 5.90),
    "spam": (0.03, 2.98, 0.50, 27.0, 24.0),
    "letter": (0.34, 13.0, 8.33, 117.0, 27.0),
    "soybean": (0.08, 0.67, 1.47, 3.18, 10.0),
    "diamonds": (0.05, 4.77, 0.70, None, 34.0),
    "concrete": (0.01, 0.41, 0.12, 6.41, 13.0),
    "slid": (0.01, 0.97, 0.17, 29.0, 7.63),
}
TABLES = {"accuracy": ACCURACY, "log_loss": LOG_LOSS, "rmse": RMSE, "r2": R2, "seconds": SECONDS}
REALMLP, KERAS_FS = CONTESTANTS.index("realmlp"), CONTESTANTS.index("keras_fs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="folder with the eight files")
    parser.add_argument("--sets", default=",".join(SETS), help="which, separated by commas")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each")
    parser.add_argument("--flags", default="", help="further flags of train.py")
    parser.add_argument("--recipe", default=str(HERE.parent / "configs" / "table.flags"))
    parser.add_argument(
        "--part",
        choices=("test", "validation"),
        default="test",
        help="validation: choose settings by these figures, not by the test's",
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return one(args.one)
    if args.folder is None:
        parser.error("--folder is needed")
    figures: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.sets.split(","):
            files = parts(args.folder / f"{name}.csv", Path(scratch))
            figures[name] = []
            for seed in range(args.seeds):
                flags = [f"--flagfile={args.recipe}", f"--target={SETS[name]}", f"--seed={seed}",
                         f"--data={files[0]}", f"--test_data={files[1]}", f"--log_dir={scratch}",
                         f"--name={name}-{seed}", *shlex.split(args.flags)]  # fmt: skip
                figures[name].append(measured(flags, args.part))
            print(line(name, figures[name]), flush=True)
    report = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": versions(),
              "flags": args.flags, "part": args.part, "figures": figures}  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    print(summary(figures))


def parts(path: Path, folder: Path) -> tuple[Path, Path]:
    """Two files with the training and the test rows; no cell of these files has a line break."""
    head, *rows = path.read_text().splitlines(keepends=True)
    places = np.arange(len(rows), dtype=np.uint64)
    test = (places * np.uint64(2654435761) % np.uint64(2**32)) / 2**32 < 0.2
    found = []
    for part, mask in (("train", ~test), ("test", test)):
        chosen = [row for row, is_in in zip(rows, mask, strict=True) if is_in]
        found.append(folder / f"{path.stem}_{part}.csv")
        found[-1].write_text(head + "".join(chosen))
    return found[0], found[1]


def measured(flags: list[str], part: str) -> dict:
    """The figures of one run."""
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    command = [sys.executable, __file__, "--one", *(flag.replace("--", "++", 1) for flag in flags)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads})
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found[part], "seconds": found["seconds"], "epoch": found["epoch"]}


def one(arguments: list[str]) -> None:
    """Runs train.py's own run in this process, and prints its figures."""
    from mlp_lab.options import flags
    from mlp_lab.training.run import run

    config = flags.parse([argument.replace("++", "--", 1) for argument in arguments])
    start = time.process_time()
    record = run(config).record
    seconds = time.process_time() - start
    best = record.get("best") or {}
    epoch = best.get("epoch", record["epochs"])
    history = record["history"]
    validation = {
        name.removeprefix("val_"): values[epoch - 1]
        for name, values in history.items()
        if name.startswith("val_")
    }
    found = {"test": record["test"], "validation": validation, "seconds": seconds, "epoch": epoch}
    print("\n" + json.dumps(found))


def values(runs: list[dict], figure: str) -> list[float]:
    return [float(run[figure]) for run in runs if figure in run]


def line(name: str, runs: list[dict]) -> str:
    cells = []
    for figure in TABLES:
        found = values(runs, figure)
        if found:
            spread = statistics.stdev(found) if len(found) > 1 else 0.0
            cells.append(f"{figure} {statistics.mean(found):.4f} ± {spread:.4f}")
    return f"{name:9s} " + "  ".join(cells)


def summary(figures: dict[str, list[dict]]) -> str:
    """Markdown tables beside the other libraries, and the ratios that docs/tables.md reports."""
    lines = []
    for figure, others in TABLES.items():
        sets = [name for name in figures if name in others and values(figures[name], figure)]
        if not sets:
            continue
        lines += ["", f"| {figure} | mlp_lab | " + " | ".join(CONTESTANTS) + " |",
                  "|---|" + "---|" * (1 + len(CONTESTANTS))]  # fmt: skip
        for name in sets:
            found = values(figures[name], figure)
            spread = statistics.stdev(found) if len(found) > 1 else 0.0
            digits = 1 if figure == "seconds" or statistics.mean(found) > 100 else 4
            ours = f"{statistics.mean(found):.{digits}f} ± {spread:.{digits}f}"
            shown = ["-" if other is None else f"{other:g}" for other in others[name]]
            lines.append(f"| {name} | {ours} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, "", *ratios(figures)])


def ratios(figures: dict[str, list[dict]]) -> list[str]:
    """Ours beside the others: below 1 is better."""
    errors, losses, sk, seconds = {}, {}, {}, {}
    for name, runs in figures.items():
        if name in ACCURACY:
            other = ACCURACY[name][REALMLP]
            errors[name] = (1 - statistics.mean(values(runs, "accuracy"))) / (1 - other)
            ours = statistics.mean(values(runs, "log_loss"))
            losses[name] = ours / LOG_LOSS[name][KERAS_FS]
            sk[name] = ours / LOG_LOSS[name][CONTESTANTS.index("sk_mlp")]
        else:
            other = RMSE[name][REALMLP] or RMSE[name][KERAS_FS]
            errors[name] = statistics.mean(values(runs, "rmse")) / other
        if SECONDS[name][REALMLP]:
            seconds[name] = statistics.mean(values(runs, "seconds")) / SECONDS[name][REALMLP]
    rows = {
        "error / RealMLP-TD-S (diamonds: / keras_fs)": errors,
        "log loss / keras_fs": losses,
        "log loss / scikit-learn's MLP": sk,
        "CPU seconds / RealMLP-TD-S (on another machine)": seconds,
    }
    return [
        f"{what}: mean {statistics.mean(found.values()):.3f} ("
        + ", ".join(f"{name} {ratio:.3f}" for name, ratio in found.items())
        + ")"
        for what, found in rows.items()
        if found
    ]


if __name__ == "__main__":
    main()
