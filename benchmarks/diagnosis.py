"""How often a diagnosis names the right kind of fault, and how often it is a false alarm.

    python benchmarks/diagnosis.py                  the half that is used for development
    python benchmarks/diagnosis.py --part=held_out  the half that was kept aside
    python benchmarks/diagnosis.py --without=standardized

Each program is one of six problems (bundled digits, and toy problems with known answers) with a
small network; a faulty one has one fault injected, in several strengths. Which half a program
belongs to depends on a hash of its name alone. A right kind is the kind of the first finding.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

import mlp_lab
from mlp_lab.callbacks import Diagnosis
from mlp_lab.diagnosis.experiments import Experiments

EXPERIMENTS = (
    *("standardized", "scaled_targets", "reinitialized", "unpenalized", "activated"),
    *("rate", "longer", "losing"),
)


class Net(mlp_lab.GlassBox, keras.Sequential):
    """A Sequential model with the explicit step."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A training: what a user has written, and the kinds of fault that are right answers."""

    name: str
    problem: str
    kinds: tuple[str, ...] = ()
    hidden: tuple[int, ...] = (32, 16)
    activation: Any = "relu"
    head: str | None = None
    loss: Any = None
    optimizer: str = "adam"
    rate: float = 0.003
    epochs: int = 20
    batch: int = 32
    init: Any = "glorot_uniform"
    penalty: float = 0.0
    dropout: float = 0.0
    shuffle: bool = True
    split: float = 0.0
    norm: bool = False
    outputs: int | None = None
    rows: int | None = None
    x: Callable | None = None
    y: Callable | None = None
    metrics: tuple[str, ...] = ("accuracy",)

    @property
    def part(self) -> str:
        """The half that it belongs to."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return "held_out" if digest[0] % 2 else "development"


def blobs(rng, classes, features, rows=700):
    centers = 1.3 * rng.normal(size=(classes, features))
    y = rng.integers(0, classes, rows)
    return centers[y] + rng.normal(size=(rows, features)), y


def problem(name: str) -> tuple[np.ndarray, np.ndarray]:
    """x float32 [n, features] and y: class numbers, or numbers float32 [n]."""
    rng = np.random.default_rng(7)
    if name == "digits":
        data = mlp_lab.data.load("mnist", "sample", None, lambda text: None)
        chosen = rng.permutation(len(data.x_train))[:1000]
        return data.x_train[chosen].reshape(1000, -1) / np.float32(255), data.y_train[chosen]
    if name == "three classes":
        x, y = blobs(rng, 3, 8)
    elif name == "two classes":
        x, y = blobs(rng, 2, 6)
    elif name == "rings":
        x = rng.normal(size=(700, 2))
        y = (np.linalg.norm(x, axis=1) > 1.18).astype(int)
    elif name == "curve":
        x = rng.uniform(-2, 2, size=(700, 3))
        y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=700)
    else:  # "plane": a noisy linear relation
        x = rng.normal(size=(700, 6))
        y = x @ np.array([1, -1, 0.5, 0, 0, 2.0]) + rng.normal(size=700)
    return x.astype("float32"), y.astype("float32" if y.dtype.kind == "f" else "int64")


CLASSES = {"digits": 10, "three classes": 3, "two classes": 2, "rings": 2}


def fit(one: Program, callback: Diagnosis) -> None:
    """Trains a program."""
    keras.utils.set_random_seed(3)
    x, y = problem(one.problem)
    x, y = x[: one.rows], y[: one.rows]
    classes = CLASSES.get(one.problem, 0)
    binary = classes == 2
    usual = ("binary_crossentropy" if binary else "sparse_categorical_crossentropy", "mse")
    head = one.head or ("sigmoid" if binary else "softmax" if classes else "linear")
    units = one.outputs or (classes if classes > 2 else 1)
    if one.x is not None:
        x = one.x(x)
    if one.y is not None:
        y = one.y(y)
    layers: list[Any] = [keras.Input(x.shape[1:])]
    for size in one.hidden:
        penalty = keras.regularizers.L2(one.penalty) if one.penalty else None
        dense = keras.layers.Dense(size, kernel_initializer=one.init, kernel_regularizer=penalty)
        layers += [dense, *([keras.layers.BatchNormalization()] if one.norm else [])]
        layers.append(keras.layers.Activation(one.activation))
        layers += [keras.layers.Dropout(one.dropout)] if one.dropout else []
    model = Net([*layers, keras.layers.Dense(units, head, kernel_initializer=one.init)])
    optimizer = keras.optimizers.get(
        {"class_name": one.optimizer, "config": {"learning_rate": one.rate}}
    )
    loss = one.loss or (usual[0] if classes else usual[1])
    model.compile(optimizer, loss, metrics=list(one.metrics) if classes else [])
    model.fit(
        x, y, batch_size=one.batch, epochs=one.epochs, shuffle=one.shuffle, verbose=0,
        validation_split=one.split, callbacks=[callback],
    )  # fmt: skip


def one_hot(classes):
    return lambda y: np.eye(classes, dtype="float32")[y]


class Negative(keras.losses.Loss):
    """The mean square with the wrong sign."""

    def call(self, y_true, y_pred):
        return -keras.ops.mean(keras.ops.square(keras.ops.reshape(y_true, (-1, 1)) - y_pred), -1)


class Pairs(keras.losses.Loss):
    """Compares [batch] with [batch, 1]: all pairs."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def order(y):
    return np.argsort(y, kind="stable")


def sorted_rows(one: Program) -> Program:
    y = problem(one.problem)[1]
    rows = order(y)
    return dataclasses.replace(one, x=lambda x: x[rows], y=lambda y: y[rows])


def unbalanced(one: Program) -> Program:
    y = problem(one.problem)[1]
    rows = np.flatnonzero((y == 0) | (np.arange(len(y)) % 8 == 0))
    return dataclasses.replace(one, x=lambda x: x[rows], y=lambda y: y[rows])


def with_nan(x):
    x = x.copy()
    x[::7, 1] = np.nan
    return x


def noise(y):
    return np.random.default_rng(1).normal(size=len(y))


def shuffled(y):
    return np.random.default_rng(1).permutation(y)


def faulty() -> Iterator[Program]:
    """The programs with a fault."""
    P, three, two, curve = Program, "three classes", "two classes", "curve"
    rate = ("rate too high",)
    for p, s in ((three, 3.0), (two, 1.0), ("digits", 0.3), (curve, 1.0), ("rings", 3.0)):
        yield P(f"adam {s} {p}", p, rate, rate=s)
    yield P("sgd 30 three", three, rate, optimizer="sgd", rate=30.0)
    yield P("sgd 3 curve", curve, rate, optimizer="sgd", rate=3.0)
    low = ("rate too low",)
    for p, s in ((three, 1e-6), (two, 1e-6), ("digits", 1e-7), (curve, 1e-6)):
        yield P(f"adam {s} {p}", p, low, rate=s)
    yield P("sgd 1e-5 digits", "digits", low, optimizer="sgd", rate=1e-5)
    yield P("sgd 1e-4 three", three, low, optimizer="sgd", rate=1e-4)
    yield P("few steps rings", "rings", low, optimizer="sgd", rate=0.02, epochs=3)
    scale = ("inputs not scaled",)
    yield P("sgd x1000 three", three, scale, optimizer="sgd", rate=0.05, x=lambda x: x * 1000)
    yield P("sgd 255 digits", "digits", scale, optimizer="sgd", rate=0.1, x=lambda x: x * 255)
    yield P("offset rings", "rings", scale, x=lambda x: x * 50 + 3000)
    yield P("small two", "rings", scale, x=lambda x: x / 3000)
    yield P("columns curve", curve, scale, optimizer="sgd", rate=0.01,
            x=lambda x: x * np.array([1, 1000, 1]), y=lambda y: y)  # fmt: skip
    target = ("target range",)
    for p in (curve, "plane"):
        yield P(f"adam prices {p}", p, target, y=lambda y: 1000 * y + 20_000)
        yield P(
            f"sgd prices {p}", p, target, optimizer="sgd", rate=0.05, y=lambda y: 300 * y + 5000
        )
    head = ("output activation",)
    yield P("softmax1 two", two, head, head="softmax")
    yield P("softmax1 rings", "rings", head, head="softmax")
    yield P("softmax1 curve", curve, head, head="softmax")
    yield P("sigmoid classes three", three, head, head="sigmoid")
    yield P("relu head curve", curve, head, head="relu")
    yield P("tanh head plane", "plane", head, head="tanh")
    yield P("sigmoid head curve", curve, head, head="sigmoid")
    yield P("tanh bce two", two, head, head="tanh")
    both = ("output and loss",)
    yield P("linear bce two", two, both, head="linear")
    yield P("linear cce three", three, both, head="linear")
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    yield P("softmax logits three", three, both, loss=logits)
    yield P("softmax logits digits", "digits", both, loss=logits)
    yield P("sigmoid logits two", two, both, loss=keras.losses.BinaryCrossentropy(from_logits=True))
    yield P("many outputs plane", "plane", both, outputs=4)
    loss = ("loss",)
    yield P("mse indices three", three, loss, head="linear", outputs=1, loss="mse")
    yield P("mse indices digits", "digits", loss, head="relu", outputs=1, loss="mse")
    yield P("bce indices three", three, loss, head="sigmoid", outputs=1, loss="binary_crossentropy")
    yield P("bce one-hot digits", "digits", loss, y=one_hot(10), loss="binary_crossentropy")
    yield P("cce one output two", two, loss, loss="categorical_crossentropy",
            y=lambda y: y.reshape(-1, 1))  # fmt: skip
    yield P("negative curve", curve, loss, loss=Negative())
    yield P("pairs curve", curve, loss, loss=Pairs())
    yield P("pairs plane", "plane", loss, loss=Pairs())
    start = ("initialization",)
    yield P("zeros three", three, start, init="zeros")
    yield P("ones digits", "digits", start, init="ones")
    wide = keras.initializers.RandomNormal(stddev=20.0, seed=1)
    yield P("wide three", three, start, init=wide, activation="tanh", optimizer="sgd", rate=0.01)
    yield P("wide curve", curve, start, init=wide)
    tiny = keras.initializers.RandomNormal(stddev=1e-4, seed=1)
    yield P("tiny rings", "rings", start, init=tiny, optimizer="sgd", rate=0.05)
    reg = ("over-regularized",)
    yield P("l2 1 three", three, reg, penalty=1.0)
    yield P("l2 3 digits", "digits", reg, penalty=3.0)
    yield P("l2 1 curve", curve, reg, penalty=1.0)
    yield P("dropout 0.95 rings", "rings", reg, dropout=0.95)
    hidden = ("hidden activation",)
    yield P("softmax hidden digits", "digits", hidden, activation="softmax")
    yield P("softmax hidden curve", curve, hidden, activation="softmax")
    yield P("linear hidden rings", "rings", hidden, activation="linear")
    yield P("linear hidden curve", curve, hidden, activation="linear")
    vanish = ("vanishing",)
    deep = (16,) * 7
    yield P("deep sigmoid three", three, vanish, hidden=deep, activation="sigmoid", rate=0.001)
    yield P("deep sigmoid digits", "digits", vanish, hidden=deep, activation="sigmoid",
            optimizer="sgd", rate=0.1)  # fmt: skip
    sort = ("not shuffled",)
    yield sorted_rows(P("sorted three", three, sort, shuffle=False))
    yield sorted_rows(P("sorted digits", "digits", sort, shuffle=False))
    yield sorted_rows(P("sorted split three", three, sort, split=0.4))
    mis = ("labels misaligned",)
    yield P("shifted curve", curve, mis, y=lambda y: np.roll(y, 1))
    yield P("reversed three", three, mis, y=lambda y: y[::-1])
    yield P("shuffled three", three, mis, y=shuffled)
    yield P("shuffled digits", "digits", mis, y=shuffled)
    bad = ("labels degenerate",)
    yield P("constant two", two, bad, y=np.ones_like)
    yield P("constant plane", "plane", bad, y=np.zeros_like)
    yield P("one based three", three, bad, y=lambda y: y + 1)
    nan = ("inputs degenerate",)
    yield P("nan three", three, nan, x=with_nan)
    yield P("integer division digits", "digits", nan, x=lambda x: (255 * x) // 256)
    over = ("overfitting",)
    yield P("overfit digits", "digits", over, hidden=(128, 64), rate=0.01, epochs=40, rows=150,
            split=0.4)  # fmt: skip
    yield P("overfit plane", "plane", over, hidden=(128, 64), rate=0.01, epochs=60, rows=80,
            split=0.4)  # fmt: skip


def healthy() -> Iterator[Program]:
    """Programs that are to be left in peace."""
    P = Program
    problems = ("digits", "three classes", "two classes", "rings", "curve", "plane")
    for p in problems:
        yield P(f"base {p}", p)
        yield P(f"sgd {p}", p, optimizer="sgd", rate=0.1 if p in CLASSES else 0.02, epochs=30)
        yield P(f"gelu {p}", p, activation="gelu")
        yield P(f"wide net {p}", p, hidden=(128,), rate=0.001)
    for p in ("digits", "three classes", "curve"):
        yield P(f"selu {p}", p, activation="selu", init="lecun_normal")
        yield P(f"tanh {p}", p, activation="tanh")
        yield P(f"dropout {p}", p, dropout=0.3, epochs=30)
        yield P(f"batch normalization {p}", p, norm=True)
        yield P(f"small l2 {p}", p, penalty=1e-4, split=0.2)
    yield P("sgd 0.5 digits", "digits", optimizer="sgd", rate=0.5)
    yield P("six sigma table", "three classes", x=lambda x: np.clip(2.5 * x, -6, 6))
    yield P("small net three", "three classes", hidden=(4,), epochs=40, rate=0.01)
    yield P("no hidden layer", "three classes", hidden=(), rate=0.02)
    yield P(
        "noise targets plane",
        "plane",
        y=lambda y: y + 8 * np.random.default_rng(1).normal(size=len(y)),
    )
    yield P("pure noise plane", "plane", y=noise)
    yield P("noisy labels", "two classes", y=lambda y: np.where(noise(y) < -0.7, 1 - y, y))
    yield unbalanced(P("unbalanced", "two classes"))
    yield P("one-hot mse digits", "digits", y=one_hot(10), loss="mse")
    yield P("converged", "three classes", epochs=80, rate=0.01)
    yield P("long sgd curve", "curve", optimizer="sgd", rate=0.05, epochs=60)
    yield P("rmsprop digits", "digits", optimizer="rmsprop", rate=0.001)


def judged(one: Program) -> dict[str, Any]:
    """Runs a program; what was found."""
    callback = Diagnosis(seconds=60, say=lambda text: None)
    start = time.perf_counter()
    with warnings.catch_warnings(), contextlib.suppress(ValueError):  # some do not even train
        warnings.simplefilter("ignore")
        fit(one, callback)
    told = [f for f in callback.findings if f.certainty != "note"]
    return {
        "name": one.name,
        "kinds": one.kinds,
        "found": [f.kind for f in told][:3],
        "certain": bool(told) and told[0].certainty == "certain",
        "skill": _skill(callback),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _skill(callback: Diagnosis) -> float | None:
    tried = callback._course.evidence.experiments
    return None if tried is None else round(float(tried.final), 2)


def without(name: str) -> None:
    """Makes an experiment never help."""
    setattr(Experiments, name, lambda self, *args: None)


def table(results: list[dict[str, Any]]) -> str:
    """Scores by kind, as Markdown."""
    lines = ["| kind | programs | noticed | right kind first |", "|---|---|---|---|"]
    by_kind = defaultdict(list)
    for each in results:
        by_kind[each["kinds"][0] if each["kinds"] else "healthy"].append(each)
    faulty_ones = [r for r in results if r["kinds"]]
    for kind in (*sorted(k for k in by_kind if k != "healthy"), "all faulty"):
        rows = faulty_ones if kind == "all faulty" else by_kind[kind]
        noticed = sum(bool(r["found"]) for r in rows)
        right = sum(bool(r["found"]) and r["found"][0] in r["kinds"] for r in rows)
        lines.append(f"| {kind} | {len(rows)} | {noticed} | {right} |")
    well = by_kind["healthy"]
    alarms = sum(bool(r["found"]) for r in well)
    lines.append(f"| healthy | {len(well)} | {alarms} (false alarms) | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="development", choices=("development", "held_out", "all"))
    parser.add_argument("--without", choices=EXPERIMENTS, help="score without one experiment")
    parser.add_argument("--only", default="", help="only programs whose names contain this")
    options = parser.parse_args()
    if options.without:
        without(options.without)
    results = []
    for one in (*faulty(), *healthy()):
        if options.part in (one.part, "all") and options.only in one.name:
            results.append(judged(one))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
