"""Writes docs/diagnosis.md: a section for each kind of fault, with an example that was run.

    python tools/diagnosis_pages.py CACHE.json > docs/diagnosis.md

What the examples said is kept in the cache, so that a run that was stopped goes on.

The examples are programs of benchmarks/diagnosis.py. Each is trained with the rule of its kind
alone, and what it says is quoted.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import diagnosis as programs

from mlp_lab.callbacks import Diagnosis
from mlp_lab.diagnosis import KINDS, standard

_HEAD = Path(__file__).with_name("diagnosis_head.md").read_text(encoding="utf-8")

# What it is; how it is found; what to do; the example.
_KINDS = {
    "inputs degenerate": (
        "Inputs hold NaN or infinite numbers, or all rows are equal.",
        "Counted in a sample of the rows.",
        "Repair how the data are read: an integer division, a wrong column, missing cells.",
        "nan three",
    ),
    "labels degenerate": (
        "Labels are all equal, not finite, outside of the classes that the outputs stand for, or "
        "nearly all of one class.",
        "Counted; the last only if the model predicts nothing but the frequent class.",
        "Repair the labels; weight rare classes.",
        "constant plane",
    ),
    "not shuffled": (
        "Rows come in the order of their labels, so that batches hold one class, or the rows held "
        "out have classes that are never trained on.",
        "Counted in the batches as they are fed, and in the last rows.",
        "Shuffle; with `validation_split` shuffle the arrays before `fit`.",
        "sorted three",
    ),
    "output activation": (
        "The last activation cannot give the labels: softmax over one output, ReLU or tanh for "
        "targets beyond it.",
        "From the last layer, the outputs of one forward pass, and the range of the labels.",
        "Choose sigmoid for one of two, softmax for one of several, none for numbers.",
        "softmax1 two",
    ),
    "output and loss": (
        "The loss takes logits and gets probabilities, or the reverse; or labels broadcast.",
        "From `from_logits`, the last activation, and the outputs of one forward pass.",
        "Set `from_logits`, or add or remove the activation.",
        "linear bce two",
    ),
    "loss": (
        "The loss measures something else: class numbers as quantities, every label against "
        "every output, the wrong sign.",
        "From the form of labels and outputs, and by calling the loss on a few rows.",
        "Take the loss that fits the labels.",
        "pairs curve",
    ),
    "labels misaligned": (
        "Labels belong to other rows.",
        "A linear model and nearest neighbors learn the labels better if they are shifted by a "
        "row or in the opposite order; or nothing learns them.",
        "Keep x and y together in every sort, split and shuffle.",
        "reversed three",
    ),
    "inputs not scaled": (
        "The inputs' numbers are too large, too small or too uneven for initial weights.",
        "From what reaches the first layer with weights; by training on standardized inputs.",
        "Standardize, or scale pixels to 0 ... 1.",
        "sgd x1000 three",
    ),
    "target range": (
        "Targets of regression are far from what a new network gives.",
        "By training on standardized targets.",
        "Standardize the targets, and scale predictions back.",
        "adam prices plane",
    ),
    "initialization": (
        "Units begin equal, or weights are too large or too small for the number of inputs.",
        "From the initial weights; by training from Glorot's.",
        "Use glorot_uniform, or he_normal with ReLU.",
        "zeros three",
    ),
    "over-regularized": (
        "Penalties outweigh the loss of the data, or dropout leaves too little.",
        "From the penalty's share of the loss; by training without.",
        "Lower the factor.",
        "l2 1 three",
    ),
    "hidden activation": (
        "Softmax in a hidden layer, or hidden layers that are linear.",
        "From the layers; by training with ReLU.",
        "Use ReLU.",
        "linear hidden rings",
    ),
    "rate too high": (
        "The learning rate is too high.",
        "From the size of the first updates; by training with a tenth, a hundredth.",
        "Take the rate that is named.",
        "adam 3.0 three classes",
    ),
    "rate too low": (
        "The learning rate is too low for the number of steps, or there are too few steps.",
        "By training with a higher rate, and for more steps.",
        "Take the rate, or the number of epochs, that is named.",
        "adam 1e-06 two classes",
    ),
    "non-finite": (
        "The loss, a gradient or a weight is NaN or infinite.",
        "Seen in a step.",
        "Mend the cause that is named; `callbacks.NonFinite` finds the first such tensor.",
        "nan three",
    ),
    "exploding": (
        "Gradients have grown by orders of magnitude.",
        "From looks into steps.",
        "Lower the rate, scale inputs, or clip gradients.",
        "sgd x1000 three",
    ),
    "vanishing": (
        "The gradient hardly reaches the first layers.",
        "From the size of gradients by depth; by training with ReLU.",
        "Use ReLU, fewer layers, or batch normalization.",
        "deep sigmoid three",
    ),
    "dead units": (
        "ReLU units give 0 for every row.",
        "From looks into steps.",
        "Lower the rate; or use leaky ReLU.",
        "adam 3.0 three classes",
    ),
    "saturated units": (
        "Sigmoid or tanh outputs are at a bound, where there is hardly a slope.",
        "From looks into steps.",
        "Smaller initial weights, scaled inputs.",
        "wide three",
    ),
    "oscillation": (
        "The loss jumps from epoch to epoch.",
        "From the logs of epochs.",
        "Lower the rate.",
        "adam 0.3 digits",
    ),
    "overfitting": (
        "Validation gets worse while training gets better.",
        "From the logs of epochs, smoothed over three.",
        "Stop early, use fewer units, dropout, or more rows.",
        "overfit plane",
    ),
    "not learning": (
        "The model does no better than ignorance, a linear model does, and no cause was found.",
        "By comparing both.",
        "Train on one batch until it is learned.",
        "adam 1e-07 digits",
    ),
}


def said(kind: str, name: str) -> str:
    """What the rule of this kind says of a program; empty if it says nothing."""
    one = next(p for p in programs.faulty() if p.name == name)
    callback = Diagnosis(
        [r for r in standard() if r.group == kind], seconds=60, say=lambda text: None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        programs.fit(one, callback)
    return next((f.text for f in callback.findings if f.kind == kind), "")


def main() -> None:
    cache = Path(sys.argv[1])
    known = json.loads(cache.read_text()) if cache.exists() else {}
    for kind in KINDS:
        if kind not in known:
            known[kind] = said(kind, _KINDS[kind][3])
            cache.write_text(json.dumps(known))
    parts = [_HEAD.rstrip()]
    for kind in KINDS:
        what, how, change, name = _KINDS[kind]
        parts.append(f"## {kind.capitalize()}\n\n{what}")
        parts.append(f"How it is found: {how}\n\nWhat to do: {change}")
        if known[kind]:
            quoted = known[kind].replace("\n", "\n> ").replace("> \n", ">\n")
            parts.append(f"`{name}` of benchmarks/diagnosis.py:\n\n> {quoted}")
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
