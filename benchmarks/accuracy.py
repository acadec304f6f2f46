"""Test accuracies of the shipped configurations on the full data sets.

    python benchmarks/accuracy.py --seeds 5

Trains `configs/mnist_mse.flags` and `configs/fashion_mnist.flags` once per seed and prints, as
Markdown, the range over the seeds beside the figures that the tutorial prints. Then trains the
second network in plain Keras with the same seeds, once with `fit` on arrays and once on the lab's
batches, which differ only in the order of samples. Then trains `configs/mnist_best.flags` and
`configs/fashion_best.flags`, and reports the seconds per run. Takes about half an hour on two
cores. Needs the full sets, not the bundled sample.
"""

import argparse
import datetime
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mlp_lab.errors import InputError  # noqa: E402
from mlp_lab.options import flags  # noqa: E402
from mlp_lab.quiet import quiet_import  # noqa: E402

# Configuration -> epoch -> the figure that the tutorial prints for it, if any.
PRINTED: dict[str, dict[int, float | None]] = {
    "mnist_mse": {1: None, 10: None, 50: 0.7847},
    "fashion_mnist": {1: 0.839, 20: 0.8878},
}
# What they were chosen for: the mean over the seeds, in a run of less than SECONDS.
AIMS = {"mnist_best": 0.985, "fashion_best": 0.905}
SECONDS = 90
ARRAYS, BATCHES = "plain Keras, `fit` on arrays", "plain Keras, the lab's batches"


def accuracies(
    name: str, seed: int, data_dir: str | None, log_dir: str
) -> tuple[list[float], float]:
    """Test accuracy after each epoch of one run, and the seconds that the run takes."""
    from mlp_lab.training.run import run

    arguments = [f"--flagfile={ROOT}/configs/{name}.flags", f"--seed={seed}", "--verbose=none"]
    arguments += [f"--log_dir={log_dir}", f"--name={name}-{seed}"]
    arguments += ["--histogram_every=0", "--pictures_every=0"]  # these do not change the result
    if data_dir:
        dataset = flags.parse(arguments).dataset
        arguments.append(f"--data_dir={Path(data_dir) / dataset}")
    start = time.perf_counter()
    result = run(flags.parse(arguments))
    seconds = time.perf_counter() - start
    if not result.record["data"]["published"]:
        raise InputError("data_dir", "the full data sets are needed, got others or the sample")
    return result.history["val_accuracy"], seconds


def plain_accuracies(seed: int, data_dir: str | None, source: str) -> list[float]:
    """Test accuracy after each epoch of the Fashion-MNIST network in plain Keras."""
    import keras

    from mlp_lab import data
    from mlp_lab.data.pipeline import pieces

    folder = Path(data_dir) / "fashion_mnist" if data_dir else None
    dataset = data.load("fashion_mnist", data_dir=folder)
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(units, activation="relu") for units in (256, 128, 64, 32)]
    scale = keras.layers.Rescaling(1 / 255)
    model = keras.Sequential([scale, keras.layers.Flatten(), *hidden, keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    options: dict = {"epochs": 20, "verbose": 0}
    options["validation_data"] = (dataset.x_test, dataset.y_test)
    if source == ARRAYS:
        history = model.fit(dataset.x_train, dataset.y_train, batch_size=128, **options)
    else:
        arrays = dataset.x_train, dataset.y_train
        batches, steps = pieces(arrays, 128, shuffle=True, seed=seed)
        history = model.fit(batches, steps_per_epoch=steps, shuffle=False, **options)
    return history.history["val_accuracy"]


def main() -> None:
    """Reads the options, trains, prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 ... SEEDS-1 (default: 5)")
    parser.add_argument(
        "--data_dir", help="folder that holds mnist/ and fashion_mnist/ (default: as train.py)"
    )
    parser.add_argument(
        "--best", nargs="*", choices=AIMS, help="only these of mnist_best and fashion_best, or both"
    )
    options = parser.parse_args()
    with quiet_import():
        from mlp_lab.training.record import versions

    with tempfile.TemporaryDirectory() as log_dir:
        if options.best is None:
            _print_reproduced(options, log_dir)
        _print_best(options, log_dir)
    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    print(f"\n{options.seeds} seeds; {datetime.date.today()}; {used}.")


def _print_reproduced(options: argparse.Namespace, log_dir: str) -> None:
    seeds = range(options.seeds)
    curves = {
        name: [accuracies(name, seed, options.data_dir, log_dir)[0] for seed in seeds]
        for name in PRINTED
    }
    for source in (ARRAYS, BATCHES):
        curves[source] = [plain_accuracies(seed, options.data_dir, source) for seed in seeds]
    print("\n| configuration | epoch | test accuracy, range | median | tutorial |")
    print("|---|---|---|---|---|")
    for name, of_seeds in curves.items():
        for epoch, figure in PRINTED.get(name, dict.fromkeys((1, 20))).items():
            values = sorted(curve[epoch - 1] for curve in of_seeds)
            print(
                f"| {name} | {epoch} | {values[0]:.4f} to {values[-1]:.4f} | "
                f"{statistics.median(values):.4f} | {figure or ''} |"
            )


def _print_best(options: argparse.Namespace, log_dir: str) -> None:
    print("\n| configuration | test accuracy, mean | range | aim | seconds, median | aim |")
    print("|---|---|---|---|---|---|")
    for name in options.best or AIMS:
        aim = AIMS[name]
        runs = [accuracies(name, seed, options.data_dir, log_dir) for seed in range(options.seeds)]
        values = sorted(curve[-1] for curve, _ in runs)
        seconds = statistics.median(seconds for _, seconds in runs)
        print(
            f"| {name} | {statistics.mean(values):.4f} | {values[0]:.4f} to {values[-1]:.4f} | "
            f"{aim} | {seconds:.0f} | under {SECONDS} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
