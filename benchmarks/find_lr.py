"""How good the learning rates are that `mlp_lab.find_lr` finds.

    python benchmarks/find_lr.py --data FOLDER --json find_lr.json

For both networks of the tutorial and six tables, with SGD and Adam and several seeds, it searches
a rate, trains five epochs with it and with each rate of a grid of 13 from 1e-5 to 10, all from the
same weights, and compares the loss of the training set afterwards with the lowest of the grid.
Beside it stand two other rules on the first ramp of the same search, with the same smoothing:
fastai's "valley" and Lightning's steepest slope over the rate. Then each search is made again with
shuffled labels and with constant inputs, where it should refuse. FOLDER has mnist/,
fashion_mnist/ and tables/. Takes about an hour on two cores; --quick tries it out on one problem.
"""

import argparse
import datetime
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import numpy as np  # noqa: E402
from environment import versions  # noqa: E402
from lr_problems import NAMES, Problem, load, make  # noqa: E402

GRID = [10 ** (-5 + k / 2) for k in range(13)]
EPOCHS = 5
RULES = {
    "find_lr": "`find_lr`",
    "valley": "valley (fastai)",
    "slope": "slope over the rate (Lightning)",
}
LIMITS = (1.1, 1.25, 1.5, 2.0)


def valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """fastai's rule: in the longest falling subsequence, between its first and second third."""
    longest, end = [1] * len(losses), 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
        end = i if longest[end] < longest[i] else end
    start = end - longest[end]
    third = (end - start) / 3
    return float(rates[max(start + int(third) + int(third / 2), 0)])


def slope(rates: np.ndarray, losses: np.ndarray) -> float:
    """Lightning's rule: where d loss / d rate is lowest."""
    return float(rates[int(np.argmin(np.gradient(losses, rates)))])


def other_rules(found: Any) -> dict[str, float]:
    """The rates that other rules take from the first ramp."""
    from mlp_lab.search.curve import smoothed

    losses = smoothed(found.ramps[0])
    kept = np.isfinite(losses)
    rates, losses = found.rates[kept], losses[kept]
    # fastai leaves out the first tenth and the last five.
    return {"valley": valley(rates[4:-5], losses[4:-5]), "slope": slope(rates[4:-1], losses[4:-1])}


def compare(problem: Problem, optimizer: str, seed: int) -> dict[str, Any]:
    """One case: what each rule finds, and the loss that follows."""
    from mlp_lab import find_lr
    from mlp_lab.checkpoints import held

    model = make(problem, optimizer, seed)
    start = time.perf_counter()
    found = find_lr(model, problem.x, problem.y, batch_size=problem.batch)
    seconds = time.perf_counter() - start
    rates = {"find_lr": found.chosen, **other_rules(found)}

    def after(rate: float | None) -> float:
        if rate is None:
            return math.inf
        with held(model):
            model.optimizer.learning_rate.assign(rate)
            model.fit(problem.x, problem.y, problem.batch, epochs=EPOCHS, verbose=0)
            loss = model.evaluate(problem.x, problem.y, batch_size=1024, verbose=0)
        return float(loss) if math.isfinite(loss) else math.inf

    losses = {name: after(rate) for name, rate in rates.items()}
    grid = {rate: after(rate) for rate in GRID}
    best = min(grid, key=grid.__getitem__)
    return {
        "problem": problem.name, "optimizer": optimizer, "seed": seed, "rates": rates,
        "losses": losses, "grid": grid, "best": best, "best_loss": grid[best],
        "low": found.low, "high": found.high, "reason": found.reason, "steps": found.steps,
        "steps_of_epoch": -(-len(problem.x) // problem.batch), "seconds": seconds,
    }  # fmt: skip


def refusals(problem: Problem, optimizer: str, seed: int) -> dict[str, bool]:
    """Whether the search refuses shuffled labels and constant inputs."""
    from mlp_lab import find_lr

    others = {
        "shuffled": (problem.x, np.random.default_rng(seed).permutation(problem.y)),
        "constant": (np.ones_like(problem.x), problem.y),
    }
    return {
        name: find_lr(make(problem, optimizer, seed), x, y, batch_size=problem.batch).chosen is None
        for name, (x, y) in others.items()
    }


def table(cases: list[dict[str, Any]]) -> list[str]:
    """The results as Markdown."""
    heads = ["problem", "optimizer", "best of the grid", "`find_lr`"]
    heads += [f"loss by {says}" for says in RULES.values()]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    pairs = dict.fromkeys((case["problem"], case["optimizer"]) for case in cases)
    for problem, optimizer in pairs:
        own = [c for c in cases if (c["problem"], c["optimizer"]) == (problem, optimizer)]
        best = ", ".join(dict.fromkeys(f"{c['best']:.0e}" for c in own))
        rates = ", ".join(
            "none" if (r := c["rates"]["find_lr"]) is None else f"{r:.2g}" for c in own
        )
        ratios = " | ".join(", ".join(f"{_ratio(c, name):.2f}x" for c in own) for name in RULES)
        lines.append(f"| {problem} | {optimizer} | {best} | {rates} | {ratios} |")
    lines += ["", "| cases with a loss of at most | " + " | ".join(RULES.values()) + " |",
              "|---" * (1 + len(RULES)) + "|"]  # fmt: skip
    for limit in LIMITS:
        shares = [sum(_ratio(c, name) <= limit for c in cases) / len(cases) for name in RULES]
        lines.append(f"| {limit}x the best | " + " | ".join(f"{s:.0%}" for s in shares) + " |")
    medians = [statistics.median(_ratio(c, name) for c in cases) for name in RULES]
    lines.append("| median | " + " | ".join(f"{m:.2f}x" for m in medians) + " |")
    for name in ("shuffled", "constant"):
        tried = [c["refused"][name] for c in cases if "refused" in c]
        if tried:
            lines += ["", f"Refused with {name} {'labels' if name == 'shuffled' else 'inputs'}: "
                      f"{sum(tried)} of {len(tried)}."]  # fmt: skip
    return lines


def _ratio(case: dict[str, Any], rule: str) -> float:
    loss, best = case["losses"][rule], case["best_loss"]
    if loss <= best:
        return loss / best if best > 0 else 1.0
    return loss / best if best > 0 else math.inf


def main() -> int:
    """Measures, prints, and saves."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, help="folder with mnist/, fashion_mnist/, tables/")
    parser.add_argument("--problems", default=",".join(NAMES), help="some of them")
    parser.add_argument("--seeds", type=int, default=3, help="of each case (default: 3)")
    parser.add_argument("--rows", type=int, help="most training rows (default: all)")
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    quick = "a trial: 512 rows of the sample of MNIST, one seed, Adam"
    parser.add_argument("--quick", action="store_true", help=quick)
    options = parser.parse_args()
    names, seeds, rows = options.problems.split(","), options.seeds, options.rows
    optimizers = ("sgd", "adam")
    if options.quick:
        names, seeds, rows, optimizers = ["mnist"], 1, 512, ("adam",)
    cases = []
    for name in names:
        problem = load(name, options.data, rows)
        for optimizer in optimizers:
            for seed in range(seeds):
                case = compare(problem, optimizer, seed)
                case["refused"] = refusals(problem, optimizer, seed)
                cases.append(case)
                print(name, optimizer, seed, case["rates"], file=sys.stderr, flush=True)
                if options.json:
                    options.json.write_text(json.dumps(cases, indent=1))
    print("\n".join(table(cases)))
    print(f"\n{datetime.date.today()}; {versions()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
